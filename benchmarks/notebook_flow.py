"""The usual notebook: one frame at a time, open_clip's default captions, a separate encode.

The baseline of `captions.py` and `gpu.py`. The decoding is that of open_clip 3.3's
`CoCa.generate()` with its defaults (6 beams in 3 groups over raw logits, the image encoded six
times, the whole prefix computed again at every step), which does not run beside transformers 5.
Corrected in two points: the text is not sliced, and the device is asked for results once per step.
"""

from pathlib import Path

import open_clip
import torch
from open_clip.coca_model import CoCa
from PIL import Image

from gap_assets.coca.model import Coca

BEAMS, GROUPS, SEQUENCE, SHORTEST = 6, 3, 30, 5


def describe_frame(coca: Coca, path: Path) -> tuple[list[int], torch.Tensor]:
    """Caption and embed one picture file: tokens without start and end, (D,) unit embedding."""
    image = notebook_input(coca, path)
    start, end = coca.tokenizer.sot_token_id, coca.tokenizer.eot_token_id
    tokens = default_caption(coca.module, image, start=start, end=end)
    return tokens, coca.module.encode_image(image)[0]


def notebook_input(coca: Coca, path: Path) -> torch.Tensor:
    """open_clip's own transform: (1, 3, S, S) on the model's device."""
    transform = open_clip.image_transform(
        coca.image_size, is_train=False, mean=coca.mean, std=coca.std
    )
    with Image.open(path) as picture:
        pixels: torch.Tensor = transform(picture)[None]
    return pixels.to(device=coca.device, dtype=coca.dtype)


@torch.inference_mode()
def default_caption(module: CoCa, image: torch.Tensor, *, start: int, end: int) -> list[int]:
    """What `module.generate(image)` returns for one image (1, 3, S, S)."""
    images = image.repeat_interleave(BEAMS, dim=0)
    latent, tokens = module._encode_image(images)
    width = BEAMS // GROUPS
    prefixes = torch.full((BEAMS, 1), start, device=image.device)
    longest = min(SEQUENCE, module.text.context_length)
    scores = [[0.0] + [-1e9] * (width - 1) for _ in range(GROUPS)]
    finished: list[list[tuple[float, list[int]]]] = [[] for _ in range(GROUPS)]
    done = [False] * GROUPS
    while prefixes.shape[1] < longest and not all(done):
        logits = module(
            images, prefixes, image_latent=latent, image_embs=tokens, output_labels=False
        )["logits"][:, -1].float()
        if prefixes.shape[1] < SHORTEST:
            logits[:, end] = float("-inf")
        length = prefixes.shape[1] + 1
        total = logits.view(GROUPS, width, -1) + logits.new_tensor(scores)[..., None]
        best, index = total.flatten(1).topk(2 * width)
        ranked = torch.stack([best.double(), index.double()], -1).tolist()
        history, vocabulary = prefixes.tolist(), logits.shape[-1]
        following: list[list[int]] = []
        for group, candidates in enumerate(ranked):
            running: list[tuple[float, list[int]]] = []
            for rank, (score, position) in enumerate(candidates):
                parent, token = divmod(int(position), vocabulary)
                words = [*history[group * width + parent], token]
                if token != end:
                    running.append((score, words))
                elif rank < width and not done[group]:
                    finished[group] = sorted([*finished[group], (score / length, words)])[-width:]
            full = len(finished[group]) == width
            done[group] |= full and finished[group][0][0] >= candidates[0][0] / length
            scores[group] = [score for score, _ in running[:width]]
            following += [words for _, words in running[:width]]
        prefixes = torch.tensor(following, device=image.device)
    for group in range(GROUPS):
        if not done[group]:
            for score, words in zip(
                scores[group], prefixes[group * width :].tolist(), strict=False
            ):
                finished[group].append((score / len(words), words))
    _, words = max(hypothesis for group in finished for hypothesis in group)
    return [token for token in words[1:] if token != end]
