"""Measures the modality gap and the cone effect between videos and their captions.

Start with `graph`, the assets and what each is made from, and `parameters`, what determines a
result. The rooms, from the top: `cli` and `dagster` are the edge, and all that knows Dagster;
`pipeline` holds the stages; `video`, `coca`, `encoders` and `summaries` are the engines, `gap` the
science, `warehouse` the storage; `viewer` shows the pairs. `world` draws sample videos and trains
the embedded models, `activitynet` fetches the data set. All but the edge works alone from a
notebook or a benchmark, and `gap` with the little that it needs is a light library of its own.
"""

# Not in __all__: `from gap_assets import *` leaves Python's own open alone.
from gap_assets.notebook import open as open  # noqa: A004
from gap_assets.notebook import show_report

__all__ = ["show_report"]
