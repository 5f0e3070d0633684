"""What is current, stale, failed and missing under a data folder's settings.

Light enough that `gap status` answers at once: neither Dagster nor a model is loaded.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from gap_assets.graph import OF_NEW_NETWORKS, ROOTS, STEPS, result_hash
from gap_assets.pipeline.left_out import why_left_out
from gap_assets.settings import Settings, default_fingerprints
from gap_assets.warehouse.ledger import stored_hashes
from gap_assets.warehouse.store import Warehouse


@dataclass(frozen=True, kw_only=True)
class Status:
    """Where every asset of every video stands.

    Attributes:
        states: By asset, the videos (None for an unpartitioned asset) and their state: `current`
            if made by today's settings from inputs that are current themselves, `stale` if made
            otherwise, `failed` if there is nothing because this asset or one before it failed, or
            `missing`. Videos that are left out are `excluded`, `gone` or `duplicate`. What is left
            for later is `current` or `later`. A video without a human caption is not listed there.
        outdated: The results that another run would make or try again.
    """

    states: dict[str, dict[str | None, str]]
    outdated: set[tuple[str, str | None]]

    def counts(self) -> dict[str, Counter[str]]:
        """How many videos are in each state, by asset."""
        return {asset: Counter(states.values()) for asset, states in self.states.items()}

    def videos_to_do(self, assets: Sequence[str]) -> set[str]:
        """The videos that lack a current result of one of the assets."""
        return {video for asset, video in self.outdated if asset in assets and video is not None}


def compare_with_ledger(
    warehouse: Warehouse, *, settings: Mapping[str, str], later: Collection[str] = ()
) -> Status:
    """Compares every stored result with what today's settings would make.

    Args:
        warehouse: The warehouse.
        settings: The fingerprint of each asset's settings.
        later: Assets that no run makes for now. What depends on them is current without them, as
            it is with them where they are current.
    """
    listed = warehouse.tuples("SELECT video_id, status, error FROM videos ORDER BY video_id")
    video_ids = [video_id for video_id, *_ in listed]
    left_out = {video: why_left_out(error) for video, _, error in listed}
    stored = stored_hashes(warehouse)
    failed = set(warehouse.tuples("SELECT asset, video_id FROM failures"))
    failed |= {("videos", video) for video, status, _ in listed if status == "unreadable"}
    right: dict[tuple[str, str | None], str] = {
        key: value for key, value in stored.items() if key[0] in ROOTS
    }
    result = Status(states={}, outdated=set())
    for asset, step in STEPS.items():
        states = result.states[asset] = {}
        units: list[str | None] = [*video_ids] if step.per_video else [None]
        for unit in units:
            if asset not in ROOTS:
                value = result_hash(
                    asset, unit, settings=settings[asset], stored=right, video_ids=video_ids
                )
                if value is not None:
                    right[asset, unit] = value
            found = stored.get((asset, unit))
            if asset in later and (found is None or found != right.get((asset, unit))):
                right.pop((asset, unit), None)
                states[unit] = "later"
                continue
            is_current = found is not None and found == right.get((asset, unit))
            if asset not in ROOTS and not is_current:
                result.outdated.add((asset, unit))
            before = [result.states[name].get(unit) for name in _needed(asset)]
            is_failed = (asset, unit) in failed or (is_current and "failed" in before)
            state = _state(found=found is not None, is_current=is_current, is_failed=is_failed)
            if found is not None or asset != "reference_captions":
                out = left_out[unit] if unit is not None else None
                states[unit] = state if state == "stale" else out or state
    return result


def _needed(asset: str) -> list[str]:
    """The per-video assets without which an asset has nothing of a video."""
    step = STEPS[asset]
    return [name for name in step.upstream if name not in step.optional and step.per_video]


def _state(*, found: bool, is_current: bool, is_failed: bool) -> str:
    if found and not is_current:
        return "stale"
    if is_failed:
        return "failed"
    return "current" if is_current else "missing"


def current_status(settings: Settings) -> Status:
    """What is current, stale, failed and missing under the data folder's settings."""
    warehouse = Warehouse(path=settings.warehouse)
    later = () if settings.controls else OF_NEW_NETWORKS
    return compare_with_ledger(warehouse, settings=default_fingerprints(settings), later=later)
