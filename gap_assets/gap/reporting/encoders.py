"""The section *Other encoders*: the same videos and texts in the spaces of several models.

Everything is read from `gap_metrics`. An encoder is said to have a smaller or larger gap only where
two intervals do not meet.
"""

from collections.abc import Iterator, Mapping
from string import ascii_uppercase
from typing import Any

from gap_assets.gap.cones import apart
from gap_assets.gap.encoder_metrics import WHOLE
from gap_assets.gap.metric_rows import UNTRAINED, MetricRow
from gap_assets.gap.reporting.numbers import Numbers, mean_and_spread, with_interval

GAP, RECALL = "centroid_gap_debiased", "recall_at_1_text_to_video"
COLUMNS = {
    GAP: "gap",
    "cone_video": "cone of videos",
    "cone_text": "cone of texts",
    "rmg": "RMG",
    RECALL: "R@1",
}
ABOUT = {
    "embedded:coca-whole-captions": "trained as the embedded CoCa, but on captions that leave"
    " nothing out",
}


def section(numbers: Numbers) -> dict[str, Any] | None:
    """What the page's template reads of the section; None where no other encoder was measured."""
    from gap_assets.gap.reporting.figures import encoders as figures
    from gap_assets.gap.reporting.figures.style import exhibit

    found = {name: rows for name, rows in _encoders(numbers) if GAP in rows}
    if len(found) < 2:
        return None
    letters = dict(zip(found, _letters(len(found)), strict=True))
    drawn = {name: rows for name, rows in found.items() if COLUMNS.keys() <= rows.keys()}
    exhibits = []
    if len(drawn) > 1:
        figure = figures.encoders_figure(
            {letters[name]: rows for name, rows in drawn.items()},
            names=[shown_name(name) for name in drawn],
            recall=RECALL,
        )
        n = sorted({rows[GAP].n for rows in drawn.values()})
        of = f"{n[0]}" if len(n) == 1 else f"{n[0]} to {n[-1]}"
        panels = {"Gap, RMG and cones by recall, one point an encoder": figure}
        exhibits.append(exhibit("encoders", panels, n=of))
    return {
        "sentences": [*_sentences(found)],
        "exhibits": exhibits,
        "columns": list(COLUMNS.values()),
        "lines": [
            *(_line(letters[name], name, rows) for name, rows in found.items()),
            *_untrained(numbers),
        ],
    }


def shown_name(encoder: str) -> str:
    """An encoder's name for people: of a folder its own name, without the machine's path."""
    kind, _, rest = encoder.partition(":")
    return f"{kind}:{rest.rsplit('/', 1)[-1]}" if rest.startswith("/") else encoder


def _encoders(numbers: Numbers) -> Iterator[tuple[str, Mapping[str, MetricRow]]]:
    """The rows of each trained encoder's main pair by metric, the embedding CoCa first."""
    plan = numbers.plan
    names = dict.fromkeys([plan.encoder, *(row.encoder for row in numbers.rows)])
    for name in names:
        if "×" in name or name.startswith(UNTRAINED):
            continue
        video = plan.video if numbers.find(GAP, encoder=name) else WHOLE
        yield (
            name,
            {m: row for m in COLUMNS if (row := numbers.find(m, encoder=name, video=video))},
        )


def _letters(count: int) -> list[str]:
    """As many as there are encoders: A to Z, then A1 to Z1, and so on."""
    return [ascii_uppercase[i % 26] + (str(i // 26) if i >= 26 else "") for i in range(count)]


def _sentences(found: Mapping[str, Mapping[str, MetricRow]]) -> Iterator[str]:
    (main, own), *others = found.items()
    ranked = sorted(found, key=lambda name: found[name][GAP].value)
    least, most = (
        f"{with_interval(found[n][GAP])} ({shown_name(n)})" for n in (ranked[0], ranked[-1])
    )
    yield (
        f"The same frames and the same texts by {len(found)} encoders, each in a space of its own:"
        f" the gap is from {least} to {most}."
    )
    told = {"falls": "smaller", "rises": "larger"}
    ways = {name: apart(own[GAP], rows[GAP]) for name, rows in others}
    for way, word in told.items():
        if those := [shown_name(name) for name, found_way in ways.items() if found_way == way]:
            yield f"A certainly {word} gap than {shown_name(main)}: {', '.join(those)}."
    if open_ := [shown_name(name) for name, way in ways.items() if way is None]:
        yield f"No certain difference from {shown_name(main)}: {', '.join(open_)}."


def _line(letter: str, name: str, rows: Mapping[str, MetricRow]) -> dict[str, Any]:
    return {
        "letter": letter,
        "name": shown_name(name),
        "about": ABOUT.get(name, ""),
        "n": rows[GAP].n,
        "cells": [(label, with_interval(rows.get(metric))) for metric, label in COLUMNS.items()],
    }


def _untrained(numbers: Numbers) -> Iterator[dict[str, Any]]:
    """One line for all untrained networks: mean and standard deviation over them."""
    values = {metric: numbers.untrained(metric) for metric in COLUMNS}
    if values[GAP]:
        yield {
            "letter": "",
            "name": "untrained",
            "about": f"mean and standard deviation over {len(values[GAP])} networks",
            "n": numbers.untrained_pairs(),
            "cells": [
                (label, mean_and_spread(values[metric]) or "—") for metric, label in COLUMNS.items()
            ],
        }
