"""What the scorecard's rows are called, and what each can and cannot show.

The words are data: `templates/scorecard.toml`.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A scorecard row; the fields are explained at the top of the TOML file."""

    name: str
    label: str
    note: str
    paper: str = ""
    null: str | float = ""
    chance_rank: int = 0


@cache
def scorecard_entries() -> dict[str, list[Entry]]:
    """Section to its rows, in the order of the page."""
    text = (Path(__file__).parent / "templates" / "scorecard.toml").read_text(encoding="utf-8")
    return {
        section: [Entry(name=name, **words) for name, words in rows.items()]
        for section, rows in tomllib.loads(text).items()
    }
