"""What may be replaced, that it is replaced as a whole, and what a kill leaves."""

import json
import shutil
import subprocess
import sys
import zipfile

import pytest

from gap_assets.export.destination import DestinationError, check_destination, replacing
from gap_assets.export.parts import write_export
from gap_assets_tests.faults.conftest import disk, gap, said  # noqa: F401 (disk is a fixture)

SETTINGS = {"thumbnails_bytes": 10**6, "pictures": True}

KILLED = """
import os, signal, sys
from pathlib import Path
from gap_assets.export.parts import write_export
from gap_assets.progress import listening
from gap_assets.settings import Settings

def kill(part, done, total):
    if part == sys.argv[3] and done == total:
        os.kill(os.getpid(), signal.SIGKILL)

with listening(kill):
    write_export(
        Settings(data=sys.argv[1]), Path(sys.argv[2]), thumbnails_bytes=10**6, pictures=True
    )
"""


def contents(folder) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def refuse(target) -> str:
    with pytest.raises(DestinationError) as refused:
        check_destination(target)
    assert "\n" not in str(refused.value)
    return str(refused.value)


def ignore(done: int, total: int) -> None:
    pass


def test_a_zip_holds_what_a_folder_holds_and_both_are_made_alike_twice(odd, tmp_path):
    folder, packed = tmp_path / "out", tmp_path / "out.zip"
    write_export(odd, folder, **SETTINGS)
    first = contents(folder)
    for target in (folder, packed, packed):
        write_export(odd, target, **SETTINGS)
    assert contents(folder) == first
    with zipfile.ZipFile(packed) as opened:
        assert opened.testzip() is None
        assert {name: opened.read(name) for name in opened.namelist()} == first
    assert set(json.loads(first["export.json"])["holds"]) == set(first)
    assert not list(tmp_path.glob(".out*"))


def test_only_what_is_ours_is_replaced(tmp_path):
    mine = tmp_path / "mine"
    mine.mkdir()
    check_destination(mine)  # empty
    (mine / "thesis.txt").write_text("years of work")
    assert "is no earlier export" in refuse(mine)
    (mine / "export.json").write_text('{"made_by": "somebody else", "holds": []}')
    assert "is no earlier export" in refuse(mine)
    (mine / "export.json").write_text("not JSON")
    assert "is no earlier export" in refuse(mine)
    (mine / "export.json").write_text('{"made_by": "gap export", "holds": ["export.json"]}')
    assert "thesis.txt was added" in refuse(mine)
    (mine / "thesis.txt").unlink()
    (mine / "tables").mkdir()
    (mine / "tables" / "thesis.txt").write_text("years of work")
    assert "tables/thesis.txt was added" in refuse(mine)
    shutil.rmtree(mine / "tables")
    check_destination(mine)

    file, packed, other = (tmp_path / name for name in ("file", "a.zip", "b.ZIP"))
    file.write_text("")
    packed.write_text("no zip")
    with zipfile.ZipFile(other, "w") as opened:
        opened.writestr("thesis.txt", "years of work")
    assert "is a file" in refuse(file)
    assert "is no earlier export" in refuse(packed)
    assert "is no earlier export" in refuse(other)
    mine.rename(tmp_path / "c.zip")
    assert "is a folder" in refuse(tmp_path / "c.zip")


def test_what_came_into_the_place_meanwhile_is_kept(tmp_path):
    target = tmp_path / "out"

    def write() -> None:
        with replacing(target, progress=ignore):
            target.mkdir()
            (target / "thesis.txt").write_text("years of work")

    with pytest.raises(DestinationError):
        write()
    assert contents(target) == {"thesis.txt": b"years of work"}
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_an_error_leaves_the_earlier_export(tmp_path):
    target = tmp_path / "out"
    with replacing(target, progress=ignore) as new:
        (new / "index.html").write_text("old")
    with pytest.raises(RuntimeError), replacing(target, progress=ignore):
        raise RuntimeError
    assert (target / "index.html").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("part", ["dataset", "site", "zip"])
def test_a_kill_leaves_nothing_half_written(odd, tmp_path, part):
    target = tmp_path / "places" / ("out.zip" if part == "zip" else "out")
    command = [sys.executable, "-c", KILLED, odd.data, target, part]
    assert subprocess.run(command).returncode == -9
    assert not target.exists()
    assert list(target.parent.iterdir())
    write_export(odd, target, **SETTINGS)
    assert list(target.parent.iterdir()) == [target]


def test_what_a_kill_moved_away_is_put_back(tmp_path):
    target = tmp_path / "out"
    with replacing(target, progress=ignore) as new:
        (new / "index.html").write_text("old")
    (tmp_path / ".out.export-x").mkdir()
    target.rename(tmp_path / ".out.export-x" / "old")  # killed between both renames
    with pytest.raises(RuntimeError), replacing(target, progress=ignore):
        raise RuntimeError
    assert (target / "index.html").read_text() == "old"


def test_two_exports_at_once_do_not_clear_each_other_away(tmp_path):
    target = tmp_path / "out"
    with replacing(target, progress=ignore) as first:
        (first / "index.html").write_text("first")
        with replacing(target, progress=ignore) as second:
            (second / "index.html").write_text("second")
        assert (target / "index.html").read_text() == "second"
    assert (target / "index.html").read_text() == "first"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_full_disk_is_one_sentence_and_leaves_nothing(odd, disk):  # noqa: F811
    disk.resize(64)
    done = gap("export", disk.path / "out", "--data", odd.data)
    assert "needs about" in said(done)
    assert not list(disk.path.iterdir())
    with pytest.raises(OSError, match="is full"):
        write_export(odd, disk.path / "out", **SETTINGS, needed=-(10**9))
    assert not list(disk.path.iterdir())
