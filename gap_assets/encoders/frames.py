"""Which of a video's sampled frames a video encoder reads.

How a video is sampled in the first place is `gap_assets.video.sampling`'s business.
"""

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate


def frames_read(repeats: Sequence[int], *, frames: int) -> list[int]:
    """Positions of the frames that an encoder reads, evenly spaced over time and in order.

    The video is cut into `frames` parts of the same length, and the frame that is shown in the
    middle of each is read; the same one again where a video shows fewer.

    Args:
        repeats: For each of n >= 1 sampled frames in their order, at how many of the sampled
            moments it is shown; each >= 1.
        frames: How many pictures the encoder reads.

    Returns:
        `frames` positions in `repeats`.

    Raises:
        ValueError: There is no frame, or one is never shown.
    """
    if not repeats or min(repeats) < 1:
        raise ValueError("A video encoder reads frames that are shown at least once.")
    shown_until = list(accumulate(repeats))
    moments = ((2 * i + 1) * shown_until[-1] // (2 * frames) for i in range(frames))
    return [bisect_right(shown_until, moment) for moment in moments]
