"""Tests of the drawn world and of the embedded models."""
