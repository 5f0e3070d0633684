"""Frames, their captions and their embeddings: one step, so that decoding overlaps the model.

Processes decode the next videos while the model describes the frames of these.
"""

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import dagster as dg
from pydantic import Field

from gap_assets.dagster.executors import needs
from gap_assets.dagster.model_check import check_models_of_run
from gap_assets.dagster.per_video import ChunkConfig, VideoEvents, materialize_stages
from gap_assets.dagster.resources import (
    Captioning,
    CocaModel,
    Encoders,
    FrameSampling,
    SummarizerModel,
    WarehouseResource,
)
from gap_assets.dagster.specs import GPU_POOL, video_spec
from gap_assets.pipeline.familiarity import first_look, unfamiliar_videos
from gap_assets.pipeline.frames import decoding_limits, start_decoding, start_describing
from gap_assets.pipeline.models import resident_coca
from gap_assets.pipeline.stages import Stage
from gap_assets.profiles import profile_of
from gap_assets.video.isolated import resident_processes
from gap_assets.warehouse.store import Warehouse


class FramesConfig(ChunkConfig):
    """How a run works off its videos; pictures are large, so fewer of them at a time."""

    videos_per_chunk: int = Field(
        default=32, ge=1, description="Videos computed and stored at a time; what a kill loses."
    )


@dg.multi_asset(
    specs=[
        video_spec(
            "frames",
            group="frames",
            kinds={"ffmpeg"},
            description="The sampled frames of each video, as JPEGs a little larger than what the"
            " model sees. By default one frame a second, chosen as `ffmpeg -vf fps=1` chooses"
            " them; a picture that stays is stored once, with how often it counts. Decoded packet"
            " by packet: a damaged packet loses only itself. What a model"
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
    encoders: Encoders,
) -> VideoEvents:
    """Frames are decoded while one pass of CoCa's image encoder describes those before."""
    store = warehouse.open()
    chosen = {key.to_user_string() for key in context.selected_asset_keys}
    threads = ThreadPoolExecutor(sampling.threads, thread_name_prefix="decode")
    processes = resident_processes(decoding_limits(sampling))
    decode = partial(start_decoding, sampling=sampling, threads=threads, processes=processes)
    describe = partial(start_describing, coca=coca, captioning=captioning)
    stages = [
        Stage(assets=sorted(chosen & {"frames"}), start=partial(decode, warehouse=store)),
        Stage(
            assets=sorted(chosen & {"frame_captions", "frame_embeddings"}),
            start=partial(describe, warehouse=store),
            load=partial(resident_coca, coca, weights=captioning.weights),
        ),
    ]
    try:
        yield from materialize_stages(
            context,
            [stage for stage in stages if stage.assets],
            warehouse=store,
            config=config,
            unit="frames",
            prepare=partial(_prepare, context, store, coca, captioning, summarizer, encoders),
        )
    except BaseException:
        processes.end()  # What they are at work on, nobody waits for.
        raise
    finally:
        threads.shutdown(wait=False, cancel_futures=True)
    if chosen - {"frames"}:
        _warn_of_unfamiliar(context, store, coca)


def _prepare(
    context: dg.AssetExecutionContext,
    store: Warehouse,
    coca: CocaModel,
    captioning: Captioning,
    summarizer: SummarizerModel,
    encoders: Encoders,
) -> None:
    """Checks the models, and says at once that they do not know the videos."""
    check_models_of_run(context, coca, captioning, summarizer, encoders)
    if (profile := profile_of(coca.model)) is None:
        return
    files = store.read(
        "SELECT path FROM videos WHERE video_id IN (FROM given) ORDER BY video_id",
        videos=list(context.partition_keys),
    )
    if warning := first_look([Path(path) for path in files["path"]], profile):
        context.log.warning(warning)


def _warn_of_unfamiliar(
    context: dg.AssetExecutionContext, store: Warehouse, coca: CocaModel
) -> None:
    videos = list(context.partition_keys)
    if warning := unfamiliar_videos(store, profile_of(coca.model), videos=videos):
        context.log.warning(warning)
