"""Tests of gap_assets.notebook."""
