"""Training of one cell of the grid of `dials`, and its figures along the way.

A cell's result is one small file, written when it is done; what is there is not trained again.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from open_clip.coca_model import CoCa  # noqa: TID253
from safetensors.torch import load_file, save

from gap_assets.files import write_atomically
from gap_assets.gap.metrics.moments import closed_form
from gap_assets.gap.pairs import unit_rows
from gap_assets.profiles import MODELS
from gap_assets.world.training.batches import Batches
from gap_assets.world.training.coca import (
    caption_greedily,
    compiled_objective,
    embed_pairs,
    new_model,
    new_optimizer,
    objective,
    write_skeleton,
)
from gap_assets.world.training.corpus import (
    CORPUS_SEED,
    PAIRS_SEED,
    TrainingCorpus,
    render_films,
)
from gap_assets.world.training.dials import (
    BASELINE,
    CAPTIONED,
    Cell,
    Recipe,
    recipe_of,
)
from gap_assets.world.training.evaluate import gap_figures, recall
from gap_assets.world.training.loop import learning_rate_factor, update

WORTH_COMPILING = 500  # steps; compiling takes as long as some 100

Row = tuple[int, str, float]  # step, metric, value


@dataclass(frozen=True, kw_only=True)
class Material:
    """What all cells of a grid share.

    Attributes:
        folder: Where results, the corpus and the vocabulary are kept.
        base: The baseline's recipe.
        corpus: Frames to train on.
        pairs: Held-out frames with captions that all differ.
        device: A torch device.
    """

    folder: Path
    base: Recipe
    corpus: TrainingCorpus
    pairs: TrainingCorpus
    device: str = "cpu"

    @property
    def vocabulary(self) -> Path:
        """The folder of the configuration and the vocabulary."""
        return self.folder / "model"


def prepare(folder: Path, *, base: Recipe, device: str) -> Material:
    """Draw the films, or read those that the folder has, and write the vocabulary."""
    cache = folder / f"corpus-{base.films}.npz"
    corpus = render_films(films=base.films, seed=CORPUS_SEED, split="train", cache=cache)
    cache = folder / f"pairs-{base.held_out_films}.npz"
    pairs = render_films(films=base.held_out_films, seed=PAIRS_SEED, split="held-out", cache=cache)
    material = Material(
        folder=folder, base=base, corpus=corpus, pairs=_different(pairs), device=device
    )
    if not material.vocabulary.exists():
        write_skeleton(material.vocabulary)
    return material


def _different(pairs: TrainingCorpus) -> TrainingCorpus:
    """The first frame of each different caption, so that retrieval has one right answer."""
    _, rows = np.unique(pairs.captions, return_index=True)
    rows.sort()
    return TrainingCorpus(
        images=pairs.images[rows],
        captions=pairs.captions[rows],
        mirrored=pairs.mirrored[rows],
        films=pairs.films[rows],
        summaries=pairs.summaries,
    )


def cell_file(folder: Path, cell: Cell) -> Path:
    """Where a cell's result is kept."""
    return folder / f"{cell.condition}-{cell.seed}.json"


def finished(folder: Path, cell: Cell, *, base: Recipe) -> list[Row] | None:
    """The rows of a cell that was trained by this recipe; None where there are none."""
    path = cell_file(folder, cell)
    if not path.exists():
        return None
    kept = json.loads(path.read_text(encoding="utf-8"))
    if kept["recipe_sha256"] != recipe_of(cell.condition, base).sha256:
        return None
    return [(step, metric, value) for step, metric, value in kept["rows"]]


def train_cell(
    cell: Cell, material: Material, *, advance: Callable[[int], None] = lambda frames: None
) -> list[Row]:
    """The rows of one cell: read where it is finished, trained otherwise.

    A last stage goes on from the baseline's end of the same seed, which is trained first where the
    folder lacks it.

    Args:
        cell: What to train.
        material: From `prepare`.
        advance: Called with the number of frames that each step has seen.
    """
    if (done := finished(material.folder, cell, base=material.base)) is not None:
        return done
    recipe = recipe_of(cell.condition, material.base)
    model = new_model(
        material.vocabulary,
        seed=cell.seed,
        temperature=recipe.temperature,
        learned=recipe.learned_temperature,
        alike=recipe.towers_alike,
    ).to(material.device)
    if (start := _start(recipe, cell.seed, material)) is not None:
        weights = load_file(start, material.device)
        del weights["logit_scale"]  # The recipe's own.
        model.load_state_dict(weights, strict=False)
    rows = _train(model, recipe, cell.seed, material, advance)
    if cell.condition == BASELINE:
        write_atomically(_end_file(cell.seed, material), save(_weights(model)))
    content = {"recipe_sha256": recipe.sha256, **cell._asdict(), "rows": rows}
    write_atomically(cell_file(material.folder, cell), json.dumps(content).encode())
    return rows


def _start(recipe: Recipe, seed: int, material: Material) -> Path | None:
    """The weights that a cell goes on from; None for random ones."""
    if recipe.last_stage != "none":
        return _baseline_end(seed, material)
    embedded = MODELS / "coca" / "open_clip_model.safetensors"
    return embedded if recipe.start == "embedded" else None


def _weights(model: CoCa) -> dict[str, object]:
    return {name: value.contiguous() for name, value in model.state_dict().items()}


def _end_file(seed: int, material: Material) -> Path:
    """Where the baseline's last weights are kept."""
    return material.folder / f"end-{material.base.sha256[:12]}-{seed}.safetensors"


def _baseline_end(seed: int, material: Material) -> Path:
    path, baseline = _end_file(seed, material), Cell(BASELINE, seed)
    if not path.exists():
        cell_file(material.folder, baseline).unlink(missing_ok=True)
        train_cell(baseline, material)
    return path


def _train(
    model: CoCa, recipe: Recipe, seed: int, material: Material, advance: Callable[[int], None]
) -> list[Row]:
    """One stage of training: the whole of a cell, or a last stage that goes on from its start."""
    batches = Batches(
        material.corpus,
        material.vocabulary,
        omission=recipe.omission,
        seed=seed,
        device=material.device,
        frames=recipe.batch,
    )
    first, steps = 0, recipe.steps
    if recipe.last_stage != "none":
        first, steps = recipe.steps, recipe.last_steps
    alone = recipe.last_stage.endswith("captions")
    kept = ["caption"] if alone else ["caption", "contrast", "summary"]
    optimizer = new_optimizer(model)
    loss = compiled_objective() if steps >= WORTH_COMPILING else objective
    captioned = {first + round(steps * share) for share in CAPTIONED}
    rows: list[Row] = []
    for step in range(first, first + steps):
        if step in recipe.observed:
            rows += measure(model, material, step=step, captions=step in captioned)
        images, captions, told, membership = batches(step)
        if recipe.last_stage.startswith("new"):
            captions = told[: len(images)]
        parts = loss(model, images, captions, told, membership)
        rate = recipe.peak_rate * learning_rate_factor(step - first, steps, warm_up=recipe.warm_up)
        update(model, optimizer, {name: parts[name] for name in kept}, rate=rate)
        advance(recipe.batch)
    return rows + measure(model, material, step=first + steps, captions=True)


def measure(model: CoCa, material: Material, *, step: int, captions: bool) -> list[Row]:
    """The figures of held-out frames and their whole captions, as rows of one step."""
    frames, texts = embed_pairs(model, material.pairs, folder=material.vocabulary)
    found = gap_figures(frames, texts)
    pairs = unit_rows(frames), unit_rows(texts)
    values = {
        "gap": found["demo_gap"],
        "cone_image": found["cone_video"],
        "cone_text": found["cone_text"],
        "rmg": float(closed_form(*pairs, weights=np.ones((1, len(frames))))["rmg"][0]),
        "knn_excess": found["knn_excess"],
        "recall_at_1": recall(frames, texts),
        "temperature": 1 / model.logit_scale.exp().item(),
    }
    if captions:
        shown = material.base.captioned
        told = caption_greedily(model, material.pairs.images[:shown], folder=material.vocabulary)
        values["exact_captions"] = float(np.mean(material.pairs.captions[:shown] == told))
    return [(step, metric, value) for metric, value in values.items()]
