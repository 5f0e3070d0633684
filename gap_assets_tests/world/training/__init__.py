"""Tests of gap_assets.world.training."""
