"""The same frames and texts by other encoders."""

from functools import partial

import dagster as dg

from gap_assets.dagster.per_video import ChunkConfig, VideoEvents, materialize_videos
from gap_assets.dagster.resources import Encoders, WarehouseResource
from gap_assets.dagster.specs import GPU_POOL, tried_again_later, video_asset
from gap_assets.graph import ENCODERS
from gap_assets.pipeline.encoders import embed_by_encoders, part_configurations
from gap_assets.warehouse.ledger import record_configurations
from gap_assets.warehouse.parts import forget_parts


@video_asset(ENCODERS, group="embeddings", kinds={"pytorch"}, pool=GPU_POOL)
def encoder_embeddings(
    context: dg.AssetExecutionContext,
    config: ChunkConfig,
    warehouse: WarehouseResource,
    encoders: Encoders,
) -> VideoEvents:
    """The same stored frames and the same texts by a list of other encoders.

    Of an encoder of pictures one vector a video and fusion, as in `video_embeddings`; of one that
    reads videos one vector a video; of each text source one vector, as in `text_embeddings`. Every
    encoder has entries of its own in the ledger: a new one is added without touching the others,
    and one that is taken off the list goes with its rows. Rows of encoders have different lengths
    and are never compared with each other. The table also holds `untrained_embeddings`.
    """
    store = warehouse.open()
    with tried_again_later(context):
        videos = list(context.partition_keys)
        for name in forget_parts(store, ENCODERS, videos, keep=encoders.names):
            context.log.info(f"{name} is not among the encoders any more; its rows are gone.")
        record_configurations(store, part_configurations(encoders))
    if not encoders.names:
        context.log.info("No other encoders are set, so there is nothing to embed.")
    return materialize_videos(
        context,
        ENCODERS,
        partial(embed_by_encoders, warehouse=store, encoders=encoders, recompute=config.recompute),
        warehouse=store,
        config=config,
        unit="vectors",
    )
