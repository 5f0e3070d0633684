"""The most memory of each stage and of a whole run, against a T4 and a free notebook's RAM.

    python benchmarks/memory.py [FOLDER] [--coca coca_ViT-B-32] [--json]

Without `--coca` the embedded models run. A CoCa's name gives it random weights in the layout of
the hub, a `.bin`, and beside it a language model of phi-1_5's true configuration with random
weights in half precision, and a tokenizer of bytes. Nothing is downloaded. Without a folder three
videos of 30 s of the drawn world are made, which fill a batch. Each stage runs in a process of its
own, which the others' models cannot burden; then `gap run`'s jobs run in one process. Most memory
is that of the process, pages of mapped files included, which the system can take back; the
processes that decode are counted apart. On a GPU it is what torch has reserved there.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import dagster as dg
from common import living_children, report

T4_GIB, NOTEBOOK_GIB = 16, 12
STAGES = {
    "decode": ["frames"],
    "caption_and_embed": ["frame_captions", "frame_embeddings"],
    "filter": ["filtered_captions"],
    "summarise": ["video_summaries"],
    "embed_texts": ["video_embeddings", "text_embeddings"],
    "cones": ["cone_profile"],
    "pooling": ["pooling_profile"],
    "controls": ["untrained_embeddings"],
    "projections": ["projection_model", "projections"],
    "metrics": ["gap_metrics"],
    "report": ["gap_report"],
}
WHOLE = "whole_run"


def main() -> None:
    """Run the benchmark, or one stage of it for its parent."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--coca", help="such as coca_ViT-L-14; random weights")
    parser.add_argument("--stage", help=argparse.SUPPRESS)
    parser.add_argument("--data", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if options.stage:
        print(json.dumps(run_stage(options.stage, options.data)))
        return
    with TemporaryDirectory() as home:
        figures = measure(Path(home), options)
    models = f"{options.coca} and phi-1_5" if options.coca else "embedded models"
    report(
        f"most memory of each stage, {models}",
        figures=figures,
        packages=("torch", "open_clip_torch", "transformers", "dagster"),
        as_json=options.json,
    )


def measure(home: Path, options: argparse.Namespace) -> dict[str, float | int | str | None]:
    """GiB of every stage and of a whole run, as seen by processes of their own."""
    from pipeline import add_videos

    videos = options.folder or home / "videos"
    if not options.folder:
        add_videos(videos, first=0, stop=3, scale=3)
    models: dict[str, str] = {}
    if options.coca:
        weights = child("write_coca", options.coca, str(home / "open_clip_pytorch_model.bin"))
        models |= {"models": "hub", "coca": options.coca, "weights": weights}
        models["summarizer"] = child("write_phi", str(home / "phi"))
    figures: dict[str, float | int | str | None] = {}
    for data, stages in (("staged", ["catalogue", *STAGES]), ("whole", [WHOLE])):
        settings = {**models, "videos": str(videos.absolute()), "frames_per_second": "1"}
        for stage in stages:
            found = staged(stage, home / data, settings)
            if stage == "catalogue":
                continue
            figures |= {f"{stage}_{name}": value for name, value in found.items()}
    for what, limit in (("ram", NOTEBOOK_GIB), ("gpu", T4_GIB)):
        most = max(
            (v for k, v in figures.items() if k.endswith(f"_{what}_gib") and isinstance(v, float)),
            default=0.0,
        )
        figures |= {f"most_{what}_gib": most, f"limit_{what}_gib": limit}
    return figures


def staged(stage: str, data: Path, settings: dict[str, str]) -> dict[str, float]:
    """What a stage's process says of itself."""
    given = {f"GAP_{name.upper()}": value for name, value in settings.items()}
    command = [sys.executable, __file__, "--stage", stage, "--data", str(data)]
    done = subprocess.run(
        command, env=os.environ | given, stdout=subprocess.PIPE, check=True, text=True
    )
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def run_stage(stage: str, data: Path) -> dict[str, float]:
    """Runs a stage in this process and says what it took.

    Raises:
        RuntimeError: It failed.
    """
    import time

    import torch

    from gap_assets.dagster.build import build_definitions
    from gap_assets.dagster.partitions import range_tags, videos_partitions
    from gap_assets.dagster.runs import QUIET, open_instance, run_everything
    from gap_assets.settings import Settings

    os.environ["GAP_DATA"] = str(data)
    settings = Settings(data=data)
    started = time.monotonic()
    if stage == WHOLE:
        run_everything(settings)
    else:
        definitions = build_definitions(settings)
        with open_instance(settings) as instance:
            assert videos_partitions.name
            keys = list(instance.get_dynamic_partitions(videos_partitions.name))
            assets = STAGES.get(stage)
            job = "catalogue" if assets is None else job_of(assets)
            result = definitions.resolve_job_def(job).execute_in_process(
                QUIET,
                instance,
                tags=range_tags(keys[0], keys[-1]) if keys else None,
                asset_selection=[dg.AssetKey(asset) for asset in assets] if assets else None,
                raise_on_error=False,
            )
            if not result.success:
                raise RuntimeError(f"{stage} failed")
    found = {"seconds": time.monotonic() - started, "ram_gib": most_gib()}
    if decoders := decoders_gib():
        found["decoders_gib"] = decoders
    if torch.cuda.is_available():
        found["gpu_gib"] = torch.cuda.max_memory_reserved() / 2**30
    return found


def job_of(assets: list[str]) -> str:
    """The job that makes some assets."""
    from gap_assets.dagster.jobs import PER_VIDEO

    return "per_video" if set(assets) <= set(PER_VIDEO) else "projections_and_report"


def most_gib() -> float:
    """The most memory of this process."""
    import resource

    size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return size / (2**30 if sys.platform == "darwin" else 2**20)


def decoders_gib() -> float:
    """The most memory of the processes that decode, added up, where the system tells it (Linux)."""
    sizes = []
    for pid in living_children():
        status = Path("/proc", pid, "status").read_text()
        sizes += [int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")]
    return sum(sizes) / 2**20


def child(function: str, *arguments: str) -> str:
    """Runs one of the functions below in a process of its own: networks are large."""
    code = "import sys, memory; print(getattr(memory, sys.argv[1])(*sys.argv[2:]))"
    done = subprocess.run(
        [sys.executable, "-c", code, function, *arguments],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        check=True,
        text=True,
    )
    return done.stdout.splitlines()[-1]


def write_coca(model: str, file: str) -> str:
    """Random weights of an open_clip model."""
    import torch

    from gap_assets.coca.model import load_coca

    module = load_coca(model=model, weights=None, device="cpu", precision="fp32", seed=0).module
    torch.save(module.state_dict(), file)
    return file


def write_phi(folder: str) -> str:
    """Random weights of microsoft/phi-1_5's configuration in half precision, as it is stored."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PhiConfig, PhiForCausalLM, PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary: dict[str, Any] = {token: i for i, token in enumerate([*alphabet, "<|endoftext|>"])}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, eos_token="<|endoftext|>", model_max_length=2048
    ).save_pretrained(folder)
    config = PhiConfig(
        vocab_size=51200,
        hidden_size=2048,
        intermediate_size=8192,
        num_hidden_layers=24,
        num_attention_heads=32,
        max_position_embeddings=2048,
        partial_rotary_factor=0.5,
        eos_token_id=len(alphabet),
        bos_token_id=len(alphabet),
    )
    torch.set_default_dtype(torch.float16)
    PhiForCausalLM(config).save_pretrained(folder)
    return folder


if __name__ == "__main__":
    main()
