"""The section *Frames, captions and detail*, from the rows of `pooling_profile`.

A direction is said only where two intervals do not meet.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from gap_assets.gap.cones import apart
from gap_assets.gap.pooled import DETAIL, GRID, RANK, PooledRow
from gap_assets.gap.reporting.numbers import number, with_interval

GAP = "centroid_gap_debiased"


def section(rows: Sequence[PooledRow]) -> dict[str, Any] | None:
    """What the page's template reads of the section; None without rows."""
    from gap_assets.gap.reporting.figures import pooled as figures
    from gap_assets.gap.reporting.figures.style import exhibit

    grid, detail = ([row for row in rows if row.study == study] for study in (GRID, DETAIL))
    if not rows:
        return None
    exhibits = []
    if grid:
        exhibits.append(exhibit("grid", figures.grid_figures(grid), n=grid[0].n))
    if detail:
        said = max(row.texts for row in detail)
        panels = {"Gap and kin by different captions in a text": figures.detail_figure(detail)}
        exhibits.append(exhibit("detail", panels, n=detail[0].n, slots=said))
    return {"sentences": [*_on_grid(grid), *_on_detail(detail)], "exhibits": exhibits}


def at(
    rows: Sequence[PooledRow],
    metric: str,
    *,
    texts: int,
    frames: int | None = None,
    unit: bool = True,
) -> PooledRow | None:
    """The row of a metric; of any number of frames where none is given."""
    for row in rows:
        known = (row.metric, row.texts, row.unit) == (metric, texts, unit)
        if known and frames in (None, row.frames):
            return row
    return None


def change(first: PooledRow, last: PooledRow) -> str:
    """How the one compares with the other, as far as their intervals tell."""
    if way := apart(first, last):
        return {"rises": "larger", "falls": "smaller"}[way]
    if None in (first.ci_low, first.ci_high, last.ci_low, last.ci_high):
        return "no interval tells whether it changes"
    return "no certain change, for the intervals meet"


def _on_grid(rows: Sequence[PooledRow]) -> Iterator[str]:
    most = max((row.frames for row in rows), default=0)
    one = at(rows, GAP, frames=1, texts=1)
    raw = at(rows, GAP, frames=most, texts=most, unit=False)
    unit = at(rows, GAP, frames=most, texts=most)
    if one and raw and unit:
        of_one, of_raw, of_unit = map(with_interval, (one, raw, unit))
        yield (
            "One frame and its caption, which is what the paper measures of pictures, have a gap"
            f" of {of_one} ({one.n} videos). Of the means of {most} frames and {most} captions"
            f" it is {of_raw} as they are ({change(one, raw)}) and {of_unit} as unit"
            f" vectors ({change(one, unit)})."
        )


def _on_detail(rows: Sequence[PooledRow]) -> Iterator[str]:
    most = max((row.texts for row in rows), default=0)
    first, last = at(rows, GAP, texts=1), at(rows, GAP, texts=most)
    ranks = at(rows, RANK, texts=1), at(rows, RANK, texts=most)
    if first and last and ranks[0] and ranks[1]:
        of_first, of_last = with_interval(first), with_interval(last)
        yield (
            f"A text with room for {most} captions that repeats one has a gap of {of_first};"
            f" one that says {most} different ones has {of_last} ({change(first, last)};"
            f" {first.n} videos). The texts use {number(ranks[0].value, 1)} and"
            f" {number(ranks[1].value, 1)} directions (effective rank). That texts leave things out"
            " explains a gap (Schrodi et al. 2025) where saying more makes it smaller."
        )
