"""What an open data folder gives, and that it holds up nobody."""

import builtins
import shutil
import subprocess
import sys
import time
from dataclasses import astuple

import duckdb
import numpy as np
import pytest

import gap_assets
from gap_assets.gap import GapInputError, report, scorecard
from gap_assets.notebook.folder import NotInFolderError
from gap_assets.warehouse.snapshot import snapshot_path
from gap_assets.warehouse.store import Warehouse, WarehouseError


@pytest.fixture
def folder(made):
    return gap_assets.open(made.data)


@pytest.fixture
def own_folder(made_in_file, tmp_path):
    """A copy that a test may change, at a path that needs escaping."""
    return gap_assets.open(shutil.copytree(made_in_file.data, tmp_path / "a <b> & c"))


def test_tables_are_frames(folder):
    assert len(folder.table("pairs")) == 5
    assert "image" not in folder.sql("FROM frames LIMIT 1").columns or folder.warehouse.is_lake
    counts = folder.sql("SELECT count(*) AS n, sum(n_frames) AS frames FROM pairs").row(0)
    frames = folder.table("frames")
    assert counts == (5, frames["repeats"].sum())
    assert len(folder.table("frame_embeddings")) == len(frames)
    [(size,)] = folder.sql("SELECT min(octet_length(image)) FROM frames").rows()
    assert size > 100


def test_an_unknown_table_is_answered_with_those_that_there_are(folder):
    with pytest.raises(
        NotInFolderError, match=r"no table 'pears' in .*captions_over_time.*, pairs,"
    ):
        folder.table("pears")
    with pytest.raises(NotInFolderError, match="no table 'pairs; DROP"):
        folder.table("pairs; DROP TABLE videos")


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("SELEC 1", 'syntax error at or near "SELEC"'),
        ("SELECT nothing FROM pairs", 'column "nothing" not found'),
        ("FROM nowhere", "Table with name nowhere does not exist"),
        ("SELECT nothing, image FROM frames", 'column "nothing" not found'),
        ("DELETE FROM videos", "returns no rows; ask with SELECT"),
        ("COPY (SELECT 1) TO 'written.csv'", "returns no rows; ask with SELECT"),
        ("CREATE TEMP TABLE own AS SELECT 1", "returns no rows; ask with SELECT"),
    ],
)
def test_wrong_sql_is_one_sentence_and_does_nothing(made_in_file, sql, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(WarehouseError, match=said):
        gap_assets.open(made_in_file.data).sql(sql)
    assert not (tmp_path / "written.csv").exists()


def test_embeddings_are_unit_rows_of_all_videos(folder):
    ids, rows = folder.embeddings("video")
    assert ids == sorted(folder.table("videos")["video_id"])
    assert rows.dtype == np.float64
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1)
    stored = folder.sql(
        "SELECT embedding FROM unit_embeddings WHERE source = 'medoid' ORDER BY video_id"
    )
    medoids = folder.embeddings("video", source="medoid").rows
    np.testing.assert_allclose(np.array(stored["embedding"].to_list()), medoids, atol=1e-6)
    assert len(folder.embeddings("text", source="reference").ids) == 5
    with pytest.raises(
        NotInFolderError, match=r"no text embeddings 'mean' in .*; there are captions,"
    ):
        folder.embeddings("text", source="mean")
    with pytest.raises(NotInFolderError, match="no modality 'videos'; there are video and text"):
        folder.embeddings("videos")


def test_pairs_have_the_numbers_of_the_report(folder):
    video, text, ids = folder.pairs()
    assert len(video) == len(text) == len(ids) == 5
    stored = folder.metrics()
    assert all(stored["definition"])
    known = dict(stored.select("metric", "value").iter_rows())
    found = [astuple(each)[:2] for each in scorecard(video, text)]
    assert len(found) > 40
    assert {name: known[name] for name, _ in found} == pytest.approx(dict(found), abs=1e-6)
    swapped = folder.pairs(video="medoid", text="reference")
    assert not np.allclose(swapped.video, video)


def test_pairs_leave_out_who_lacks_a_side(own_folder):
    with Warehouse(path=snapshot_path(own_folder.warehouse.path)).transaction() as connection:
        connection.execute("DELETE FROM text_embeddings WHERE video_id = 'world-0001'")
    video, text, ids = own_folder.pairs()
    assert ids == ["world-0000", "world-0002", "world-0003", "world-0004"]
    np.testing.assert_array_equal(video, own_folder.embeddings("video").rows[[0, 2, 3, 4]])
    np.testing.assert_array_equal(text, own_folder.embeddings("text").rows)


def test_frames_are_pictures_at_times(folder):
    times, images = folder.frames("world-0002")
    assert (np.diff(times) > 0).all()
    known = folder.sql("SELECT width, height FROM frames WHERE video_id = 'world-0002'").rows()
    assert [image.size for image in images] == known
    assert np.asarray(images[0]).std() > 1
    with pytest.raises(
        NotInFolderError, match=r"no frames of 'x' in .*; `.table\(.videos.\)` lists"
    ):
        folder.frames("x")


@pytest.mark.parametrize("name", ["umap", "svd", "gap_axis", "retrieval-2"])
def test_figures_are_drawn(made_in_file, name):
    figure = gap_assets.open(made_in_file.data).figure(name)
    assert figure.axes
    assert len(figure._repr_png_()) > 5000


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("umpa", "There is no figure 'umpa'; there are umap, svd, projections-1, projections-2,"),
        ("umpa-1", "There is no figure 'umpa-1'; there are umap, svd, projections-1,"),
        ("retrieval", "The figure 'retrieval' is drawn as retrieval-1 and retrieval-2; name one"),
        ("retrieval-3", "The figure 'retrieval' is drawn as retrieval-1 and retrieval-2; name one"),
        ("interventions", "cannot be drawn: its data are missing here"),
    ],
)
def test_a_figure_that_is_not_there_is_one_sentence(made_in_file, name, said):
    with pytest.raises(GapInputError, match=said):
        gap_assets.open(made_in_file.data).figure(name)


def test_the_folder_shows_what_is_in_it(own_folder):
    shown = own_folder._repr_html_()
    assert "a &lt;b&gt; &amp; c</code>" in shown
    assert "<td><code>pairs</code></td><td>5</td><td>One row per video: what is said" in shown
    assert own_folder._told()["verdict"][:40] in shown
    assert "failures" not in shown  # An empty table says nothing.


def test_without_a_report_the_rest_is_there(own_folder):
    shutil.rmtree(own_folder.settings.report)
    assert "There is no report yet; `gap run` makes it." in own_folder._repr_html_()
    assert len(own_folder.pairs().ids) == 5
    for call in (own_folder.metrics, own_folder.report, lambda: own_folder.figure("umap")):
        with pytest.raises(FileNotFoundError, match=r"no report in .*yet; `gap run` makes it"):
            call()


def test_without_the_copy_the_warehouse_is_read(own_folder):
    snapshot_path(own_folder.warehouse.path).unlink()
    assert len(own_folder.table("pairs")) == 5
    assert len(own_folder.pairs().ids) == 5


def test_a_notebooks_own_connection_to_the_copy_is_left_alone(own_folder):
    copy = snapshot_path(own_folder.warehouse.path)
    with duckdb.connect(copy, read_only=True) as own:
        for _ in range(2):
            assert len(own_folder.table("pairs")) == 5
        assert own.sql("SELECT current_setting('enable_external_access')").fetchall() == [(True,)]


WRITE = """
import sys
from gap_assets.warehouse.store import Warehouse
with Warehouse(path=sys.argv[1], patience_s=0.5).transaction() as connection:
    connection.execute("DELETE FROM failures")
    print("writing", flush=True)
    if sys.argv[2:]:
        sys.stdin.read()
"""


def test_nobody_is_held_up(own_folder):
    path = str(own_folder.warehouse.path)
    for read in (lambda: own_folder.table("pairs"), lambda: own_folder.frames("world-0000")):
        read()
        subprocess.run([sys.executable, "-c", WRITE, path], check=True)
    held = subprocess.Popen(
        [sys.executable, "-c", WRITE, path, "on"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert held.stdout.readline() == b"writing\n"
    since = time.monotonic()
    assert len(own_folder.table("pairs")) == 5  # While a run writes.
    assert own_folder.pairs().ids
    with pytest.raises(WarehouseError):
        own_folder.sql("FROM nowhere")
    assert time.monotonic() - since < 5
    held.communicate(timeout=60)


def test_a_folder_that_holds_nothing(tmp_path, monkeypatch, made_in_file):
    with pytest.raises(FileNotFoundError, match="holds no warehouse; name the folder of a run, or"):
        gap_assets.open(tmp_path / "nowhere")
    assert not (tmp_path / "nowhere").exists()
    monkeypatch.setenv("GAP_DATA", str(made_in_file.data))
    assert gap_assets.open().path == made_in_file.data


def test_pythons_own_open_stays():
    names = {}
    exec("from gap_assets import *", names)
    assert "show_report" in names
    assert names.get("open", builtins.open) is builtins.open


def test_a_report_of_the_pairs(made_in_file):
    folder = gap_assets.open(made_in_file.data)
    found = report(*folder.pairs()[:2])
    assert found.metrics["paired_cosine"].n == 5
