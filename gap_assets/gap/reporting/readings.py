"""What a reader should take from the numbers beside the verdict, a sentence or two each.

Every sentence states the numbers it rests on, and is left out where they are missing.
"""

import math
from collections.abc import Iterator

import numpy as np

from gap_assets.gap.metric_rows import matched
from gap_assets.gap.reporting.numbers import Numbers, mean_and_spread, number
from gap_assets.gap.reporting.verdict import gap_outcome


def readings(numbers: Numbers) -> list[str]:
    """What the rest of the page says, a sentence or two each."""
    topics = (
        _copies,
        _identity,
        _sample_size,
        _before_training,
        _style,
        _after_centring,
        _retrieval,
    )
    return [sentence for topic in topics for sentence in topic(numbers)]


def _identity(numbers: Numbers) -> Iterator[str]:
    x, y = numbers.value("cone_video"), numbers.value("cone_text")
    cross, gap = numbers.value("mismatched_cosine"), numbers.value("centroid_gap_debiased")
    if not math.isnan(x + y + cross + gap):
        yield (
            f"The squared gap is a sum of cosines: {x:.2f} + {y:.2f} − 2 × {cross:.2f} ="
            f" {gap**2:.2f} = {gap:.2f}². "
            + (
                "Two items of one modality, averaged over both, are closer to each other than a"
                " video is to another video's text."
                if gap**2 > 0
                else "Two items of one modality are no closer than two of different modalities."
            )
        )


def _sample_size(numbers: Numbers) -> Iterator[str]:
    gap = numbers.value("centroid_gap")
    other = max(numbers.value("split_half_gap_video"), numbers.value("split_half_gap_text"))
    if gap_outcome(numbers) == "present" and gap < other:
        yield (
            f"Two samples of one modality are {number(other, 2)} apart by chance at this size: "
            "only because each text is compared with its own video does the gap show."
        )


def _copies(numbers: Numbers) -> Iterator[str]:
    copies, n = numbers.find("near_copies"), numbers.value("independent_videos")
    if copies and copies.value:
        yield (
            f"{number(copies.value)} of {copies.n} videos are near-copies of another one, in"
            f" picture and text; they count as {number(n)} independent videos in all intervals and"
            " tests."
        )


def _before_training(numbers: Numbers) -> Iterator[str]:
    values = numbers.untrained("centroid_gap_debiased")
    if values:
        # Of the same videos, where the untrained networks saw some of them only.
        encoder = matched(numbers.plan.encoder)
        same = numbers.find("centroid_gap_debiased", encoder=encoder)
        before = float(np.mean(values))
        now = same.value if same else numbers.value("centroid_gap_debiased")
        change = "smaller" if now < before else "larger"
        yield (
            f"Untrained networks of the same architecture have a gap of {mean_and_spread(values)} "
            f"({len(values)} seeds) on {numbers.untrained_pairs()} of these videos; after training "
            f"it is {number(now, 2)}{' on the same ones' if same else ''}, {change} by"
            f" {abs(now - before) / max(before, 1e-9):.0%}."
        )


def _style(numbers: Numbers) -> Iterator[str]:
    plan = numbers.plan
    metric = (plan.encoder, "centroid_gap_debiased")
    gaps = [row for row in numbers.rows if (row.encoder, row.metric) == metric]
    ladder = {row.text_source: row.value for row in gaps if row.video_source == plan.video}
    texts = {source for source in ladder if numbers.find("knn_same_modality", text=source)}
    among = [row.value for row in gaps if {row.video_source, row.text_source} <= texts]
    if among and texts:
        least = min(ladder[source] for source in texts)
        yield (
            f"Text sources are {number(min(among), 2)} to {number(max(among), 2)} apart from each "
            f"other, and at least {number(least, 2)} from video. That bounds what wording and"
            " pooling do as far as these sources differ: those made of the same captions share"
            " their wording."
        )


def _after_centring(numbers: Numbers) -> Iterator[str]:
    names = ("knn_same_modality", "recall_at_1")
    before = [numbers.value(f"{name}_after_shift_0") for name in names]
    after = [numbers.value(f"{name}_after_centring_1") for name in names]
    chance = numbers.value("knn_swapped_after_centring_1")
    if not math.isnan(sum(before) + sum(after)):
        was, now = (f"{share:.0%}" for share in (before[1], after[1]))
        moved = f"stays at {was}" if was == now else f"goes from {was} to {now}"
        yield (
            "Subtracting each modality's mean (held out) leaves a gap of "
            f"{number(numbers.value('centroid_gap_debiased_after_centring_1'), 2)}; "
            f"{after[0]:.0%} of nearest neighbours are of the own modality (before: "
            f"{before[0]:.0%}; with swapped labels: {chance:.0%}), and recall at 1"
            f" {moved}."
        )


def _retrieval(numbers: Numbers) -> Iterator[str]:
    row = numbers.find("recall_at_1_text_to_video")
    if row:
        times = row.value * row.n
        yield (
            f"A text finds its own video first in {row.value:.0%} of cases ({times:.0f} times "
            f"chance with {row.n} videos). With texts and videos in one gallery, the median rank "
            f"of a video's own text is {numbers.value('mixed_gallery_median_rank_video'):g} "
            f"of {2 * row.n - 1}."
        )
