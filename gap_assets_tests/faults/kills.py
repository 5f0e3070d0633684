"""Kills processes of a backfill at random moments, and compares its tables with undisturbed ones.

python -m gap_assets_tests.faults.kills [--kills 50] [--seed 1]

Each round backfills a data folder of its own with a code server and a daemon: one run at a time in
a process, as on a laptop, or, every other round, two at a time with a process a step and the pool's
slots taken by steps. A kill -9 hits the worker of a run, a step, the daemon, the code server, or
all of them as a power cut does; what runs on its own is started again, and a backfill that ended
with results missing is launched again. At the end of a round nothing may be in progress or hold a
slot, no result that was seen in the ledger may have been made again, and every table must equal
that of an undisturbed run, row for row. It reads /proc, so it needs Linux.
"""

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from random import Random

import polars as pl

from gap_assets.settings import Settings, remember
from gap_assets.warehouse.schema import TABLES
from gap_assets.warehouse.store import Warehouse
from gap_assets.world.samples import write_samples
from gap_assets_tests.faults.served import Platform, platform

OF_ONE_ATTEMPT = {"run_id", "seconds", "materialized_at", "failed_at", "first_used"}
PATIENCE_S = 900.0
KILLS_A_ROUND = 13
MOMENTS_S = (1, 5, 40)  # The latest moment of a kill: of a start, of loading, of the work.
HIT = ("worker", "daemon", "server", "everything")
TARGETS = {"in_process": HIT, "multiprocess": (*HIT, "step")}


@dataclass(frozen=True)
class Round:
    """What one data folder went through."""

    executor: str
    kills: list[str]
    backfills: int
    runs: Counter[str]
    seconds: float


def settle(served: Platform) -> None:
    """Waits until all is made and nothing is in progress, as long as something moves."""
    before, deadline = None, 0.0
    while served.goes_on() or served.busy():
        runs = {run.run_id: run.status for run in served.instance.get_runs()}
        if runs != before:
            before, deadline = runs, time.monotonic() + PATIENCE_S
        assert time.monotonic() < deadline, f"stuck: {served.busy()}"
        time.sleep(1)


def strike(served: Platform, random: Random, target: str) -> list[int]:
    """Kills a process of that kind at a random moment of its life; none if all is made before."""
    deadline = time.monotonic() + PATIENCE_S
    moment = None
    while served.goes_on():
        assert time.monotonic() < deadline, f"no {target} for {PATIENCE_S:.0f} s"
        pids = served.alive()[target]
        if not pids:
            moment = None
        elif moment is None:
            moment = time.monotonic() + random.uniform(0, random.choice(MOMENTS_S))
        elif time.monotonic() > moment:
            struck = pids if target == "everything" else [random.choice(pids)]
            served.kill(struck)
            return struck
        time.sleep(0.2)
    return []


def weather(settings: Settings, random: Random, *, most: int) -> Round:
    """One round: at most so many kills, then calm until all is made and nothing is in progress."""
    began = time.monotonic()
    kills: list[str] = []
    seen: dict[tuple[str, str | None], tuple[str, object]] = {}
    with platform(settings) as served:
        while len(kills) < most:
            target = random.choice(TARGETS[settings.executor])
            pids = strike(served, random, target)
            if not pids:
                break
            kills.append(target)
            seen = served.ledger() | seen
            what = f"killed {target} {pids}, {len(seen)} results are made"
            print(f"{settings.data.name} {time.monotonic() - began:5.0f} s  {what}", flush=True)
            time.sleep(random.uniform(0, 2))
            served.start()
        settle(served)
        made = served.ledger()
        again = {key: (at, made[key]) for key, at in seen.items() if made[key] != at}
        assert not again, f"results were made again: {again}"
        runs = Counter(run.status.value for run in served.instance.get_runs())
        backfills = len(served.backfills)
    return Round(settings.executor, kills, backfills, runs, time.monotonic() - began)


def rows(settings: Settings, table: str) -> pl.DataFrame:
    """The rows of a table without what differs from attempt to attempt, in one order."""
    found = Warehouse(path=settings.warehouse).read(f"SELECT * FROM {table}")
    kept = found.drop(OF_ONE_ATTEMPT, strict=False)
    return kept.select(pl.struct(pl.all()).alias("row")).sort("row")


def storm(folder: Path, *, kills: int, seed: int, videos: int = 24) -> list[Round]:
    """Rounds until all kills are dealt.

    Raises:
        AssertionError: Something was lost, made twice, or stuck.
    """
    random = Random(seed)
    films = folder / "films"
    captions = write_samples(films, count=videos, seed=seed)
    values = {"videos": films, "captions": captions, "videos_per_run": 8}
    undisturbed = remember(folder / "undisturbed", **values)
    command = [sys.executable, "-m", "gap_assets.cli", "run", "--data", str(undisturbed.data)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    expected = {table: rows(undisturbed, table) for table in TABLES}
    rounds: list[Round] = []
    while kills > 0:
        executor = list(TARGETS)[len(rounds) % 2]
        settings = remember(folder / f"round-{len(rounds) + 1}", **values, executor=executor)
        rounds.append(weather(settings, random, most=min(kills, KILLS_A_ROUND)))
        assert rounds[-1].kills, "a round took no kill"
        kills -= len(rounds[-1].kills)
        for table in TABLES:
            assert rows(settings, table).equals(expected[table]), f"{table} differs"
        print(f"{len(TABLES)} tables equal, {sum(map(len, expected.values()))} rows", flush=True)
    return rounds


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="gap-storm-"))
    print(f"All logs are in {folder}, which goes when all is well.", flush=True)
    rounds = storm(folder, kills=asked.kills, seed=asked.seed)
    print(f"\n{'round':7}{'executor':14}{'kills':>5}{'backfills':>11}{'seconds':>9}  runs")
    for number, each in enumerate(rounds, 1):
        counts = f"{len(each.kills):5}{each.backfills:11}{each.seconds:9.0f}  {dict(each.runs)}"
        print(f"{number:<7}{each.executor:14}{counts}")
    print(dict(Counter(kill for each in rounds for kill in each.kills).most_common()))
    shutil.rmtree(folder)


if __name__ == "__main__":
    main()
