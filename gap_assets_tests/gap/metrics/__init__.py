"""Tests of gap_assets.gap.metrics."""
