"""A warehouse that another program keeps open: said, waited for, and tried again by the queue."""

import subprocess
import sys
from types import SimpleNamespace

import dagster as dg
import pytest

from gap_assets.dagster.build import build_definitions
from gap_assets.dagster.runs import open_instance
from gap_assets.dagster.specs import HELD_RETRIES, tried_again_later
from gap_assets.warehouse.store import Warehouse
from gap_assets.warehouse.waiting import WarehouseError, WarehouseHeldError

HOLD = "import duckdb, sys; c = duckdb.connect(sys.argv[1]); print('held', flush=True); input()"


def context(*, from_ui: bool):
    said = []
    origin = object() if from_ui else None
    return SimpleNamespace(
        run=SimpleNamespace(remote_job_origin=origin), log=SimpleNamespace(warning=said.append)
    ), said


def test_a_run_of_the_ui_is_tried_again_and_says_so():
    of_ui, said = context(from_ui=True)
    with pytest.raises(dg.RetryRequested) as asked, tried_again_later(of_ui):
        raise WarehouseHeldError("It is open in a notebook.")
    assert asked.value.max_retries == HELD_RETRIES
    assert said == ["It is open in a notebook. This is tried again in 300 s."]


def test_what_no_waiting_helps_and_what_somebody_waits_for_is_not():
    of_ui, said = context(from_ui=True)
    with pytest.raises(WarehouseError, match="another version"), tried_again_later(of_ui):
        raise WarehouseError("It is of another version.")
    of_cli, _ = context(from_ui=False)
    with pytest.raises(WarehouseHeldError), tried_again_later(of_cli):
        raise WarehouseHeldError("It is open in a notebook.")
    assert said == []


def test_a_run_says_who_holds_the_warehouse_and_ends_in_a_sentence(settings):
    Warehouse(path=settings.warehouse).write(lambda connection: None)
    command = [sys.executable, "-c", HOLD, settings.warehouse]
    holder = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout.readline() == "held\n"
        with open_instance(settings) as instance:
            result = (
                build_definitions(settings)
                .resolve_job_def("catalogue")
                .execute_in_process(
                    {"resources": {"warehouse": {"config": {"patience_s": 1.0}}}},
                    instance=instance,
                    raise_on_error=False,
                )
            )
            failure = str(result.failure_data_for_node("videos"))
    finally:
        holder.communicate("\n")
    assert not result.success
    assert str(holder.pid) in failure
    assert "run this again" in failure
