"""Changes a data folder's `gap.toml`, and says where each of its settings comes from.

A name is a setting's, such as `frames_per_second`, or a parameter's, such as
`caption_filter.method`. What they mean is in `gap_assets.settings.folder`.
"""

import json
import math
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from gap_assets.files import write_atomically
from gap_assets.settings.defaults import (
    SETTING_OF,
    compared_encoders,
    default_parameters,
    of_profile,
)
from gap_assets.settings.folder import (
    MODEL_FIELDS,
    SETTINGS_FILE,
    Settings,
    SettingsFileError,
    remembered,
)

BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
# What a folder remembers of the old choice says nothing of a new one.
FORGOTTEN_WITH = {
    "models": (*MODEL_FIELDS, "summarizer.revision"),
    "coca": ("weights", "caption_weights"),
    "summarizer": ("summarizer.revision",),
    "prompt": ("prompt_file",),
    "prompt_file": ("prompt",),
    "frames_per_second": ("sampling.sampling",),
    "sampling.sampling": ("frames_per_second",),
}
# Where the one is not set, the other says what it is.
MADE_OF = {"prompt": "prompt_file", "sampling.sampling": "frames_per_second"}


def choose(data: Path, *, without: Iterable[str] = (), **values: Any) -> Settings:
    """The settings of a data folder with some values in place of its own; writes nothing.

    Args:
        data: The data folder.
        without: Names that the file holds and that are to be left out.
        **values: By name, with values that win over `GAP_*` variables; None leaves one as it is.
            A part of a value, such as `sampling.sampling.rate`, changes that part. Choosing a
            profile drops the models that the folder remembers, a CoCa drops its weights.

    Raises:
        SettingsFileError: If the file is not TOML, or does not hold a name of `without`.
        pydantic.ValidationError: If a value is not allowed.
    """
    settings, _, _ = _changed(data.absolute(), values, without)
    return settings


def remember(data: Path, *, without: Iterable[str] = (), **values: Any) -> Settings:
    """Writes the given settings into the data folder's file, keeping its others.

    Args:
        data: The data folder; made where it is missing.
        without: See `choose`.
        **values: See `choose`.

    Returns:
        The settings that now hold for the folder.

    Raises:
        SettingsFileError: See `choose`.
        pydantic.ValidationError: If a value is not allowed.
        DiskFullError: If there is no space left.
    """
    settings, kept, given = _changed(data.absolute(), values, without)
    found = in_force(settings)
    _write(settings.data, kept | {name: found[name] for name in given})
    return settings


def forget(data: Path, *names: str) -> None:
    """Takes settings out of the data folder's file; their defaults hold again.

    Args:
        data: The data folder.
        *names: Names that the file holds, right or wrong ones.

    Raises:
        SettingsFileError: If the file is not TOML, or does not hold one of the names.
    """
    _write(data, _left(data, names))


def in_force(settings: Settings) -> dict[str, Any]:
    """Every setting and every parameter as it is now, by name; None where there is none."""
    found = {
        name: getattr(settings, name)
        for name in Settings.model_fields
        if name not in ("data", "parameters")
    }
    if settings.sampling_is_chosen:
        found["frames_per_second"] = None
    for group, choice in default_parameters(settings).items():
        for field, value in choice.model_dump().items():
            found[_setting(f"{group}.{field}")] = value
    return found | {"encoders": compared_encoders(settings)}


def origins(settings: Settings) -> dict[str, str]:
    """Where each of `in_force` comes from: a variable, `gap.toml`, the profile, the default."""
    known = _flat(remembered(settings.data))
    profile = {_setting(name) for name, value in of_profile(settings).items() if value is not None}

    def origin(name: str) -> str:
        variable = _variable(name)
        if any(found == variable or found.startswith(f"{variable}__") for found in os.environ):
            return variable
        if name in known:
            return SETTINGS_FILE
        other = MADE_OF.get(name)
        if other and getattr(settings, other) is not None:
            return other
        return f"the profile {settings.models}" if name in profile else "default"

    return {name: origin(name) for name in in_force(settings)}


def _changed(
    data: Path, values: Mapping[str, Any], without: Iterable[str]
) -> tuple[Settings, dict[str, Any], dict[str, Any]]:
    """The settings after a change, what the file keeps, and what is new, by name."""
    given = _whole(data, {name: value for name, value in values.items() if value is not None})
    gone = {name for new in given for name in (new, *FORGOTTEN_WITH.get(new, ()))}
    kept = {name: value for name, value in _left(data, without).items() if name not in gone}
    proposed: dict[str, Any] = {SETTINGS_FILE: _nested(kept), **_nested(given)}
    settings = Settings(data=data, **proposed)
    return settings, kept, given


def _left(data: Path, without: Iterable[str]) -> dict[str, Any]:
    """What the file holds but for some names, one of which it may lack in error."""
    known = _flat(remembered(data))
    gone = {name if name in known else _setting(name) for name in without}
    for name in gone - set(known):
        holds = ", ".join(known) or "nothing"
        raise SettingsFileError(f"{data / SETTINGS_FILE} does not set {name}; it sets {holds}.")
    return {name: value for name, value in known.items() if name not in gone}


def _whole(data: Path, values: Mapping[str, Any]) -> dict[str, Any]:
    """Values by whole settings: a part of one is put into what is there, if of the same kind."""
    whole: dict[str, Any] = {}
    parts: dict[str, dict[str, Any]] = {}
    for name, value in values.items():
        group, *rest = name.split(".", 2)
        if len(rest) == 2:
            parts.setdefault(f"{group}.{rest[0]}", {})[rest[1]] = value
        else:
            whole[_setting(name)] = value
    for name, changed in parts.items():
        now = in_force(Settings(data=data)).get(name)
        same = isinstance(now, dict) and changed.get("kind") in (None, now.get("kind"))
        whole[name] = {**(now if same and now else {}), **changed}
    return whole


def _setting(name: str) -> str:
    return SETTING_OF.get(name, name)


def _variable(name: str) -> str:
    parts = ["parameters", *name.split(".")] if "." in name else [name]
    return "GAP_" + "__".join(parts).upper()


def _flat(content: Mapping[str, Any]) -> dict[str, Any]:
    """The file's content with parameters by key and name; what is no such table stays as it is."""
    groups = content.get("parameters")
    if not isinstance(groups, dict) or not all(isinstance(each, dict) for each in groups.values()):
        return dict(content)
    flat = {name: value for name, value in content.items() if name != "parameters"}
    return flat | {f"{g}.{field}": v for g, fields in groups.items() for field, v in fields.items()}


def _nested(flat: Mapping[str, Any]) -> dict[str, Any]:
    content = {name: value for name, value in flat.items() if "." not in name}
    for name, value in flat.items():
        group, dot, field = name.partition(".")
        if dot:
            content.setdefault("parameters", {}).setdefault(group, {})[field] = value
    return content


def _write(data: Path, flat: Mapping[str, Any]) -> None:
    lines = (f"{key} = {_toml(value)}\n" for key, value in _lines(_nested(flat)))
    write_atomically(data / SETTINGS_FILE, "".join(lines).encode())


def _lines(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Each value with its dotted key, which TOML takes for tables in tables."""
    for name, value in values.items():
        key = prefix + (name if BARE_KEY.fullmatch(name) else json.dumps(name))
        if isinstance(value, dict):
            yield from _lines(value, f"{key}.")
        else:
            yield key, value


def _toml(value: Any) -> str:
    """A JSON scalar or list, left unescaped, is one of TOML, but for infinity."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return json.dumps(value, default=str, ensure_ascii=False)
