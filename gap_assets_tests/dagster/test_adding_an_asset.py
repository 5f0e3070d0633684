"""An asset is added as CONTRIBUTING.md says; it is skipped and described like the others."""

from collections.abc import Sequence
from functools import partial

import dagster as dg

from gap_assets.dagster import build
from gap_assets.dagster.partitions import range_tags
from gap_assets.dagster.per_video import ChunkConfig, VideoEvents, materialize_videos
from gap_assets.dagster.resources import WarehouseResource
from gap_assets.dagster.runs import open_instance
from gap_assets.dagster.specs import video_asset
from gap_assets.graph import STEPS, Step
from gap_assets.warehouse.ledger import Results
from gap_assets.warehouse.schema import TABLES, Table
from gap_assets.warehouse.store import Warehouse

ASSET = "caption_lengths"
TABLE = Table(
    description="How long a video's captions are.",
    columns={
        "video_id": ("VARCHAR", "The video."),
        "words": ("DOUBLE", "Mean number of words of a caption."),
    },
    key=("video_id",),
)


def count_words(videos: Sequence[str], *, warehouse: Warehouse) -> Results:
    rows = warehouse.read(
        "SELECT video_id, avg(len(string_split(caption, ' '))) AS words FROM frame_captions"
        " WHERE video_id IN (FROM given) GROUP BY video_id",
        videos=videos,
    )
    return Results(rows={ASSET: rows})


def test_an_asset_is_a_step_a_table_a_computation_and_a_function(copy_of_made, monkeypatch):
    monkeypatch.setitem(STEPS, ASSET, Step(upstream=("frame_captions",)))
    monkeypatch.setitem(TABLES, ASSET, TABLE)

    @video_asset(ASSET, group="captions", kinds={"sql"})
    def caption_lengths(
        context: dg.AssetExecutionContext, config: ChunkConfig, warehouse: WarehouseResource
    ) -> VideoEvents:
        """How long a video's captions are."""
        store = warehouse.open()
        compute = partial(count_words, warehouse=store)
        return materialize_videos(
            context, ASSET, compute, warehouse=store, config=config, unit="rows"
        )

    monkeypatch.setattr(build, "all_assets", [*build.all_assets, caption_lengths])
    warehouse = Warehouse(path=copy_of_made.warehouse)
    with warehouse.transaction() as connection:  # A new version of the schema would make it.
        from gap_assets.warehouse.rows import make_table

        make_table(connection, ASSET)
    definitions = build.build_definitions(copy_of_made)
    job = definitions.resolve_implicit_global_asset_job_def()
    with open_instance(copy_of_made) as instance:
        for told in ("made", "current, skipped"):
            result = job.execute_in_process(
                instance=instance,
                asset_selection=[dg.AssetKey(ASSET)],
                tags=range_tags("world-0000", "world-0004"),
            )
            assert result.success
            [made, *_] = result.asset_materializations_for_node(ASSET)
            assert made.metadata["result"].value == told
    assert warehouse.read(f"SELECT count(*) FROM {ASSET} WHERE words > 1").item() == 5
    [spec] = caption_lengths.specs
    [video, words] = spec.metadata["dagster/column_schema"].columns
    assert (words.name, words.type) == ("words", "double")
    assert words.description == TABLE.columns["words"][1]
    assert not video.constraints.nullable
