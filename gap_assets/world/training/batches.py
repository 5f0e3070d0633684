"""Batches of frames and films by step number, as token ids and pixels on a device."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import open_clip  # noqa: TID253
import torch  # noqa: TID253

from gap_assets.world.training.corpus import TrainingCorpus
from gap_assets.world.training.omission import leave_out

CONTEXT = 25  # tokens of a text
BATCH, SUMMARIES = 128, 32  # frames and films of one step


def tokenizer(folder: Path) -> open_clip.SimpleTokenizer:
    """The tokenizer of a model folder's vocabulary."""
    return open_clip.SimpleTokenizer(bpe_path=str(folder / "bpe.txt.gz"), context_length=CONTEXT)


def token_ids(texts: npt.NDArray[np.str_], folder: Path) -> npt.NDArray[np.int64]:
    """Token ids (n, CONTEXT) int64, each different text encoded once."""
    different, inverse = np.unique(texts, return_inverse=True)
    return np.asarray(tokenizer(folder)(different.tolist()).numpy()[inverse])


class Batches:
    """Batches by step number: no state, so a resumed training sees what the first would have.

    Args:
        corpus: Frames with their texts.
        folder: Of the vocabulary.
        omission: Probability with which a contrasted text leaves out one of its details.
        seed: Of the order, and of what is left out.
        device: Where the batches go.
        frames: Of one batch.
    """

    def __init__(
        self,
        corpus: TrainingCorpus,
        folder: Path,
        *,
        omission: float,
        seed: int,
        device: str,
        frames: int = BATCH,
    ) -> None:
        self.corpus = corpus
        self.captions = token_ids(corpus.captions, folder)
        self.mirrored = token_ids(corpus.mirrored, folder)
        self.starts = np.searchsorted(corpus.films, np.arange(len(corpus.summaries) + 1))
        self.tokenize = tokenizer(folder)
        self.omission, self.seed, self.device = omission, seed, device
        self.frames, self.told_films = frames, frames * SUMMARIES // BATCH

    def __call__(self, step: int) -> tuple[torch.Tensor, ...]:
        """The arguments of `objective`, after the model, for one step."""
        rng = np.random.default_rng([self.seed, step])
        films = rng.choice(len(self.corpus.summaries), self.frames, replace=False)
        spans = [np.arange(self.starts[f], self.starts[f + 1]) for f in films]
        rows = np.concatenate(spans)[: self.frames]
        owner = np.repeat(np.arange(self.frames), [len(s) for s in spans])[: self.frames]
        # Films that lend their summary are shown as they are; the rest of the batch is mirrored.
        flip = owner >= self.told_films
        images = self.corpus.images[rows]
        images[flip] = images[flip, :, ::-1]
        captions = np.where(flip[:, None], self.mirrored[rows], self.captions[rows])
        whole = np.where(flip, self.corpus.mirrored[rows], self.corpus.captions[rows]).tolist()
        whole += self.corpus.summaries[films[: self.told_films]].tolist()
        told = [leave_out(text, probability=self.omission, rng=rng) for text in whole]
        member = (np.arange(self.told_films)[:, None] == owner).astype(np.float32)
        arrays = map(torch.from_numpy, (images, captions))
        tensors = (*arrays, self.tokenize(told), torch.from_numpy(member))
        return tuple(tensor.to(self.device) for tensor in tensors)
