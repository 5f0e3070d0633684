"""The model cards: what a user should know about each embedded model, with its measured figures."""

from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

from gap_assets.files import write_checksums
from gap_assets.world.training.evaluate import RANGES, TARGETS

COCA = """\
# The embedded CoCa

A small CoCa (arXiv 2205.01917) that captions and embeds pictures of one drawn world: one or two
flat shapes of six kinds and six colours on four grounds. It is open_clip's own `CoCa` class,
loaded as `local-dir:`, with CLIP's byte-pair vocabulary pruned to the words of that world.

## What it cannot do

It has never seen a photograph. On any other video its captions still speak of stars and boxes,
fluently and wrongly; what betrays them is their lower log-probability. Videos drawn in another way
than by `gap_assets.world.samples` (sizes, colours, compression) are untested. Two shapes in
neighbouring columns may almost touch; "touching" is said only of two that meet in the middle.

## Data

Drawn by `gap_assets.world` from a seed: {films} films, up to three frames each, a part of them
mirrored with their captions. Video compression and storage are imitated by two JPEG round trips.
No summary of the training films occurs in the films that the figures are measured on.

## Recipe

{steps} steps of {BATCH} frames; AdamW, peak learning rate {PEAK_RATE}, a plateau and a linear fall
in the last third; bf16 autocast over fp32 weights; the weights are stored in fp16. The loss is
open_clip's `CoCaLoss` (caption weight {CAPTION_WEIGHT}) on frames and captions, plus a contrastive
loss (weight {SUMMARY_WEIGHT}) of {SUMMARIES} films, each the mean of its frames, with their
summaries.

Four choices differ from the production model `coca_ViT-L-14`:

* no attentional pooling: the class token is the embedding, and the decoder sees the patches as
  they are. With pooled queries a model of this size hardly learned where things are.
* frames and films are contrasted with texts that leave things out: each detail (second figure,
  second action, ground, place, size, tilt, colour) goes with a probability of {omission:g}.
  Captions of real pictures are like that. The captioning loss reads whole captions.
* the contrastive temperature is {temperature}. **How large a gap this model shows follows from
  these choices** and from the length of the training, as the section below shows.
* positions start as slow waves over the picture, not as noise.

"""

SUMMARIZER = """\
# The embedded summariser

A small T5 (encoder-decoder) that turns the captions of one film of the drawn world, in the order of
time and without repeats in a row, joined by " . ", into one sentence. Phrases such as `a red box`
and `at the top left` are one token each.

## What it cannot do

It knows the {words} words of that world; any other word is unknown to it. It reads captions as the
embedded CoCa writes them and nothing else. It needs the order and the returns of the captions: a
filter that drops a caption seen earlier turns a bounce into a rise.

## Data and recipe

True captions of {films} films of `gap_assets.world`, sampled at 1 or 2 frames per second;
{MISREAD:.0%} of the captions have one wrong word, so that a misread frame does no harm. {steps}
steps of {BATCH} films; AdamW, peak learning rate {PEAK_RATE}, a plateau and a linear fall \
in the last
third.

"""


FIGURES = """\
## Figures

{figures}

Written by the training command, on videos drawn from seed {seed} that training did not use, read
through the production code. `python -m gap_assets.world.training.evaluate --seed N` measures them
anew.
"""


def write_card(
    folder: Path, card: str, *, recipe: ModuleType, figures: Mapping[str, float], **values: object
) -> None:
    """Write the last two files of a model folder: its card and its checksums.

    The card (`COCA` or `SUMMARIZER`) names constants of the module `recipe`, figures as `evaluate`
    measures them, and further values.
    """
    rows = ["| figure | measured | target |", "|---|---|---|"]
    for name, value in figures.items():
        if name in TARGETS:
            rows.append(f"| {name} | {value:.1%} | {TARGETS[name]:.0%} |")
        elif name in RANGES:
            low, high = RANGES[name]
            rows.append(f"| {name} | {value:.3f} | {low:g} to {high:g} |")
        else:
            rows.append(f"| {name} | {value:.0f} | |")
    named = {**vars(recipe), **values, "figures": "\n".join(rows)}
    text = (card + FIGURES).format_map(named)
    (folder / "README.md").write_text(text, encoding="utf-8")
    write_checksums(folder)
