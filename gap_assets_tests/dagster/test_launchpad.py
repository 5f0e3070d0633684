"""A config that sets one field changes that field and nothing else."""

import types
from typing import Any, Literal, Union, get_args, get_origin

import dagster as dg
import pytest

from gap_assets.dagster.resources import default_resources
from gap_assets.settings import Settings

OTHER: dict[str, Any] = {
    "encoders.names": ["embedded:coca"],
    "sampling.sampling": {"every_seconds": {"seconds": 3.0}},
    "coca.model": "coca_roberta-ViT-B-32",
    "caption_filter.chance": 0.25,
    "sources.more_videos": ["/more"],
    "sources.only": ["v_1"],
    "summarizer.prompt": "Say it: {captions}",
}
# What a folder chose by itself, so that no class' default can stand in for it unseen.
CHOSEN = {
    "models": "hub",
    "coca": "coca_ViT-B-32",
    "weights": "laion2b_s13b_b90k",
    "caption_weights": "mscoco_finetuned_laion2b_s13b_b90k",
    "summarizer": "google/flan-t5-base",
    "prompt": "Write one sentence about {captions}",
    "frames_per_second": 2.5,
}


def another(name: str, annotation: Any, value: Any) -> Any:
    """A valid value of a field that differs from its present one."""
    if name in OTHER:
        return OTHER[name]
    if get_origin(annotation) is Literal:
        return next(choice for choice in get_args(annotation) if choice != value)
    kinds = [annotation]
    if get_origin(annotation) in (Union, types.UnionType):
        kinds = [kind for kind in get_args(annotation) if kind is not type(None)]
    if str in kinds:
        return f"{value}-other"
    if kinds == [bool]:
        return not value
    return (value or 20) + 1


def fields() -> list[tuple[str, str]]:
    resources = default_resources(Settings(models="hub"))
    return [(key, name) for key, value in resources.items() for name in type(value).model_fields]


def in_a_run(settings: Settings, config: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """What the resources of a run are, given its config."""
    found: dict[str, dict[str, Any]] = {}
    resources = default_resources(settings)

    @dg.op(required_resource_keys=set(resources))
    def look(context):
        for key in resources:
            found[key] = getattr(context.resources, key).model_dump()

    @dg.job(resource_defs=dict(resources))
    def looking():
        look()

    assert looking.execute_in_process(run_config={"resources": config}).success
    return found


@pytest.fixture(scope="module")
def settings(tmp_path_factory) -> Settings:
    return Settings(data=tmp_path_factory.mktemp("data"), **CHOSEN)


@pytest.mark.parametrize(("key", "name"), fields())
def test_one_field_alone(settings, key, name):
    before = in_a_run(settings, {})
    annotation = type(default_resources(settings)[key]).model_fields[name].annotation
    value = another(f"{key}.{name}", annotation, before[key][name])
    after = in_a_run(settings, {key: {"config": {name: value}}})
    changed = {
        (resource, field)
        for resource, values in before.items()
        for field in values
        if values[field] != after[resource][field]
    }
    assert changed == {(key, name)}


def test_what_a_folder_chose_is_what_the_launchpad_shows(settings):
    resources = default_resources(settings)
    shown = {
        key: {name: field.default for name, field in type(value).model_fields.items()}
        for key, value in resources.items()
    }
    assert shown["coca"]["weights"] == CHOSEN["weights"]
    assert shown["summarizer"]["prompt"] == CHOSEN["prompt"]
    assert shown["captioning"]["weights"] == CHOSEN["caption_weights"]
    assert shown["sampling"]["sampling"].rate == CHOSEN["frames_per_second"]


@pytest.mark.parametrize(("key", "name"), fields())
def test_every_field_says_what_it_is(settings, key, name):
    assert len(type(default_resources(settings)[key]).model_fields[name].description or "") > 15


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ({"coca": {"weights": None}}, "coca_ViT-B-32 needs weights"),
        ({"coca": {"model": "local-dir:/somewhere"}}, "holds its own weights"),
        ({"summarizer": {"prompt": "without a place"}}, "must hold the field"),
        ({"sampling": {"sampling": {"frames_per_second": {"rate": -1.0}}}}, "greater than 0"),
        ({"statistics": {"permutations": 3}}, "greater than or equal to 19"),
    ],
)
def test_a_value_that_cannot_be_is_refused_before_the_first_step(settings, config, reason):
    with pytest.raises(Exception, match=r".*") as refused:
        in_a_run(settings, {key: {"config": values} for key, values in config.items()})
    errors = [str(refused.value), str(refused.value.__cause__), str(refused.value.__context__)]
    assert any(reason in error for error in errors), errors
