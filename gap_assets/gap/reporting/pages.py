"""What the pages share: templates and the words beside them."""

import base64
import re
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


def definition(metric: str) -> str:
    """What a metric is, from `templates/definitions.toml`; an empty text for an unknown one."""
    for pattern, names, text in _definitions():
        if found := pattern.fullmatch(metric):
            said = {name: found[name].replace("_", " ") for name in names}
            return text.format(**said) if said else text
    return ""


@cache
def _definitions() -> list[tuple[re.Pattern[str], tuple[str, ...], str]]:
    kinds = {"of": "video|text", "way": "video_to_text|text_to_video", "x": ".+"}
    found = []
    for name, text in words("definitions").items():
        names = tuple(re.findall(r"{(\w+)}", name))
        pattern = re.sub(r"{(\w+)}", lambda match: f"(?P<{match[1]}>{kinds[match[1]]})", name)
        found.append((re.compile(pattern), names, text))
    # A name without a gap to fill goes before those that would take it for theirs.
    return sorted(found, key=lambda each: len(each[1]))
