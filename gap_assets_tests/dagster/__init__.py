"""Tests of the Dagster edge and the command line."""
