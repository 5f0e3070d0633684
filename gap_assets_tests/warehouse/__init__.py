"""Tests of gap_assets.warehouse."""
