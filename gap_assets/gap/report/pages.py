"""What the pages share: templates and the words beside them."""

import base64
import tomllib
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from gap_assets.text import printable

TEMPLATES = Path(__file__).parent / "templates"


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=lambda value: printable(value) if type(value) is str else value,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def render_page(template: str, **context: Any) -> bytes:
    """The page as UTF-8; every string of the context is escaped and printable."""
    return _environment().get_template(template).render(**context).encode()


@cache
def words(name: str) -> dict[str, Any]:
    """Labels and captions from `templates/<name>.toml`, whose head explains its fields."""
    return tomllib.loads((TEMPLATES / f"{name}.toml").read_text(encoding="utf-8"))


def data_uri(content: bytes, media_type: str) -> str:
    """Bytes as a URI that needs no second file."""
    return f"data:{media_type};base64,{base64.b64encode(content).decode()}"
