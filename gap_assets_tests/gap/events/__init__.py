"""Tests of gap_assets.gap.events."""
