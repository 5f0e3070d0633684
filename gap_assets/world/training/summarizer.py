"""Training of the small T5: from a film's different captions, in time order, to its summary.

It is torch code through and through; nothing that serves summaries imports it.
"""

from collections.abc import Sequence
from functools import partial
from itertools import groupby
from pathlib import Path

import numpy as np
import torch  # noqa: TID253
from transformers import (  # noqa: TID253
    AutoTokenizer,
    BatchEncoding,
    DataCollatorForSeq2Seq,
    PreTrainedTokenizerBase,
    T5Config,
    T5ForConditionalGeneration,
)

from gap_assets.world.language import frame_caption
from gap_assets.world.scene import BACKGROUNDS, COLOURS, KINDS, sampled_frames
from gap_assets.world.stories import Split, draw_film
from gap_assets.world.training.corpus import on_all_cores
from gap_assets.world.training.loop import train
from gap_assets.world.training.vocabulary import write_phrase_tokenizer

BATCH, POOL = 128, 32  # sequences of one step; steps that are sorted by length together
PEAK_RATE, WARM_UP, WEIGHT_DECAY = 1e-3, 200, 0.01
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


def examples(*, films: int, seed: int, split: Split, misread: float = MISREAD) -> list[Example]:
    """Examples from many films, drawn on all cores, in whole chunks of 2000."""
    draw = partial(example, seed=seed, split=split, misread=misread)
    return on_all_cores(draw, films, chunk=CHUNK)


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
        texts = [list(column) for column in zip(*pairs, strict=True)]
        sources, targets = (tokenizer(column)["input_ids"] for column in texts)
        self.examples = [
            {"input_ids": source, "labels": target}
            for source, target in zip(sources, targets, strict=True)
        ]
        self.padded = DataCollatorForSeq2Seq(tokenizer)
        self.seed, self.device = seed, device

    def __call__(self, step: int) -> BatchEncoding:
        """The arguments of the model's forward for one step."""
        pool, place = divmod(step, POOL)
        rng = np.random.default_rng([self.seed, pool])
        rows = rng.choice(len(self.examples), BATCH * POOL, replace=False)
        lengths = [len(self.examples[row]["input_ids"]) for row in rows]
        rows = rows[np.argsort(lengths, kind="stable")].reshape(POOL, BATCH)
        part = rows[rng.permutation(POOL)[place]]
        return self.padded([self.examples[row] for row in part]).to(self.device)


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
    batches = Batches(pairs, AutoTokenizer.from_pretrained(folder), seed=seed, device=device)
    model.train()

    def losses(step: int) -> dict[str, torch.Tensor]:
        return {"loss": model(**batches(step)).loss}

    train(model, optimizer, losses, work=work, steps=steps, warm_up=WARM_UP)
    model.eval().save_pretrained(folder)
