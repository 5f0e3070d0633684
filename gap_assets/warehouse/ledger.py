"""The ledger `materializations`: which results are current, and commits that keep it true.

Every commit of results goes through here, so rows, ledger and failures change together.
"""

from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass, field
from datetime import UTC, datetime

import duckdb
import polars as pl

from gap_assets.graph import result_hash
from gap_assets.warehouse.parts import Part, commit_parts, count_parts
from gap_assets.warehouse.rows import replace_rows, typed_rows
from gap_assets.warehouse.store import Warehouse


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
class Configuration:
    """What a hash of settings stands for; see the table `configurations`."""

    settings: str
    asset: str
    code_version: str
    model: str | None
    parameters: str


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What a run has to do for one asset.

    Attributes:
        settings: The fingerprint of the asset's settings.
        todo: Video to the hash that its new result will carry.
        current: Videos whose stored result is the right one.
        blocked: Videos whose inputs are not there yet.
    """

    settings: str
    todo: dict[str, str]
    current: list[str]
    blocked: list[str]


@dataclass(frozen=True, kw_only=True)
class Results:
    """The results of one chunk of videos, on their way to a commit.

    Attributes:
        rows: The new rows by asset, whose table has the asset's name.
        failures: The videos that failed.
        video_status: What decoding found out: columns `video_id`, `status`, `error`.
        seconds: What each video took by itself, where that is known.
        parts: Of an asset that is made in parts, those that were made now; others keep their rows.
    """

    rows: dict[str, pl.DataFrame]
    failures: dict[str, Failure] = field(default_factory=dict)
    video_status: pl.DataFrame | None = None
    seconds: Mapping[str, float] = field(default_factory=dict)
    parts: Sequence[Part] | None = None


def stored_hashes(
    warehouse: Warehouse, *, video_ids: Sequence[str] | None = None
) -> dict[tuple[str, str | None], str]:
    """The hash of every stored result, of the given videos (default: all) and of no video."""
    query = "SELECT asset, video_id, config_hash FROM materializations"
    if video_ids is None:
        rows = warehouse.tuples(query)
    else:
        query += " WHERE video_id IS NULL OR video_id IN (FROM given)"
        rows = warehouse.read(query, videos=video_ids).rows()
    return {(asset, video_id): value for asset, video_id, value in rows}


def plan(
    warehouse: Warehouse,
    settings: Mapping[str, str],
    video_ids: Sequence[str],
    *,
    recompute: bool = False,
) -> dict[str, Plan]:
    """Splits the videos into those to do, those that are current and those that must wait.

    Args:
        warehouse: The warehouse.
        settings: The fingerprint of the settings of each asset that the run makes. What an asset
            needs of an earlier one of these counts as there.
        video_ids: The run's videos.
        recompute: Whether current videos are done again.
    """
    stored = stored_hashes(warehouse, video_ids=video_ids)
    expected = dict(stored)
    plans = {}
    for asset, of_asset in settings.items():
        result = plans[asset] = Plan(settings=of_asset, todo={}, current=[], blocked=[])
        for video_id in video_ids:
            value = result_hash(asset, video_id, settings=of_asset, stored=expected, video_ids=[])
            if value is None:
                result.blocked.append(video_id)
                continue
            expected[asset, video_id] = value
            if value == stored.get((asset, video_id)) and not recompute:
                result.current.append(video_id)
            else:
                result.todo[video_id] = value
    return plans


def record_configurations(warehouse: Warehouse, configurations: Sequence[Configuration]) -> None:
    """Keeps what the hashes of settings stand for; those that are known stay as they are."""
    given = [(c.settings, c.asset) for c in configurations]
    known = set(warehouse.tuples("SELECT settings, asset FROM configurations"))
    if known.issuperset(given):
        return
    now = datetime.now(UTC)
    rows = [(*astuple(c), now) for c in configurations if (c.settings, c.asset) not in known]
    new = typed_rows("configurations", rows)

    def work(connection: duckdb.DuckDBPyConnection) -> None:
        connection.register("new_configurations", new.to_arrow())
        connection.execute(
            "INSERT INTO configurations BY NAME FROM new_configurations n WHERE NOT EXISTS"
            " (FROM configurations c WHERE c.settings = n.settings AND c.asset = n.asset)"
        )

    warehouse.write(work)


def commit(
    warehouse: Warehouse,
    results: Results,
    videos: Sequence[str],
    *,
    plans: Mapping[str, Plan],
    run_id: str,
    seconds: float,
) -> None:
    """Stores the results of one chunk of videos in one transaction.

    Args:
        warehouse: The warehouse.
        results: Rows and failures.
        videos: The chunk's videos, whose old rows go.
        plans: By asset, the plan that the chunk is part of.
        run_id: The Dagster run.
        seconds: The time that the chunk took; the ledger shares it out evenly unless the results
            know each video's own.
    """
    now = datetime.now(UTC)
    failed = results.failures

    def work(connection: duckdb.DuckDBPyConnection) -> None:
        for asset, asset_plan in plans.items():
            rows = results.rows[asset]
            old: Mapping[str, Sequence[str]] | pl.DataFrame = {"video_id": videos}
            if results.parts is not None:
                old = commit_parts(connection, asset, results.parts, run_id=run_id, at=now)
                counts = count_parts(connection, asset, videos)
            else:
                counts = dict(rows.group_by("video_id").len().iter_rows()) if len(rows) else {}
            took = {**dict.fromkeys(videos, seconds / len(videos)), **results.seconds}
            settings, todo = asset_plan.settings, asset_plan.todo
            ledger = [
                (asset, v, todo[v], settings, run_id, counts.get(v, 0), took[v], now)
                for v in videos
                if v not in failed or failed[v].final
            ]
            failures = [
                (video, asset, failed[video].error_type, failed[video].error, now)
                for video in videos
                if video in failed
            ]
            replace_rows(connection, asset, rows, where=old)
            of_asset = {"asset": [asset], "video_id": videos}
            new = typed_rows("materializations", ledger)
            replace_rows(connection, "materializations", new, where=of_asset)
            new = typed_rows("failures", failures)
            replace_rows(connection, "failures", new, where=of_asset)
        if results.video_status is not None:
            connection.register("found", results.video_status.to_arrow())
            connection.execute(
                "UPDATE videos SET status = found.status, error = found.error FROM found"
                " WHERE videos.video_id = found.video_id"
            )

    warehouse.write(work)


def commit_whole(
    warehouse: Warehouse,
    asset: str,
    rows: Mapping[str, pl.DataFrame],
    *,
    where: Mapping[str, Sequence[str]] | None = None,
    hashes: Mapping[str, str] | Mapping[None, str],
    settings: str = "",
    run_id: str,
    seconds: float,
) -> None:
    """Stores the result of an unpartitioned asset in one transaction.

    Args:
        warehouse: The warehouse.
        asset: The asset.
        rows: The new rows of its tables.
        where: Which old rows they replace, as for `replace_rows`; None: all.
        hashes: For a root, each video's hash; else `{None: hash}`.
        settings: The fingerprint of the asset's settings.
        run_id: The Dagster run.
        seconds: The time that it took.
    """
    now = datetime.now(UTC)
    count = sum(len(frame) for frame in rows.values())
    share = seconds / max(len(hashes), 1)
    ledger = typed_rows(
        "materializations",
        (
            (asset, video, value, settings, run_id, 1 if video else count, share, now)
            for video, value in hashes.items()
        ),
    )

    def work(connection: duckdb.DuckDBPyConnection) -> None:
        for table, frame in rows.items():
            replace_rows(connection, table, frame, where=where or {})
        replace_rows(connection, "materializations", ledger, where={"asset": [asset]})

    warehouse.write(work)
