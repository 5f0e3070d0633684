"""CPU time per frame for caption and embedding: the engine against the notebook flow.

    python benchmarks/captions.py [--model coca_ViT-L-14] [--json]

Random weights, which seldom emit the end token: every caption takes all 29 steps, the worst case
of both sides. The notebook flow takes about 50 CPU-seconds per frame with coca_ViT-L-14.
"""

import argparse
import tempfile
from pathlib import Path

import notebook_flow
import numpy as np
import torch
from common import cpu_times, random_seed, report
from pictures import jpegs, pictures

from gap_assets.coca.decoder import CaptionDecoder
from gap_assets.coca.engine import DecodeSettings, FrameBatch, describe_frames
from gap_assets.coca.model import load_coca

MODES = {
    "greedy": DecodeSettings(mode="greedy"),
    "compat": DecodeSettings(mode="compat"),
    "beam_2": DecodeSettings(mode="beam", beams=2),
    "beam_6": DecodeSettings(mode="beam", beams=6),
}


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="coca_ViT-L-14", help="an open_clip name or local-dir:")
    parser.add_argument("--frames", type=int, default=16, help="for the engine")
    parser.add_argument("--baseline-frames", type=int, default=1, help="for the notebook flow")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--threads", type=int, default=1, help="of torch")
    parser.add_argument("--modes", nargs="+", choices=MODES, default=list(MODES))
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()

    torch.set_num_threads(options.threads)
    coca = load_coca(
        model=options.model, weights=None, device="cpu", seed=random_seed(options.model)
    )
    figures: dict[str, float | int | str | None] = {
        "model": options.model,
        "batch": options.batch,
        "frames_engine": options.frames,
        "frames_notebook": options.baseline_frames,
    }

    with tempfile.TemporaryDirectory() as folder:
        files = []
        for number, picture in enumerate(pictures(options.baseline_frames, width=640, height=360)):
            files.append(Path(folder) / f"{number}.png")
            picture.save(files[-1])
        described: list[tuple[list[int], torch.Tensor]] = []
        notebook = lambda: described.extend(  # noqa: E731
            notebook_flow.describe_frame(coca, file) for file in files
        )
        cost = cpu_times({"notebook": notebook}, repeats=1)["notebook"] / len(files)
        inputs = torch.cat([notebook_flow.notebook_input(coca, file) for file in files])
    figures["notebook_cpu_s_per_frame"] = cost

    # On the notebook's own inputs, so that the comparison of tokens is one of decoders alone.
    start, end = coca.tokenizer.sot_token_id, coca.tokenizer.eot_token_id
    decoder = CaptionDecoder(coca.module, start=start, end=end, settings=MODES["compat"])
    with torch.inference_mode():
        latent, image_tokens = coca.module.visual(inputs)
    same = [c.tokens for c in decoder.decode(image_tokens)] == [tokens for tokens, _ in described]
    figures["compat_same_tokens"] = same
    difference = torch.nn.functional.normalize(latent, dim=-1) - torch.stack(
        [embedding for _, embedding in described]
    )
    figures["embedding_max_difference"] = float(difference.abs().max())

    frames = jpegs(options.frames, short_side=coca.image_size)
    for name in options.modes:
        batches: list[FrameBatch] = []

        def describe(name: str = name, batches: list[FrameBatch] = batches) -> None:
            batches.extend(
                describe_frames(coca, frames, decode=MODES[name], batch_size=options.batch)
            )

        per_frame = cpu_times({name: describe}, repeats=1)[name] / options.frames
        coca.decoders.clear()
        logprobs = [caption.logprob for batch in batches for caption in batch.captions]
        figures[f"{name}_cpu_s_per_frame"] = per_frame
        figures[f"{name}_ratio_to_notebook"] = cost / per_frame
        figures[f"{name}_mean_logprob"] = float(np.mean(logprobs))
    report(
        "Caption and embedding of a frame: notebook flow over engine, CPU time",
        figures=figures,
        packages=("torch", "torchvision", "open_clip_torch", "numpy", "pillow"),
        as_json=options.json,
    )


if __name__ == "__main__":
    main()
