"""Keep the captions of a video that say something different, in the order of time.

What to keep is decided by `filter_captions` from captions and their text embeddings, which
`filter_videos` has made by CoCa where the method compares them.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain, groupby
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import squareform

from gap_assets.parameters import CaptionFilter, CocaModel
from gap_assets.pipeline.models import resident_coca
from gap_assets.warehouse.ledger import Results
from gap_assets.warehouse.rows import by_video, typed_rows
from gap_assets.warehouse.store import Warehouse

Method = Literal["cluster", "run_length", "none"]

CAPTIONS = """
    SELECT video_id, frame_index, caption, coalesce(repeats, 1) AS repeats
    FROM frame_captions LEFT JOIN frames USING (video_id, frame_index)
    WHERE video_id IN (FROM given) ORDER BY video_id, frame_index
"""


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """What "the same" means in one model's text space.

    Attributes:
        mean: (D,) mean of the unit embeddings of the reference captions: the axis of the cone.
        threshold: Cosine, after subtracting `mean`, above which two captions say the same.
    """

    mean: NDArray[np.float64]
    threshold: float


@dataclass(frozen=True, kw_only=True)
class KeptCaption:
    """A caption that stays.

    Attributes:
        position: Its position in the input.
        members: The positions that it stands for, its own included, in the order of time.
    """

    position: int
    members: tuple[int, ...]


def calibrate(embeddings: NDArray[np.floating], *, chance: float) -> Calibration:
    """Learn a model's cone and threshold from captions known to differ from each other.

    In a narrow cone every raw cosine is high (0.9 between unrelated captions is common), so no
    fixed threshold serves two models, or two tokenisations. Subtracting the mean removes what all
    captions share. The threshold is then a high quantile of the centred cosines of different
    captions: what hardly any two captions reach that say different things. Reference captions do
    not come from the corpus, so a video is filtered alike whatever videos are beside it.

    Args:
        embeddings: (n, D), n >= 3, of mutually different captions.
        chance: Share of mutually different captions that may be closer than the threshold.

    Raises:
        ValueError: Fewer than three captions.
    """
    if len(embeddings) < 3:
        raise ValueError("Calibration needs at least three captions that differ from each other.")
    vectors = np.asarray(embeddings, dtype=np.float64)
    mean = vectors.mean(axis=0)
    centred = _centred(vectors, mean)
    cosines = (centred @ centred.T)[np.triu_indices(len(centred), k=1)]
    return Calibration(mean=mean, threshold=float(np.quantile(cosines, 1 - chance)))


def _centred(vectors: NDArray[np.floating], mean: NDArray[np.float64]) -> NDArray[np.float64]:
    centred = np.asarray(vectors, dtype=np.float64) - mean
    norms = np.linalg.norm(centred, axis=1, keepdims=True)
    unit: NDArray[np.float64] = centred / np.maximum(norms, np.finfo(np.float64).tiny)
    return unit


def filter_captions(
    captions: Sequence[str],
    *,
    method: Method,
    repeats: Sequence[int] | None = None,
    embeddings: NDArray[np.floating] | None = None,
    calibration: Calibration | None = None,
) -> list[KeptCaption]:
    """Choose the captions of a video to keep.

    Captions count as equal where they differ in case, spaces or a final full stop only.

    Args:
        captions: n captions in the order of time.
        method: `none` keeps all. `run_length` keeps the first of each run of equal captions.
            `cluster` drops equal captions, clusters the others by average linkage on centred
            cosines, cut at the calibrated threshold, and keeps the medoid of each cluster: the
            caption closest to all its frames, at its first appearance, the first among equals.
        repeats: How often the frame of each caption counts; default: once.
        embeddings: (n, D) of the captions, for `cluster`.
        calibration: Of the model that made them, for `cluster`.

    Returns:
        Kept captions in the order of time; each of the n is a member of one.

    Raises:
        ValueError: `cluster` without embeddings (one per caption) or without calibration.
    """
    texts = [" ".join(caption.lower().split()).strip(" .") for caption in captions]
    counts = [1] * len(texts) if repeats is None else list(repeats)
    if method == "none":
        return [KeptCaption(position=i, members=(i,)) for i in range(len(texts))]
    if method == "run_length":
        runs = [list(run) for _, run in groupby(range(len(texts)), key=texts.__getitem__)]
        return [KeptCaption(position=run[0], members=tuple(run)) for run in runs]
    if embeddings is None or calibration is None or len(embeddings) != len(texts):
        raise ValueError("Clustering needs a calibration and one embedding per caption.")
    return _clustered(texts, counts, np.asarray(embeddings), calibration)


def _clustered(
    texts: list[str],
    counts: list[int],
    embeddings: NDArray[np.floating],
    calibration: Calibration,
) -> list[KeptCaption]:
    equal: dict[str, list[int]] = defaultdict(list)
    for position, text in enumerate(texts):
        equal[text].append(position)
    groups = [(positions[0], positions) for positions in equal.values()]
    vectors = _centred(embeddings, calibration.mean)
    merged = True
    # The medoids of two clusters can be closer than the clusters were, so until none are.
    while merged and len(groups) > 1:
        rows = vectors[[position for position, _ in groups]]
        distances = np.clip(1 - rows @ rows.T, 0, 2)
        np.fill_diagonal(distances, 0)
        tree = linkage(squareform(distances, checks=False), method="average")
        labels = fcluster(tree, 1 - calibration.threshold, criterion="distance")
        weights = np.array([sum(counts[k] for k in members) for _, members in groups])
        clusters = []
        for label in np.unique(labels):
            (inside,) = np.nonzero(labels == label)
            spread = distances[np.ix_(inside, inside)] @ weights[inside]
            # Rounded, so that equally good members tie and the first one wins.
            medoid = inside[np.argmin(spread.round(9))]
            members = sorted(chain.from_iterable(groups[k][1] for k in inside))
            clusters.append((groups[medoid][0], members))
        merged = len(clusters) < len(groups)
        groups = sorted(clusters)
    return [KeptCaption(position=position, members=tuple(members)) for position, members in groups]


def calibration_captions(model: str) -> list[str]:
    """Read the reference captions for a model.

    Args:
        model: As in `load_coca`. A `local-dir:` folder may bring `calibration_captions.txt`,
            written in the terms of that model's world; else a general list serves.
    """
    own = Path(model.removeprefix("local-dir:")) / "calibration_captions.txt"
    if not (model.startswith("local-dir:") and own.is_file()):
        own = Path(__file__).parent / "calibration_captions.txt"
    return [line.strip() for line in own.read_text(encoding="utf-8").splitlines() if line.strip()]


def calibrate_model(coca: CocaModel, caption_filter: CaptionFilter) -> Calibration | None:
    """How far apart captions of this model lie; None where the method does not compare them."""
    if caption_filter.method != "cluster":
        return None
    from gap_assets.coca.text import embed_texts

    captions = calibration_captions(coca.model)
    embeddings = embed_texts(resident_coca(coca), captions).embeddings
    return calibrate(embeddings, chance=caption_filter.chance)


def filter_videos(
    videos: Sequence[str],
    *,
    warehouse: Warehouse,
    coca: CocaModel,
    caption_filter: CaptionFilter,
    calibration: Callable[[], Calibration | None],
) -> Results:
    """The captions that each video keeps; `calibration` gives what `calibrate_model` does."""
    captions = warehouse.read(CAPTIONS, videos=videos)
    embeddings: dict[str, NDArray[np.float32]] = {}
    if caption_filter.method == "cluster" and len(captions):
        from gap_assets.coca.text import embed_texts

        texts = captions["caption"].unique(maintain_order=True).to_list()
        embedded = embed_texts(resident_coca(coca), texts).embeddings
        embeddings = dict(zip(texts, embedded, strict=True))
    rows = []
    for video, of_video in by_video(captions).items():
        texts = of_video["caption"].to_list()
        kept = filter_captions(
            texts,
            method=caption_filter.method,
            repeats=of_video["repeats"].to_list(),
            embeddings=np.stack([embeddings[text] for text in texts]) if embeddings else None,
            calibration=calibration(),
        )
        for rank, caption in enumerate(kept):
            at, frames = caption.position, of_video["frame_index"]
            members = [frames[k] for k in caption.members]
            size = sum(of_video["repeats"][k] for k in caption.members)
            rows.append((video, rank, frames[at], texts[at], size, members))
    return Results(rows={"filtered_captions": typed_rows("filtered_captions", rows)})
