"""The roots of the graph: the catalogue of videos and the human captions."""

import time
from pathlib import Path
from typing import Any

import dagster as dg
import polars as pl

from gap_assets.dagster.partitions import register_videos
from gap_assets.dagster.resources import Sources, WarehouseResource
from gap_assets.dagster.specs import preview_table, tried_again_later, whole_asset
from gap_assets.pipeline.catalogue import describe_videos, ids_by_stem
from gap_assets.pipeline.left_out import read_exclusions, unknown_names
from gap_assets.pipeline.reference_captions import COLUMNS, content_hash, read_captions
from gap_assets.warehouse.ledger import commit_whole


@whole_asset("videos", group="sources", kinds={"ffmpeg"})
def videos(
    context: dg.AssetExecutionContext, warehouse: WarehouseResource, sources: Sources
) -> dg.MaterializeResult:  # type: ignore[type-arg]
    """The catalogue: every video file of the folder, with its container, codec, size and duration.

    Materialising it reads what is new or changed in the folder and adds each new video as a
    partition. A file that cannot be read is a row with status `unreadable` and a reason, and so is
    one that `excluded.txt` in the data folder names.
    """
    started = time.monotonic()
    store = warehouse.open()
    with tried_again_later(context):
        before = store.read("SELECT * FROM videos")
        known = {row["path"]: row for row in before.to_dicts()}
        excluded = read_exclusions(Path(sources.excluded))
        rows = describe_videos(*sources.places, known=known, excluded=excluded, only=sources.only)
        for sentence in unknown_names(excluded, known=rows["video_id"].to_list()):
            context.log.warning(f"{sources.excluded}: {sentence}")
        # The others may have got another status meanwhile, by a run that decoded them.
        changed = rows.join(before, on=rows.columns, how="anti", nulls_equal=True)
        commit_whole(
            store,
            "videos",
            {"videos": changed},
            where={"video_id": changed["video_id"].to_list()},
            hashes=dict(rows.select("video_id", "content_hash").iter_rows()),
            run_id=context.run_id,
            seconds=time.monotonic() - started,
        )
    new = register_videos(context.instance, rows["video_id"].to_list())
    folders = ", ".join(map(str, sources.places))
    told = {"folders": folders, "new partitions": len(new), **_catalogue_in_numbers(rows)}
    return dg.MaterializeResult(metadata=told)


def _catalogue_in_numbers(rows: pl.DataFrame) -> dict[str, Any]:
    """How much the catalogue lists, and what of it cannot be read."""
    unreadable = rows.filter(status="unreadable")
    readable = rows.filter(pl.col("status") != "unreadable")
    return {
        "dagster/row_count": len(rows),
        "unreadable": len(unreadable),
        "hours of video": round(float(readable["duration_s"].sum()) / 3600, 3),
        "gigabytes": round(int(rows["bytes"].sum()) / 1e9, 3),
        "unreadable videos": preview_table(unreadable, ["video_id", "error"]),
    }


@whole_asset("reference_captions", group="sources", kinds={"json"})
def reference_captions(
    context: dg.AssetExecutionContext, warehouse: WarehouseResource, sources: Sources
) -> dg.MaterializeResult:  # type: ignore[type-arg]
    """What people wrote about the videos: the only text that is independent of the models.

    Read from the captions file of the data folder: JSON, JSON lines or CSV with `video_id` (or the
    stem of the video's file) and `caption`, or ActivityNet Captions' own files. Without a file the
    table is empty.
    """
    started = time.monotonic()
    store = warehouse.open()
    with tried_again_later(context):
        known = dict(store.read("SELECT path, video_id FROM videos").iter_rows())
        rows = pl.DataFrame(schema=COLUMNS)
        if sources.captions:
            ids = ids_by_stem(*sources.places, known=known)
            rows = (
                read_captions(Path(sources.captions))
                .with_columns(pl.col("video_id").replace(ids))
                .unique("video_id", keep="first", maintain_order=True)
            )
        commit_whole(
            store,
            "reference_captions",
            {"reference_captions": rows},
            hashes={row["video_id"]: content_hash(row) for row in rows.iter_rows(named=True)},
            run_id=context.run_id,
            seconds=time.monotonic() - started,
        )
    # A first run may read the file before the folder.
    found = {"of videos in the catalogue": len(set(known.values()) & set(rows["video_id"]))}
    return dg.MaterializeResult(
        metadata={"dagster/row_count": len(rows), **(found if known else {})}
    )
