"""Tests of gap_assets.coca."""
