"""Tests of gap_assets.cli."""
