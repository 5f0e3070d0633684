"""What an asset check finds in a warehouse."""

import dagster as dg
import polars as pl

from gap_assets.dagster.checks import QUERIES
from gap_assets_tests.rows import put


def test_the_worst_summaries_are_listed_first_and_good_ones_not_at_all(warehouse):
    rows = pl.DataFrame(
        [
            ("good", True, 0.5, None),
            ("cut", False, 0.0, None),
            ("invented", True, 0.9, None),
            ("invented a little less", True, 0.6, None),
            ("copied", True, 0.0, "example"),
            ("of an older version", None, None, None),
            ("wordless", True, None, None),
        ],
        schema={
            "video_id": pl.String,
            "ended": pl.Boolean,
            "unsupported": pl.Float64,
            "fallback": pl.String,
        },
        orient="row",
    )
    put(warehouse, {"video_summaries": rows}, where={})
    key = dg.AssetCheckKey(dg.AssetKey("video_summaries"), "summaries_supported")
    found = warehouse.read(QUERIES[key])
    assert found["video_id"].to_list() == ["copied", "invented", "invented a little less", "cut"]
