"""The export: a folder or a zip of what a data folder holds, for people without this program.

`frozen` copies one state of the warehouse and takes this machine's paths out of it, with
`machine_paths`; `tables` and `dataset` write it as Parquet, through `parquet`, with `card` to
describe it; `destination` puts a finished folder or zip in its place; `parts` joins them. The
page is `gap_assets.viewer`'s.
"""
