"""How far half precision moves embeddings and captions from fp32.

    python benchmarks/precision.py [--model coca_ViT-B-32] [--device cpu] [--json]

fp16 is what the engine takes on a GPU; bf16, which it never takes, is shown to say why. The frames
are of the drawn world, which the embedded model (`--model local-dir:gap_assets/models/coca`) knows;
an open_clip name has random weights here, under which the next token is often nearly a tie.
"""

import argparse
import copy
from dataclasses import replace

import numpy as np
import torch
from common import random_seed, report
from PIL import Image

from gap_assets.coca.engine import DecodeSettings, describe_frames
from gap_assets.coca.model import Coca, load_coca
from gap_assets.coca.text import embed_texts
from gap_assets.pipeline.captions import calibration_captions
from gap_assets.video.picture import jpeg
from gap_assets.world.drawing import draw_frame
from gap_assets.world.stories import draw_film


def outputs(coca: Coca, frames: list[bytes], texts: list[str]) -> tuple[np.ndarray, list[str]]:
    """Embeddings of frames and texts, one after the other, and the captions."""
    batches = list(describe_frames(coca, frames, decode=DecodeSettings(), batch_size=16))
    captions = [caption.text for batch in batches for caption in batch.captions]
    rows = [batch.embeddings for batch in batches] + [embed_texts(coca, texts).embeddings]
    return np.concatenate(rows), captions


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="coca_ViT-B-32", help="an open_clip name or local-dir:")
    parser.add_argument("--frames", type=int, default=16)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    films = [draw_film(5, index, split="held-out") for index in range(options.frames)]
    frames = [jpeg(Image.fromarray(draw_frame(film, 0)), 90) for film in films]
    texts = calibration_captions(options.model)[:16]
    full = load_coca(
        model=options.model,
        weights=None,
        device=options.device,
        precision="fp32",
        seed=random_seed(options.model),
    )
    rows, captions = outputs(full, frames, texts)
    weights = copy.deepcopy(full.module.state_dict())
    figures: dict[str, float | int | str | None] = {
        "model": options.model,
        "weights": "trained" if options.model.startswith("local-dir:") else "random",
        "frames": len(frames),
    }
    for name, dtype in (("fp16", torch.float16), ("bf16", torch.bfloat16)):
        # Casting happens in place: start from the fp32 weights each time.
        full.module.float().load_state_dict(weights)
        low = replace(full, module=full.module.to(dtype), dtype=dtype, decoders={})
        low_rows, low_captions = outputs(low, frames, texts)
        cosines = (rows * low_rows).sum(axis=1)
        figures[f"{name}_frames_least_cosine"] = float(cosines[: len(frames)].min())
        figures[f"{name}_texts_least_cosine"] = float(cosines[len(frames) :].min())
        same = [a == b for a, b in zip(captions, low_captions, strict=True)]
        figures[f"{name}_same_captions"] = float(np.mean(same))
    report(
        "Half precision against fp32",
        figures=figures,
        packages=("torch", "open_clip_torch", "numpy"),
        as_json=options.json,
    )


if __name__ == "__main__":
    main()
