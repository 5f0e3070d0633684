"""Training of the small CoCa: open_clip's own model and loss on frames of the world.

It is torch code through and through; nothing that serves captions imports it.
"""

import json
import math
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import open_clip  # noqa: TID253
import torch  # noqa: TID253
from open_clip.coca_model import CoCa  # noqa: TID253
from open_clip.loss import ClipLoss, CoCaLoss  # noqa: TID253
from rich.progress import track
from safetensors.torch import save_file
from torch import nn  # noqa: TID253
from torch.nn import functional as F  # noqa: N812, TID253

from gap_assets.world.checkpoints import (
    append_log,
    learning_rate_factor,
    load_checkpoint,
    save_checkpoint,
)
from gap_assets.world.corpus import IMAGE_SIZE, Corpus
from gap_assets.world.vocabulary import world_words, write_pruned_bpe

WIDTH, HEAD_WIDTH, CONTEXT = 96, 32, 25
BATCH, SUMMARIES = 128, 32  # frames and films of one step
CAPTION_WEIGHT, SUMMARY_WEIGHT = 2.0, 0.5
PEAK_RATE, WARM_UP, WEIGHT_DECAY = 2e-3, 300, 0.05
LOG_EVERY, CHECKPOINT_EVERY = 50, 250
MEAN, STD = open_clip.OPENAI_DATASET_MEAN, open_clip.OPENAI_DATASET_STD


def write_skeleton(folder: Path) -> None:
    """Write what a `local-dir:` model has besides weights: configuration and vocabulary."""
    folder.mkdir(parents=True, exist_ok=True)
    write_pruned_bpe(world_words(), folder / "bpe.txt.gz")
    vocabulary = open_clip.SimpleTokenizer(bpe_path=str(folder / "bpe.txt.gz")).vocab_size
    text = {
        "context_length": CONTEXT,
        "vocab_size": vocabulary,
        "width": WIDTH,
        "heads": WIDTH // HEAD_WIDTH,
        "layers": 2,
    }
    config = {
        "model_cfg": {
            "embed_dim": WIDTH,
            "custom_text": True,  # how open_clip's factory tells a CoCa from a CLIP
            "vision_cfg": {
                "image_size": IMAGE_SIZE,
                "patch_size": 8,
                "width": WIDTH,
                "layers": 3,
                "head_width": HEAD_WIDTH,
                "output_tokens": True,
            },
            "text_cfg": text | {"embed_cls": True, "output_tokens": True},
            "multimodal_cfg": text,
        },
        "preprocess_cfg": {
            "mean": MEAN,
            "std": STD,
            "interpolation": "bicubic",
            "resize_mode": "shortest",
        },
    }
    (folder / "open_clip_config.json").write_text(json.dumps(config, indent=2) + "\n")


def new_model(folder: Path, *, seed: int, temperature: float, learned: bool) -> CoCa:
    """An untrained CoCa of the folder's configuration, the same for the same seed.

    Args:
        folder: A folder that `write_skeleton` filled.
        seed: Seed of every initial weight.
        temperature: Of the contrastive softmax, where it starts or stays.
        learned: Whether the temperature is trained.
    """
    torch.manual_seed(seed)
    config = json.loads((folder / "open_clip_config.json").read_text())["model_cfg"]
    del config["custom_text"]
    model = CoCa(**config, init_logit_scale=math.log(1 / temperature))
    nn.init.normal_(model.text_decoder.text_projection, std=WIDTH**-0.5)  # torch.empty upstream
    with torch.no_grad():
        model.visual.positional_embedding[1:] = _grid_positions(*model.visual.grid_size)
    model.logit_scale.requires_grad_(learned)
    return model


def _grid_positions(rows: int, columns: int) -> torch.Tensor:
    """Positions (rows * columns, WIDTH) that start as random mixtures of slow waves.

    Independent noise for each patch, CLIP's start, has no left or right; learning it took most of a
    short training. The size is about that of an embedded patch.
    """

    def waves(count: int) -> torch.Tensor:
        orders = torch.arange(1, count)
        places = torch.arange(count)[:, None] + 0.5
        return torch.cos(math.pi * orders * places / count) / orders

    up, across = waves(rows), waves(columns)
    grid = torch.cat([up.repeat_interleave(columns, 0), across.repeat(rows, 1)], dim=1)
    return 0.4 * grid @ torch.randn(grid.shape[1], WIDTH)


def _normalised(images: torch.Tensor) -> torch.Tensor:
    """(n, 64, 64, 3) uint8 as the (n, 3, 64, 64) float32 that the model reads."""
    mean, std = (torch.tensor(v, device=images.device).view(1, 3, 1, 1) for v in (MEAN, STD))
    return (images.permute(0, 3, 1, 2).float() / 255 - mean) / std


class Objective(nn.Module):
    """CoCa's loss on frames and captions, plus the contrast of films and summaries."""

    def __init__(self, model: CoCa) -> None:
        super().__init__()
        self.model = model
        self.frame_loss = CoCaLoss(CAPTION_WEIGHT, 1.0)
        self.film_loss = ClipLoss()

    def forward(
        self,
        images: torch.Tensor,
        captions: torch.Tensor,
        summaries: torch.Tensor,
        membership: torch.Tensor,
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Contrastive, caption and summary loss, weighted.

        Args:
            images: (BATCH, 64, 64, 3) uint8.
            captions: (BATCH, CONTEXT) token ids.
            summaries: (SUMMARIES, CONTEXT) token ids.
            membership: (SUMMARIES, BATCH), row k averages the frames of film k.
        """
        with torch.autocast(images.device.type, torch.bfloat16):
            out = self.model(_normalised(images), captions)
            told = self.model.encode_text(summaries, normalize=False)
        frames, texts = (
            F.normalize(out[f"{m}_features"].float(), dim=-1) for m in ("image", "text")
        )
        films = F.normalize(membership @ frames, dim=-1)
        told = F.normalize(told.float(), dim=-1)
        scale = out["logit_scale"]
        contrast, caption = self.frame_loss(
            frames, texts, out["logits"].float(), out["labels"], scale
        )
        return contrast, caption, SUMMARY_WEIGHT * self.film_loss(films, told, scale)


class Batches:
    """Batches by step number: no state, so a resumed training sees what the first would have."""

    def __init__(self, corpus: Corpus, folder: Path, *, seed: int, device: str) -> None:
        tokenizer = open_clip.SimpleTokenizer(
            bpe_path=str(folder / "bpe.txt.gz"), context_length=CONTEXT
        )
        self.images = corpus.images
        self.captions = _tokens(tokenizer, corpus.captions)
        self.mirrored = _tokens(tokenizer, corpus.mirrored)
        self.summaries = _tokens(tokenizer, corpus.summaries)
        self.starts = np.searchsorted(corpus.films, np.arange(len(corpus.summaries) + 1))
        self.seed, self.device = seed, device

    def __call__(self, step: int) -> tuple[torch.Tensor, ...]:
        """The arguments of `Objective.forward` for one step."""
        rng = np.random.default_rng([self.seed, step])
        films = rng.choice(len(self.summaries), BATCH, replace=False)
        spans = [np.arange(self.starts[f], self.starts[f + 1]) for f in films]
        rows = np.concatenate(spans)[:BATCH]
        owner = np.repeat(np.arange(BATCH), [len(s) for s in spans])[:BATCH]
        # Films that lend their summary are shown as they are; the rest of the batch is mirrored.
        flip = owner >= SUMMARIES
        images = self.images[rows]
        images[flip] = images[flip, :, ::-1]
        captions = np.where(flip[:, None], self.mirrored[rows], self.captions[rows])
        member = (np.arange(SUMMARIES)[:, None] == owner).astype(np.float32)
        arrays = (images, captions, self.summaries[films[:SUMMARIES]], member)
        return tuple(torch.from_numpy(a).to(self.device) for a in arrays)


def _tokens(tokenizer: Any, texts: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Token ids (n, CONTEXT) int64, each different text encoded once."""
    different, inverse = np.unique(texts, return_inverse=True)
    return np.asarray(tokenizer(different.tolist()).numpy()[inverse])


def _optimizer(model: nn.Module) -> torch.optim.Optimizer:
    trained = [p for p in model.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in trained if p.ndim > 1], "weight_decay": WEIGHT_DECAY},
        {"params": [p for p in trained if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=PEAK_RATE, betas=(0.9, 0.98), fused=True)


def embed_pairs(
    model: CoCa, pairs: Corpus, folder: Path, *, device: str
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Unit embeddings (n, D) float32 of the frames of a corpus and of their captions."""
    batches = Batches(pairs, folder, seed=0, device=device)
    images = torch.from_numpy(pairs.images).to(device)
    with torch.no_grad():
        frames = model.encode_image(_normalised(images))
        texts = model.encode_text(torch.from_numpy(batches.captions).to(device))
    return frames.float().cpu().numpy(), texts.float().cpu().numpy()


def train_coca(
    *,
    folder: Path,
    work: Path,
    corpus: Corpus,
    pairs: Corpus,
    steps: int,
    seed: int,
    device: str,
    temperature: float,
    learned: bool,
    observe: Sequence[int] = (),
) -> None:
    """Train, or go on training, a small CoCa and write its weights into its folder.

    Args:
        folder: The model folder to write.
        work: Where the checkpoint, the log and the observed embeddings are kept.
        corpus: Frames to train on.
        pairs: Held-out frames and captions, embedded at the observed steps.
        steps: Length of the whole training; the learning rate falls in its last third.
        seed: Of initial weights and of the order of batches.
        device: A torch device.
        temperature: Of the contrastive softmax, where it starts or stays.
        learned: Whether the temperature is trained.
        observe: Steps before which the pairs are embedded, besides the last.
    """
    write_skeleton(folder)
    work.mkdir(parents=True, exist_ok=True)
    model = new_model(folder, seed=seed, temperature=temperature, learned=learned).to(device)
    optimizer = _optimizer(model)
    first = load_checkpoint(work / "checkpoint.pt", model, optimizer)
    batches = Batches(corpus, folder, seed=seed, device=device)
    objective: Callable[..., Any] = Objective(model)
    if shutil.which("g++"):  # what torch.compile needs; a third faster on a CPU
        objective = torch.compile(objective, dynamic=False)

    def observed(step: int) -> None:
        frames, texts = embed_pairs(model, pairs, folder, device=device)
        now = 1 / model.logit_scale.exp().item()
        np.savez(work / f"pairs-{step:06d}.npz", frames=frames, texts=texts, temperature=now)

    losses = np.zeros(3)
    for step in track(range(first, steps), description="Training the small CoCa"):
        if step in observe:
            observed(step)
        rate = PEAK_RATE * learning_rate_factor(step, steps, warm_up=WARM_UP)
        for group in optimizer.param_groups:
            group["lr"] = rate
        parts = objective(*batches(step))
        optimizer.zero_grad()
        sum(parts).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        losses += [part.item() for part in parts]
        if (step + 1) % LOG_EVERY == 0:
            contrast, caption, summary = (losses / LOG_EVERY).tolist()
            shares = {"contrast": contrast, "caption": caption, "summary": summary}
            append_log(work / "log.jsonl", step=step + 1, rate=rate, **shares)
            losses[:] = 0
        if (step + 1) % CHECKPOINT_EVERY == 0 or step + 1 == steps:
            save_checkpoint(work / "checkpoint.pt", model, optimizer, step + 1)
    observed(steps)
    weights = {name: value.half().contiguous() for name, value in model.state_dict().items()}
    save_file(weights, folder / "open_clip_model.safetensors")
