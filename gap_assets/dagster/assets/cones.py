"""The cone effect, block by block, in the network at hand and in networks that learned nothing."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import dagster as dg
import polars as pl

from gap_assets.dagster.all_videos import WholeConfig, materialize_whole
from gap_assets.dagster.resources import CocaModel, GapStatistics, WarehouseResource
from gap_assets.dagster.specs import GPU_POOL, whole_asset
from gap_assets.graph import CONES
from gap_assets.pipeline.cones import plan_profile, profile_cones
from gap_assets.pipeline.models import drop_models, resident_coca, untrained_coca
from gap_assets.pipeline.untrained import count_frames
from gap_assets.profiles import display_name
from gap_assets.progress import report_progress


@whole_asset(CONES, group="gap", kinds={"pytorch"}, pool=GPU_POOL)
def cone_profile(
    context: dg.AssetExecutionContext,
    config: WholeConfig,
    warehouse: WarehouseResource,
    coca: CocaModel,
    statistics: GapStatistics,
) -> dg.MaterializeResult:  # type: ignore[type-arg]
    """The cone effect by depth: the mean cosine of different items after every residual block.

    Of the image tower's class token and mean patch token, of the token that the text embedding is
    read from, and of both outputs; on one frame a video, on pictures of noise and on the texts that
    the gap is measured on; by the trained network and by untrained ones. The paper says that depth
    makes the cone; these rows say for which token that holds. How much is seen is bounded.
    """
    store = warehouse.open()

    def compute() -> tuple[Mapping[str, pl.DataFrame], dict[str, Any]]:
        from gap_assets.coca.cost import encoding_flop

        plan = plan_profile(count_frames(store), statistics, flop=encoding_flop(coca.model))
        new = {
            f"untrained-{seed}": partial(_untrained, coca, seed) for seed in range(plan.networks)
        }
        trained = display_name(coca.model, coca.weights)
        context.log.info(
            f"The trained network encodes {plan.trained.pictures} pictures, and each of"
            f" {plan.networks} untrained ones {plan.untrained.pictures}."
        )
        rows = profile_cones(
            {trained: partial(resident_coca, coca), **new},
            store,
            sights={trained: plan.trained, **dict.fromkeys(new, plan.untrained)},
            statistics=statistics,
            batch_size=coca.batch_size,
            progress=partial(report_progress, CONES),
        )
        return {CONES: rows}, {"networks": 1 + plan.networks, "pictures": plan.pictures}

    return materialize_whole(
        context, CONES, compute, warehouse=store, config=config, tells_progress=True
    )


def _untrained(coca: CocaModel, seed: int) -> Any:
    drop_models()  # The trained network comes first, and nothing after it needs that one.
    return untrained_coca(coca, seed)
