"""The entry point that Dagster loads; see `gap_assets.dagster.build`."""

from gap_assets.dagster.build import build_definitions

defs = build_definitions()
