"""Measures the modality gap and the cone effect between videos and their captions.

Start with `graph`, the assets and what each is made from, and `parameters`, what determines a
result. The rooms, from the top: `cli` and `dagster` are the edge, and all that knows Dagster;
`pipeline` holds the stages; `video`, `coca`, `encoders` and `summaries` are the engines, `gap` the
science, `warehouse` the storage. `world` draws sample videos and trains the embedded models,
`activitynet` fetches the data set. All but the edge works alone from a notebook or a benchmark.
"""

from gap_assets.notebook import show_report

__all__ = ["show_report"]
