"""The gap and both cones along a training, from the embeddings that it kept of held-out pairs.

`python -m gap_assets.world.evolution WORK_A WORK_B --out FIGURE.png` draws two trainings as one
figure and prints the table of the model card.
"""

from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import Annotated

import numpy as np
import numpy.typing as npt
import typer

Vectors = npt.NDArray[np.float32]


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
    panels = figure.subplots(1, len(histories), sharey=True, squeeze=False)[0]
    curves = {"gap": "#222222", "image_cone": "#c0392b", "text_cone": "#2166ac"}
    for panel, (title, history) in zip(panels, histories.items(), strict=True):
        for name, colour in curves.items():
            values = [getattr(m, name) for m in history]
            label = name.replace("_", " ")
            panel.plot([m.step for m in history], values, ".-", color=colour, label=label)
        panel.set(title=title, xlabel="training step", xscale=("symlog"), ylim=(0, None))
        panel.spines[["top", "right"]].set_visible(False)
    panels[0].set_ylabel("distance, or mean cosine")
    panels[0].legend(frameon=False)
    figure.savefig(out, dpi=110)


def main(
    work: Annotated[list[Path], typer.Argument(help="Work folders of trainings.")],
    *,
    out: Annotated[Path, typer.Option(help="The figure, a PNG.")],
) -> None:
    """Draw trainings side by side and print their tables."""
    histories: dict[str, Sequence[Moment]] = {}
    for folder in work:
        history = moments(folder)
        learned = history[0].temperature != history[-1].temperature
        title = "temperature learned" if learned else f"temperature {history[0].temperature:.2f}"
        histories[title] = history
        typer.echo(f"\n{title}\n\n{table(history)}")
    draw(histories, out)


if __name__ == "__main__":
    typer.run(main)
