"""The views: what people ask in SQL is what the platform measures."""

import re
from pathlib import Path

import duckdb
import numpy as np
import pytest

from gap_assets.warehouse.rows import make_table, make_views
from gap_assets.warehouse.schema import TABLES
from gap_assets.warehouse.store import Warehouse
from gap_assets.warehouse.views import VIEWS

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "sql.md"


def test_the_obvious_sql_for_the_gap_gives_the_number_of_gap_metrics(made):
    warehouse = Warehouse(path=made.warehouse)
    [stored] = warehouse.read(
        "SELECT value FROM headline_metrics WHERE metric = 'centroid_gap' AND encoder ="
        " 'embedded coca' AND video_source = 'mean' AND text_source = 'summary'"
    )["value"]
    [in_sql] = re.findall("```sql\n(.*?)```", GUIDE.read_text(encoding="utf-8"), re.DOTALL)
    assert warehouse.read(in_sql).item() == pytest.approx(stored, abs=1e-6)
    vectors = warehouse.read_embeddings("SELECT embedding FROM unit_embeddings")["embedding"]
    norms = np.linalg.norm(np.array(vectors.to_list()), axis=1)
    assert norms == pytest.approx(np.ones(len(norms)), abs=1e-5)


def test_pairs_have_one_row_a_video_and_rank_the_worst_first(made):
    rows = Warehouse(path=made.warehouse).read("FROM pairs ORDER BY cosine")
    assert len(rows) == 5
    assert rows["worst_first"].to_list() == [1, 2, 3, 4, 5]
    assert rows["summary"].null_count() == rows["human_caption"].null_count() == 0
    assert set(rows["status"]) == {"ok"}
    frames = Warehouse(path=made.warehouse).read(
        "SELECT video_id, count(*) AS n FROM frames GROUP BY ALL"
    )
    assert dict(rows.select("video_id", "n_frames").iter_rows()) == dict(frames.iter_rows())


def test_captions_over_time_mark_those_that_the_filter_kept(made):
    warehouse = Warehouse(path=made.warehouse)
    kept = warehouse.read("SELECT count(*) FROM captions_over_time WHERE kept").item()
    assert kept == warehouse.read("SELECT count(*) FROM filtered_captions").item()
    everything = warehouse.read("SELECT count(*) FROM captions_over_time").item()
    assert everything == warehouse.read("SELECT count(*) FROM frame_captions").item() > kept


def test_each_result_says_what_it_was_made_with(made):
    rows = Warehouse(path=made.warehouse).read("FROM made_with")
    results = rows.remove(asset="videos").remove(asset="reference_captions")
    assert results["parameters"].null_count() == 0
    assert set(results.filter(asset="frame_captions")["model"]) == {"embedded coca"}


@pytest.mark.parametrize("name", VIEWS)
def test_a_view_has_the_columns_that_it_declares(name):
    with duckdb.connect() as connection:
        for table in TABLES:
            make_table(connection, table, embedding="FLOAT[4]")
        make_views(connection)
        found = [row[0] for row in connection.execute(f"DESCRIBE {name}").fetchall()]
        assert found == list(VIEWS[name].columns)
        comments = dict(
            connection.execute(
                "SELECT column_name, comment FROM duckdb_columns() WHERE table_name = ?", [name]
            ).fetchall()
        )
        assert comments == dict(VIEWS[name].columns)
        [(comment,)] = connection.execute(
            "SELECT comment FROM duckdb_views() WHERE view_name = ?", [name]
        ).fetchall()
    assert comment == VIEWS[name].description
