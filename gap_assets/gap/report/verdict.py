"""Numbers turned into sentences: the verdict, and what a reader should take from the rest.

Every sentence states the numbers it rests on, and is left out where they are missing.
"""

import math
from collections.abc import Iterator, Sequence

import numpy as np

from gap_assets.gap.metric_rows import MetricPlan, MetricRow

LEVEL = 0.05  # of the label flips; n pairs reach 2 / 2^n at least
CONE = 0.1  # a smaller mean cosine means angles of 84 degrees and more: hardly a cone


class Numbers:
    """The rows of a warehouse's `gap_metrics`, looked up from the main pair of sources."""

    def __init__(self, rows: Sequence[MetricRow], plan: MetricPlan) -> None:
        self.rows, self.plan = rows, plan
        self._index = {
            (row.encoder, row.video_source, row.text_source, row.metric): row for row in rows
        }

    def find(
        self, metric: str, *, encoder: str = "", video: str = "", text: str = ""
    ) -> MetricRow | None:
        """The row of a metric; the main encoder and sources where none are named."""
        plan = self.plan
        key = (encoder or plan.encoder, video or plan.video, text or plan.text, metric)
        return self._index.get(key)

    def value(self, metric: str) -> float:
        """Value for the main pair, NaN where missing."""
        row = self.find(metric)
        return row.value if row else math.nan

    def main(self) -> list[MetricRow]:
        """All rows of the main pair."""
        return [row for row in self.rows if row is self.find(row.metric)]

    def untrained(self, metric: str, **sources: str) -> list[float]:
        """The metric for each untrained network that has it."""
        return [row.value for row in self._untrained(metric, **sources)]

    def untrained_pairs(self) -> int:
        """On how many videos the untrained networks were measured; 0 without any."""
        return min((row.n for row in self._untrained("centroid_gap")), default=0)

    def _untrained(self, metric: str, **sources: str) -> list[MetricRow]:
        names = dict.fromkeys(row.encoder for row in self.rows)
        networks = [name for name in names if name != self.plan.encoder and "×" not in name]
        rows = (self.find(metric, encoder=name, **sources) for name in networks)
        return [row for row in rows if row]

    def crossed(self, metric: str, source: str) -> list[float]:
        """The metric between two untrained networks, one tower each: a gap without modalities."""
        return [
            row.value
            for row in self.rows
            if "×" in row.encoder and (row.video_source, row.metric) == (source, metric)
        ]


def number(value: float, digits: int = 3) -> str:
    """A number for people: a true minus, fewer decimals for larger values, none for counts."""
    if math.isnan(value):
        return "—"
    if value == round(value) and abs(value) > 1:
        digits = 0
    elif abs(value) >= 3:
        digits = 2 if abs(value) < 10 else 1 if abs(value) < 1000 else 0
    return f"{value:.{digits}f}".replace("-", "−")


def with_interval(row: MetricRow | None, *, missing: str = "—") -> str:
    """`0.851 [0.844, 0.858]`."""
    if row is None:
        return missing
    if row.ci_low is None or row.ci_high is None:
        return number(row.value)
    return f"{number(row.value)} [{number(row.ci_low)}, {number(row.ci_high)}]"


def mean_and_spread(values: Sequence[float]) -> str:
    """`1.01 ± 0.02`: mean and standard deviation over seeds."""
    if not values:
        return ""
    spread = f" ± {np.std(values, ddof=1):.2f}" if len(values) > 1 else ""
    return number(float(np.mean(values)), 2) + spread


def gap_exists(numbers: Numbers) -> bool:
    """Whether the debiased gap is above 0 and exchanging labels within pairs never shows as much.

    The pairs make this test sharp: what the videos of a small sample share cancels in each pair.
    """
    gap = numbers.find("centroid_gap_debiased")
    return gap is not None and _lowest(gap) > 0 and not numbers.value("sign_flip_p_value") > LEVEL


def verdict(numbers: Numbers) -> str:
    """One sentence on the gap and one on the cones."""
    gap = numbers.find("centroid_gap_debiased")
    if gap is None:
        return "There are no metrics for this pair of sources yet."
    if gap_exists(numbers):
        raw, times = numbers.value("centroid_gap"), numbers.value("gap_over_noise_floor")
        first = (
            f"The modality gap exists here: {with_interval(gap)} without bias; the raw gap of"
            f" {number(raw)} is {number(times, 1)} times the noise floor."
        )
    elif 2 ** (1 - gap.n) > LEVEL:
        first = (
            f"{gap.n} videos are too few to tell a modality gap from noise: {number(gap.value)}."
        )
    else:
        first = f"No modality gap beyond noise: {with_interval(gap)}."
    cones = {name: row for name in ("video", "text") if (row := numbers.find(f"cone_{name}"))}
    means = " and ".join(f"{with_interval(row)} for {name}" for name, row in cones.items())
    evident = len(cones) == 2 and all(_lowest(row) > CONE for row in cones.values())
    effect = "The cone effect exists too" if evident else "The cone effect is weak or absent"
    return f"{first} {effect}: the mean cosine is {means}."


def _lowest(row: MetricRow) -> float:
    """The lower end of the interval, or the value where there is none."""
    return row.value if row.ci_low is None else row.ci_low


def readings(numbers: Numbers) -> list[str]:
    """What the rest of the page says, a sentence or two each."""
    topics = (_identity, _sample_size, _before_training, _style, _after_centring, _retrieval)
    return [sentence for topic in topics for sentence in topic(numbers)]


def _identity(numbers: Numbers) -> Iterator[str]:
    x, y = numbers.value("cone_video"), numbers.value("cone_text")
    cross, gap = numbers.value("mismatched_cosine"), numbers.value("centroid_gap_debiased")
    if not math.isnan(x + y + cross + gap):
        yield (
            f"Gap and cones are one fact: {x:.2f} + {y:.2f} − 2 × {cross:.2f} = {gap**2:.2f} = "
            f"{gap:.2f}². Two items of one modality, averaged over both, are closer to each other "
            "than a video is to another video's text."
            if gap**2 > 0
            else "Two items of one modality are no closer than two of different modalities."
        )


def _sample_size(numbers: Numbers) -> Iterator[str]:
    gap = numbers.value("centroid_gap")
    other = max(numbers.value("split_half_gap_video"), numbers.value("split_half_gap_text"))
    if gap_exists(numbers) and gap < other:
        yield (
            f"Two samples of one modality are {number(other, 2)} apart by chance at this size: "
            "only because each text is compared with its own video does the gap show."
        )


def _before_training(numbers: Numbers) -> Iterator[str]:
    values = numbers.untrained("centroid_gap_debiased")
    if values:
        before, now = float(np.mean(values)), numbers.value("centroid_gap_debiased")
        change = "smaller" if now < before else "larger"
        yield (
            f"Untrained networks of the same architecture have a gap of {mean_and_spread(values)} "
            f"({len(values)} seeds) on {numbers.untrained_pairs()} of these videos; after training "
            f"it is {number(now, 2)}, {change} by {abs(now - before) / max(before, 1e-9):.0%}."
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
        may = "does not explain" if least > 2 * max(among) else "may explain part of"
        yield (
            f"Text sources are {number(min(among), 2)} to {number(max(among), 2)} apart from each "
            f"other, and at least {number(least, 2)} from video: style of wording {may} the gap."
        )


def _after_centring(numbers: Numbers) -> Iterator[str]:
    names = ("knn_same_modality", "recall_at_1")
    before = [numbers.value(f"{name}_after_shift_0") for name in names]
    after = [numbers.value(f"{name}_after_centring_1") for name in names]
    if not math.isnan(sum(before) + sum(after)):
        yield (
            "Subtracting each modality's mean (held out) leaves a gap of "
            f"{number(numbers.value('centroid_gap_debiased_after_centring_1'), 2)}; "
            f"{after[0]:.0%} of nearest neighbours are still of the own modality (before: "
            f"{before[0]:.0%}), and recall at 1 goes from {before[1]:.0%} to {after[1]:.0%}."
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
