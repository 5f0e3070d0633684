"""The modality gap and the cone effect of paired embeddings: numbers, tests, pictures, report.

Arrays and dataclasses in, dataclasses and files out; neither Dagster nor a database. In order:
`pairs` checks the pairs; `metrics` measures; `scorecard` names the numbers and gives them
intervals; `metric_rows` compares every pair of sources for the warehouse; `events` measures
sentences that have times; `projections` fits the views; `report` writes the verdict, the figures
and the pages.
"""

from gap_assets.gap.pairs import GapInputError, Pairs, check_pairs, load_embeddings
from gap_assets.gap.scorecard import Metric, as_json, scorecard, scorecard_of_files

__all__ = [
    "GapInputError",
    "Metric",
    "Pairs",
    "as_json",
    "check_pairs",
    "load_embeddings",
    "scorecard",
    "scorecard_of_files",
]
