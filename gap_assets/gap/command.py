"""The light library's command `modality-gap`. What it prints is measured elsewhere in this room.

It is `gap metrics` for where the platform is not installed, and needs no library of its own.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from gap_assets.gap.embedding_files import load_embeddings
from gap_assets.gap.own import report
from gap_assets.gap.pairs import GapInputError
from gap_assets.gap.reporting.numbers import with_interval
from gap_assets.gap.scorecard import Metric, as_json, scorecard
from gap_assets.text import printable
from gap_assets.version import VERSION

EPILOG = (
    "A file is FILE.npy, FILE.npz with one array, FILE.npz:NAME, FILE.parquet with one column of"
    " lists, or FILE.parquet:COLUMN."
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; returns its exit status: 1 for what the user can fix."""
    given = _parser().parse_args(arguments)
    try:
        _run(given.video, given.text, folder=given.report, json_asked=given.json)
    except (GapInputError, OSError) as error:
        print(f"modality-gap: {printable(str(error))}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="modality-gap",
        description="Measure the modality gap and the cone effect of paired embeddings.",
        epilog=EPILOG,
    )
    parser.add_argument("--version", action="version", version=f"modality-gap {VERSION}")
    parser.add_argument(
        "--video", required=True, metavar="FILE", help="embeddings of the videos, one row each"
    )
    parser.add_argument(
        "--text", required=True, metavar="FILE", help="embeddings of their texts, row for row"
    )
    parser.add_argument(
        "--report", type=Path, metavar="FOLDER", help="write the whole report with figures into it"
    )
    parser.add_argument("--json", action="store_true", help="print all numbers as JSON")
    return parser


def _run(video: str, text: str, *, folder: Path | None, json_asked: bool) -> None:
    if folder is not None and folder.exists() and not folder.is_dir():
        raise GapInputError(f"{folder} is a file; name a folder for the report.")
    rows = load_embeddings(video), load_embeddings(text)
    if folder is None:
        found = scorecard(*rows)
        print(json.dumps(as_json(found)) if json_asked else _table(found))
        return
    made = report(*rows)
    page = made.save(folder).html
    print(json.dumps(as_json(list(made.metrics.values()))) if json_asked else made.verdict)
    print(printable(str(page)), file=sys.stderr if json_asked else sys.stdout)


def _table(found: Sequence[Metric]) -> str:
    width = max(len(metric.name) for metric in found)
    return "\n".join(f"{metric.name:{width}}  {with_interval(metric)}" for metric in found)
