"""Summaries on their way into the warehouse: a language model reads each video's filtered captions.

How it is asked and what its answers are worth is `gap_assets.summaries`'s business.
"""

from collections.abc import Sequence

from gap_assets.parameters import SummarizerModel
from gap_assets.pipeline.models import resident_summarizer
from gap_assets.warehouse.ledger import Results
from gap_assets.warehouse.rows import by_video, typed_rows
from gap_assets.warehouse.store import Warehouse

CAPTIONS = """
    SELECT video_id, caption FROM filtered_captions WHERE video_id IN (FROM given)
    ORDER BY video_id, rank
"""


def summarize_videos(
    videos: Sequence[str], *, warehouse: Warehouse, summarizer: SummarizerModel
) -> Results:
    """One summary of each video that has captions."""
    from gap_assets.summaries.summarizer import summarize

    captions = by_video(warehouse.read(CAPTIONS, videos=videos))
    if not captions:
        return Results(rows={"video_summaries": typed_rows("video_summaries", [])})
    summaries = summarize(
        resident_summarizer(summarizer),
        [rows["caption"].to_list() for rows in captions.values()],
        prompt=summarizer.prompt,
        max_new_tokens=summarizer.max_new_tokens,
        repetition_penalty=summarizer.repetition_penalty,
        batch_tokens=summarizer.batch_tokens,
    )
    rows = (
        (video, s.text, s.n_captions, s.truncated, s.ended, s.unsupported, s.fallback)
        for video, s in zip(captions, summaries, strict=True)
    )
    return Results(rows={"video_summaries": typed_rows("video_summaries", rows)})
