"""Training of the small T5: from a film's different captions, in time order, to its summary.

It is torch code through and through; nothing that serves summaries imports it.
"""

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import groupby
from pathlib import Path

import numpy as np
import torch  # noqa: TID253
from rich.progress import track
from torch import nn  # noqa: TID253
from transformers import (  # noqa: TID253
    AutoTokenizer,
    PreTrainedTokenizerBase,
    T5Config,
    T5ForConditionalGeneration,
)

from gap_assets.world.checkpoints import (
    append_log,
    learning_rate_factor,
    load_checkpoint,
    save_checkpoint,
)
from gap_assets.world.language import frame_caption
from gap_assets.world.scene import BACKGROUNDS, COLOURS, KINDS, sampled_frames
from gap_assets.world.stories import Split, draw_film
from gap_assets.world.vocabulary import write_phrase_tokenizer

BATCH, POOL = 128, 32  # sequences of one step; steps that are sorted by length together
PEAK_RATE, WARM_UP, WEIGHT_DECAY = 1e-3, 200, 0.01
LOG_EVERY, CHECKPOINT_EVERY = 50, 500
MISREAD = 0.02  # share of captions in training with one wrong word
CONFUSABLE = [list(COLOURS), list(KINDS), [g.split()[1] for g in BACKGROUNDS]]
CHUNK = 2000  # films per task of the process pool

Example = tuple[str, str]  # captions joined as the summariser joins them, and the summary


def example(index: int, *, seed: int, split: Split, misread: float) -> Example:
    """What the summariser reads of a film sampled at 1 or 2 fps, and what it should say."""
    film = draw_film(seed, index, split=split)
    rng = np.random.default_rng([seed, index, 2])
    picked = sampled_frames(len(film.beats), rate=1 + index % 2)
    captions = [frame_caption(film, k) for k in picked]
    heard = [_misread(c, rng) if rng.random() < misread else c for c in captions]
    return " . ".join(text for text, _ in groupby(heard)), film.story.summary


def _misread(caption: str, rng: np.random.Generator) -> str:
    """The caption with one colour, kind or ground replaced by another."""
    words = caption.split()
    places = [(k, names) for k, w in enumerate(words) for names in CONFUSABLE if w in names]
    k, names = places[int(rng.integers(len(places)))]
    words[k] = names[int(rng.integers(len(names)))]
    return " ".join(words)


def _chunk(start: int, *, seed: int, split: Split, misread: float) -> list[Example]:
    films = range(start, start + CHUNK)
    return [example(k, seed=seed, split=split, misread=misread) for k in films]


def examples(*, films: int, seed: int, split: Split, misread: float = MISREAD) -> list[Example]:
    """Examples from many films, drawn on all cores, in whole chunks of 2000."""
    with ProcessPoolExecutor() as pool:
        task = partial(_chunk, seed=seed, split=split, misread=misread)
        return [pair for chunk in pool.map(task, range(0, films, CHUNK)) for pair in chunk]


def write_skeleton(folder: Path) -> None:
    """Write what the model folder has besides weights: configuration and vocabulary."""
    folder.mkdir(parents=True, exist_ok=True)
    write_phrase_tokenizer(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    T5Config(
        vocab_size=len(tokenizer),
        d_model=96,
        d_kv=24,
        d_ff=256,
        num_heads=4,
        num_layers=3,
        num_decoder_layers=3,
        dropout_rate=0.0,
        feed_forward_proj="gated-gelu",
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
        decoder_start_token_id=tokenizer.pad_token_id,
    ).save_pretrained(folder)


class Batches:
    """Batches by step number; examples of similar length stand together to save padding."""

    def __init__(
        self,
        pairs: Sequence[Example],
        tokenizer: PreTrainedTokenizerBase,
        *,
        seed: int,
        device: str,
    ) -> None:
        self.sources = [np.array(tokenizer(source)["input_ids"]) for source, _ in pairs]
        self.targets = [np.array(tokenizer(target)["input_ids"]) for _, target in pairs]
        self.seed, self.device, self.pad = seed, device, tokenizer.pad_token_id

    def __call__(self, step: int) -> dict[str, torch.Tensor]:
        """The arguments of the model's forward for one step."""
        pool, place = divmod(step, POOL)
        rng = np.random.default_rng([self.seed, pool])
        rows = rng.choice(len(self.sources), BATCH * POOL, replace=False)
        rows = rows[np.argsort([len(self.sources[row]) for row in rows], kind="stable")]
        part = rows.reshape(POOL, BATCH)[rng.permutation(POOL)[place]]
        sources = _padded([self.sources[row] for row in part], self.pad)
        batch = {
            "input_ids": sources,
            "attention_mask": (sources != self.pad).long(),
            "labels": _padded([self.targets[row] for row in part], -100),
        }
        return {name: tensor.to(self.device) for name, tensor in batch.items()}


def _padded(rows: Sequence[np.ndarray], value: int) -> torch.Tensor:
    return nn.utils.rnn.pad_sequence(
        [torch.from_numpy(row) for row in rows], batch_first=True, padding_value=value
    )


def train_summarizer(
    *, folder: Path, work: Path, pairs: Sequence[Example], steps: int, seed: int, device: str
) -> None:
    """Train, or go on training, a small T5 and write it into its folder.

    Args:
        folder: The model folder to write.
        work: Where the checkpoint and the log are kept.
        pairs: What to train on.
        steps: Length of the whole training; the learning rate falls in its last third.
        seed: Of initial weights and of the order of batches.
        device: A torch device.
    """
    write_skeleton(folder)
    work.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(seed)
    model = T5ForConditionalGeneration(T5Config.from_pretrained(folder)).to(device)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=PEAK_RATE, betas=(0.9, 0.98), weight_decay=WEIGHT_DECAY, fused=True
    )
    first = load_checkpoint(work / "checkpoint.pt", model, optimizer)
    batches = Batches(pairs, AutoTokenizer.from_pretrained(folder), seed=seed, device=device)
    total = 0.0
    model.train()
    for step in track(range(first, steps), description="Training the small T5"):
        rate = PEAK_RATE * learning_rate_factor(step, steps, warm_up=WARM_UP)
        for group in optimizer.param_groups:
            group["lr"] = rate
        loss = model(**batches(step)).loss
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        total += loss.item()
        if (step + 1) % LOG_EVERY == 0:
            append_log(work / "log.jsonl", step=step + 1, rate=rate, loss=total / LOG_EVERY)
            total = 0.0
        if (step + 1) % CHECKPOINT_EVERY == 0 or step + 1 == steps:
            save_checkpoint(work / "checkpoint.pt", model, optimizer, step + 1)
    model.eval().save_pretrained(folder)
