"""Which stored results were made with other settings than today's, in words.

A choice in the launchpad holds for its run only: the next run by the data folder's settings makes
its results again. What differs is told before.
"""

import json
from collections import defaultdict
from collections.abc import Collection, Iterator
from typing import Any

from gap_assets.graph import STEPS
from gap_assets.pipeline.provenance import configuration
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
    return [f"{difference}: {_results(found)}" for difference, found in counts.items()]


def _results(counts: dict[str, int]) -> str:
    told = [
        f"{asset} of {n} videos" if STEPS[asset].per_video else asset for asset, n in counts.items()
    ]
    return ", ".join(told)


def _difference(stored: str | None, today: str) -> str:
    if stored is None:
        return "other settings, which were not recorded"
    before, now = dict(_flat(json.loads(stored))), dict(_flat(json.loads(today)))
    told = [
        f"{name} was {_value(before.get(name))} and is now {_value(now.get(name))}"
        for name in dict.fromkeys([*before, *now])
        if before.get(name) != now.get(name)
    ]
    return "; ".join(told) or "the files of a model or of its weights have changed"


def _flat(values: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in values.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _value(value: Any) -> str:
    return "not set" if value is None else str(value)
