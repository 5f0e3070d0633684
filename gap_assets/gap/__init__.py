"""The modality gap and the cone effect of paired embeddings: numbers, tests, pictures, report.

Arrays and dataclasses in, dataclasses and files out; neither Dagster nor a database. The way
through the package: `inputs` checks the pairs; `moments`, `pairwise`, `spectra` and `separability`
measure; `scorecard` names the numbers and gives them intervals by `resampling`; `interventions`
tampers with the gap; `sources` compares every pair of sources for the warehouse; `projections` and
`figures` draw; `report` and `comparison` write pages.
"""

from gap_assets.gap.inputs import GapInputError, Pairs, check_pairs, load_embeddings
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
