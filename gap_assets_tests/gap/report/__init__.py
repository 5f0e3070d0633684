"""Tests of gap_assets.gap.report."""
