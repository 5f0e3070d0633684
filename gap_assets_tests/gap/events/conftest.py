"""Events of simulated videos, with a planted tie between a sentence and the frames of its time."""

import numpy as np

from gap_assets.gap.events.data import Events


def unit(rows):
    return (rows / np.linalg.norm(rows, axis=-1, keepdims=True)).astype(np.float32)


def simulated(videos=30, d=16, *, tie=1.0, topic=1.0, gap=1.0, frames=4, most=4, seed=0):
    """Videos of one to `most` events, all of `frames` frames.

    Args:
        videos: How many.
        d: Dimensions.
        tie: How much sentence and frames of an event have in common.
        topic: How much all of a video has in common.
        gap: How far sentences are moved from frames.
        frames: Of each event.
        most: Events of a video.
        seed: Of all of it.
    """
    rng = np.random.default_rng(seed)
    rows = {name: [] for name in ("video", "sentences", "inside", "still", "outside", "ahead")}
    whole, stills = [], []
    for video in range(videos):
        count = 1 + video % most
        shared = topic * rng.normal(size=d)
        content = shared + tie * rng.normal(size=(count, d))
        said = content + 0.3 * rng.normal(size=(count, d))
        said[:, 0] += gap * np.sqrt(d)
        said = unit(said)
        seen = unit(content[:, None] + 0.3 * rng.normal(size=(count, frames, d)))
        whole.append(seen.mean(axis=(0, 1)))
        stills.append(seen[:, frames // 2].sum(axis=0))
        for event in range(count):
            others = np.delete(seen, event, axis=0).reshape(-1, d) @ said[event]
            own = seen[event] @ said[event]
            rows["video"].append(video)
            rows["sentences"].append(said[event])
            rows["inside"].append(seen[event].mean(axis=0))
            rows["still"].append(seen[event, frames // 2] @ said[event])
            rows["outside"].append(others.mean() if count > 1 else np.nan)
            ahead = (own[:, None] > others).mean() if count > 1 else np.nan
            rows["ahead"].append(ahead)
    arrays = {name: np.array(values) for name, values in rows.items()}
    n = len(arrays["video"])
    return Events(
        **arrays,
        whole=np.array(whole),
        stills=np.array(stills),
        length_s=np.arange(1.0, n + 1),
        n_frames=np.full(n, frames),
    )
