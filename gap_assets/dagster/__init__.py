"""The edge: all that Dagster sees. Nothing is computed here.

`import dagster as dg` is the library; this package is only ever `gap_assets.dagster`.
"""
