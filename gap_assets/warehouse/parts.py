"""Assets that are made in parts, one an encoder, each with entries of its own in the ledger.

The ledger's entry of the asset says that all parts of a video are there; that of a part,
`encoder_embeddings:NAME`, what its rows were made from. So one part can be made, and another be
taken away, while the rest stays as it is. Which parts are due is the asset's own business.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

import duckdb
import polars as pl

from gap_assets.warehouse.rows import replace_rows, typed_rows
from gap_assets.warehouse.store import Warehouse


@dataclass(frozen=True, kw_only=True)
class Part:
    """What one encoder made of one video.

    Attributes:
        encoder: Its name; in the column `encoder` of the asset's table, too.
        video_id: The video.
        config_hash: Of all that determines these rows.
        settings: Of the settings alone.
        n_rows: Rows of the video by this encoder.
        seconds: That they took.
    """

    encoder: str
    video_id: str
    config_hash: str
    settings: str
    n_rows: int
    seconds: float


def part_of(asset: str, encoder: str) -> str:
    """The name of an encoder's part of an asset in the ledger."""
    return f"{asset}:{encoder}"


def commit_parts(
    connection: duckdb.DuckDBPyConnection,
    asset: str,
    parts: Sequence[Part],
    *,
    run_id: str,
    at: datetime,
) -> pl.DataFrame:
    """Replaces the ledger's entries of some parts within the caller's transaction.

    Returns:
        The keys of the rows that the new ones replace: columns `encoder`, `video_id`.
    """
    keys = pl.DataFrame(
        [(part.encoder, part.video_id) for part in parts],
        schema={"encoder": pl.String, "video_id": pl.String},
        orient="row",
    )
    ledger = typed_rows(
        "materializations",
        (
            (
                *(part_of(asset, part.encoder), part.video_id, part.config_hash, part.settings),
                *(run_id, part.n_rows, part.seconds, at),
            )
            for part in parts
        ),
    )
    replace_rows(connection, "materializations", ledger, where=ledger.select("asset", "video_id"))
    return keys


def count_parts(
    connection: duckdb.DuckDBPyConnection, asset: str, videos: Sequence[str]
) -> dict[str, int]:
    """Video to the rows of all its parts, as the ledger has them."""
    connection.register("given_videos", pl.DataFrame({"video_id": videos}).to_arrow())
    counted = connection.execute(
        "SELECT video_id, sum(n_rows)::BIGINT FROM materializations"
        " WHERE starts_with(asset, ?) AND video_id IN (FROM given_videos) GROUP BY video_id",
        [part_of(asset, "")],
    )
    return dict(counted.fetchall())


def forget_parts(
    warehouse: Warehouse, asset: str, videos: Sequence[str], *, keep: Collection[str]
) -> list[str]:
    """Takes away what all encoders but some made of some videos.

    The entry of the asset itself goes with a part: who chooses the encoder again makes it again.

    Args:
        warehouse: The warehouse.
        asset: The asset, whose table has its name.
        videos: The videos; what belongs to others stays until they are made.
        keep: The encoders that stay. What the asset never made has no entry, and stays as well.

    Returns:
        The encoders that are gone.
    """
    prefix = part_of(asset, "")
    known = warehouse.read(
        "SELECT asset, video_id FROM materializations WHERE starts_with(asset, ?)"
        " AND video_id IN (FROM given)",
        prefix,
        videos=videos,
    )
    lost = known.filter(~pl.col("asset").is_in([part_of(asset, name) for name in keep]))
    if lost.is_empty():
        return []
    entries = sorted(set(lost["asset"]))
    gone = [entry.removeprefix(prefix) for entry in entries]
    losing = sorted(set(lost["video_id"]))

    def work(connection: duckdb.DuckDBPyConnection) -> None:
        none = pl.DataFrame()
        replace_rows(connection, asset, none, where={"encoder": gone, "video_id": losing})
        of_videos = {"asset": [asset, *entries], "video_id": losing}
        replace_rows(connection, "materializations", none, where=of_videos)
        connection.execute(
            "DELETE FROM configurations WHERE starts_with(asset, ?)"
            " AND asset NOT IN (SELECT asset FROM materializations)",
            [prefix],
        )

    warehouse.write(work)
    return gone
