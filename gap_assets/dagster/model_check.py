"""The models of a run: checked and fetched before its first video is decoded."""

import dagster as dg

from gap_assets.dagster.resources import Captioning, CocaModel, Encoders, SummarizerModel
from gap_assets.graph import ENCODERS
from gap_assets.pipeline.model_check import ModelStatus, get_models

WITH_COCA = {
    *("frame_captions", "frame_embeddings", "filtered_captions"),
    *("text_embeddings", "event_embeddings"),
}
WITH_SUMMARIZER = {"video_summaries"}


def check_models_of_run(
    context: dg.AssetExecutionContext,
    coca: CocaModel,
    captioning: Captioning,
    summarizer: SummarizerModel,
    encoders: Encoders,
) -> None:
    """Refuses a run whose models cannot run here, and downloads those that are missing.

    Args:
        context: The run; the assets that it makes tell which models it needs.
        coca: The embedding CoCa.
        captioning: May name other weights.
        summarizer: The language model.
        encoders: The other encoders.

    Raises:
        dagster.Failure: With what is wrong and what to do, as one sentence.
    """
    made = {key.to_user_string() for key in context.job_def.asset_layer.selected_asset_keys}
    if not made & (WITH_COCA | WITH_SUMMARIZER):
        return
    asked = summarizer if made & WITH_SUMMARIZER else None

    def tell(models: list[ModelStatus]) -> None:
        for model in models:
            doing = "found" if model.here else "downloading"
            context.log.info(f"{model.role}: {doing} {model.name}, {model.bytes / 1e9:.2f} GB")

    try:
        get_models(
            coca=coca,
            captioning=captioning,
            summarizer=asked,
            encoders=encoders if ENCODERS in made else None,
            tell=tell,
        )
    except (RuntimeError, OSError, ValueError) as error:
        raise dg.Failure(str(error), allow_retries=False) from error
