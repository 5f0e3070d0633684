"""A warehouse on DuckLake: the catalogue in Postgres, the rows in Parquet files.

Readers see the last commit and wait for nobody. Writers take turns: DuckLake's own check for
conflicts overlooks some where Postgres holds the catalogue, because it looks for newer commits in
a transaction that Postgres shows none. What is read and written is `store`'s business.
"""

import ctypes
import json
import os
import re
import socket
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import cache
from importlib import import_module
from itertools import count
from pathlib import Path
from typing import Any

import duckdb

from gap_assets.warehouse.waiting import CLOSE_IT, NoWarehouseError, WarehouseError, go_on_waiting

URL = "ducklake:postgres:"

WRITERS = 0x676170  # The advisory lock, in the catalogue's database, of the one who writes.
TURN_S = 2.0  # For so long a writer stands in Postgres' queue before it asks who holds it up.
HOLDER = """
    SELECT application_name FROM pg_locks JOIN pg_stat_activity USING (pid)
    WHERE locktype = 'advisory' AND granted AND objid = %s AND datname = current_database()
"""

METADATA = "__ducklake_metadata"  # So begins the name under which DuckLake attaches its catalogue.

# How DuckDB and libpq say that the server went away, or is not there yet.
AWAY = re.compile(
    "closed the connection|[Cc]onnection refused|terminating connection|no connection to the server"
    "|connection already closed|starting up|shutting down|in recovery mode"
    '|transaction is aborted|Failed to execute query "(?:ROLLBACK|COMMIT)"'
    f'|Catalog "{METADATA}_lake_[0-9]+" does not exist'
)

# In this order: a file with deleted rows is not merged before it is written anew.
COMPACTION = (
    "ducklake_rewrite_data_files(current_database(), delete_threshold => 0.1)",
    "ducklake_merge_adjacent_files(current_database())",
    "ducklake_expire_snapshots(current_database(), older_than => now() - to_seconds({keep}))",
    "ducklake_cleanup_old_files(current_database(), older_than => now() - to_seconds({keep}))",
    "ducklake_delete_orphaned_files(current_database(), older_than => now() - to_seconds({keep}))",
)

# Other functions of a FROM clause read files or send SQL to Postgres.
HARMLESS_FUNCTIONS = {"generate_series", "range", "unnest"}

_numbers = count()


@contextmanager
def writing(
    url: str, *, files: str | None, patience_s: float
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection that may write, while no other process writes.

    Args:
        url: `ducklake:postgres:` and a libpq connection string.
        files: Where a lake that is not there yet shall keep its Parquet files.
        patience_s: How long to wait for other writers, in seconds.

    Raises:
        NoWarehouseError: If there is no lake and no place for its files is given.
        WarehouseError: If another process writes for longer than that.
    """
    with _turn(url, patience_s=patience_s):
        is_new = files is not None and not exists(url)
        options = f"DATA_PATH {_literal(str(files))}" if is_new else "CREATE_IF_NOT_EXISTS false"
        with _attached(_engine(), url, options) as connection:
            yield connection


@contextmanager
def reading(url: str) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection that sees the last commit.

    Raises:
        NoWarehouseError: If there is no lake at the URL.
    """
    with _attached(_engine(), url, "READ_ONLY") as connection:
        yield connection


@contextmanager
def open_lake_for_queries(url: str) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection for the SQL of others, to be asked nothing that `refuse_escapes` refuses.

    Raises:
        NoWarehouseError: If there is no lake at the URL.
    """
    with closing(_new_engine()) as engine, _attached(engine, url, "READ_ONLY") as connection:
        query = "SELECT value FROM ducklake_options(current_database()) WHERE option_name = ?"
        [[files]] = connection.execute(query, ["data_path"]).fetchall()
        connection.execute(f"SET allowed_directories = [{_literal(files)}]")
        connection.execute("SET enable_external_access = false")
        connection.execute("SET lock_configuration = true")
        yield connection


def refuse_escapes(connection: duckdb.DuckDBPyConnection, sql: str) -> None:
    """Refuses SQL that is more than one question to the tables.

    A read-only lake would still let `COPY` write among its files, `postgres_scan` read another
    database, and the lake's metadata show every table beside the catalogue.

    Raises:
        WarehouseError: If it is no SELECT, or uses a function or a database that reaches outside.
    """
    used: set[str] = set()

    def collect(node: dict[str, Any]) -> dict[str, Any]:
        if node.get("type") == "TABLE_FUNCTION":
            used.add(node["function"]["function_name"].lower())
        if node.get("type") == "BASE_TABLE":
            places = node["catalog_name"].lower(), node["schema_name"].lower()
            used.update(place for place in places if place.startswith(METADATA))
        return node

    [[parsed]] = connection.execute("SELECT json_serialize_sql(?)", [sql]).fetchall()
    tree = json.loads(parsed, object_hook=collect)
    if tree["error"]:
        raise WarehouseError(tree["error_message"])
    if len(tree["statements"]) != 1:
        raise WarehouseError("Ask one question at a time: the SQL has several statements.")
    if refused := used - HARMLESS_FUNCTIONS:
        raise WarehouseError(f"{' and '.join(sorted(refused))} cannot be used in a query here.")


def compaction(*, keep_s: float) -> list[str]:
    """Statements that merge the small files of many commits, and remove what nobody needs.

    Args:
        keep_s: How old a file of old snapshots must be, in seconds, for someone may still read it.
    """
    return [f"CALL {call.format(keep=float(keep_s))}" for call in COMPACTION]


def exists(url: str) -> bool:
    """Whether there is a lake at the URL."""
    with closing(_catalogue(url)) as catalogue, catalogue.cursor() as cursor:
        cursor.execute("SELECT to_regclass('public.ducklake_metadata') IS NOT NULL")
        return bool(cursor.fetchone()[0])


def is_away(error: Exception) -> bool:
    """Whether an error says that the catalogue's server went away, as when it is restarted."""
    ours = isinstance(error, (duckdb.Error, WarehouseError))
    return bool((ours or type(error).__module__ == "psycopg2") and AWAY.search(str(error)))


@contextmanager
def _turn(url: str, *, patience_s: float) -> Iterator[None]:
    """Waits until no other process writes, and lets none write until the end."""
    since = time.monotonic()
    with closing(_catalogue(url)) as catalogue, catalogue.cursor() as cursor:
        cursor.execute("SET lock_timeout = %s", [f"{min(TURN_S, patience_s) * 1000:.0f}ms"])
        while True:
            try:
                cursor.execute("SELECT pg_advisory_lock(%s)", [WRITERS])
                break
            except _package("psycopg2").errors.LockNotAvailable:
                cursor.execute(HOLDER, [WRITERS])
                found = cursor.fetchone() or ["another process"]
                state = f"{url} is held by {found[0]}"
                go_on_waiting(state, CLOSE_IT, since=since, patience_s=patience_s)
        yield


def _catalogue(url: str) -> Any:
    """A connection to the catalogue's database, which tells others who we are."""
    psycopg2 = _package("psycopg2")
    try:
        connection = psycopg2.connect(
            url.removeprefix(URL),
            application_name=f"gap_assets on {socket.gethostname()} (PID {os.getpid()})",
            # Of a machine that is gone the server hears within a minute, and frees the lock.
            options="-c tcp_keepalives_idle=30 -c tcp_keepalives_interval=10"
            " -c tcp_keepalives_count=3",
        )
    except psycopg2.Error as error:
        raise WarehouseError(f"{url} cannot be reached: {str(error).strip()}") from error
    connection.autocommit = True
    return connection


@contextmanager
def _attached(
    engine: duckdb.DuckDBPyConnection, url: str, options: str
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection whose default database is the lake; an open transaction is rolled back."""
    name = f"lake_{next(_numbers)}"
    connection = engine.cursor()
    away = False
    try:
        try:
            connection.execute(f"ATTACH {_literal(url)} AS {name} ({options})")
        except duckdb.InvalidInputException as error:
            if "creating a new DuckLake is explicitly disabled" in str(error):
                raise NoWarehouseError(url) from error
            raise
        except duckdb.IOException as error:
            raise WarehouseError(f"{url} cannot be reached: {str(error).strip()}") from error
        connection.execute(f"USE {name}")
        yield connection
    except Exception as error:
        away = is_away(error)
        raise
    finally:
        if not away:
            try:
                connection.execute("ROLLBACK")
            except duckdb.Error as error:  # There is no transaction, most of the time.
                away = is_away(error)
        if away:
            # Closing would take the process down, one time in ten, in DuckDB's own rollback.
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(connection))
        else:
            connection.close()
            engine.cursor().execute(f"DETACH DATABASE IF EXISTS {name}")


@cache
def _engine() -> duckdb.DuckDBPyConnection:
    """The process's one instance, for loading the extensions takes longer than a transaction."""
    return _new_engine()


def _new_engine() -> duckdb.DuckDBPyConnection:
    """DuckDB with the extensions of the installed packages; it never downloads any."""
    engine = duckdb.connect(
        config={"autoinstall_known_extensions": False, "autoload_known_extensions": False}
    )
    for extension in ("ducklake", "postgres_scanner"):
        folder = Path(str(_package(f"duckdb_extension_{extension}").__file__)).parent
        file = folder / "extensions" / f"v{duckdb.__version__}" / f"{extension}.duckdb_extension"
        if not file.exists():
            raise WarehouseError(
                f"The package duckdb-extension-{extension} is not of DuckDB's version"
                f" {duckdb.__version__}; install the same version of both."
            )
        engine.load_extension(str(file))
    engine.execute("SET GLOBAL TimeZone = 'UTC'")  # Polars does not know every machine's zone.
    # Small inserts as text in the catalogue fail on a NUL character in a caption.
    engine.execute("SET GLOBAL ducklake_default_data_inlining_row_limit = 0")
    return engine


def _package(name: str) -> Any:
    try:
        return import_module(name)
    except ImportError as error:
        raise WarehouseError(
            f"A DuckLake warehouse needs the package {name}; install gap_assets[cluster]."
        ) from error


def _literal(text: str) -> str:
    """An SQL literal, for the statements that take no parameters."""
    return "'" + text.replace("'", "''") + "'"
