"""Measures the modality gap and the cone effect between videos and their captions.

The package has two halves. The edge (`definitions`, `build`, `assets`, `cli` and their neighbours)
knows Dagster. The core (`video`, `coca`, `captions`, `summaries`, `gap`, `warehouse`, `world`) does
not, and works alone from a notebook or a benchmark.
"""

from gap_assets.notebook import show_report

__all__ = ["show_report"]
