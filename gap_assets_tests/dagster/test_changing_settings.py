"""What is chosen in the file, on the command line or in the UI is what the next run computes with.

The service test launches the job in a real UI.
"""

import os
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from typer.testing import CliRunner

from gap_assets.cli import app
from gap_assets.dagster.build import build_definitions
from gap_assets.dagster.changing_settings import settings_job
from gap_assets.dagster.runs import QUIET, open_instance
from gap_assets.graph import ROOTS
from gap_assets.pipeline.status import current_status
from gap_assets.profiles import canonical_weights
from gap_assets.settings import (
    GROUPS,
    SETTING_OF,
    Settings,
    default_parameters,
    forget,
    in_force,
    remember,
)
from gap_assets.warehouse.store import Warehouse
from gap_assets_tests.dagster.test_launchpad import CHOSEN as HUB
from gap_assets_tests.dagster.test_launchpad import another, in_a_run
from gap_assets_tests.dagster.test_service import Server, make_everything

PARAMETERS = {
    f"{key}.{field}": (key, field) for key, group in GROUPS.items() for field in group.model_fields
}
# What a folder remembers of the old choice goes with it.
ALSO = {"coca.model": {"coca.weights", "captioning.weights"}}
# What the folder below sets: unset, the profile's or the field's default holds.
SET_BY_HUB = {*SETTING_OF, "sampling.sampling"}


def change(
    folder: Settings, config: dict[str, Any], *, job: dg.JobDefinition | None = None
) -> dg.ExecuteInProcessResult:
    return (job or settings_job(folder)).execute_in_process(
        QUIET | {"ops": {"settings": {"config": config}}}, raise_on_error=False
    )


def reason(result: dg.ExecuteInProcessResult) -> str:
    [failure] = [event for event in result.all_events if event.is_step_failure]
    return failure.step_failure_data.user_failure_data.description


def chosen(data: Path) -> dict[str, Any]:
    """What every run of a folder starts with, by parameter."""
    choices = default_parameters(Settings(data=data))
    return {name: getattr(choices[key], field) for name, (key, field) in PARAMETERS.items()}


def others(data: Path) -> dict[str, Any]:
    """For each parameter, another value than the folder's, as the launchpad has it."""
    now = chosen(data)
    return {
        name: another(name, GROUPS[key].model_fields[field].annotation, now[name])
        for name, (key, field) in PARAMETERS.items()
    }


def as_in_file(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    [(kind, fields)] = value.items()
    return {"kind": kind, **fields}


@pytest.fixture
def folder(tmp_path) -> Settings:
    return remember(tmp_path / "folder", **HUB)


@pytest.mark.parametrize("by", ["file", "job"])
@pytest.mark.parametrize("group", GROUPS)
def test_one_parameter_alone_and_back(folder, group, by):
    before, toml, job = chosen(folder.data), folder.data / "gap.toml", settings_job(folder)
    written = toml.read_text()
    for name, value in others(folder.data).items():
        key, field = PARAMETERS[name]
        if key != group:
            continue
        if by == "job":
            assert change(folder, {key: {field: value}}, job=job).success
        else:
            remember(folder.data, **{name: as_in_file(value)})
        after = chosen(folder.data)
        changed = {each for each in after if after[each] != before[each]}
        assert changed == {name} | ALSO.get(name, set())
        forget(folder.data, name)
        if name not in SET_BY_HUB:
            assert chosen(folder.data) == before
        toml.write_text(written)


def test_all_parameters_at_once_reach_a_run_and_are_unset_together(folder):
    given = others(folder.data)
    config: dict[str, dict[str, Any]] = {key: {} for key in GROUPS}
    for name, (key, field) in PARAMETERS.items():
        config[key][field] = given[name]
    assert change(folder, config).success
    found = in_a_run(Settings(data=folder.data), {})
    for name, (key, field) in PARAMETERS.items():
        same_spelling = canonical_weights if "weights" in name else lambda value: value
        assert found[key][field] == same_spelling(as_in_file(given[name])), name
    assert change(folder, {"unset": list(PARAMETERS)}).success
    assert (folder.data / "gap.toml").read_text() == 'models = "hub"\n'
    assert chosen(folder.data) == chosen(remember(folder.data / "new", models="hub").data)


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ({"caption_filter": {"chance": 1.5}}, "caption_filter.chance must be less than 1."),
        ({"sampling": {"sampling": {"fixed_count": {"count": 0}}}}, "greater than or equal to 1."),
        ({"frames_per_second": -1.0}, "frames_per_second must be greater than 0."),
        ({"videos_per_run": 0}, "videos_per_run must be greater than or equal to 1."),
        ({"models": "embedded", "coca": {"weights": "x"}}, "weights cannot be chosen with"),
        ({"summarizer": {"prompt": "without a place"}}, "must hold the field {captions}"),
        ({"unset": ["caption_filter.method"]}, "does not set caption_filter.method; it sets"),
        (
            {"frames_per_second": 2.0, "sampling": {"sampling": {"key_frames": {}}}},
            "Both frames_per_second and sampling.sampling are set; leave one out.",
        ),
        # The one that is right is not written either.
        ({"statistics": {"bootstraps": 50, "permutations": 3}}, "statistics.permutations must be"),
    ],
)
def test_a_bad_value_is_refused_in_a_sentence_and_nothing_is_written(folder, config, sentence):
    before = (folder.data / "gap.toml").read_bytes()
    result = change(folder, config)
    assert not result.success
    assert sentence in reason(result)
    assert "\n" not in reason(result)
    assert (folder.data / "gap.toml").read_bytes() == before


def test_the_job_says_what_changed_and_what_is_stale_by_it(copy_of_made):
    with open_instance(copy_of_made) as instance:
        job = build_definitions(copy_of_made).resolve_job_def("change_settings")
        config = {"settings": {"config": {"caption_filter": {"method": "none"}}}}
        result = job.execute_in_process(QUIET | {"ops": config}, instance=instance)
        logged = [entry.message for entry in instance.all_logs(result.run_id)]
    assert "caption_filter.method was cluster and is now none." in logged
    [stale] = [line for line in logged if line.startswith("Stale by it")]
    assert "filtered_captions of 5 videos, video_summaries of 5 videos" in stale
    assert "frames" not in stale
    assert any("press Deployment > Reload" in line for line in logged)
    [output] = [e.step_output_data for e in result.all_events if e.is_successful_output]
    assert output.metadata["caption_filter.method"].value == "cluster → none"
    assert output.metadata["filtered_captions, stale"].value == 5
    counts = current_status(Settings(data=copy_of_made.data)).counts()
    assert counts["filtered_captions"]["stale"] == 5


def test_a_variable_that_wins_over_the_file_is_told(folder, monkeypatch):
    monkeypatch.setenv("GAP_PARAMETERS__CAPTION_FILTER__CHANCE", "0.2")
    monkeypatch.setenv("GAP_DATA", str(folder.data))
    assert in_force(Settings())["caption_filter.chance"] == 0.2
    said = CliRunner().invoke(app, ["config", "--set", "caption_filter.chance=0.3"])
    assert "GAP_PARAMETERS__CAPTION_FILTER__CHANCE is set and wins over it." in said.stdout
    monkeypatch.delenv("GAP_PARAMETERS__CAPTION_FILTER__CHANCE")
    assert in_force(Settings())["caption_filter.chance"] == 0.3


def filter_captions(settings: Settings, resources: dict[str, Any]) -> list[str]:
    """Filters the captions of all videos and gives the run's log."""
    with open_instance(settings) as instance:
        keys = instance.get_dynamic_partitions("videos")
        edges = {"start": keys[0], "end": keys[-1]}
        tags = {f"dagster/asset_partition_range_{edge}": key for edge, key in edges.items()}
        result = (
            build_definitions(settings)
            .resolve_job_def("per_video")
            .execute_in_process(
                QUIET | {"resources": resources},
                instance=instance,
                tags=tags,
                asset_selection=[dg.AssetKey("filtered_captions")],
            )
        )
        return [entry.message for entry in instance.all_logs(result.run_id)]


def test_a_run_that_chooses_otherwise_says_so_first_and_how_to_keep_it(copy_of_made):
    given = {
        "caption_filter": {"config": {"method": "run_length"}},
        "summarizer": {"config": {"batch_tokens": 99}},  # No result depends on it.
        "statistics": {"config": {"seed": 4}},  # Nothing of this run depends on it.
    }
    logged = filter_captions(copy_of_made, given)
    [told] = [line for line in logged if "in gap.toml" in line]
    assert told == (
        "caption_filter.method is run_length here and cluster in gap.toml: the next `gap run` makes"
        " this again; to keep it, run the job change_settings, or `gap config --set"
        " caption_filter.method=run_length`."
    )
    assert logged.index(told) < next(i for i, line in enumerate(logged) if "5 videos;" in line)

    keep = ["--set", "caption_filter.method=run_length", "--data", str(copy_of_made.data)]
    assert CliRunner().invoke(app, ["config", *keep]).exit_code == 0
    settings = Settings(data=copy_of_made.data)
    assert set(current_status(settings).counts()["filtered_captions"]) == {"current"}
    same = filter_captions(settings, {"caption_filter": {"config": {"method": "run_length"}}})
    assert not [line for line in same if "in gap.toml" in line]


@pytest.fixture(scope="module")
def server(tmp_path_factory, world):
    served = Server(tmp_path_factory.mktemp("served") / "data", world, videos_per_run=100)
    served.wait(lambda: served.ask("{ version }"), seconds=240)
    yield served
    os.killpg(served.process.pid, 15)
    served.process.wait(60)


DEFAULTS = """query($s: PipelineSelector!) { runConfigSchemaOrError(selector: $s) {
  ... on RunConfigSchema { rootDefaultYaml } } }"""


@pytest.mark.service
@pytest.mark.timeout(1800)
def test_a_setting_changed_in_the_ui_is_the_one_of_the_next_runs_on_both_sides(server):
    make_everything(server)
    location = {
        "repositoryName": "__repository__",
        "repositoryLocationName": "gap_assets.definitions",
        "pipelineName": "per_video",
    }

    def offered() -> str:
        return server.ask(DEFAULTS, s=location)["runConfigSchemaOrError"]["rootDefaultYaml"]

    assert "method: cluster" in offered()
    config = {"ops": {"settings": {"config": {"caption_filter": {"method": "none"}}}}}
    server.launch("change_settings", config=config)
    assert "method: none" in offered()  # The job has had the UI load the settings again.
    settings = Settings(data=server.settings.data)
    assert set(current_status(settings).counts()["video_summaries"]) == {"stale"}

    backfill_id = server.backfill_everything()
    server.wait(lambda: server.backfill_status(backfill_id) == "COMPLETED_SUCCESS", seconds=900)
    counts = current_status(settings).counts()
    assert all(set(count) == {"current"} for count in counts.values()), counts
    # The sources are listed by every run.
    made_at = (
        "SELECT asset, video_id, materialized_at FROM materializations"
        f" WHERE asset NOT IN {ROOTS} ORDER BY ALL"
    )
    before = Warehouse(path=settings.warehouse).tuples(made_at)
    done = CliRunner().invoke(app, ["run", "--data", str(settings.data)])
    assert done.exit_code == 0, done.output
    assert "made again" not in done.output
    assert Warehouse(path=settings.warehouse).tuples(made_at) == before
