"""The gap and both cones along trainings, from the embeddings that they kept of held-out pairs.

`python -m gap_assets.world.training.evolution WORK_A WORK_B --title A --title B --card FOLDER` adds
trainings that differ in one choice to a model card.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np
import numpy.typing as npt
import typer

from gap_assets.files import write_checksums
from gap_assets.gap.metrics.moments import closed_form

Vectors = npt.NDArray[np.float32]

FIGURE = "gap-along-training.png"
HEADING = f"""\
## The gap along training

![Gap and cones along training]({FIGURE})

Trainings with the same initial weights and the same films in each batch; they differ in nothing but
what the titles say. Held-out frames and their whole captions are embedded along the way. Gap:
distance of the two centroids. Cones: mean cosine of different images, and of different texts. One
seed each.

The claims to check: gap and cones are there before any training (arXiv 2203.02053), and captions
that say less than the pictures show keep them open (arXiv 2404.07983). Both runs agree. At
initialisation all three are there. Where captions say everything, gap and cones shrink for as long
as training goes on; where each detail is left out half the time, the gap stays near that of CLIP.
How large a gap this model shows was chosen with its captions, its temperature and its length."""


class Moment(NamedTuple):
    """Both modalities at one step; cosines are means over all pairs of that kind."""

    step: int
    temperature: float
    gap: float  # distance of the two centroids
    image_cone: float  # cosine of different images
    text_cone: float  # cosine of different texts
    matched: float  # cosine of an image and its caption


def moment(step: int, temperature: float, frames: Vectors, texts: Vectors) -> Moment:
    """Measure one step; both inputs are (n, D) with unit rows, row k of each a pair."""
    weights = np.ones((1, len(frames)))
    found = closed_form(frames.astype(np.float64), texts.astype(np.float64), weights=weights)
    names = ("centroid_gap", "cone_video", "cone_text", "paired_cosine")
    return Moment(step, temperature, *(float(found[name][0]) for name in names))


def moments(work: Path) -> list[Moment]:
    """The moments of a training that kept its embeddings in `work`, by step."""
    found = []
    for path in sorted(work.glob("pairs-*.npz")):
        with np.load(path) as kept:
            step, temperature = int(path.stem.split("-")[1]), float(kept["temperature"])
            found.append(moment(step, temperature, kept["frames"], kept["texts"]))
    return found


def moments_table(history: Sequence[Moment]) -> str:
    """The moments as a Markdown table."""
    names = ["step", "temperature", "gap", "image cone", "text cone", "matched cosine"]
    lines = [f"| {' | '.join(names)} |", "|---" * len(names) + "|"]
    for step, *values in history:
        lines.append(f"| {step} | {' | '.join(f'{value:.3f}' for value in values)} |")
    return "\n".join(lines)


def draw(histories: Mapping[str, Sequence[Moment]], out: Path) -> None:
    """Draw gap and cones over steps, one panel for each training."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.2), layout="constrained")
    panels = figure.subplots(1, len(histories), sharex=True, sharey=True, squeeze=False)[0]
    curves = {"gap": "#222222", "image_cone": "#c0392b", "text_cone": "#2166ac"}
    for panel, (title, history) in zip(panels, histories.items(), strict=True):
        for name, colour in curves.items():
            values = [getattr(m, name) for m in history]
            label = name.replace("_", " ")
            panel.plot([m.step for m in history], values, ".-", color=colour, label=label)
        panel.set(title=title, xlabel="training step", ylim=(0, None))
        panel.set_xscale("symlog", linthresh=25)
        panel.spines[["top", "right"]].set_visible(False)
    panels[0].set_ylabel("distance, or mean cosine")
    panels[0].legend(frameon=False)
    figure.savefig(out, dpi=110)


def main(
    work: Annotated[list[Path], typer.Argument(help="Work folders of trainings.")],
    *,
    title: Annotated[
        list[str], typer.Option(help="Of each training, in the order of the folders.")
    ],
    card: Annotated[Path, typer.Option(help="The model folder whose card gets the section.")],
) -> None:
    """Add gap and cones along trainings to a model card: one figure, and a table of each."""
    if len(title) != len(work):
        raise typer.BadParameter(f"Give one --title for each of the {len(work)} trainings.")
    histories = {name: moments(folder) for name, folder in zip(title, work, strict=True)}
    draw(histories, card / FIGURE)
    readme = card / "README.md"
    card_text = readme.read_text(encoding="utf-8")
    parts = [card_text.split(HEADING.partition("\n")[0])[0].rstrip(), HEADING]
    for name, history in histories.items():
        parts += [f"{name.capitalize()}:", moments_table(history)]
    readme.write_text("\n\n".join(parts) + "\n", encoding="utf-8")
    write_checksums(card)


if __name__ == "__main__":
    typer.run(main)
