"""What a data folder remembers about itself: `<data>/gap.toml`, overridden by `GAP_*` variables.

The command line, the Dagster code location and the tests all read the same settings, so `gap run`,
`gap status` and the Dagster UI agree on what is current. `folder` holds the settings, `defaults`
what they choose, `file` changes the file, `refusals` says in a sentence why it does not. A single
run may choose otherwise by its resource config (`gap_assets.dagster.resources`), which starts from
`default_parameters`.
"""

from gap_assets.settings.defaults import (
    GROUPS,
    SETTING_OF,
    default_fingerprints,
    default_parameters,
)
from gap_assets.settings.file import choose, forget, in_force, origins, remember
from gap_assets.settings.folder import Settings, SettingsFileError, data_directory
from gap_assets.settings.refusals import refusal

__all__ = [
    "GROUPS",
    "SETTING_OF",
    "Settings",
    "SettingsFileError",
    "choose",
    "data_directory",
    "default_fingerprints",
    "default_parameters",
    "forget",
    "in_force",
    "origins",
    "refusal",
    "remember",
]
