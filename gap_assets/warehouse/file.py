"""A warehouse in one DuckDB file, which one process at a time can have open.

What is read and written is `store`'s business.
"""

import re
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import duckdb

from gap_assets.warehouse.waiting import NoWarehouseError, WarehouseError, still_held


@contextmanager
def opened(
    path: Path, *, read_only: bool, patience_s: float
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection to the file, as soon as no other process has it open.

    Args:
        path: The file; made if it is not there and may be written.
        read_only: Whether other readers may have it open at the same time.
        patience_s: How long to wait for the other process, in seconds.

    Raises:
        WarehouseError: If it waits for longer than that, or the file is no database.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() and not read_only:
        _create(path)
    since = time.monotonic()
    pause = 0.02
    while True:
        try:
            connection = duckdb.connect(path, read_only=read_only)
            break
        except duckdb.IOException as error:
            if "lock" not in str(error):
                raise WarehouseError(
                    f"{path} cannot be opened as a DuckDB file ({error}); restore it from"
                    " a backup or move it away to start anew."
                ) from error
            found = re.search(r"held in (.+? \(PID \d+\))", str(error))
            holder = found[1] if found else "another process"
            still_held(path, holder, since=since, patience_s=patience_s)
        time.sleep(pause)
        pause = min(pause * 2, 5.0)
    with closing(connection):  # An open transaction is rolled back.
        connection.execute("SET TimeZone = 'UTC'")  # Polars does not know every machine's zone.
        yield connection


def _create(path: Path) -> None:
    """An empty database that appears whole: one that a full disk cut short can never be opened."""
    with tempfile.TemporaryDirectory(prefix=".new-", dir=path.parent) as folder:
        new = Path(folder) / path.name
        duckdb.connect(new).close()
        # Another process may be first; without hard links DuckDB makes the file in its place.
        with suppress(OSError):
            path.hardlink_to(new)


@contextmanager
def confined(path: Path, *, patience_s: float) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection for the SQL of others: read-only, and it reaches no other file.

    Raises:
        NoWarehouseError: If there is no file.
    """
    if not path.exists():
        raise NoWarehouseError(path)
    with opened(path, read_only=True, patience_s=patience_s) as connection:
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
        yield connection
