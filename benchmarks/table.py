"""The table of `benchmarks/README.md`, made of what the scripts printed with `--json`.

    python benchmarks/sampling.py --json | tail -n 1 > benchmarks/results/sampling.json
    python benchmarks/table.py

The words around the figures are in `rows.toml`. A result gives the rows of the script that its own
command names, so that a script may have several results.
"""

import json
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from textwrap import shorten
from typing import Any

HERE = Path(__file__).parent
README = HERE / "README.md"
ROWS = tomllib.loads((HERE / "rows.toml").read_text(encoding="utf-8"))
START, END = "<!-- made by table.py -->\n", "<!-- end of what table.py makes -->\n"


def results() -> list[dict[str, Any]]:
    """The last line of every saved output, in the order of the rows."""
    files = sorted((HERE / "results").glob("*.json"))
    found = [json.loads(file.read_text(encoding="utf-8").splitlines()[-1]) for file in files]
    return sorted(found, key=lambda result: list(ROWS).index(script(result)))


def script(result: Mapping[str, Any]) -> str:
    """The name of the script that printed a result."""
    return re.sub(r".*benchmarks/(\w+)\.py.*", r"\1", result["command"])


def rows(result: Mapping[str, Any]) -> Iterator[tuple[str, ...]]:
    """The cells of a result's rows; the first row says command and machine for all of them."""
    versions = result["versions"]
    names = [name for name in ("python", "torch", "av", "numpy", "dagster") if name in versions]
    machine = "{cpu}, {cores} cores, {memory_gib} GiB, load {load_1min}; ".format(
        **result["machine"]
    )
    machine += ", ".join(f"{name} {versions[name]}" for name in names)
    origin = (f"`{shorten(result['command'], 140, placeholder=' …')}`", machine)
    for row in ROWS[script(result)]:
        yield row["claim"] % result, row["measured"] % result, *origin
        origin = ("as above", "as above")


def with_table(page: str) -> str:
    """A page with the table between its two markers made anew."""
    lines: list[tuple[str, ...]] = [("claim", "measured", "command", "machine"), ("---",) * 4]
    lines += [cells for result in results() for cells in rows(result)]
    table = "".join(f"| {' | '.join(cells)} |\n" for cells in lines)
    before, _, rest = page.partition(START)
    return f"{before}{START}\n{table}\n{END}{rest.partition(END)[2]}"


if __name__ == "__main__":
    README.write_text(with_table(README.read_text(encoding="utf-8")), encoding="utf-8")
