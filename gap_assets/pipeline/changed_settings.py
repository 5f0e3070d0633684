"""Where settings differ, in words: those of stored results, and those of a run, from the folder's.

A choice in the launchpad holds for its run only: the next run by the data folder's settings makes
its results again. What differs is told before.
"""

import json
import shlex
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from gap_assets.graph import STEPS
from gap_assets.parameters import Choice
from gap_assets.pipeline.provenance import configuration
from gap_assets.profiles import display_name
from gap_assets.settings import Settings, default_parameters
from gap_assets.warehouse.store import Warehouse


def changed_settings(settings: Settings, *, videos: Collection[str] = ()) -> list[str]:
    """A sentence for each difference between what results were made with and today's settings.

    Args:
        settings: Of the data folder.
        videos: Only results of these videos; none for all.
    """
    warehouse = Warehouse(path=settings.warehouse)
    if not warehouse.exists():
        return []
    find = default_parameters(settings).__getitem__
    chosen = set(videos)
    counts: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for asset, step in STEPS.items():
        if not step.parameters:
            continue
        today = configuration(asset, find)
        rows = warehouse.tuples(
            "SELECT m.video_id, c.parameters FROM materializations m"
            " LEFT JOIN configurations c USING (asset, settings)"
            " WHERE m.asset = ? AND m.settings <> ?",
            asset,
            today.settings,
        )
        for video, parameters in rows:
            if not chosen or video is None or video in chosen:
                counts[_difference(parameters, today.parameters)][asset] += 1
    return [f"{difference}: {results_in_words(found)}" for difference, found in counts.items()]


def other_than_the_folders(
    here: Mapping[str, Choice], folder: Mapping[str, Choice], *, assets: Collection[str]
) -> str | None:
    """Says by name and value what a run chooses otherwise than its data folder, and how to keep it.

    Args:
        here: Choices of the run, by key.
        folder: The same of its data folder.
        assets: What the run makes; other choices do not matter.
    """
    used = {parameter for asset in assets for parameter in STEPS[asset].parameters}
    found, usual = (
        dict(flat({key: choice.model_dump(exclude=set(choice.free)) for key, choice in of.items()}))
        for of in (here, folder)
    )
    changed = [
        name
        for name in dict.fromkeys([*found, *usual])
        if found.get(name) != usual.get(name)
        and used & {name.partition(".")[0], ".".join(name.split(".")[:2])}
    ]
    if not changed:
        return None
    differ = [
        f"{name} is {value_in_words(found.get(name))} here"
        f" and {value_in_words(usual.get(name))} in gap.toml"
        for name in changed
    ]
    keep = " ".join(_as_option(name, found.get(name)) for name in changed if name in found)
    return (
        f"{'; '.join(differ)}: the next `gap run` makes this again; to keep it, run the job"
        f" change_settings, or `gap config {keep}`."
    )


def _as_option(name: str, value: Any) -> str:
    if value is None:
        return f"--unset {name}"
    if isinstance(value, list | tuple):
        value = ",".join(map(str, value)) or "none"
    return f"--set {shlex.quote(f'{name}={value}')}"


def results_in_words(counts: Mapping[str, int]) -> str:
    """How many results of which assets, as in "frames of 24 videos, gap_report"."""
    told = [
        f"{asset} of {n} videos" if STEPS[asset].per_video else asset for asset, n in counts.items()
    ]
    return ", ".join(told)


def _difference(stored: str | None, today: str) -> str:
    if stored is None:
        return "other settings, which were not recorded"
    before, now = dict(flat(json.loads(stored))), dict(flat(json.loads(today)))
    told = [
        f"{name} was {value_in_words(before.get(name))} and is now {value_in_words(now.get(name))}"
        for name in dict.fromkeys([*before, *now])
        if before.get(name) != now.get(name)
    ]
    return "; ".join(told) or "the files of a model or of its weights have changed"


def flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Values by dotted names, those in groups too."""
    for name, value in values.items():
        if isinstance(value, dict):
            yield from flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def value_in_words(value: Any) -> str:
    """A setting's value for people, which a command takes as well."""
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "none"
    return "not set" if value is None else display_name(str(value))
