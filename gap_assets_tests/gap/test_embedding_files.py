"""Every file that may hold embeddings is read, and whatever is wrong with one is one sentence."""

import io
import struct
import tracemalloc
import zipfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from gap_assets.gap import GapInputError, load_embeddings, scorecard, scorecard_of_files
from gap_assets.memory import Memory

ROWS = np.random.default_rng(1).normal(size=(6, 4))


def parquet(path, **columns):
    pq.write_table(pa.table(columns), path)
    return path


def lists(rows=ROWS, kind=None):
    kind = kind or pa.list_(pa.float64())
    return pa.array([None if row is None else list(row) for row in rows], kind)


def npy(shape, *, descr="<f8", follow=b""):
    """A file whose header promises an array."""
    head = f"{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}}}".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(head) + 1) + head + b"\n" + follow


def zipped(path, compression=zipfile.ZIP_DEFLATED, **entries):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in entries.items():
            archive.writestr(f"{name}.npy", content)
    return path


def test_the_kinds_of_files_hold_the_same(tmp_path):
    np.save(tmp_path / "a.npy", ROWS)
    np.save(tmp_path / "fortran.npy", np.asfortranarray(ROWS))
    np.savez(tmp_path / "one.npz", rows=ROWS)
    np.savez_compressed(tmp_path / "two.npz", video=ROWS, text=-ROWS)
    parquet(tmp_path / "one.parquet", id=pa.array(range(6)), rows=lists())
    kinds = [pa.list_(pa.float64(), 4), pa.large_list(pa.float64())]
    parquet(tmp_path / "two.PARQUET", a=lists(kind=kinds[0]), b=lists(-ROWS, kind=kinds[1]))
    same = ["a.npy", "fortran.npy", "one.npz", "one.npz:rows", "two.npz:video"]
    same += ["one.parquet", "one.parquet:rows", "two.PARQUET:a"]
    for name in same:
        np.testing.assert_array_equal(load_embeddings(tmp_path / name), ROWS, err_msg=name)
    for name in ("two.npz:text", "two.PARQUET:b"):
        np.testing.assert_array_equal(load_embeddings(str(tmp_path / name)), -ROWS)


def test_many_row_groups_and_a_file_whose_own_name_has_a_colon(tmp_path):
    rows = np.random.default_rng(0).normal(size=(10_000, 3)).astype(np.float32)
    table = pa.table({"x": lists(rows, pa.list_(pa.float32()))})
    pq.write_table(table, tmp_path / "a.parquet:b.parquet", row_group_size=999)
    found = load_embeddings(tmp_path / "a.parquet:b.parquet")
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, rows)


def test_files_give_the_numbers_of_their_arrays(tmp_path):
    other = np.random.default_rng(2).normal(size=(6, 4))
    np.savez(tmp_path / "both.npz", video=ROWS, text=other)
    found = scorecard_of_files(tmp_path / "both.npz:video", tmp_path / "both.npz:text")
    assert found == scorecard(ROWS, other)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("absent.npy", "absent.npy cannot be read: there is no such file."),
        ("absent.npz:a", "absent.npz cannot be read: there is no such file."),
        ("folder.npy", "folder.npy cannot be read: it is not a file."),
        ("empty.npy", "as an .npy array of numbers; write one with numpy.save."),
        ("text.npy", "as an .npy array of numbers; write one with numpy.save."),
        ("objects.npy", "as an .npy array of numbers; write one with numpy.save."),
        ("strings.npy", "as an .npy array of numbers; write one with numpy.save."),
        ("negative.npy", "as an .npy array of numbers; write one with numpy.save."),
        ("huge.npy", "its header promises 8,796,093,022,208 bytes of numbers and 0 follow"),
        ("cut.npy", "its header promises 192 bytes of numbers and 100 follow"),
        ("integers.npy", "integers.npy holds int64; embeddings are floating-point numbers."),
        ("nan.npz", "nan.npz has NaN or infinite values in 1 of 6 rows (first: row 2)"),
        ("two.npz", "two.npz has 2 arrays (a, b); name one as two.npz:NAME."),
        ("two.npz:c", "two.npz has no 'c' among its arrays (a, b)."),
        ("none.npz", "none.npz has no arrays; one of them would hold the embeddings."),
        ("no.npz", "no.npz cannot be read as an .npz archive (File is not a zip file)"),
        ("flipped.npz", "cannot be read as an .npz archive (Bad CRC-32 for file 'a.npy')"),
        ("packed.npz", "it is packed in a way that numpy does not write"),
        ("bomb.npz", "bomb.npz:a is cut short: its header promises 8,796,093,022,208 bytes"),
        ("pickle.npz", "pickle.npz:a cannot be read as an .npy array of numbers"),
        ("no.parquet", "no.parquet cannot be read as a Parquet file (Parquet magic bytes not"),
        ("two.parquet", "two.parquet has 2 columns of lists (a, b); name one as two.parquet:NAME."),
        ("two.parquet:id", "two.parquet has no 'id' among its columns of lists (a, b)."),
        ("flat.parquet", "flat.parquet has no columns of lists; one of them would hold"),
        ("ragged.parquet", "ragged.parquet:a has lists of different lengths"),
        ("even.parquet", "even.parquet:a has lists of different lengths"),
        ("apart.parquet", "apart.parquet:a has lists of different lengths"),
        ("holes.parquet", "holes.parquet:a has empty cells; leave those rows out of both files."),
        ("nulls.parquet", "nulls.parquet:a has lists with missing numbers; leave those rows out."),
        ("words.parquet", "words.parquet holds object; embeddings are floating-point numbers."),
    ],
)
def test_each_fault_has_its_sentence(name, said, tmp_path):
    make_faulty_files(tmp_path)
    with pytest.raises(GapInputError) as error:
        load_embeddings(tmp_path / name)
    assert said in str(error.value)
    assert str(error.value).count("\n") == 0


def make_faulty_files(folder):
    (folder / "folder.npy").mkdir()
    (folder / "empty.npy").touch()
    (folder / "text.npy").write_text("hello")
    objects = io.BytesIO()
    np.save(objects, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    (folder / "objects.npy").write_bytes(objects.getvalue())
    np.save(folder / "strings.npy", np.array([["a"]]))
    np.save(folder / "integers.npy", ROWS.astype(np.int64))
    huge = npy((2**20, 2**20))
    (folder / "huge.npy").write_bytes(huge)
    (folder / "negative.npy").write_bytes(npy((-1, 4), follow=b"\0" * 64))
    (folder / "cut.npy").write_bytes(npy((6, 4), follow=b"\1" * 100))
    spoilt = ROWS.copy()
    spoilt[2, 1] = np.nan
    np.savez(folder / "nan.npz", spoilt)
    np.savez(folder / "two.npz", a=ROWS, b=ROWS)
    zipped(folder / "none.npz")
    (folder / "no.npz").write_text("hello")
    np.savez(folder / "flipped.npz", a=ROWS)
    content = bytearray((folder / "flipped.npz").read_bytes())
    content[200] ^= 255
    (folder / "flipped.npz").write_bytes(content)
    zipped(folder / "packed.npz", zipfile.ZIP_LZMA, a=npy((6, 4), follow=b"\1" * 192))
    zipped(folder / "bomb.npz", a=huge)
    zipped(folder / "pickle.npz", a=objects.getvalue())
    (folder / "no.parquet").write_text("hello, hello")
    parquet(folder / "two.parquet", id=pa.array(range(6)), a=lists(), b=lists())
    parquet(folder / "flat.parquet", a=pa.array(ROWS[:, 0]))
    parquet(folder / "ragged.parquet", a=lists([[1.0, 2.0], [3.0]]))
    parquet(folder / "even.parquet", a=lists([[1.0, 2.0, 3.0], [4.0]]))
    apart = [[1.0, 2.0]] * 4096 + [[1.0, 2.0, 3.0]]  # in two batches
    parquet(folder / "apart.parquet", a=lists(apart))
    parquet(folder / "holes.parquet", a=lists([[1.0, 2.0], None]))
    parquet(folder / "nulls.parquet", a=lists([[1.0, None], [1.0, 2.0]]))
    parquet(folder / "words.parquet", a=lists([["x"], ["y"]], pa.list_(pa.string())))


@pytest.mark.parametrize("name", ["large.npy", "large.npz", "large.parquet"])
def test_what_does_not_fit_is_not_read(name, tmp_path, monkeypatch):
    rows = np.ones((2000, 500), dtype=np.float32)  # 12 MB in three copies of float64
    np.save(tmp_path / "large.npy", rows)
    np.savez_compressed(tmp_path / "large.npz", rows)
    parquet(tmp_path / "large.parquet", a=lists(rows, pa.list_(pa.float32())))
    load_embeddings(tmp_path / name)
    memory = Memory(free=20 * 2**20, total=2**30)
    monkeypatch.setattr("gap_assets.gap.embedding_files.machine_memory", lambda: memory)
    tracemalloc.start()
    try:
        with pytest.raises(GapInputError, match=r"0\.0 GB of memory, and 0\.0 GB are free; give"):
            load_embeddings(tmp_path / name)
        assert tracemalloc.get_traced_memory()[1] < 2**21
    finally:
        tracemalloc.stop()


def test_without_pyarrow_the_error_says_how_to_get_it(tmp_path, monkeypatch):
    path = parquet(tmp_path / "a.parquet", a=lists())
    monkeypatch.setitem(__import__("sys").modules, "pyarrow", None)
    with pytest.raises(GapInputError, match="needs pyarrow, which is not installed: `pip install"):
        load_embeddings(path)


def test_a_file_without_rows_has_none(tmp_path):
    assert len(load_embeddings(parquet(tmp_path / "none.parquet", a=lists([])))) == 0
