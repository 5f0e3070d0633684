"""Train the embedded models: `python -m gap_assets.world.training coca|summarizer|causes`.

`coca` and `summarizer` each write a complete model folder: configuration, weights, vocabulary, card
and checksums. `causes` trains many small CoCas that differ in one choice, for their gap alone.
"""

from pathlib import Path
from typing import Annotated

import typer

from gap_assets.profiles import MODELS
from gap_assets.world.training.corpus import CORPUS_SEED, PAIRS_SEED, TrainingCorpus, render_films
from gap_assets.world.training.evaluate import coca_figures, read_samples, summarizer_figures

app = typer.Typer(add_completion=False, help=__doc__)

FIGURES_SEED = 2  # of the films for the card
OBSERVED = (0, 25, 50, 100, 200, 300, 400, 500, 600, 800, 1000, *range(2000, 100_000, 1000))

Out = Annotated[Path, typer.Option(help="The model folder to write.")]
Steps = Annotated[int, typer.Option(help="Length of the training.")]
Films = Annotated[int, typer.Option(help="Films to draw for training.")]
Work = Annotated[Path, typer.Option(help="Checkpoint, log and observations; resumed from.")]
Device = Annotated[str, typer.Option(help="A torch device.")]
Seed = Annotated[int, typer.Option(help="Of the initial weights and of the order of batches.")]


@app.command()
def coca(
    out: Out,
    *,
    work: Work = Path("training/coca"),
    steps: Steps = 3000,
    films: Films = 60_000,
    device: Device = "cpu",
    seed: Seed = 0,
    temperature: Annotated[float, typer.Option(help="Of the contrastive loss.")] = 0.01,
    learned_temperature: Annotated[bool, typer.Option(help="Train it, too.")] = False,
    omission: Annotated[
        float, typer.Option(min=0, max=1, help="How much the contrasted captions leave out.")
    ] = 0.5,
) -> None:
    """Train the small CoCa on frames of the world."""
    from gap_assets.coca.model import load_coca
    from gap_assets.world.training import cards
    from gap_assets.world.training import coca as coca_training
    from gap_assets.world.training.batches import BATCH, SUMMARIES

    corpus = render_films(films=films, seed=CORPUS_SEED, split="train", cache=work / "corpus.npz")
    pairs = render_films(films=250, seed=PAIRS_SEED, split="held-out", cache=work / "pairs.npz")
    coca_training.train_coca(
        folder=out,
        work=work,
        corpus=corpus,
        pairs=pairs,
        steps=steps,
        seed=seed,
        device=device,
        temperature=temperature,
        learned=learned_temperature,
        omission=omission,
        observe=OBSERVED,
    )
    write_calibration(pairs, out)
    eyes = load_coca(model=f"local-dir:{out}", weights=None, device=device)
    figures = coca_figures(eyes, read_samples(eyes, seed=FIGURES_SEED), seed=FIGURES_SEED)
    cards.write_card(
        out,
        cards.COCA,
        recipe=coca_training,
        figures=figures,
        BATCH=BATCH,
        SUMMARIES=SUMMARIES,
        films=films,
        steps=steps,
        omission=omission,
        temperature="learned" if learned_temperature else f"{temperature:g}, and frozen",
        seed=FIGURES_SEED,
    )


@app.command()
def summarizer(
    out: Out,
    *,
    described_by: Annotated[
        Path, typer.Option("--coca", help="A CoCa's folder, for the card's end-to-end figure.")
    ] = MODELS / "coca",
    work: Work = Path("training/summarizer"),
    steps: Steps = 4000,
    films: Films = 300_000,
    device: Device = "cpu",
    seed: Seed = 0,
) -> None:
    """Train the small T5 on true captions of the world."""
    from gap_assets.coca.model import load_coca
    from gap_assets.summaries.summarizer import load_summarizer
    from gap_assets.world.training import cards
    from gap_assets.world.training import summarizer as summarizer_training
    from gap_assets.world.training.vocabulary import world_words

    pairs = summarizer_training.examples(films=films, seed=CORPUS_SEED, split="train")
    summarizer_training.train_summarizer(
        folder=out, work=work, pairs=pairs, steps=steps, seed=seed, device=device
    )
    eyes = load_coca(model=f"local-dir:{described_by}", weights=None, device=device)
    readings = read_samples(eyes, seed=FIGURES_SEED)
    cards.write_card(
        out,
        cards.SUMMARIZER,
        recipe=summarizer_training,
        figures=summarizer_figures(load_summarizer(model=str(out), device=device), readings, eyes),
        films=films,
        steps=steps,
        words=len(world_words()),
        seed=FIGURES_SEED,
    )


@app.command()
def causes(
    out: Annotated[Path, typer.Option(help="Results, one file a cell; what is there is kept.")],
    *,
    jobs: Annotated[int, typer.Option(min=1, help="Processes, of one thread each.")] = 1,
    device: Device = "cpu",
    from_scratch: Annotated[
        bool, typer.Option("--from-scratch", help="Whole lives of networks, 900 steps of 128.")
    ] = False,
) -> None:
    """Train the grid: a baseline and what differs from it in one choice, over seeds."""
    from gap_assets.world.training.dials import WHOLE_LIVES, Recipe
    from gap_assets.world.training.grid import run_grid

    run_grid(out, jobs=jobs, device=device, base=WHOLE_LIVES if from_scratch else Recipe())


@app.command()
def ship_causes(
    out: Annotated[Path, typer.Option(help="The folder that `causes` wrote.")],
) -> None:
    """Write the grid's finished cells into the package, for the report; print where they end."""
    from gap_assets.gap.causes import SHIPPED, read_grid
    from gap_assets.world.training.ship import in_markdown, ship

    missing = ship(out)
    typer.echo(in_markdown(read_grid(SHIPPED)))
    typer.echo(f"Missing: {', '.join(missing) or 'none'}.")


def write_calibration(pairs: TrainingCorpus, folder: Path, *, count: int = 60) -> None:
    """Write captions that differ from each other, for the caption filter's threshold."""
    different = list(dict.fromkeys(pairs.captions.tolist()))[:count]
    (folder / "calibration_captions.txt").write_text("\n".join(different) + "\n", encoding="utf-8")


if __name__ == "__main__":
    app()
