"""Rows of a query for people and for files: a table, one column a line, CSV, Parquet."""

import csv
import io
import json
from typing import TYPE_CHECKING, Any

from rich.markup import escape
from rich.rule import Rule
from rich.table import Table

from gap_assets.cli.console import console
from gap_assets.text import printable

if TYPE_CHECKING:
    import polars as pl

READABLE = 16  # characters that a column keeps at least when a table is squeezed
SHOWN = 4  # numbers of a long list


def print_rows(rows: "pl.DataFrame") -> None:
    """Prints all rows and columns; whatever a cell holds is shown as text.

    Rows that are too wide for a readable table are printed one column a line.
    """
    cells = [[_text(cell) for cell in row] for row in rows.iter_rows()]
    names = [printable(name) for name in rows.columns]
    if cells and _squeezed_width(names, cells) > console.width:
        _print_lines(names, cells)
        return
    table = Table(*(escape(name) for name in names))
    for row in cells:
        table.add_row(*(escape(cell) for cell in row))
    console.print(table)


def _squeezed_width(names: list[str], cells: list[list[str]]) -> int:
    """The least width at which a table can be read, with its lines."""
    columns = zip(names, *cells, strict=True)
    widths = [min(max(map(len, column)), READABLE) for column in columns]
    return sum(width + 3 for width in widths) + 1


def _print_lines(names: list[str], cells: list[list[str]]) -> None:
    for number, row in enumerate(cells, 1):
        console.print(Rule(f"row {number} of {len(cells)}", align="left"))
        lines = Table.grid(padding=(0, 2))
        lines.add_column(style="bold", no_wrap=True)
        lines.add_column(overflow="fold")
        for name, cell in zip(names, row, strict=True):
            lines.add_row(escape(name), escape(cell))
        console.print(lines)


def as_csv(rows: "pl.DataFrame") -> str:
    """The rows as CSV with a header; a list is JSON, bytes are hexadecimal, null is empty."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(rows.columns)
    writer.writerows([_csv_cell(cell) for cell in row] for row in rows.iter_rows())
    return buffer.getvalue()


def as_parquet(rows: "pl.DataFrame") -> bytes:
    """The rows as the bytes of a Parquet file."""
    buffer = io.BytesIO()
    rows.write_parquet(buffer)
    return buffer.getvalue()


def _csv_cell(cell: Any) -> Any:
    if isinstance(cell, bytes):
        return cell.hex()
    if isinstance(cell, list | dict):
        return json.dumps(cell, default=str, ensure_ascii=False)
    return cell


def _text(cell: Any) -> str:
    """A cell as printable text: a number without a float's tail, a long list and bytes in short."""
    if cell is None:
        return ""
    if isinstance(cell, float):
        return f"{cell:.6g}"
    if isinstance(cell, bytes):
        return f"{len(cell):,} bytes"
    if isinstance(cell, list) and len(cell) > 2 * SHOWN and isinstance(cell[0], float):
        first = ", ".join(f"{number:.4g}" for number in cell[:SHOWN])
        return f"[{first}, … {len(cell)} numbers]"
    return printable(str(cell))
