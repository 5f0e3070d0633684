"""`python -m gap_assets.cli` is the command `gap`."""

from gap_assets.cli import app

app()
