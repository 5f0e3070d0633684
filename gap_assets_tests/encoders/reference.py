"""The libraries' own ways to embed, one item at a time, as their documentation shows them."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import open_clip
import torch
from numpy.typing import NDArray
from PIL import Image
from torch.nn.functional import normalize
from transformers import AutoModel, AutoProcessor

Both = tuple[NDArray[np.float32], NDArray[np.float32]]


def by_open_clip(
    model: str, pictures: Sequence[NDArray[np.uint8]], texts: Sequence[str], tag: str | None = None
) -> Both:
    """Pictures and texts by `create_model_and_transforms` and `get_tokenizer`."""
    module, _, preprocess = open_clip.create_model_and_transforms(model, pretrained=tag)
    tokenizer = open_clip.get_tokenizer(model)
    module.eval()
    with torch.no_grad():
        images = [
            module.encode_image(preprocess(Image.fromarray(picture))[None]) for picture in pictures
        ]
        words = [module.encode_text(tokenizer([text])) for text in texts]
    return unit(images), unit(words)


def by_transformers(
    model: str,
    videos: Sequence[Sequence[NDArray[np.uint8]]],
    texts: Sequence[str],
    crop: Mapping[str, Any] | None = None,
) -> Both:
    """Videos by the model's `forward`, texts by `get_text_features`, with its own processor."""
    module = AutoModel.from_pretrained(model).eval()
    processor = AutoProcessor.from_pretrained(model)
    shown, words = [], []
    for video in videos:
        if module.config.model_type == "xclip":
            inputs = processor(
                text=["any"], videos=[*video], return_tensors="pt", padding=True, **crop or {}
            )
        else:
            inputs = processor(
                text=["any"],
                videos=[np.stack(video)],
                return_tensors="pt",
                do_sample_frames=False,
                padding="max_length",
            )
        with torch.no_grad():
            shown.append(module(**inputs).video_embeds)
    for text in texts:
        tokens = processor.tokenizer(
            [text], return_tensors="pt", padding=True, truncation=True, max_length=context(module)
        )
        if not tokens["input_ids"].numel():  # A tokenizer without an end token has nothing to say.
            tokens = processor.tokenizer([text], return_tensors="pt", padding="max_length")
        with torch.no_grad():
            words.append(module.get_text_features(**tokens).pooler_output)
    return unit(shown), unit(words)


def context(module: torch.nn.Module) -> int:
    """Tokens of a text."""
    length: int = module.config.text_config.max_position_embeddings
    return length


def unit(rows: Sequence[torch.Tensor]) -> NDArray[np.float32]:
    """(N, D), rows of unit length."""
    if not rows:
        return np.empty((0, 0), dtype=np.float32)
    stacked = torch.stack([row.flatten() for row in rows])
    return normalize(stacked.float(), dim=-1).numpy()


def smallest_distance(rows: NDArray[np.float32]) -> float:
    """Between two of the rows: what an error has to be small beside."""
    distances = np.linalg.norm(rows[:, None] - rows, axis=-1)
    return float(distances[~np.eye(len(rows), dtype=bool)].min())
