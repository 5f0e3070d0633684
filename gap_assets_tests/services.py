"""A real Postgres server for the tests, from the system's own binaries.

What is tested with it is each test module's business; the fixture is in `conftest`.
"""

import os
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

SERVER_USERS = ("postgres", "nobody")  # The server refuses to run as root.


def free_port() -> int:
    """A port on which nothing listens now."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def postgres_binaries() -> Path | None:
    """The folder of `initdb` and `pg_ctl`; Debian keeps them out of PATH."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda d: float(d.parts[-2]))
    found = shutil.which(
        "initdb", path=os.pathsep.join(map(str, [*debian[::-1], *os.get_exec_path()]))
    )
    return Path(found).parent if found else None


@dataclass(frozen=True, kw_only=True)
class Postgres:
    """A server of one's own on 127.0.0.1, with a password.

    Attributes:
        binaries: The folder of its programs.
        directory: Where its data and its log are.
        port: Where it listens.
        user: The superuser.
        password: Of that user.
    """

    binaries: Path
    directory: Path
    port: int
    user: str = "gap"
    password: str

    def start(self) -> None:
        """Starts the server and waits until it answers."""
        options = f"-p {self.port} -h 127.0.0.1 -k {self.directory} -c fsync=off"
        self._run("pg_ctl", "-o", options, "-l", self.directory / "log", "-w", "start")

    def stop(self, mode: str = "fast") -> None:
        """Stops it: `smart`, `fast` or, as a crash does, `immediate`."""
        self._run("pg_ctl", "-m", mode, "-w", "stop")

    def environment(self, database: str) -> dict[str, str]:
        """The variables with which libpq, and so DuckDB too, finds a database."""
        return {
            "PGHOST": "127.0.0.1",
            "PGPORT": str(self.port),
            "PGUSER": self.user,
            "PGPASSWORD": self.password,
            "PGDATABASE": database,
        }

    def new_database(self, prefix: str = "test") -> str:
        """Makes an empty database and gives its name."""
        name = f"{prefix}_{secrets.token_hex(4)}"
        self.execute(f'CREATE DATABASE "{name}"')
        return name

    def new_lake(self, environment: pytest.MonkeyPatch) -> str:
        """The URL of a DuckLake that is not there yet; sets libpq's variables for it."""
        database = self.new_database("lake")
        for name, value in self.environment(database).items():
            environment.setenv(name, value)
        return f"ducklake:postgres:dbname={database}"

    def execute(self, sql: str, *, database: str = "postgres") -> str:
        """Runs SQL and gives the rows as unaligned text."""
        environment = os.environ | self.environment(database)
        command = [self.binaries / "psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"]
        done = subprocess.run(
            [*command, "-c", sql], env=environment, check=True, capture_output=True, text=True
        )
        return done.stdout.strip()

    def _run(self, program: str, *arguments: object) -> None:
        command = [str(self.binaries / program), "-D", str(self.directory / "data")]
        subprocess.run(
            [*command, *map(str, arguments)],
            check=True,
            stdout=subprocess.DEVNULL,
            cwd=self.directory,
            **_unprivileged(),
        )


@contextmanager
def running_postgres(binaries: Path) -> Iterator[Postgres]:
    """A new server in a temporary folder, which goes with it."""
    directory = Path(tempfile.mkdtemp(prefix="gap-postgres-"))
    server = Postgres(
        binaries=binaries, directory=directory, port=free_port(), password=secrets.token_hex(16)
    )
    password_file = directory / "password"
    password_file.write_text(server.password)
    if user := _unprivileged().get("user"):
        shutil.chown(directory, user)
        shutil.chown(password_file, user)
    try:
        server._run("initdb", "-U", server.user, "-A", "scram-sha-256", "--pwfile", password_file)
        server.start()
        yield server
    finally:
        if (directory / "data" / "postmaster.pid").exists():
            server.stop("immediate")
        shutil.rmtree(directory)


def _unprivileged() -> dict[str, str]:
    """Arguments of `subprocess` that drop root's privileges, where there are any."""
    if os.getuid():
        return {}
    known = {line.split(":")[0] for line in Path("/etc/passwd").read_text().splitlines()}
    user = next(user for user in SERVER_USERS if user in known)
    return {"user": user}
