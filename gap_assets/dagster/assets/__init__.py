"""The assets: short functions that read rows, call the core and commit rows.

What an asset computes is the core's business. How a run goes through its videos is
`gap_assets.dagster.per_video`'s.
"""
