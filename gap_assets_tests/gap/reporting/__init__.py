"""Tests of gap_assets.gap.reporting."""
