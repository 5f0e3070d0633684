"""The asset `frames`: decoding on the CPU, one thread a video."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import dagster as dg
import polars as pl

from gap_assets.assets.chunks import ChunkConfig, failure, materialize_videos
from gap_assets.assets.common import table, video_asset
from gap_assets.resources import FrameSampling, WarehouseResource
from gap_assets.video.container import UnreadableVideoError
from gap_assets.video.frames import Extraction, extract_frames
from gap_assets.warehouse.ledger import Failure, Results


@video_asset("frames", group="frames", kinds={"ffmpeg"})
def frames(
    context: dg.AssetExecutionContext,
    config: ChunkConfig,
    warehouse: WarehouseResource,
    sampling: FrameSampling,
) -> dg.MaterializeResult:  # type: ignore[type-arg]
    """The sampled frames of each video, as JPEGs a little larger than what the model sees.

    By default one frame a second, chosen as `ffmpeg -vf fps=1` chooses them, decoded packet by
    packet: a damaged packet loses only itself. What a model sees is always the stored picture, so
    a re-run sees the same pixels.
    """
    store = warehouse.open()

    def compute(videos: list[str], _: Sequence[str]) -> Results:
        files = store.read(
            "SELECT video_id, path, status, error FROM videos WHERE video_id = ANY(?)", videos
        )

        def extract(path: str, status: str, error: str) -> Extraction | Failure:
            if status == "unreadable":
                return Failure(error_type="UnreadableVideoError", error=error, final=True)
            try:
                return extract_frames(
                    Path(path),
                    sampling=sampling.core(),
                    limits=sampling.limits(),
                    short_side=sampling.short_side,
                    quality=sampling.jpeg_quality,
                )
            except UnreadableVideoError as unreadable:
                return failure(unreadable, final=True)
            except Exception as unexpected:
                context.log.exception(f"Decoding {path} failed.")
                return failure(unexpected, final=False)

        with ThreadPoolExecutor(sampling.threads) as pool:
            found = dict(
                zip(
                    files["video_id"],
                    pool.map(extract, files["path"], files["status"], files["error"]),
                    strict=True,
                )
            )
        return _results(found)

    [result] = materialize_videos(
        context, ["frames"], compute, warehouse=store, config=config, unit="frames"
    )
    return result


def _results(found: dict[str, Extraction | Failure]) -> Results:
    extractions = {video: x for video, x in found.items() if isinstance(x, Extraction)}
    failures = {video: x for video, x in found.items() if isinstance(x, Failure)}
    return Results(
        rows={
            "frames": table(
                (
                    (video, f.frame_index, f.timestamp_s, f.width, f.height, f.image)
                    for video, extraction in extractions.items()
                    for f in extraction.frames
                ),
                video_id=pl.String,
                frame_index=pl.Int32,
                timestamp_s=pl.Float64,
                width=pl.Int32,
                height=pl.Int32,
                image=pl.Binary,
            )
        },
        failures=failures,
        video_status=table(
            [
                (video, "damaged" if extraction.damage else "ok", extraction.damage)
                for video, extraction in extractions.items()
            ]
            + [(video, "unreadable", x.error) for video, x in failures.items() if x.final],
            video_id=pl.String,
            status=pl.String,
            error=pl.String,
        ),
    )
