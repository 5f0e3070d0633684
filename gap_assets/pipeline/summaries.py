"""Summaries on their way into the warehouse: a language model reads each video's filtered captions.

How it is asked and what its answers are worth is `gap_assets.summaries`'s business.
"""

from collections.abc import Sequence
from itertools import groupby

from gap_assets.parameters import SummarizerModel
from gap_assets.pipeline.models import resident_summarizer
from gap_assets.warehouse.ledger import Results
from gap_assets.warehouse.rows import by_video, typed_rows
from gap_assets.warehouse.store import Warehouse

CAPTIONS = """
    SELECT video_id, caption, frames FROM filtered_captions WHERE video_id IN (FROM given)
    ORDER BY video_id, rank
"""


def summarize_videos(
    videos: Sequence[str], *, warehouse: Warehouse, summarizer: SummarizerModel
) -> Results:
    """One summary of each video that has captions."""
    from gap_assets.summaries.summarizer import summarize

    returns = summarizer.returns
    captions = by_video(warehouse.read(CAPTIONS, videos=videos))
    if not captions:
        return Results(rows={"video_summaries": typed_rows("video_summaries", [])})
    summaries = summarize(
        resident_summarizer(summarizer),
        [
            captions_to_read(rows["caption"].to_list(), rows["frames"].to_list(), returns=returns)
            for rows in captions.values()
        ],
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


def captions_to_read(
    captions: Sequence[str], frames: Sequence[Sequence[int]], *, returns: bool
) -> list[str]:
    """What the language model is given of a video's filtered captions.

    Args:
        captions: Those that were kept, in the order of time.
        frames: Of each, the frames that it stands for.
        returns: Whether it is given again each time the video comes back to it.
    """
    if not returns:
        return list(captions)
    by_frame = sorted((frame, k) for k, of_one in enumerate(frames) for frame in of_one)
    return [captions[k] for k, _ in groupby(k for _, k in by_frame)]
