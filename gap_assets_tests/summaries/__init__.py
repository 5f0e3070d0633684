"""Tests of gap_assets.summaries."""
