"""Changes what a data folder remembers, and says what that means for what is stored.

How the file is written is the business of `gap_assets.settings.file`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gap_assets.pipeline.changed_settings import flat, results_in_words, value_in_words
from gap_assets.pipeline.status import current_status
from gap_assets.settings import SETTING_OF, Settings, in_force, origins, remember
from gap_assets.warehouse.store import Warehouse


@dataclass(frozen=True, kw_only=True)
class Change:
    """What a change of settings did.

    Attributes:
        values: What was and what is now, by name.
        stale: How many results of each asset are stale by it.
        without_effect: Variables that win over what was written, by setting.
    """

    values: Mapping[str, tuple[Any, Any]]
    stale: Mapping[str, int]
    without_effect: Mapping[str, str]

    def in_words(self) -> list[str]:
        """A sentence for each."""
        told = [
            f"{name} was {value_in_words(old)} and is now {value_in_words(new)}."
            for name, (old, new) in self.values.items()
        ]
        told += [
            f"{name} is in gap.toml now, but {variable} is set and wins over it."
            for name, variable in self.without_effect.items()
        ]
        if self.stale:
            stale = results_in_words(self.stale)
            told.append(f"Stale by it, and made again by the next run: {stale}.")
        return told or ["Nothing has changed."]


def change_settings(data: Path, *, values: Mapping[str, Any], unset: Iterable[str] = ()) -> Change:
    """Changes a data folder's file.

    Args:
        data: The data folder.
        values: New values by name; see `gap_assets.settings.choose`.
        unset: Names to take out.

    Raises:
        SettingsFileError: If the file is not TOML, or does not hold a name of `unset`.
        pydantic.ValidationError: If a value is not allowed.
    """
    before = Settings(data=data)
    remember(data, without=unset, **values)
    after = Settings(data=data)
    old, new = dict(flat(in_force(before))), dict(flat(in_force(after)))
    origin = origins(after)
    return Change(
        values={
            name: (old.get(name), new.get(name))
            for name in dict.fromkeys([*old, *new])
            if old.get(name) != new.get(name)
        },
        stale=_made_stale(before, after),
        without_effect={
            name: origin[name]
            for name in (SETTING_OF.get(given, given) for given in values)
            if origin.get(name, "").startswith("GAP_")
        },
    )


def _made_stale(before: Settings, after: Settings) -> dict[str, int]:
    if not Warehouse(path=after.warehouse).exists():
        return {}
    old, new = (current_status(settings).states for settings in (before, after))
    counts = {
        asset: sum(
            state == "stale" and old[asset].get(unit) != "stale" for unit, state in states.items()
        )
        for asset, states in new.items()
    }
    return {asset: count for asset, count in counts.items() if count}
