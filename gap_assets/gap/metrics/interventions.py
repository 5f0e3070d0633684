"""What happens when the gap is tampered with: shifts, centring, dropped dimensions.

The loss landscape follows Liang et al. 2022, section 4.2. The other interventions are fitted on one
half of the videos and judged on the other, because a mean that saw the judged rows leaks.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gap_assets.gap.metrics.moments import closed_form
from gap_assets.gap.metrics.pairwise import compare_all
from gap_assets.gap.metrics.retrieval import recall_at
from gap_assets.gap.metrics.separability import MIN_PAIRS_FOR_HALVES, halves
from gap_assets.gap.pairs import FloatArray, Pairs, unit_rows

SHIFTS = np.concatenate([np.arange(-20, -5) / 10, np.arange(-10, 21) / 20])
UNSHIFTED = 25  # where SHIFTS is 0
PAPER_SCALES = (50.0, 20.0, 10.0, 1.0)  # 1 / temperature, figure 3 of the paper
MEASURES = ("centroid_gap_debiased", "knn_same_modality", "knn_swapped", "recall_at_1")
FLAT = 0.01  # nats: a difference of losses that training hardly feels
LOSS_BATCH = 50  # as in the paper's footnote 5; the loss depends on it
NOTHING_LEFT = 1e-6  # a row this short is rounding noise, whose direction means nothing
JUDGED = 2000  # held-out videos at most


def shifted(pairs: Pairs, amount: float, gap: FloatArray) -> Pairs:
    """Both modalities moved towards each other: normalise(x - amount gap), (y + amount gap).

    At amount 0.5 the centroids meet, at 1 they have changed sides.
    """
    return Pairs(unit_rows(pairs.video - amount * gap), unit_rows(pairs.text + amount * gap))


@dataclass(frozen=True)
class LossLandscape:
    """Contrastive loss over the S shifts `SHIFTS`; 0 is the data as it is."""

    gaps: FloatArray  # (S,) gap that remains, negative where the centroids have changed sides
    inverse_temperatures: tuple[float, ...]  # (T,) logit scales
    losses: FloatArray  # (T, S) in nats, symmetric InfoNCE in batches of 50

    def best_shifts(self) -> FloatArray:
        """(T,) shift of the smallest loss per temperature."""
        return np.asarray(SHIFTS[self.losses.argmin(axis=1)])

    def best_gap(self, temperature: int = 0) -> float:
        """The gap of the smallest loss at one of the temperatures."""
        return float(self.gaps[self.losses[temperature].argmin()])

    def at_edge(self, temperature: int = 0) -> bool:
        """Whether the smallest loss is the first or the last one, so that there may be smaller."""
        return self.losses[temperature].argmin() in (0, len(SHIFTS) - 1)

    def flat(self, temperature: int = 0) -> tuple[float, float]:
        """The gaps around the best one between which the loss is within 0.01 nats of the least."""
        losses = self.losses[temperature]
        best = int(losses.argmin())
        near = losses <= losses[best] + FLAT
        first, last = best, best
        while first > 0 and near[first - 1]:
            first -= 1
        while last < len(near) - 1 and near[last + 1]:
            last += 1
        ends = sorted((float(self.gaps[first]), float(self.gaps[last])))
        return ends[0], ends[1]


def loss_landscape(pairs: Pairs, *, logit_scale: float = 100.0) -> LossLandscape:
    """The contrastive loss as the gap closes: at the model's own logit scale, then the paper's."""
    scales = (logit_scale, *(scale for scale in PAPER_SCALES if scale != logit_scale))
    gap = pairs.video.mean(axis=0) - pairs.text.mean(axis=0)
    gaps, losses = [], []
    for amount in SHIFTS:
        moved = shifted(pairs, float(amount), gap)
        left = moved.video.mean(axis=0) - moved.text.mean(axis=0)
        gaps.append(np.copysign(np.linalg.norm(left), left @ gap))
        losses.append(contrastive_losses(moved, scales))
    return LossLandscape(np.array(gaps), scales, np.array(losses).T)


def contrastive_losses(pairs: Pairs, inverse_temperatures: Sequence[float]) -> list[float]:
    """Symmetric InfoNCE (Radford et al. 2021) over consecutive batches of 50, in nats."""
    from scipy.special import logsumexp

    size = min(LOSS_BATCH, len(pairs))
    n = len(pairs) // size * size
    video = pairs.video[:n].reshape(-1, size, pairs.video.shape[1])
    text = pairs.text[:n].reshape(-1, size, pairs.text.shape[1])
    cosines = video @ text.transpose(0, 2, 1)
    paired = np.einsum("bii->bi", cosines)
    losses = []
    for scale in inverse_temperatures:
        both = (logsumexp(scale * cosines, axis=1) + logsumexp(scale * cosines, axis=2)) / 2
        losses.append(float((both - scale * paired).mean()))
    return losses


@dataclass(frozen=True)
class Outcome:
    """What an intervention leaves, measured on n held-out videos."""

    kind: str  # "shift", "centring", "procrustes" or "dropping"
    amount: float  # part of the gap vector, or number of dimensions
    centroid_gap_debiased: float  # free of the noise of the held-out half
    knn_same_modality: float  # share of the 10 nearest that are of the own modality
    knn_swapped: float  # the same with labels swapped within pairs: no effect
    recall_at_1: float  # mean of both directions
    n: int


def intervene(pairs: Pairs, *, seed: int = 0) -> list[Outcome]:
    """Shifts, mean-centring, a rotation and dropping dimensions; [] for fewer than 8 pairs.

    What would leave nothing of a row, as centring does where all texts are the same, is left out.
    """
    if len(pairs) < MIN_PAIRS_FOR_HALVES:
        return []
    fit, judge = halves(len(pairs), seed=seed)
    held_out = pairs.take(judge[:JUDGED])
    means = pairs.video[fit].mean(axis=0), pairs.text[fit].mean(axis=0)
    gap = means[0] - means[1]
    outcomes = [
        _outcome("shift", amount, shifted(held_out, amount, gap))
        for amount in (0.0, 0.1, 0.2, 0.3, 0.4, 0.5)
    ]
    left = [
        ("centring", 1, held_out.video - means[0], held_out.text - means[1]),
        ("procrustes", 1, held_out.video, held_out.text @ _rotation(pairs.take(fit))),
    ]
    by_size = np.argsort(-np.abs(gap))
    for exponent in range((len(gap) // 4).bit_length()):
        kept = np.sort(by_size[2**exponent :])
        left.append(("dropping", 2**exponent, held_out.video[:, kept], held_out.text[:, kept]))
    outcomes += [
        _outcome(kind, amount, Pairs(unit_rows(video), unit_rows(text)))
        for kind, amount, video, text in left
        if np.linalg.norm([*video, *text], axis=1).min() > NOTHING_LEFT
    ]
    return outcomes


def _rotation(pairs: Pairs) -> FloatArray:
    """(D, D) the rotation that takes texts closest to their videos (orthogonal Procrustes)."""
    left, _, right = np.linalg.svd(pairs.text.T @ pairs.video)
    return np.asarray(left @ right)


def _outcome(kind: str, amount: float, pairs: Pairs) -> Outcome:
    moments = closed_form(pairs.video, pairs.text, weights=np.ones((1, len(pairs))))
    passes = compare_all(pairs)
    neighbours = passes.nearest_of_all()
    return Outcome(
        kind=kind,
        amount=amount,
        centroid_gap_debiased=float(moments["centroid_gap_debiased"][0]),
        knn_same_modality=neighbours.share(),
        knn_swapped=neighbours.swapped_share(),
        recall_at_1=float(
            np.mean([recall_at(1, way.closer, way.tied) for way in passes.directions.values()])
        ),
        n=len(pairs),
    )
