"""What storing frames as JPEGs does to their embeddings and to the gap, by quality and colour.

    python benchmarks/jpeg.py [--model coca_ViT-B-32] [--json] [VIDEO ...]

The raw frame has the video's own size and is not compressed. A stored one is shrunk to the short
side that the profile stores, or to the model's input, and encoded; `png` is shrunk only, which
tells what the size does from what the compression does. The embedded model sees drawn videos with
their true summaries, so its gap means something. The other model has random weights and sees some
frames of the videos given, or drawn pictures; its texts are any captions, and its gap is only there
to be moved.
"""

import argparse
import json
from collections.abc import Sequence
from io import BytesIO
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from common import random_seed, report
from numpy.typing import NDArray
from pictures import pictures
from PIL import Image

from gap_assets.coca.engine import embed_frames
from gap_assets.coca.model import Coca, load_coca
from gap_assets.coca.text import embed_texts
from gap_assets.gap import as_json, scorecard
from gap_assets.pipeline.captions import calibration_captions
from gap_assets.pipeline.embeddings import mean
from gap_assets.profiles import PROFILES
from gap_assets.video.frames import sample_frames
from gap_assets.video.picture import shrink
from gap_assets.video.sampling import FixedCount, FramesPerSecond, Sampling
from gap_assets.world.samples import write_samples

Pixels = NDArray[np.uint8]

FORMATS: dict[str, dict[str, Any]] = {"png": {"format": "PNG"}} | {
    f"q{quality}_{colour.replace(':', '')}": {
        "format": "JPEG",
        "quality": quality,
        "subsampling": colour,
    }
    for quality in (75, 85, 90, 95)
    for colour in ("4:2:0", "4:4:4")
}


def encoded(picture: Image.Image, **options: Any) -> bytes:
    """The bytes of a picture file."""
    buffer = BytesIO()
    picture.save(buffer, **options)
    return buffer.getvalue()


def frames_of(path: Path, sampling: Sampling) -> list[Pixels]:
    """The sampled frames of a video, at its own size."""
    return [sampled.image for sampled in sample_frames(path, sampling=sampling)]


def measure(
    coca: Coca, videos: Sequence[Sequence[Pixels]], texts: Sequence[str], *, short_side: int
) -> dict[str, float]:
    """Bytes, cosines to the raw frames, gap and cone, for both short sides and all formats."""
    images = [image for frames in videos for image in frames]
    bounds = list(pairwise(np.cumsum([0, *map(len, videos)])))
    text = embed_texts(coca, texts).embeddings

    def gap_and_cone(rows: NDArray[np.float32], bootstraps: int = 0) -> list[dict[str, Any]]:
        fused = np.stack(
            [mean(rows[start:stop], np.ones(stop - start, int)) for start, stop in bounds]
        )
        found = as_json(scorecard(fused, text, bootstraps=bootstraps, permutations=0))
        return [found["centroid_gap"], found["cone_video"]]

    raw = embed_frames(
        coca, [encoded(Image.fromarray(image), format="BMP") for image in images], batch_size=16
    )
    gap, cone = gap_and_cone(raw, bootstraps=1000)
    figures: dict[str, float] = {"videos": len(videos), "frames": len(images)}
    figures |= {"gap": gap["value"], "gap_ci_low": gap["ci_low"], "gap_ci_high": gap["ci_high"]}
    figures["cone"] = cone["value"]
    for side in (short_side, coca.image_size):
        shrunk = [shrink(image, side) for image in images]
        for name, options in FORMATS.items():
            stored = [encoded(picture, **options) for picture in shrunk]
            rows = embed_frames(coca, stored, batch_size=16)
            cosines = (raw * rows).sum(axis=1)
            of_stored = gap_and_cone(rows)
            figures |= {
                f"{side}_{name}_bytes": float(np.mean([len(data) for data in stored])),
                f"{side}_{name}_least_cosine": float(cosines.min()),
                f"{side}_{name}_median_cosine": float(np.median(cosines)),
                f"{side}_{name}_gap_change": of_stored[0]["value"] - gap["value"],
                f"{side}_{name}_cone_change": of_stored[1]["value"] - cone["value"],
            }
    return figures


def embedded(count: int) -> dict[str, float]:
    """The embedded model on drawn videos and their true summaries."""
    profile = PROFILES["embedded"]
    with TemporaryDirectory() as folder:
        captions = write_samples(Path(folder), count=count, seed=5).read_text().splitlines()
        truths = [json.loads(line) for line in captions]
        videos = [
            frames_of(Path(folder) / f"{truth['video_id']}.mp4", FramesPerSecond(rate=1.0))
            for truth in truths
        ]
    coca = load_coca(model=profile.coca, weights=profile.weights, device="cpu")
    texts = [truth["caption"] for truth in truths]
    return measure(coca, videos, texts, short_side=profile.frame_short_side)


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("videos", nargs="*", type=Path, help="for the model with random weights")
    parser.add_argument("--model", default="coca_ViT-B-32", help="an open_clip name")
    parser.add_argument("--frames", type=int, default=3, help="of each of these videos")
    parser.add_argument("--drawn", type=int, default=64, help="videos for the embedded model")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    figures = {f"embedded_{name}": value for name, value in embedded(options.drawn).items()}
    videos = [frames_of(path, FixedCount(count=options.frames)) for path in options.videos] or [
        [np.asarray(picture)] for picture in pictures(16, width=640, height=360)
    ]
    texts = calibration_captions(options.model)[: len(videos)]
    found = measure(
        load_coca(model=options.model, weights=None, device="cpu", seed=random_seed(options.model)),
        videos,
        texts,
        short_side=PROFILES["hub"].frame_short_side,
    )
    report(
        "Stored frames against raw ones",
        figures={**figures, "model": options.model}
        | {f"random_{name}": value for name, value in found.items()},
        packages=("torch", "torchvision", "open_clip_torch", "av", "numpy", "pillow"),
        as_json=options.json,
    )


if __name__ == "__main__":
    main()
