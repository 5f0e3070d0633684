"""Tests of the gap metrics, projections and report."""
