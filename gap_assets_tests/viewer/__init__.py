"""Tests of the viewer; those that need Chromium are marked `browser`."""
