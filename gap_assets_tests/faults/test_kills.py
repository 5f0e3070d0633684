import logging

import pytest
from dagster._core.execution.backfill import BulkActionStatus
from dagster._core.test_utils import create_test_daemon_workspace_context
from dagster._core.workspace.load_target import GrpcServerTarget
from dagster._daemon.backfill import execute_backfill_iteration

from gap_assets.dagster.partitions import register_videos
from gap_assets.dagster.runs import dagster_variables, open_instance
from gap_assets_tests.faults import kills
from gap_assets_tests.faults.served import request_backfill
from gap_assets_tests.services import free_port


def test_a_backfill_waits_for_a_code_server_that_is_not_up_yet(settings, monkeypatch):
    for name, value in dagster_variables(settings).items():
        monkeypatch.setenv(name, value)
    nobody = GrpcServerTarget("127.0.0.1", free_port(), None, "gap_assets.definitions")
    with (
        open_instance(settings) as instance,
        create_test_daemon_workspace_context(nobody, instance) as workspace,
    ):
        register_videos(instance, ["a"])
        backfill_id = request_backfill(instance, settings)
        list(execute_backfill_iteration(workspace, logging.getLogger(__name__)))
        assert instance.get_backfill(backfill_id).status == BulkActionStatus.REQUESTED


@pytest.mark.service
@pytest.mark.timeout(3600)
def test_a_backfill_under_a_few_kills_ends_with_the_tables_of_an_undisturbed_run(tmp_path):
    rounds = kills.storm(tmp_path, kills=4, seed=2, videos=5)
    assert sum(len(each.kills) for each in rounds) == 4
