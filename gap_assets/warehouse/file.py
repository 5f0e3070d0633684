"""A warehouse in one DuckDB file, which one process at a time can have open.

A process keeps one DuckDB engine and attaches the file for as long as its transactions take: to
start an engine costs more than most of them. What is read and written is `store`'s business.
"""

import re
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from functools import cache, partial
from pathlib import Path
from typing import TypeVar

import duckdb

from gap_assets.warehouse.waiting import CLOSE_IT, NoWarehouseError, WarehouseError, go_on_waiting

T = TypeVar("T")

UTC = "SET TimeZone = 'UTC'"  # Polars does not know every machine's zone.

_engine = cache(duckdb.connect)
_users: Counter[Path] = Counter()  # of this process, by the file
_read_only: set[Path] = set()  # what this process has attached to read only
_changing = threading.Condition()


@contextmanager
def opened(
    path: Path, *, patience_s: float, read_only: bool = False
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection whose default database is the file, as soon as no other process has it open.

    Those that only read have it open together, in this process and in others.

    Args:
        path: The file; made if it is not there.
        patience_s: How long to wait for the other process, in seconds.
        read_only: Whether nothing will be written.

    Raises:
        WarehouseError: If it waits for longer than that, or the file is no database.
    """
    path = path.absolute()
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        _create(path)
    _patiently(partial(_attach, path, read_only=read_only), path, patience_s=patience_s)
    connection = _engine().cursor()
    try:
        connection.execute(f"USE {_name(path)}")
        connection.execute(UTC)
        yield connection
    finally:
        connection.close()  # An open transaction is rolled back.
        _detach(path)


@contextmanager
def open_for_queries(path: Path, *, patience_s: float) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection for the SQL of others: read-only, and it reaches no other file.

    Raises:
        NoWarehouseError: If there is no file.
        WarehouseError: As `opened`.
    """
    if not path.exists():
        raise NoWarehouseError(path)
    connect = partial(duckdb.connect, path, read_only=True)
    with closing(_patiently(connect, path, patience_s=patience_s)) as connection:
        connection.execute(UTC)
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
        yield connection


def _patiently(open_file: Callable[[], T], path: Path, *, patience_s: float) -> T:
    """Opens the file, in one way or another, as soon as the other process has closed it."""
    since = time.monotonic()
    pause = 0.02
    while True:
        try:
            return open_file()
        except duckdb.IOException as error:
            if "Could not set lock" not in str(error):
                raise WarehouseError(
                    f"{path} cannot be opened as a DuckDB file ({error}); restore it from"
                    " a backup or move it away to start anew."
                ) from error
            found = re.search(r"held in (.+? \(PID \d+\))", str(error))
            holder = found[1] if found else "another process"
            state = f"{path} is held by {holder}"
            go_on_waiting(state, CLOSE_IT, since=since, patience_s=patience_s)
        time.sleep(pause)
        pause = min(pause * 2, 5.0)


def _create(path: Path) -> None:
    """An empty database that appears whole: one that a full disk cut short can never be opened."""
    with tempfile.TemporaryDirectory(prefix=".new-", dir=path.parent) as folder:
        new = Path(folder) / path.name
        duckdb.connect(new).close()
        # Another process may be first; without hard links DuckDB makes the file in its place.
        with suppress(OSError):
            path.hardlink_to(new)


def _attach(path: Path, *, read_only: bool) -> None:
    """Attaches the file unless it is; to write, once those of this process that read are done."""
    with _changing:
        if not read_only:
            _changing.wait_for(lambda: path not in _read_only)
        if not _users[path]:
            literal = str(path).replace("'", "''")
            mode = " (READ_ONLY)" if read_only else ""
            _engine().execute(f"ATTACH '{literal}' AS {_name(path)}{mode}")
            if read_only:
                _read_only.add(path)
        _users[path] += 1


def _detach(path: Path) -> None:
    with _changing:
        _users[path] -= 1
        if not _users[path]:
            try:
                _engine().execute(f"DETACH {_name(path)}")
            except duckdb.Error:
                # A full disk leaves no room to tidy up; what was committed is in the log beside it.
                _engine().close()
                _engine.cache_clear()
            _read_only.discard(path)
            _changing.notify_all()


def _name(path: Path) -> str:
    """The path as the name of the attached database."""
    return '"' + str(path).replace('"', '""') + '"'
