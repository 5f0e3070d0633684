"""The modality gap and the cone effect of paired embeddings: numbers, tests, pictures, report.

Arrays and dataclasses in, dataclasses and files out; neither Dagster nor a database. In order:
`pairs` checks the pairs; `metrics` measures; `scorecard` names the numbers and gives them
intervals; `metric_rows` compares every pair of sources for the warehouse; `events` measures
sentences that have times; `projections` fits the views; `reporting` makes the verdict, the figures
and the pages. `own` is all of it for two arrays: the function `report`.

The room needs numpy, scipy, scikit-learn, matplotlib, Jinja and Pillow, so that the light library
(`light`) is this room and the few modules below it.
"""

from gap_assets.gap.embedding_files import load_embeddings
from gap_assets.gap.own import Report, report
from gap_assets.gap.pairs import GapInputError, Pairs, check_pairs
from gap_assets.gap.scorecard import Metric, as_json, scorecard, scorecard_of_files

__all__ = [
    "GapInputError",
    "Metric",
    "Pairs",
    "Report",
    "as_json",
    "check_pairs",
    "load_embeddings",
    "report",
    "scorecard",
    "scorecard_of_files",
]
