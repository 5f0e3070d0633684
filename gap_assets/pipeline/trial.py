"""How fast the chosen models are on this machine, tried on a few pictures.

What follows from that for a folder is in `gap_assets.pipeline.estimate`.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from typing import Any

from gap_assets.encoders.choice import Encoders
from gap_assets.parameters import (
    CaptionFilter,
    Captioning,
    CocaModel,
    FrameSampling,
    GapStatistics,
    SummarizerModel,
)
from gap_assets.pipeline.decoded_frames import decode_jpeg
from gap_assets.pipeline.encoders import reads_videos
from gap_assets.pipeline.frames import decode_settings
from gap_assets.pipeline.models import resident_coca, resident_encoder, resident_summarizer

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
    encoders: Encoders


@dataclass(frozen=True, kw_only=True)
class Speeds:
    """Seconds that the models take.

    Attributes:
        frame_described: To caption and embed a frame.
        frame_embedded: To embed it only.
        video_texts_embedded: To embed a video's captions and its summary.
        video_summarized: To write the summary.
        frame_by_encoders: To embed a frame by all other encoders of pictures.
        video_by_encoders: To embed a video's texts by all other encoders, and the video by those
            that read whole videos.
    """

    frame_described: float
    frame_embedded: float
    video_texts_embedded: float
    video_summarized: float
    frame_by_encoders: float
    video_by_encoders: float


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
    by_frame, by_video = _try_encoders(chosen.encoders, pictures, videos[0])
    return Speeds(
        frame_described=described,
        frame_embedded=embedded,
        video_texts_embedded=_try_texts(chosen, videos),
        video_summarized=_try_summaries(chosen, filtered),
        frame_by_encoders=by_frame,
        video_by_encoders=by_video,
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


def _try_encoders(
    encoders: Encoders, pictures: Sequence[bytes], texts: Sequence[str]
) -> tuple[float, float]:
    """Seconds of a frame and of a video with some texts, by all of them together."""
    shown = [decode_jpeg(picture) for picture in pictures[:TRIED_AT_ONCE]]
    by_frame = by_video = 0.0
    for name in encoders.names:
        encoder = resident_encoder(name, encoders)
        started = time.monotonic()
        encoder.embed_texts(texts)
        if reads_videos(encoder):
            encoder.embed_videos([[shown[0]] * encoder.frames])
        by_video += time.monotonic() - started
        if not reads_videos(encoder):
            started = time.monotonic()
            encoder.embed_images(shown)
            by_frame += (time.monotonic() - started) / len(shown)
    return by_frame, by_video


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
