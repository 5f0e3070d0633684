"""The command `gap`: a thin, typed front of the same definitions that the Dagster UI shows."""

from gap_assets.cli.commands import app

__all__ = ["app"]
