import os
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gap_assets.dagster.partitions import register_videos
from gap_assets.pipeline.catalogue import (
    describe_videos,
    find_videos,
    ids_by_stem,
    name_videos,
)
from gap_assets.pipeline.left_out import read_exclusions
from gap_assets_tests.video.test_isolated import crash, die, stumble


def rows_of(frame):
    return {row["path"]: row for row in frame.to_dicts()}


def test_a_plain_stem_is_the_id(tmp_path):
    path = tmp_path / "v_QOlSCBRmfWY.mp4"
    assert name_videos([path], directory=tmp_path, known={}) == {path: "v_QOlSCBRmfWY"}


@given(st.lists(st.text(min_size=1, max_size=30), unique=True, min_size=1, max_size=8))
def test_ids_are_unique_stable_and_safe(tmp_path_factory, stems):
    directory = tmp_path_factory.getbasetemp()
    names = [stem.replace("/", "").replace("\0", "") or "x" for stem in stems]
    paths = [
        directory / f"{name}.{suffix}"
        for name in dict.fromkeys(names)
        for suffix in ("mp4", "webm")
    ]
    ids = name_videos(paths, directory=directory, known={})
    assert len(set(ids.values())) == len(paths)
    for name in ids.values():
        assert name
        assert not set(name) & set(",[]|'\" \n.")
    known = {str(path): name for path, name in ids.items()}
    later = [*reversed(paths), directory / "new" / paths[0].name]
    assert ids.items() <= name_videos(later, directory=directory, known=known).items()


def test_files_of_other_folders_never_share_an_id():
    known = {}
    for folder in ("/a", "/b", "/c"):
        paths = [Path(folder, name) for name in ("my film.mp4", "plain.mp4")]
        known |= {
            str(path): name
            for path, name in name_videos(paths, directory=Path(folder), known=known).items()
        }
    assert len(set(known.values())) == 6
    assert known["/a/plain.mp4"] == "plain"


def test_a_stem_names_a_video_if_it_is_of_one_file(tmp_path):
    for name in ("v_1.mp4", "my film.mp4", "twice.mp4", "twice.mkv"):
        (tmp_path / name).touch()
    found = ids_by_stem(tmp_path, known={str(tmp_path / "v_1.mp4"): "as-before"})
    assert found.keys() == {"v_1", "my film"}
    assert found["v_1"] == "as-before"
    assert found["my film"].startswith("my_film-")


def test_only_what_changed_is_read_again(world, tmp_path):
    videos = shutil.copytree(world, tmp_path / "videos")
    first = describe_videos(videos, known={})
    assert first["status"].to_list() == ["ok"] * 5
    assert first["codec"].unique().to_list() == ["h264"]
    assert (first["width"].min(), first["height"].max()) == (128, 128)
    marked = {path: row | {"codec": "as before"} for path, row in rows_of(first).items()}
    (videos / "world-0001.mp4").write_bytes((videos / "world-0002.mp4").read_bytes())
    (videos / "world-0003.mp4").unlink()
    second = {row["video_id"]: row for row in describe_videos(videos, known=marked).to_dicts()}
    assert second["world-0000"]["codec"] == "as before"
    assert second["world-0001"]["codec"] == "h264"
    assert second["world-0001"]["error"] == "The same file as world-0002; it counts once."
    assert second["world-0003"]["status"] == "unreadable"
    assert "gone" in second["world-0003"]["error"]


def test_a_video_is_excluded_with_a_reason_and_comes_back(world, tmp_path):
    (tmp_path / "excluded.txt").write_text("world-0002 not <b>ours</b>\n\nworld-0003\n")
    excluded = read_exclusions(tmp_path / "excluded.txt")
    rows = describe_videos(world, known={}, excluded=excluded)
    errors = dict(rows.filter(status="unreadable").select("video_id", "error").iter_rows())
    assert errors == {
        "world-0002": "Excluded: not <b>ours</b>",
        "world-0003": "Excluded: no reason given",
    }
    again = describe_videos(world, known=rows_of(rows), excluded=read_exclusions(tmp_path / "no"))
    assert again.equals(describe_videos(world, known={}))


def test_a_broken_file_is_a_row_with_a_reason(world, tmp_path):
    (tmp_path / "broken.mp4").write_bytes(b"no video at all" * 100)
    shutil.copy(world / "world-0000.mp4", tmp_path)
    rows = {row["video_id"]: row for row in describe_videos(tmp_path, known={}).to_dicts()}
    assert rows["world-0000"]["status"] == "ok"
    assert rows["broken"]["status"] == "unreadable"
    assert rows["broken"]["error"].endswith(".")


def test_a_file_that_went_away_and_came_back_is_read_again(world, tmp_path):
    videos = shutil.copytree(world, tmp_path / "videos")
    first = describe_videos(videos, known={})
    (videos / "world-0001.mp4").rename(tmp_path / "elsewhere")
    without = describe_videos(videos, known=rows_of(first))
    assert without.filter(status="unreadable")["error"].to_list() == ["The file is gone."]
    (tmp_path / "elsewhere").rename(videos / "world-0001.mp4")
    assert describe_videos(videos, known=rows_of(without)).equals(first)


def test_what_cannot_be_opened_is_a_row_until_it_can(world, tmp_path):
    link = tmp_path / "link.mp4"
    link.symlink_to(tmp_path / "not there.bin")
    first = describe_videos(tmp_path, known={})
    assert first["error"].to_list() == ["The file is gone."]
    assert first["content_hash"].null_count() == 0
    shutil.copy(world / "world-0000.mp4", tmp_path / "not there.bin")
    assert describe_videos(tmp_path, known=rows_of(first))["status"].to_list() == ["ok"]


def test_a_name_that_is_no_text_stays_one_row(world, tmp_path):
    shutil.copy(world / "world-0000.mp4", os.fsencode(tmp_path) + b"/caf\xe9.mp4")
    first = describe_videos(tmp_path, known={})
    assert first["path"].to_list() == [f"{tmp_path}/caf\\xe9.mp4"]
    assert first["error"].to_list() == ["The file's name is not valid UTF-8; rename it."]
    assert describe_videos(tmp_path, known=rows_of(first)).equals(first)


def test_a_file_that_kills_its_reader_is_a_row_with_a_reason(world, monkeypatch):
    monkeypatch.setattr("gap_assets.pipeline.catalogue.probe", crash)
    rows = describe_videos(world, known={})
    assert rows["status"].to_list() == ["unreadable"] * 5
    assert "world-0004.mp4 crashes its decoder (Segmentation fault)" in rows["error"][4]
    monkeypatch.setattr("gap_assets.pipeline.catalogue.probe", die)
    rows = describe_videos(world, known={})
    assert "ended from outside" in rows["error"][0]
    monkeypatch.setattr("gap_assets.pipeline.catalogue.probe", stumble)
    rows = describe_videos(world, known={})
    assert rows["error"][0] == "world-0000.mp4 could not be read: ValueError: not foreseen"
    monkeypatch.undo()
    assert describe_videos(world, known=rows_of(rows))["status"].to_list() == ["ok"] * 5


@pytest.mark.parametrize("content", [None, "notes.txt"])
def test_a_folder_without_videos_is_refused(tmp_path, content):
    directory = tmp_path / "videos"
    if content:
        directory.mkdir()
        (directory / content).touch()
    with pytest.raises(FileNotFoundError, match="videos"):
        find_videos(directory)


def test_partitions_are_added_sorted_and_once(tmp_path):
    import dagster as dg

    instance = dg.DagsterInstance.ephemeral()
    assert register_videos(instance, ["b", "a"]) == ["a", "b"]
    assert register_videos(instance, ["c", "a"]) == ["c"]
    assert instance.get_dynamic_partitions("videos") == ["a", "b", "c"]


def test_a_second_folder_is_added_to_the_first(world, tmp_path):
    videos = tmp_path / "more"
    videos.mkdir()
    shutil.copy(world / "world-0001.mp4", videos)
    first = describe_videos(world, known={})
    both = describe_videos(videos, known=rows_of(first))
    assert set(first["video_id"]) < set(both["video_id"])
    [copied] = both.filter(status="unreadable").to_dicts()
    assert copied["path"] == str(videos / "world-0001.mp4")
    assert copied["error"] == "The same file as world-0001; it counts once."


def test_a_copy_counts_once_and_follows_what_it_is_a_copy_of(world, tmp_path):
    videos = shutil.copytree(world, tmp_path / "videos")
    rows = rows_of(describe_videos(videos, known={}))
    shutil.copy(videos / "world-0003.mp4", videos / "a copy.mp4")

    def counted(**more):
        found = describe_videos(videos, known=rows, **more).filter(status="ok")
        return sorted(Path(path).name for path in found["path"])

    originals = [f"world-000{k}.mp4" for k in range(5)]
    assert counted() == originals  # though the copy is the first by path
    assert counted(excluded={"world-0003": "private"}) == [*originals[:3], originals[4]]
    (videos / "world-0003.mp4").unlink()
    assert counted() == ["a copy.mp4", *originals[:3], originals[4]]


def test_of_new_copies_the_one_of_the_shortest_name_counts(world, tmp_path):
    for name in ("film (1).mp4", "film.mp4"):
        shutil.copy(world / "world-0000.mp4", tmp_path / name)
    assert describe_videos(tmp_path, known={}).filter(status="ok")["video_id"].to_list() == ["film"]


def test_only_some_new_videos_are_taken_in(world):
    rows = describe_videos(world, known={}, only=["world-0003", "world-0001"])
    assert rows["video_id"].to_list() == ["world-0001", "world-0003"]
    more = describe_videos(world, known=rows_of(rows), only=["world-0000"])
    assert more["video_id"].to_list() == ["world-0000", "world-0001", "world-0003"]


def test_one_file_is_a_folder_of_one(world):
    rows = describe_videos(world / "world-0003.mp4", known={})
    assert rows["video_id"].to_list() == ["world-0003"]


def test_the_rows_of_another_folder_follow_its_files(world, tmp_path):
    first, second = (shutil.copytree(world, tmp_path / name) for name in ("first", "second"))
    rows = describe_videos(first, known={})
    rows = describe_videos(second, known=rows_of(rows), excluded={"world-0000": "private"})
    first.rename(tmp_path / "unmounted")
    rows = describe_videos(second, known=rows_of(rows))
    errors = rows.filter(error="The file is gone.")
    assert errors["path"].to_list() == [f"{first}/world-000{k}.mp4" for k in range(5)]
    assert errors["codec"].to_list()[1:] == ["h264"] * 4  # what was known of them
    assert rows.filter(status="ok").height == 5
    (tmp_path / "unmounted").rename(first)
    shutil.copy(first / "world-0001.mp4", first / "world-0002.mp4")
    rows = describe_videos(second, known=rows_of(rows))
    assert rows.filter(status="ok")["path"].str.starts_with(str(second)).to_list() == [True] * 5
    errors = rows.filter(status="unreadable")["error"]
    assert errors.str.starts_with("The same file as ").to_list() == [True] * 5
