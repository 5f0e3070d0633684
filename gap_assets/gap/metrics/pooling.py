"""How much of a gap between videos and texts is pooling: many vectors that become one.

A video is the mean of its frames and a text may be the mean of captions. Their plain means leave
the centroids where those of frames and captions are; making a mean a unit vector again moves it
outwards, the more the shorter it was.
"""

from dataclasses import dataclass

import numpy as np

from gap_assets.gap.metrics.moments import u_statistics
from gap_assets.gap.pairs import AnyFloats, FloatArray, Labels


@dataclass(frozen=True, kw_only=True)
class Pooled:
    """The stages from frames and captions to one vector each, of the same N videos, (N, D).

    Attributes:
        frames: Means of unit frames, not made unit vectors.
        captions: Means of unit captions, not made unit vectors.
        video: The fused video as a unit vector.
        caption: The mean caption as a unit vector.
        text: The main text as a unit vector.
        counts: (N,) frames of each video, and captions.
    """

    frames: FloatArray
    captions: FloatArray
    video: FloatArray
    caption: FloatArray
    text: FloatArray
    counts: FloatArray


def pooling(
    given: Pooled, *, weights: FloatArray, clusters: Labels | None = None
) -> dict[str, FloatArray]:
    """Splits the squared gap into the encoder's own and what each stage of pooling adds.

    The squared debiased gap is a telescoping sum over the stages (frames, captions), (video,
    captions), (video, caption), (video, text); the parts add up to the last, exactly.

    Args:
        given: The stages.
        weights: (B, C) as in `moments.closed_form`.
        clusters: As there.

    Returns:
        Name to (B,) values: pooling_encoder, pooling_video, pooling_captions, pooling_text, which
        may be negative; and temporal_icc, caption_icc, NaN where no video has two frames.
    """
    stages = [
        (given.frames, given.captions),
        (given.video, given.captions),
        (given.video, given.caption),
        (given.video, given.text),
    ]
    found = [
        u_statistics(video, text, weights=weights, clusters=clusters) for video, text in stages
    ]
    gaps, between = [stage.squared_gap for stage in found], found[0]
    units = np.arange(len(given.counts)) if clusters is None else clusters
    per_video = weights[:, units]
    return {
        "pooling_encoder": gaps[0],
        "pooling_video": gaps[1] - gaps[0],
        "pooling_captions": gaps[2] - gaps[1],
        "pooling_text": gaps[3] - gaps[2],
        "temporal_icc": _icc(given.frames, given.counts, between.cone_video, per_video),
        "caption_icc": _icc(given.captions, given.counts, between.cone_text, per_video),
    }


def _icc(
    means: AnyFloats, counts: FloatArray, between: FloatArray, weights: FloatArray
) -> FloatArray:
    """(B,) intraclass correlation of unit vectors, of which means (N, D) and counts (N,) are known.

    (within - between) / (1 - between), with the mean cosine of two different frames of a video,
    (n |m|^2 - 1) / (n - 1), and of frames of two videos.
    """
    several = counts > 1
    lengths = np.einsum("nd,nd->n", means, means)[several]
    within = (counts[several] * lengths - 1) / (counts[several] - 1)
    total = weights[:, several].sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = weights[:, several] @ within / total
        return np.asarray((mean - between) / (1 - between))
