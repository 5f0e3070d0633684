"""Where the frames of an event come among other videos, in blocks of sentences."""

import numpy as np
from numpy.typing import NDArray

from gap_assets.gap.events.data import Events
from gap_assets.gap.metrics.pairwise import BLOCK_CELLS
from gap_assets.gap.metrics.retrieval import closer_and_tied
from gap_assets.gap.pairs import FloatArray


def closer_videos(events: Events, chosen: NDArray[np.intp]) -> FloatArray:
    """(n,) other videos whose frames are closer to a sentence than its event's; a tie counts half.

    Closer by the mean cosine over frames. Memory is a few blocks, whatever n is.

    Args:
        events: The events.
        chosen: (n,) those to rank; their videos are the gallery.
    """
    present, own_place = np.unique(events.video[chosen], return_inverse=True)
    gallery = events.whole[present].T
    closer = np.empty(len(chosen))
    size = max(1, BLOCK_CELLS // max(len(present), 1))
    for start in range(0, len(chosen), size):
        block = slice(start, start + size)
        rows = chosen[block]
        sentences = events.sentences[rows]
        cosines = sentences @ gallery
        cosines[np.arange(len(rows)), own_place[block]] = -np.inf
        own = np.vecdot(sentences, events.inside[rows])[:, None]
        above, tied = closer_and_tied(cosines, own)
        closer[block] = above + tied / 2
    return closer
