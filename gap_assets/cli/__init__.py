"""The command `gap`: a thin, typed front of the same definitions that the Dagster UI shows."""

from gap_assets.cli import run, models, data, settings, metrics, explore, export, ui  # noqa: F401, I001 (their order is that of `gap --help`)
from gap_assets.cli.app import app

__all__ = ["app"]
