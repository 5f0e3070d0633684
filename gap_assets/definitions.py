"""The entry point that Dagster loads; see `gap_assets.build`."""

from gap_assets.build import build_definitions

defs = build_definitions()
