"""Who is near to whom: ranks of pairs, nearest neighbours, and a ranking with the gap taken out.

To take the gap out is to subtract from each modality its own mean, as `gap_metrics` does for its
centred numbers; here the means are of all pairs that are shown.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gap_assets.gap.metrics.retrieval import closer_and_tied, middle_rank
from gap_assets.gap.pairs import unit_rows
from gap_assets.viewer.pairs_shown import PairsShown, Vectors

NEIGHBOURS = 6
HITS = 50
FIRST = 20  # of which the page counts the texts; as many as there are videos if these are fewer

Item = tuple[int, float]
"""A pair by its index, and the cosine to it."""


def neighbours(shown: PairsShown, indices: Sequence[int]) -> list[dict[str, Any]]:
    """Of some pairs: the ranks of their partners, and the nearest of both modalities.

    Args:
        shown: All pairs, N of them.
        indices: Which ones; the memory is N numbers for each.

    Returns:
        Of each: `text_rank`, that of its text among all texts by closeness to the video, and
        `video_rank`, the other way round, both from 1, ties counted half; and `near_video` and
        `near_text` with `videos` and `texts`, other pairs as (index, cosine), nearest first.
    """
    rows = np.asarray(indices, dtype=np.intp)
    ranks, near = {}, {}
    for name, queries, other in (
        ("video", shown.video[rows], shown.text),
        ("text", shown.text[rows], shown.video),
    ):
        across = queries @ other.T
        own = across[np.arange(len(rows)), rows][:, None].copy()
        across[np.arange(len(rows)), rows] = -np.inf
        ranks[name] = middle_rank(*closer_and_tied(across, own))
        within = queries @ (shown.video if name == "video" else shown.text).T
        within[np.arange(len(rows)), rows] = -np.inf
        by_modality = (within, across) if name == "video" else (across, within)
        near[name] = [_nearest(cosines, NEIGHBOURS) for cosines in by_modality]
    return [
        {
            "text_rank": float(ranks["video"][i]),
            "video_rank": float(ranks["text"][i]),
            **{
                f"near_{name}": {"videos": videos[i], "texts": texts[i]}
                for name, (videos, texts) in near.items()
            },
        }
        for i in range(len(rows))
    ]


def _nearest(cosines: Vectors, count: int) -> list[list[Item]]:
    """The largest of each row in falling order; what is -inf does not compete."""
    count = min(count, cosines.shape[1])
    some = np.argpartition(-cosines, count - 1, axis=1)[:, :count]
    found = []
    for row, columns in zip(cosines, some, strict=True):
        order = columns[np.argsort(-row[columns], kind="stable")]
        found.append([(int(i), round(float(row[i]), 4)) for i in order if np.isfinite(row[i])])
    return found


@dataclass(frozen=True, kw_only=True)
class Hits:
    """The nearest of a gallery to a sentence.

    Attributes:
        items: (index, modality, cosine), nearest first.
        ranks: Of each item its rank in the other of the two rankings, from 1.
        first: 20, or the number of videos if that is less.
        texts_first: How many of so many first are texts.
    """

    items: list[tuple[int, str, float]]
    ranks: list[int]
    first: int
    texts_first: int


def rank_by(sentence: Vectors, shown: PairsShown, *, with_texts: bool) -> dict[str, Hits]:
    """Ranks videos, or videos and texts, by a sentence: as embedded, and with the gap taken out.

    Args:
        sentence: (D,) unit vector.
        shown: The pairs.
        with_texts: Whether the texts compete with the videos.

    Returns:
        `raw` and `centred`.
    """
    means = shown.video.mean(axis=0), shown.text.mean(axis=0)
    query = unit_rows((sentence - means[1])[None])[0].astype(np.float32)
    galleries = [("video", shown.video, means[0])]
    if with_texts:
        galleries.append(("text", shown.text, means[1]))
    raw = np.concatenate([rows @ sentence for _, rows, _ in galleries])
    centred = np.concatenate([_centred(rows, mean) @ query for _, rows, mean in galleries])
    orders = {
        "raw": np.argsort(-raw, kind="stable"),
        "centred": np.argsort(-centred, kind="stable"),
    }
    n = len(shown.video_ids)
    places = {name: np.argsort(order) for name, order in orders.items()}
    found = {}
    for name, other, cosines in (("raw", "centred", raw), ("centred", "raw", centred)):
        best = orders[name][:HITS]
        found[name] = Hits(
            items=[
                (int(i % n), "text" if i >= n else "video", round(float(cosines[i]), 4))
                for i in best
            ],
            ranks=[int(places[other][i]) + 1 for i in best],
            first=min(FIRST, n),
            texts_first=int((orders[name][: min(FIRST, n)] >= n).sum()),
        )
    return found


def _centred(rows: Vectors, mean: Vectors) -> Vectors:
    """Unit rows (N, D) after the mean is subtracted; a row that is the mean stays zero."""
    moved = rows - mean
    return np.asarray(moved / np.maximum(np.linalg.norm(moved, axis=1, keepdims=True), 1e-12))
