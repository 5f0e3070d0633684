"""What a data folder remembers about itself: `<data>/gap.toml`, overridden by `GAP_*` variables.

The command line, the Dagster code location and the tests all read the same settings, so `gap run`,
`gap status` and the Dagster UI agree on what is current. How a single asset computes is resource
config (`gap_assets.resources`), which starts from these values.
"""

import json
import os
import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, field_validator
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from gap_assets.disk import write_atomically
from gap_assets.profiles import ProfileName
from gap_assets.summaries.prompts import check_prompt

SETTINGS_FILE = "gap.toml"

URL = re.compile("ducklake:|[a-z0-9]+://")
SECRET = re.compile(r"password\s*=|://[^/?#]*:[^/?#]*@", re.IGNORECASE)


class SettingsFileError(Exception):
    """The data folder's file cannot be read."""


def data_directory() -> Path:
    """The folder that everything is written to: `GAP_DATA`, by default `data`."""
    return Path(os.environ.get("GAP_DATA", "data")).absolute()


class Settings(BaseSettings):
    """The settings of one data folder. A variable `GAP_<NAME>` overrides the file's value."""

    model_config = SettingsConfigDict(
        env_prefix="GAP_", extra="forbid", frozen=True, hide_input_in_errors=True
    )

    data: Path = Field(default_factory=data_directory)
    warehouse: str = Field(default_factory=lambda known: str(known["data"] / "gap.duckdb"))
    warehouse_files: str = Field(default_factory=lambda known: str(known["data"] / "warehouse"))
    models: ProfileName = "embedded"
    videos: Path | None = None
    captions: Path | None = None
    frames_per_second: float = Field(default=1.0, gt=0, allow_inf_nan=False)
    controls: bool = True
    prompt: Annotated[str, AfterValidator(check_prompt)] | None = None
    videos_per_run: int = Field(default=256, ge=1)
    executor: Literal["in_process", "multiprocess", "ray", "k8s"] = "in_process"
    deploy: Literal["laptop", "gpu-box", "cluster"] = "laptop"
    gpus: int = Field(default=1, ge=0)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments win over `GAP_*` variables, and those over the file."""
        home = Path(init_settings().get("data") or data_directory())
        return init_settings, env_settings, _remembered(home)

    @field_validator("warehouse", "warehouse_files")
    @classmethod
    def _absolute(cls, place: str) -> str:
        """A path from where the program runs; a URL as it is, if it tells no secret."""
        if SECRET.search(place):
            raise ValueError(
                "A password does not belong here; give it in PGPASSWORD or a file ~/.pgpass."
            )
        if place.startswith("ducklake:") and not place.startswith("ducklake:postgres:"):
            raise ValueError("A DuckLake's catalogue is in Postgres: ducklake:postgres:dbname=…")
        return place if URL.match(place) else str(Path(place).absolute())

    @property
    def videos_directory(self) -> Path:
        """The folder whose files the asset `videos` lists."""
        return self.videos or self.data / "videos"

    @property
    def report(self) -> Path:
        """The folder of the report."""
        return self.data / "report"

    @property
    def dagster_home(self) -> Path:
        """The Dagster instance."""
        return self.data / "dagster"


def remember(data: Path, **values: Any) -> Settings:
    """Writes the given settings into the data folder's file, keeping its others.

    Args:
        data: The data folder; made where it is missing.
        **values: Fields of `Settings`; None leaves a field as it is.

    Returns:
        The settings that now hold for the folder; what was given wins over `GAP_*` variables.

    Raises:
        SettingsFileError: If the file is no TOML.
        pydantic.ValidationError: If a value is not allowed.
        DiskFullError: If there is no space left.
    """
    data = data.absolute()
    given = {name: value for name, value in values.items() if value is not None}
    stored = _remembered(data)() | given
    Settings(data=data, **stored)
    # A JSON scalar, left unescaped, is a TOML scalar.
    scalars = {k: json.dumps(v, default=str, ensure_ascii=False) for k, v in stored.items()}
    text = "".join(f"{k} = {v}\n" for k, v in scalars.items())
    write_atomically(data / SETTINGS_FILE, text.encode())
    return Settings(data=data, **given)


def _remembered(data: Path) -> TomlConfigSettingsSource:
    path = data / SETTINGS_FILE
    try:
        return TomlConfigSettingsSource(Settings, toml_file=path)
    except tomllib.TOMLDecodeError as error:
        raise SettingsFileError(f"{path} is no TOML ({error}); mend that line.") from error
