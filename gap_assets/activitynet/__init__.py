"""Fetches ActivityNet Captions. Captions files are read by `pipeline.reference_captions`."""
