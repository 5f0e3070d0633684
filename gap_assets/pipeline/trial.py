"""How fast the chosen models are on this machine, tried on a few pictures.

What follows from that for a folder is in `gap_assets.pipeline.estimate`.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from typing import Any

from gap_assets.parameters import (
    CaptionFilter,
    Captioning,
    CocaModel,
    FrameSampling,
    GapStatistics,
    SummarizerModel,
)
from gap_assets.pipeline.frames import decode_settings
from gap_assets.pipeline.models import resident_coca, resident_summarizer

TRIED_AT_ONCE = 16  # videos, a chunk of a run


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """What `gap_assets.settings.default_parameters` gives."""

    sampling: FrameSampling
    coca: CocaModel
    captioning: Captioning
    caption_filter: CaptionFilter
    summarizer: SummarizerModel
    statistics: GapStatistics


@dataclass(frozen=True, kw_only=True)
class Speeds:
    """Seconds that the models take.

    Attributes:
        frame_described: To caption and embed a frame.
        frame_embedded: To embed it only.
        video_texts_embedded: To embed a video's captions and its summary.
        video_summarized: To write the summary.
    """

    frame_described: float
    frame_embedded: float
    video_texts_embedded: float
    video_summarized: float


def try_models(chosen: Chosen, pictures: Sequence[bytes], *, captions: int) -> Speeds:
    """Runs the models on some pictures; as in a run, they make room for each other.

    Args:
        chosen: The models and their settings.
        pictures: JPEGs.
        captions: Of a video.
    """
    from gap_assets.pipeline.captions import filter_captions

    described, embedded, texts = _try_frames(chosen, pictures)
    videos = [list(islice(texts, captions)) for _ in range(TRIED_AT_ONCE)]
    filtered = [
        [of_video[kept.position] for kept in filter_captions(of_video, method="run_length")]
        for of_video in videos
    ]
    return Speeds(
        frame_described=described,
        frame_embedded=embedded,
        video_texts_embedded=_try_texts(chosen, videos),
        video_summarized=_try_summaries(chosen, filtered),
    )


def _try_frames(chosen: Chosen, pictures: Sequence[bytes]) -> tuple[float, float, Any]:
    """Seconds to describe a frame and to embed it, and captions without end."""
    from gap_assets.coca.engine import describe_frames, embed_frames

    size, other = chosen.coca.batch_size, chosen.captioning.weights
    coca = resident_coca(chosen.coca, weights=other)
    decode = decode_settings(chosen.captioning)
    for count in (4, 16, 64, 256):  # more where the model is fast: the first passes warm it up
        batch = list(islice(cycle(pictures), count))
        started = time.monotonic()
        found = list(describe_frames(coca, batch, decode=decode, batch_size=size))
        described = (time.monotonic() - started) / count
        if described * count > 5:
            break
    started = time.monotonic()
    embed_frames(coca, batch, batch_size=size)
    embedded = (time.monotonic() - started) / count
    if other not in (None, chosen.coca.weights):
        described += embedded  # Other weights caption than embed.
    return described, embedded, cycle([c.text for part in found for c in part.captions])


def _try_texts(chosen: Chosen, videos: Sequence[Sequence[str]]) -> float:
    from gap_assets.coca.text import embed_texts

    coca = resident_coca(chosen.coca)
    started = time.monotonic()
    embed_texts(coca, [text for texts in videos for text in (*texts, texts[0])])
    return (time.monotonic() - started) / len(videos)


def _try_summaries(chosen: Chosen, captions: Sequence[Sequence[str]]) -> float:
    from gap_assets.summaries.summarizer import summarize

    asked = chosen.summarizer
    summarizer = resident_summarizer(asked)
    started = time.monotonic()
    summarize(
        summarizer,
        captions,
        prompt=asked.prompt,
        max_new_tokens=asked.max_new_tokens,
        repetition_penalty=asked.repetition_penalty,
        batch_tokens=asked.batch_tokens,
    )
    return (time.monotonic() - started) / len(captions)
