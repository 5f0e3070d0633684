"""The ledger `materializations`: which results are current, and commits that keep it true.

Every commit of results goes through here, so rows, ledger and failures change together.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import polars as pl

from gap_assets.lineage import ROOTS, STEPS, result_hash
from gap_assets.warehouse.store import Warehouse, replace_rows

LEDGER_SCHEMA = {
    "asset": pl.String,
    "video_id": pl.String,
    "config_hash": pl.String,
    "run_id": pl.String,
    "n_rows": pl.Int64,
    "seconds": pl.Float64,
    "materialized_at": pl.Datetime("us", "UTC"),
}
FAILURE_SCHEMA = {
    "video_id": pl.String,
    "asset": pl.String,
    "error_type": pl.String,
    "error": pl.String,
    "failed_at": pl.Datetime("us", "UTC"),
}


@dataclass(frozen=True, kw_only=True)
class Failure:
    """Why a video has no result.

    Attributes:
        error_type: The name of the exception's class.
        error: One sentence.
        final: Whether another try with the same input must fail alike, as for a broken file. A
            final failure is current; any other is tried again by the next run.
    """

    error_type: str
    error: str
    final: bool


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a run has to do for one asset.

    Attributes:
        todo: Video to the hash that its new result will carry.
        current: Videos whose stored result is the right one.
        blocked: Videos whose inputs are not there yet.
    """

    todo: dict[str, str]
    current: list[str]
    blocked: list[str]


@dataclass(kw_only=True)
class Results:
    """The results of one chunk of videos, on their way to a commit.

    Attributes:
        rows: The new rows by table.
        failures: The videos that failed.
        counts: Rows made per video, for the ledger.
    """

    rows: dict[str, pl.DataFrame]
    failures: dict[str, Failure] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)


def stored_hashes(
    warehouse: Warehouse, *, video_ids: Sequence[str] | None = None
) -> dict[tuple[str, str | None], str]:
    """The hash of every stored result, of the given videos (default: all) and of no video."""
    query = "SELECT asset, video_id, config_hash FROM materializations"
    if video_ids is None:
        rows = warehouse.read(query)
    else:
        rows = warehouse.read(
            f"{query} WHERE video_id IS NULL OR video_id = ANY(?)", list(video_ids)
        )
    return {(asset, video_id): value for asset, video_id, value in rows.iter_rows()}


def plan(
    warehouse: Warehouse,
    asset: str,
    video_ids: Sequence[str],
    *,
    settings: str,
    recompute: bool = False,
) -> Plan:
    """Splits the videos into those to do, those that are current and those that must wait."""
    stored = stored_hashes(warehouse, video_ids=video_ids)
    result = Plan(todo={}, current=[], blocked=[])
    for video_id in video_ids:
        value = result_hash(asset, video_id, settings=settings, stored=stored, video_ids=[])
        if value is None:
            result.blocked.append(video_id)
        elif value == stored.get((asset, video_id)) and not recompute:
            result.current.append(video_id)
        else:
            result.todo[video_id] = value
    return result


def commit(
    warehouse: Warehouse,
    asset: str,
    results: Results,
    *,
    hashes: Mapping[str, str],
    run_id: str,
    seconds: float,
) -> None:
    """Stores the results of one chunk of a per-video asset in one transaction.

    Args:
        warehouse: The warehouse.
        asset: The asset.
        results: Rows and failures; rows of the chunk's videos that are not among them go.
        hashes: The chunk's videos and the hashes of their results.
        run_id: The Dagster run.
        seconds: The time that the chunk took; shared out evenly in the ledger.
    """
    now = datetime.now(UTC)
    failed = results.failures
    ledger = pl.DataFrame(
        [
            (asset, video, value, run_id, results.counts.get(video, 0), seconds / len(hashes), now)
            for video, value in hashes.items()
            if video not in failed or failed[video].final
        ],
        schema=LEDGER_SCHEMA,
        orient="row",
    )
    failures = pl.DataFrame(
        [(video, asset, f.error_type, f.error, now) for video, f in failed.items()],
        schema=FAILURE_SCHEMA,
        orient="row",
    )
    videos = list(hashes)
    with warehouse.transaction() as connection:
        for table, rows in results.rows.items():
            replace_rows(connection, table, rows, where={"video_id": videos})
        of_this_asset = {"asset": [asset], "video_id": videos}
        replace_rows(connection, "materializations", ledger, where=of_this_asset)
        replace_rows(connection, "failures", failures, where=of_this_asset)


def commit_whole(
    warehouse: Warehouse,
    asset: str,
    rows: Mapping[str, pl.DataFrame],
    *,
    hashes: Mapping[str | None, str],
    run_id: str,
    seconds: float,
) -> None:
    """Stores the result of an unpartitioned asset in one transaction.

    Args:
        warehouse: The warehouse.
        asset: The asset.
        rows: All rows of its tables.
        hashes: For a root, each video's hash; else `{None: hash}`.
        run_id: The Dagster run.
        seconds: The time that it took.
    """
    now = datetime.now(UTC)
    count = sum(len(frame) for frame in rows.values())
    ledger = pl.DataFrame(
        [
            (asset, video, value, run_id, 1 if video else count, seconds, now)
            for video, value in hashes.items()
        ],
        schema=LEDGER_SCHEMA,
        orient="row",
    )
    with warehouse.transaction() as connection:
        for table, frame in rows.items():
            replace_rows(connection, table, frame, where={})
        replace_rows(connection, "materializations", ledger, where={"asset": [asset]})


def status(warehouse: Warehouse, *, settings: Mapping[str, str]) -> pl.DataFrame:
    """Counts what is current, stale, failed and missing, per asset.

    A result is current if it was made by the settings given here from inputs that are current
    themselves; stale if it was made otherwise.

    Args:
        warehouse: The warehouse.
        settings: The fingerprint of each asset's settings.

    Returns:
        Columns `asset`, `current`, `stale`, `failed`, `missing`; one row an asset.
    """
    video_ids = warehouse.read("SELECT video_id FROM videos ORDER BY video_id")[
        "video_id"
    ].to_list()
    stored = stored_hashes(warehouse)
    failures = warehouse.read("SELECT asset, video_id FROM failures")
    failed = set(failures.iter_rows())
    right: dict[tuple[str, str | None], str] = {
        key: value for key, value in stored.items() if key[0] in ROOTS
    }
    table = []
    for asset, step in STEPS.items():
        counts = dict.fromkeys(("current", "stale", "failed", "missing"), 0)
        units: list[str | None] = [*video_ids] if step.per_video else [None]
        for unit in units:
            if asset not in ROOTS:
                value = result_hash(
                    asset, unit, settings=settings[asset], stored=right, video_ids=video_ids
                )
                if value is not None:
                    right[asset, unit] = value
            found = stored.get((asset, unit))
            if (asset, unit) in failed:
                counts["failed"] += 1
            elif found is None:
                counts["missing"] += 1
            else:
                counts["current" if found == right.get((asset, unit)) else "stale"] += 1
        table.append({"asset": asset, **counts})
    return pl.DataFrame(table)
