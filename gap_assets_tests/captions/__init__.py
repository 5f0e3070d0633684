"""Tests of gap_assets.captions."""
