"""Frames per second of the CoCa engine on a GPU, against the machine's matrix-product peak.

    PYTHONPATH=. python benchmarks/gpu.py [--model coca_ViT-L-14] [--batches 64 128 256] [--json]

Needs torch, open_clip (with the torchvision and Pillow that it brings), av and numpy, nothing else.
Peak memory is what the process took from the GPU, CUDA's own context aside. Random weights seldom
emit the end token: captions take all 29 steps, where COCO-like ones take about 13. Runs on a CPU
too, for trying it out with a small model: `--model coca_ViT-B-32 --batches 2 --frames 4`.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import notebook_flow
import torch
from common import random_seed, report
from pictures import jpegs, pictures
from torch.utils.flop_counter import FlopCounterMode

from gap_assets.coca.decoder import CaptionDecoder
from gap_assets.coca.engine import DecodeSettings, describe_frames
from gap_assets.coca.model import Coca, load_coca
from gap_assets.profiles import PROFILES

MODES = {"greedy": DecodeSettings(), "beam_2": DecodeSettings(mode="beam", beams=2)}


def seconds(work: Callable[[], Any], device: torch.device, *, repeats: int = 3) -> float:
    """Wall time of `work` with the device's queue drained: the best of a few runs after one."""

    def once() -> float:
        started = time.perf_counter()
        work()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        return time.perf_counter() - started

    once()
    return min(once() for _ in range(repeats))


def matmul_peak(coca: Coca) -> float:
    """Measured FLOP/s of a large square matrix product in the model's precision."""
    side = 8192 if coca.device.type == "cuda" else 1024
    a, b = (torch.randn(side, side, device=coca.device, dtype=coca.dtype) for _ in range(2))
    return 2 * side**3 / seconds(lambda: a @ b, coca.device, repeats=10)


def encoder_flops(coca: Coca) -> int:
    """FLOP of the image encoder for one picture."""
    pixels = torch.randn(1, 3, coca.image_size, coca.image_size).to(coca.device, coca.dtype)
    # The counter sees nothing of the fused attention, projections included: a third of the encoder.
    torch.backends.mha.set_fastpath_enabled(False)
    with FlopCounterMode(display=False) as counter, torch.inference_mode():
        coca.module.visual(pixels)
    torch.backends.mha.set_fastpath_enabled(True)
    flops: int = counter.get_total_flops()
    return flops


def measure(coca: Coca, batch: int, peak: float) -> dict[str, float]:
    """Frames/s of the encoder alone and with captions, for one batch size, pixels at the device."""
    shape = (batch, 3, coca.image_size, coca.image_size)
    pixels = torch.randn(shape, device=coca.device, dtype=coca.dtype)

    @torch.inference_mode()
    def encode() -> torch.Tensor:
        image_tokens: torch.Tensor = coca.module.visual(pixels)[1]
        return image_tokens

    rate = batch / seconds(encode, coca.device)
    figures = {"encode": rate, "encode_share_of_peak": rate * encoder_flops(coca) / peak}
    for name, settings in MODES.items():
        if coca.device.type == "cuda":
            torch.cuda.empty_cache()
            torch.cuda.reset_peak_memory_stats(coca.device)
        figures[f"encode_{name}"] = batch / seconds(captioner(coca, settings, encode), coca.device)
        if coca.device.type == "cuda":
            # Reserved, not allocated: no tensor holds the memory that a recorded step works in.
            figures[f"{name}_peak_memory_gib"] = torch.cuda.max_memory_reserved(coca.device) / 2**30
    return figures


def captioner(
    coca: Coca, settings: DecodeSettings, encode: Callable[[], torch.Tensor]
) -> Callable[[], object]:
    """The work of encoding and captioning a batch; its caches go with it."""
    decoder = CaptionDecoder(
        coca.module,
        start=coca.tokenizer.sot_token_id,
        end=coca.tokenizer.eot_token_id,
        settings=settings,
    )
    return lambda: decoder.decode(encode())


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="coca_ViT-L-14", help="an open_clip name or local-dir:")
    parser.add_argument("--batches", type=int, nargs="+", default=[64, 128, 256, 512])
    parser.add_argument("--frames", type=int, default=4096, help="JPEGs of the end-to-end run")
    parser.add_argument("--baseline-frames", type=int, default=2)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--precision", default="auto", choices=("auto", "fp32", "fp16"))
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()

    coca = load_coca(
        model=options.model,
        weights=None,
        device=options.device,
        precision=options.precision,
        seed=random_seed(options.model),
    )
    peak = matmul_peak(coca)
    on_gpu = coca.device.type == "cuda"
    figures: dict[str, float | int | str | None] = {
        "model": options.model,
        "device": torch.cuda.get_device_name(coca.device) if on_gpu else "cpu",
        "precision": str(coca.dtype).removeprefix("torch."),
        "matmul_peak_tflops": peak / 1e12,
    }
    measured: dict[int, dict[str, float]] = {}
    for batch in options.batches:
        try:
            measured[batch] = measure(coca, batch, peak)
        except torch.OutOfMemoryError:
            figures[f"batch_{batch}"] = "out of memory"
            continue
        figures |= {f"batch_{batch}_{name}": value for name, value in measured[batch].items()}
    if not measured:
        raise SystemExit("None of these batches fits into the GPU's memory; give smaller ones.")
    best = max(measured, key=lambda batch: measured[batch]["encode_greedy"])
    figures |= {"best_batch": best}
    figures |= {f"best_batch_{name}": value for name, value in measured[best].items()}

    frames = jpegs(min(options.frames, 64), short_side=PROFILES["hub"].frame_short_side)
    stream = [frames[i % len(frames)] for i in range(options.frames)]
    ours: dict[str, float] = {}
    for name, settings in MODES.items():

        def describe(decode: DecodeSettings = settings) -> None:
            for _ in describe_frames(coca, stream, decode=decode, batch_size=best):
                pass

        ours[name] = options.frames / seconds(describe, coca.device, repeats=1)
        figures[f"from_jpegs_{name}_frames_per_s"] = ours[name]

    with tempfile.TemporaryDirectory() as folder:
        (picture,) = pictures(1, width=640, height=360)
        path = Path(folder) / "frame.png"
        picture.save(path)
        slow = seconds(
            lambda: [
                notebook_flow.describe_frame(coca, path) for _ in range(options.baseline_frames)
            ],
            coca.device,
            repeats=1,
        )
    figures["notebook_frames_per_s"] = options.baseline_frames / slow
    for name, rate in ours.items():
        figures[f"{name}_ratio_to_notebook"] = rate * slow / options.baseline_frames
    report(
        "CoCa engine: frames per second",
        figures=figures,
        packages=("torch", "torchvision", "open_clip_torch", "av", "numpy", "pillow"),
        as_json=options.json,
    )


if __name__ == "__main__":
    main()
