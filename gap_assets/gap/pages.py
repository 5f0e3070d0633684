"""HTML pages from templates: autoescaped, self-contained, written atomically."""

from __future__ import annotations

import base64
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def render(template: str, **context: Any) -> bytes:
    """The page as UTF-8; every string of the context is escaped."""
    return _environment().get_template(template).render(**context).encode()


def data_uri(content: bytes, media_type: str) -> str:
    """Bytes as a URI that needs no second file."""
    return f"data:{media_type};base64,{base64.b64encode(content).decode()}"
