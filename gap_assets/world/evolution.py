"""The gap and both cones along a training, from the embeddings that it kept of held-out pairs.

`python -m gap_assets.world.evolution WORK_A WORK_B --card MODEL_FOLDER` adds two trainings, which
differ in their temperature only, to a model card.
"""

from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Annotated

import numpy as np
import numpy.typing as npt
import typer

from gap_assets.checksums import write_checksums

Vectors = npt.NDArray[np.float32]

FIGURE = "gap-along-training.png"
HEADING = f"""\
## The gap along training

![Gap and cones along training]({FIGURE})

Trainings with the same initial weights and batches, each as far as its table goes; only the
contrastive temperature differs. Held-out frames and their captions are embedded along the way. Gap:
distance of the two centroids. Cones: mean cosine of different images, and of different texts. The
claims to check (arXiv 2203.02053): gap and cones are there before any training; a low temperature
keeps them up, a higher one closes them.

What the trainings of the shipped model showed, one seed each: at initialisation all three are
there. At equal steps the frozen low temperature has the larger gap, and by far the wider cones; but
gap and cones shrink there, too, for as long as training goes on. The learned temperature closes the
cones within some hundred steps, the gap not wholly; and as the temperature falls, the gap grows
again. So the gap that this model shows depends on its temperature and on when it was stopped."""


@dataclass(frozen=True)
class Moment:
    """Both modalities at one step; cosines are means over all pairs of that kind."""

    step: int
    temperature: float
    gap: float  # distance of the two centroids
    image_cone: float  # cosine of different images
    text_cone: float  # cosine of different texts
    matched: float  # cosine of an image and its caption


def moment(step: int, temperature: float, frames: Vectors, texts: Vectors) -> Moment:
    """Measure one step; both inputs are (n, D) with unit rows, row k of each a pair."""
    return Moment(
        step=step,
        temperature=temperature,
        gap=float(np.linalg.norm(frames.mean(axis=0) - texts.mean(axis=0))),
        image_cone=_cone(frames),
        text_cone=_cone(texts),
        matched=float((frames * texts).sum(axis=1).mean()),
    )


def _cone(vectors: Vectors) -> float:
    """Mean cosine over pairs of different rows: |sum|^2 = n + n (n - 1) times that mean."""
    n = len(vectors)
    return float((np.square(vectors.sum(axis=0, dtype=np.float64)).sum() - n) / (n * (n - 1)))


def moments(work: Path) -> list[Moment]:
    """The moments of a training that kept its embeddings in `work`, by step."""
    found = []
    for path in sorted(work.glob("pairs-*.npz")):
        with np.load(path) as kept:
            step, temperature = int(path.stem.split("-")[1]), float(kept["temperature"])
            found.append(moment(step, temperature, kept["frames"], kept["texts"]))
    return found


def table(history: Sequence[Moment]) -> str:
    """The moments as a Markdown table."""
    names = ["step", "temperature", "gap", "image cone", "text cone", "matched cosine"]
    rows = [
        f"| {step} | {' | '.join(f'{value:.3f}' for value in values)} |"
        for step, *values in map(astuple, history)
    ]
    return "\n".join([f"| {' | '.join(names)} |", "|---" * len(fields(Moment)) + "|", *rows])


def draw(histories: dict[str, Sequence[Moment]], out: Path) -> None:
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
    card: Annotated[Path, typer.Option(help="The model folder whose card gets the section.")],
) -> None:
    """Add gap and cones along trainings to a model card: one figure, and a table of each."""
    histories: dict[str, Sequence[Moment]] = {}
    for folder in work:
        history = moments(folder)
        learned = history[0].temperature != history[-1].temperature
        manner = "learned from" if learned else "frozen at"
        histories[f"temperature {manner} {history[0].temperature:.2f}"] = history
    draw(histories, card / FIGURE)
    parts = [
        HEADING,
        *(f"{title[0].upper()}{title[1:]}:\n\n{table(h)}" for title, h in histories.items()),
    ]
    text = (card / "README.md").read_text(encoding="utf-8").split(HEADING)[0].rstrip()
    (card / "README.md").write_text("\n\n".join([text, *parts]) + "\n", encoding="utf-8")
    write_checksums(card)


if __name__ == "__main__":
    typer.run(main)
