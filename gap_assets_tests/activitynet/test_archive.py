"""Extraction, mostly of archives that mean harm."""

import resource
import tarfile
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gap_assets.activitynet.archive import FetchError, check_pieces, extract
from gap_assets.pipeline.catalogue import describe_videos
from gap_assets_tests.activitynet.conftest import STEM, archive, contents, member, pieces_of, write

GOOD = [member("Activity_Videos/v_a.mp4", b"a" * 700), member("Activity_Videos/v_z.mkv", b"z" * 99)]


def extract_bytes(tmp_path, content: bytes, size: int = 2048):
    """Extracts an archive that is cut into pieces; nothing but the videos folder may change."""
    folder = tmp_path / "in" / "videos"
    found = extract(write(tmp_path / "in" / "pieces", pieces_of(content, size)), folder)
    assert {path.name for path in tmp_path.iterdir()} == {"in"}
    assert {path.name for path in (tmp_path / "in").iterdir()} == {"pieces", "videos"}
    assert all(path.is_file() and not path.is_symlink() for path in folder.iterdir())
    return found, contents(folder)


@pytest.mark.parametrize("size", [511, 1000, 12 * 1024, 10**6])
def test_pieces_may_end_anywhere(tmp_path, dataset, size):
    tar = b"".join(content for name, content in dataset.files.items() if STEM in name)
    found, videos = extract_bytes(tmp_path, tar, size)
    assert videos == dataset.videos
    assert found.videos == {name: len(content) for name, content in dataset.videos.items()}
    assert (found.written, found.others, found.refused) == (len(videos), 0, [])


def test_a_second_call_writes_only_what_is_not_whole(tmp_path, dataset):
    pieces = write(tmp_path / "pieces", {n: c for n, c in dataset.files.items() if STEM in n})
    folder = tmp_path / "videos"
    extract(pieces, folder)
    first, second, *others = sorted(folder.iterdir())
    first.write_bytes(b"cut short")
    second.unlink()
    times = {path: path.stat().st_mtime_ns for path in others}
    assert extract(pieces, folder).written == 2
    assert contents(folder) == dataset.videos
    assert times == {path: path.stat().st_mtime_ns for path in others}


@pytest.mark.parametrize(
    ("hostile", "reason"),
    [
        (member("../v_out.mp4", b"x"), "leaves the folder"),
        (member("Activity_Videos/../../v_out.mp4", b"x"), "leaves the folder"),
        (member("/tmp/v_out.mp4", b"x"), "leaves the folder"),
        (member("v_out.mp4", type=tarfile.SYMTYPE, linkname="/etc/passwd"), "no plain file"),
        (member("v_out.mp4", type=tarfile.SYMTYPE, linkname="."), "no plain file"),
        (member("v_out.mp4", type=tarfile.LNKTYPE, linkname="../../secret"), "no plain file"),
        (member("v_out.mp4", type=tarfile.CHRTYPE, devmajor=1, devminor=5), "no plain file"),
        (member("v_out.mp4", type=tarfile.BLKTYPE, devmajor=8), "no plain file"),
        (member("v_out.mp4", type=tarfile.FIFOTYPE), "no plain file"),
        (member("v" * 252 + ".mp4", b"x"), "too long"),
        (member("elsewhere/v_a.mp4", b"another"), "has its name"),
    ],
)
def test_a_hostile_member_is_refused_and_the_others_are_written(tmp_path, hostile, reason):
    tar = archive([GOOD[0], hostile, GOOD[1]])
    found, videos = extract_bytes(tmp_path, tar)
    assert videos == {"v_a.mp4": b"a" * 700, "v_z.mkv": b"z" * 99}
    (sentence,) = found.refused
    assert repr(hostile[0].name) in sentence
    assert reason in sentence
    assert extract_bytes(tmp_path, tar)[0] == found._replace(written=0)


def test_a_link_does_not_lead_a_later_member_out(tmp_path):
    link = member("Activity_Videos", type=tarfile.SYMTYPE, linkname=str(tmp_path))
    found, videos = extract_bytes(tmp_path, archive([link, *GOOD]))
    assert len(found.refused) == 1
    assert set(videos) == {"v_a.mp4", "v_z.mkv"}


def test_a_file_that_is_no_video_is_left_out(tmp_path):
    others = [member("a/notes.txt", b"x"), member("a/._v_a.mp4", b"x"), member("a/run.sh", b"x")]
    found, videos = extract_bytes(tmp_path, archive([*others, *GOOD]))
    assert (found.others, found.refused) == (3, [])
    assert set(videos) == {"v_a.mp4", "v_z.mkv"}


@pytest.mark.parametrize("format", [tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_odd_names_arrive_and_the_catalogue_takes_them(tmp_path, format):  # noqa: A002
    names = ["a b'\"; DROP TABLE x.mp4", "new\nline.mp4", "[red]é😀.mp4", "-rf.mp4", "\udcff.mp4"]
    names += ["\x1b[31m.MP4", "v" * 200 + ".mp4"]
    _, videos = extract_bytes(tmp_path, archive([member(n, b"x") for n in names], format=format))
    assert set(videos) == set(names)
    rows = describe_videos(tmp_path / "in" / "videos", known={})
    assert rows["video_id"].n_unique() == len(names)


def raw(name: str, size: bytes, *, kind: bytes = tarfile.REGTYPE) -> bytes:
    """A header whose size field holds the bytes given, with a right checksum."""
    block = bytearray(member(name, type=kind)[0].tobuf(tarfile.GNU_FORMAT)[:512])
    block[124:136] = size.ljust(12, b"\0")
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


GIGANTIC = b"\x80" + (10 * 2**40).to_bytes(11, "big")
NEGATIVE = b"\xff" * 10 + b"\xfc\x00"
PAX = b"28 size=99999999999999999999\n"
HEADERS = {
    "huge": raw("v_h.mp4", GIGANTIC),
    "negative": raw("v_h.mp4", NEGATIVE),
    "no number": raw("v_h.mp4", b"whatever"),
    "huge long name": raw("././@LongLink", GIGANTIC, kind=tarfile.GNUTYPE_LONGNAME),
    "negative long name": raw("././@LongLink", NEGATIVE, kind=tarfile.GNUTYPE_LONGNAME),
    "huge pax header": raw("x", GIGANTIC, kind=tarfile.XHDTYPE),
    "pax size": raw("x", b"%011o" % len(PAX), kind=tarfile.XHDTYPE) + PAX.ljust(512, b"\0"),
    "endless long names": raw("x", b"0", kind=tarfile.GNUTYPE_LONGNAME) * 20_000,
}


@pytest.mark.parametrize("header", HEADERS.values(), ids=HEADERS)
def test_a_header_that_claims_too_much_ends_the_extraction(tmp_path, header):
    content = archive(GOOD[:1])[:1536] + header + b"\0" * 10240
    pieces = write(tmp_path / "pieces", pieces_of(content, 10**8))
    tracemalloc.start()
    with pytest.raises(FetchError, match=r"part-\d+ "):
        extract(pieces, tmp_path / "videos")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8e6
    assert contents(tmp_path / "videos") == {"v_a.mp4": b"a" * 700}


def test_a_sparse_file_is_refused(tmp_path):
    sparse = raw("v_s.mp4", b"0", kind=tarfile.GNUTYPE_SPARSE)
    found, videos = extract_bytes(tmp_path, sparse + archive(GOOD))
    assert "no plain file" in found.refused[0]
    assert "v_s.mp4" not in videos


@pytest.mark.parametrize(
    ("cut", "videos"),
    [(200, 0), (512, 0), (900, 0), (1536, 1), (1700, 1), (2048, 1), (2100, 1), (2560, 2)],
)
def test_a_truncated_archive_is_named_and_what_is_whole_stays(tmp_path, cut, videos):
    with pytest.raises(FetchError, match=r"part-\d+ .*(truncated|missing).*download"):
        extract_bytes(tmp_path, archive(GOOD)[:cut], 1024)
    folder = tmp_path / "in" / "videos"
    whole = {"v_a.mp4": b"a" * 700, "v_z.mkv": b"z" * 99}
    assert contents(folder) == dict(list(whole.items())[:videos])
    assert extract_bytes(tmp_path, archive(GOOD), 1024)[0].written == 2 - videos


def test_what_follows_the_archives_end_is_damage(tmp_path):
    with pytest.raises(FetchError, match="damaged"):
        extract_bytes(tmp_path, archive(GOOD) + archive(GOOD))


@pytest.mark.parametrize("content", [b"", b"no tar at all" * 100, b"\0" * 100])
def test_what_is_no_archive_is_refused(tmp_path, content):
    with pytest.raises(FetchError):
        extract(write(tmp_path, {f"{STEM}0": content}), tmp_path / "videos")


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4095), st.integers(0, 255)), min_size=1, max_size=12))
def test_whatever_bytes_change_nothing_else_happens(tmp_path_factory, changes):
    content = bytearray(archive(GOOD, format=tarfile.PAX_FORMAT))
    for position, value in changes:
        content[position] = value
    folder = tmp_path_factory.mktemp("fuzz")
    try:
        extract_bytes(folder, bytes(content))
    except FetchError as error:
        sentence = str(error)
    else:
        sentence = ""
    assert len(sentence.splitlines()) <= 1


def test_a_full_disk_is_one_sentence_and_leaves_whole_videos(tmp_path):
    members = [member("v_a.mp4", b"a" * 700), member("v_b.mp4", b"b" * 50_000)]
    pieces = write(tmp_path / "pieces", pieces_of(archive(members), 10**6))
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, before[1]))
    try:
        with pytest.raises(FetchError, match=r"v_b.mp4' cannot be written \(File too large\)"):
            extract(pieces, tmp_path / "videos")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert [path.name for path in (tmp_path / "videos").iterdir()] == ["v_a.mp4"]
    assert extract(pieces, tmp_path / "videos").written == 1


def test_pieces_are_ordered_by_number():
    sizes = {f"{STEM}{k}": 10 for k in range(11)} | {"notes.txt": 3, f"{STEM}002.incomplete": 1}
    assert check_pieces(sizes) == [f"{STEM}{k}" for k in range(11)]
    assert check_pieces({"notes.txt": 3}) == []


@pytest.mark.parametrize(
    ("sizes", "sentence"),
    [
        ({"000": 9, "002": 9, "003": 2}, "part-001 is missing"),
        ({"001": 9, "002": 2}, "part-000 is missing"),
        ({"000": 9, "001": 5, "002": 9, "003": 2}, "part-001 is truncated: it holds 5 bytes"),
        ({"000": 2, "001": 9}, "part-000 is truncated"),
    ],
)
def test_a_missing_or_short_piece_is_named(sizes, sentence):
    with pytest.raises(FetchError, match=sentence):
        check_pieces({STEM + number: size for number, size in sizes.items()})


def test_pieces_of_two_archives_are_not_mixed():
    with pytest.raises(FetchError, match="several archives"):
        check_pieces({"a.tar.part-000": 1, "b.tar.part-001": 1})
