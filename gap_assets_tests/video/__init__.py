"""Tests of gap_assets.video, on clips that the tests encode themselves."""
