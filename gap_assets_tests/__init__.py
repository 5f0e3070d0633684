"""Tests of gap_assets."""
