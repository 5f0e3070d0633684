"""Frames, their captions and their embeddings: one step, so that decoding overlaps the model.

Processes decode the next videos while the model describes the frames of these.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import dagster as dg
import numpy as np
import polars as pl

from gap_assets.dagster.executors import needs
from gap_assets.dagster.model_check import check_models_of_run
from gap_assets.dagster.per_video import ChunkConfig, materialize_stages
from gap_assets.dagster.resources import (
    Captioning,
    CocaModel,
    FrameSampling,
    Sources,
    SummarizerModel,
    WarehouseResource,
)
from gap_assets.dagster.specs import GPU_POOL, video_spec
from gap_assets.pipeline.catalogue import was_read
from gap_assets.pipeline.embeddings import embedding_column
from gap_assets.pipeline.familiarity import unfamiliar_videos
from gap_assets.pipeline.frames import FRAME_KEY, STORED_FRAMES, decoded_frames, file_stamp
from gap_assets.pipeline.stages import Finish, Stage, Start, failure
from gap_assets.profiles import PROFILES
from gap_assets.video.container import UnreadableVideoError
from gap_assets.video.frames import Extraction, extract_frames
from gap_assets.video.isolated import DecoderProcesses, InterruptedDecodingError, resident_processes
from gap_assets.warehouse.ledger import Failure, Results
from gap_assets.warehouse.store import Warehouse


class FramesConfig(ChunkConfig):
    """How a run works off its videos; pictures are large, so fewer of them at a time."""

    videos_per_chunk: int = 32


@dg.multi_asset(
    specs=[
        video_spec(
            "frames",
            group="frames",
            kinds={"ffmpeg"},
            description="The sampled frames of each video, as JPEGs a little larger than what the"
            " model sees. By default one frame a second, chosen as `ffmpeg -vf fps=1` chooses"
            " them, but a picture that stays for more than 10 s counts once; decoded packet by"
            " packet: a damaged packet loses only itself. What a model"
            " sees is always the stored picture, so a re-run sees the same pixels.",
        ),
        video_spec(
            "frame_captions",
            group="captions",
            kinds={"pytorch"},
            description="A caption of every frame by CoCa, with its mean log-probability per"
            " token. Made in the same pass through the image encoder as `frame_embeddings`.",
        ),
        video_spec(
            "frame_embeddings",
            group="embeddings",
            kinds={"pytorch"},
            description="CoCa's contrastive embedding of every frame: unit vectors in float32, of"
            " the space that `text_embeddings` share.",
        ),
    ],
    can_subset=True,
    pool=GPU_POOL,
    op_tags=needs(gpu=True),
)
def described_frames(
    context: dg.AssetExecutionContext,
    config: FramesConfig,
    warehouse: WarehouseResource,
    sampling: FrameSampling,
    coca: CocaModel,
    captioning: Captioning,
    summarizer: SummarizerModel,
    sources: Sources,
) -> Iterator[dg.MaterializeResult]:  # type: ignore[type-arg]
    """Frames are decoded while one pass of CoCa's image encoder describes those before."""
    store = warehouse.open()
    chosen = {key.to_user_string() for key in context.selected_asset_keys}
    described = [a for a in ("frame_captions", "frame_embeddings") if a in chosen]
    threads = ThreadPoolExecutor(sampling.threads, thread_name_prefix="decode")
    processes = resident_processes(sampling.limits())
    stages = [
        Stage(assets=["frames"], start=_decoding(context, store, sampling, threads, processes)),
        Stage(
            assets=described,
            start=_describing(store, coca, captioning),
            load=lambda: coca.load(weights=captioning.weights),
        ),
    ]
    try:
        yield from materialize_stages(
            context,
            [stage for stage in stages if chosen.issuperset(stage.assets) and stage.assets],
            warehouse=store,
            config=config,
            unit="frames",
            prepare=lambda: check_models_of_run(context, coca, captioning, summarizer),
        )
    except BaseException:
        processes.end()  # What they are at work on, nobody waits for.
        raise
    finally:
        threads.shutdown(wait=False, cancel_futures=True)
    if described and (
        warning := unfamiliar_videos(
            store, PROFILES[sources.profile], videos=list(context.partition_keys)
        )
    ):
        context.log.warning(warning)


def _decoding(
    context: dg.AssetExecutionContext,
    store: Warehouse,
    sampling: FrameSampling,
    threads: ThreadPoolExecutor,
    processes: DecoderProcesses,
) -> Start:
    """Begins to decode some videos; finishes with their frames, failures and damage."""

    def extract(file: Mapping[str, Any]) -> tuple[Extraction | Failure, float]:
        started = time.monotonic()
        found: Extraction | Failure
        path = Path(file["path"])
        if not was_read(file):
            return Failure(error_type="VideoNotReadError", error=file["error"], final=True), 0.0
        try:
            found = processes.run(
                extract_frames,
                path,
                sampling=sampling.core(),
                limits=sampling.limits(),
                short_side=sampling.short_side,
                quality=sampling.jpeg_quality,
            )
        except UnreadableVideoError as unreadable:
            found = failure(unreadable, final=True)
        except InterruptedDecodingError as interrupted:
            found = failure(interrupted, final=False)
        except Exception as unexpected:
            context.log.exception(f"Decoding {path} failed.")
            found = failure(unexpected, final=False)
        # The result is filed under the hash of the file that was listed: it must be of that file.
        if file_stamp(path) != (file["bytes"], file["modified_ns"]):
            found = Failure(
                error_type="VideoChangedError",
                error=f"{path.name} changed or went away since the folder was read;"
                " materialize `videos` again.",
                final=False,
            )
        return found, time.monotonic() - started

    def start(videos: list[str], _: Sequence[str]) -> Finish:
        listed = store.read("SELECT * FROM videos WHERE video_id IN (FROM given)", videos=videos)
        begun = {file["video_id"]: threads.submit(extract, file) for file in listed.to_dicts()}
        return lambda _: decoded_frames(
            {video: decoding.result() for video, decoding in begun.items()}
        )

    return start


def _describing(store: Warehouse, coca: CocaModel, captioning: Captioning) -> Start:
    """Describes frames that were just decoded, or else those that are stored."""
    one_pass = captioning.weights in (None, coca.weights)

    def describe(videos: list[str], wanted: Sequence[str], new: pl.DataFrame | None) -> Results:
        from gap_assets.coca.engine import describe_frames, embed_frames

        frames = store.read(STORED_FRAMES, videos=videos) if new is None else new
        keys, pictures = frames.select(*FRAME_KEY), frames["image"]
        rows = {}
        if "frame_captions" in wanted and len(frames):
            model = coca.load(weights=captioning.weights)
            batches = list(
                describe_frames(
                    model, pictures, decode=captioning.core(), batch_size=coca.batch_size
                )
            )
            captions = [caption for batch in batches for caption in batch.captions]
            rows["frame_captions"] = keys.with_columns(
                caption=pl.Series([c.text for c in captions], dtype=pl.String),
                logprob=pl.Series([c.logprob for c in captions], dtype=pl.Float64),
            )
            embeddings = np.concatenate([batch.embeddings for batch in batches])
        if "frame_embeddings" in wanted and len(frames):
            if not (one_pass and "frame_captions" in wanted):
                embeddings = embed_frames(coca.load(), pictures, batch_size=coca.batch_size)
            rows["frame_embeddings"] = keys.with_columns(embedding_column(embeddings))
        return Results(rows={asset: rows.get(asset, keys) for asset in wanted})

    return lambda videos, wanted: lambda made: describe(videos, wanted, made.get("frames"))
