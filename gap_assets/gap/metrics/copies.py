"""Near-copies among the pairs: videos that are one case, not two.

A video that was uploaded twice, cut or encoded anew has nearly the same picture and nearly the same
text. Resampled as if they were independent, such videos make every interval too short.
"""

import numpy as np

from gap_assets.gap.metrics.moments import u_statistics
from gap_assets.gap.pairs import Labels, Pairs

NEAR = 0.1  # of the mean squared distance of two rows of the modality
BLOCK_CELLS = 1 << 22  # cosines per block: 16 MiB of float32


def near_copies(pairs: Pairs) -> Labels:
    """(N,) the cluster of each video, numbered from 0 in the order of their first videos.

    Two videos are near-copies if both their embeddings and those of their texts are closer than a
    tenth of the mean squared distance of two different ones. The first video that is in no cluster
    yet takes its near-copies with it, so that no chain of small steps joins what is far apart.
    """
    video, text = pairs.video.astype(np.float32), pairs.text.astype(np.float32)
    once = np.ones((1, len(pairs)))
    found = u_statistics(pairs.video, pairs.text, weights=once)
    bounds = [1 - NEAR * (1 - float(cone[0])) for cone in (found.cone_video, found.cone_text)]
    n, block = len(pairs), max(1, BLOCK_CELLS // len(pairs))
    clusters = np.full(n, -1, dtype=np.intp)
    count = 0
    for start in range(0, n, block):
        near = video[start : start + block] @ video.T >= bounds[0]
        for row in range(start, min(start + block, n)):
            if clusters[row] >= 0:
                continue
            candidates = np.flatnonzero(near[row - start] & (clusters < 0))
            copies = candidates[text[candidates] @ text[row] >= bounds[1]]
            clusters[copies] = count
            clusters[row] = count  # also where rounding makes it a stranger to itself
            count += 1
    return clusters


def copies_count(clusters: Labels) -> int:
    """How many videos share their cluster with another one."""
    sizes = np.bincount(clusters)
    return int(sizes[sizes > 1].sum())
