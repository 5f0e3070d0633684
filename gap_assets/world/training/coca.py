"""Training of the small CoCa: open_clip's own model and loss on frames of the world.

It is torch code through and through; nothing that serves captions imports it.
"""

import json
import math
import shutil
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import open_clip  # noqa: TID253
import torch  # noqa: TID253
from open_clip.coca_model import CoCa  # noqa: TID253
from open_clip.loss import ClipLoss, CoCaLoss  # noqa: TID253
from safetensors.torch import save_file
from torch import nn  # noqa: TID253
from torch.nn import functional as F  # noqa: N812, TID253

from gap_assets.coca.decoder import CaptionDecoder
from gap_assets.coca.settings import DecodeSettings
from gap_assets.world.training.batches import (
    CONTEXT,
    Batches,
    token_ids,
    tokenizer,
)
from gap_assets.world.training.corpus import IMAGE_SIZE, Pixels, TrainingCorpus
from gap_assets.world.training.loop import train
from gap_assets.world.training.vocabulary import world_words, write_pruned_bpe

WIDTH, HEAD_WIDTH = 96, 32
CAPTION_WEIGHT, SUMMARY_WEIGHT = 2.0, 0.5
PEAK_RATE, WARM_UP, WEIGHT_DECAY = 2e-3, 300, 0.05
MEAN, STD = open_clip.OPENAI_DATASET_MEAN, open_clip.OPENAI_DATASET_STD


def write_skeleton(folder: Path) -> None:
    """Write what a `local-dir:` model has besides weights: configuration and vocabulary."""
    folder.mkdir(parents=True, exist_ok=True)
    write_pruned_bpe(world_words(), folder / "bpe.txt.gz")
    text = {
        "context_length": CONTEXT,
        "vocab_size": tokenizer(folder).vocab_size,
        "width": WIDTH,
        "heads": WIDTH // HEAD_WIDTH,
        "layers": 2,
    }
    vision = {
        "image_size": IMAGE_SIZE,
        "patch_size": 8,
        "width": WIDTH,
        "layers": 3,
        "head_width": HEAD_WIDTH,
        "output_tokens": True,
    }
    model = {
        "embed_dim": WIDTH,
        "custom_text": True,  # how open_clip's factory tells a CoCa from a CLIP
        "vision_cfg": vision,
        "text_cfg": text | {"embed_cls": True, "output_tokens": True},
        "multimodal_cfg": text,
    }
    sight = {"mean": MEAN, "std": STD, "interpolation": "bicubic", "resize_mode": "shortest"}
    config = {"model_cfg": model, "preprocess_cfg": sight}
    (folder / "open_clip_config.json").write_text(json.dumps(config, indent=2) + "\n")


def new_model(
    folder: Path, *, seed: int, temperature: float, learned: bool, alike: bool = False
) -> CoCa:
    """An untrained CoCa of the folder's configuration, the same for the same seed.

    Args:
        folder: A folder that `write_skeleton` filled.
        seed: Seed of every initial weight.
        temperature: Of the contrastive softmax, where it starts or stays.
        learned: Whether the temperature is trained.
        alike: Whether the text tower starts as a copy of the image tower, in every part that both
            have: class token, blocks, last norm and projection.
    """
    torch.manual_seed(seed)
    config = json.loads((folder / "open_clip_config.json").read_text())["model_cfg"]
    del config["custom_text"]
    model = CoCa(**config, init_logit_scale=math.log(1 / temperature))
    nn.init.normal_(model.text_decoder.text_projection, std=WIDTH**-0.5)  # torch.empty upstream
    with torch.no_grad():
        model.visual.positional_embedding[1:] = _grid_positions(*model.visual.grid_size)
    model.logit_scale.requires_grad_(learned)
    if alike:
        _start_alike(model)
    return model


@torch.no_grad()
def _start_alike(model: CoCa) -> None:
    image, text = model.visual, model.text
    text.cls_emb.copy_(image.class_embedding)
    text.text_projection.copy_(image.proj)
    text.ln_final.load_state_dict(image.ln_post.state_dict())
    # Of the image tower's three blocks, the first two.
    for own, other in zip(text.transformer.resblocks, image.transformer.resblocks, strict=False):
        own.load_state_dict(other.state_dict())


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


def objective(
    model: CoCa,
    images: torch.Tensor,
    captions: torch.Tensor,
    told: torch.Tensor,
    membership: torch.Tensor,
) -> dict[str, torch.Tensor]:
    """CoCa's loss on frames and captions, plus the contrast of films and summaries, weighted.

    The captioning loss reads whole captions. Contrasted are texts that leave things out, so the
    text features of the first pass go unused.

    Args:
        model: The CoCa.
        images: (BATCH, 64, 64, 3) uint8.
        captions: (BATCH, CONTEXT) token ids of whole captions.
        told: (BATCH + SUMMARIES, CONTEXT) token ids of what frames, then films are contrasted with.
        membership: (SUMMARIES, BATCH), row k averages the frames of film k.

    A batch of another size than BATCH has films in the same proportion.
    """
    with torch.autocast(images.device.type, torch.bfloat16):
        out = model(_normalised(images), captions)
        told = model.encode_text(told, normalize=False)
    frames, told = (F.normalize(rows.float(), dim=-1) for rows in (out["image_features"], told))
    texts, summaries = told[: len(frames)], told[len(frames) :]
    films = F.normalize(membership @ frames, dim=-1)
    scale = out["logit_scale"]
    contrast, caption = CoCaLoss(CAPTION_WEIGHT, 1.0)(
        frames, texts, out["logits"].float(), out["labels"], scale
    )
    summary = SUMMARY_WEIGHT * ClipLoss()(films, summaries, scale)
    return {"contrast": contrast, "caption": caption, "summary": summary}


def new_optimizer(model: nn.Module) -> torch.optim.Optimizer:
    """AdamW at the peak rate; biases, norms and single numbers do not decay."""
    trained = [p for p in model.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in trained if p.ndim > 1], "weight_decay": WEIGHT_DECAY},
        {"params": [p for p in trained if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=PEAK_RATE, betas=(0.9, 0.98), fused=True)


@torch.no_grad()
def embed_pairs(
    model: CoCa, pairs: TrainingCorpus, *, folder: Path
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Unit embeddings (n, D) float32 of frames, and of their whole captions."""
    device = model.logit_scale.device
    frames = model.encode_image(_normalised(torch.from_numpy(pairs.images).to(device)))
    texts = model.encode_text(torch.from_numpy(token_ids(pairs.captions, folder)).to(device))
    return frames.float().cpu().numpy(), texts.float().cpu().numpy()


def keep_pairs(model: CoCa, pairs: TrainingCorpus, *, step: int, folder: Path, work: Path) -> None:
    """Write the embeddings of `embed_pairs` to `pairs-STEP.npz`."""
    frames, texts = embed_pairs(model, pairs, folder=folder)
    temperature = 1 / model.logit_scale.exp().item()
    np.savez(work / f"pairs-{step:06d}.npz", frames=frames, texts=texts, temperature=temperature)


@torch.no_grad()
def caption_greedily(model: CoCa, images: Pixels, *, folder: Path) -> list[str]:
    """Captions of pictures (n, 64, 64, 3) uint8, decoded as production decodes them."""
    words = tokenizer(folder)
    decoder = CaptionDecoder(
        model,
        start=words.sot_token_id,
        end=words.eot_token_id,
        settings=DecodeSettings(),
    )
    pixels = torch.from_numpy(images).to(model.logit_scale.device)
    _, image_tokens = model.visual(_normalised(pixels))
    found = decoder.decode(image_tokens)
    return [" ".join(words.decode(caption.tokens).split()) for caption in found]


@cache
def compiled_objective() -> Callable[..., dict[str, torch.Tensor]]:
    """`objective`, a third faster on a CPU where there is the compiler that torch.compile needs."""
    return torch.compile(objective, dynamic=False) if shutil.which("g++") else objective


def train_coca(
    *,
    folder: Path,
    work: Path,
    corpus: TrainingCorpus,
    pairs: TrainingCorpus,
    steps: int,
    seed: int,
    device: str,
    temperature: float,
    learned: bool,
    omission: float,
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
        omission: Probability with which a contrasted text leaves out one of its details.
        observe: Steps before which the pairs are embedded, besides the last.
    """
    write_skeleton(folder)
    work.mkdir(parents=True, exist_ok=True)
    model = new_model(folder, seed=seed, temperature=temperature, learned=learned).to(device)
    batches = Batches(corpus, folder, omission=omission, seed=seed, device=device)
    compiled = compiled_objective()

    def losses(step: int) -> dict[str, torch.Tensor]:
        if step in observe:
            keep_pairs(model, pairs, step=step, folder=folder, work=work)
        return compiled(model, *batches(step))

    train(model, new_optimizer(model), losses, work=work, steps=steps, warm_up=WARM_UP)
    keep_pairs(model, pairs, step=steps, folder=folder, work=work)
    weights = {name: value.half().contiguous() for name, value in model.state_dict().items()}
    save_file(weights, folder / "open_clip_model.safetensors")
