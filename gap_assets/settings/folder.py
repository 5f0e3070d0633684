"""The settings of one data folder, read from `<data>/gap.toml`, which `GAP_*` variables override.

What parameters they choose is in `gap_assets.settings.defaults`, how the file is changed in
`gap_assets.settings.file`.
"""

import os
import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    InitSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from gap_assets.encoders.choice import encoder_list
from gap_assets.parameters import check_prompt
from gap_assets.profiles import (
    ProfileName,
    canonical_language_model,
    canonical_model,
    canonical_weights,
)
from gap_assets.settings.defaults import GROUPS, SETTING_OF, default_parameters

SETTINGS_FILE = "gap.toml"

URL = re.compile("ducklake:|[a-z0-9]+://")
SECRET = re.compile(r"password\s*=|://[^/?#]*:[^/?#]*@", re.IGNORECASE)

MODEL_FIELDS = ("coca", "weights", "caption_weights", "summarizer")


class SettingsFileError(Exception):
    """The data folder's file cannot be read."""


def data_directory() -> Path:
    """The folder that everything is written to: `GAP_DATA`, by default `data`."""
    return Path(os.environ.get("GAP_DATA", "data")).absolute()


class Settings(BaseSettings):
    """The settings of one data folder. A variable `GAP_<NAME>` overrides the file's value."""

    model_config = SettingsConfigDict(
        env_prefix="GAP_",
        env_nested_delimiter="__",
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        use_attribute_docstrings=True,
    )

    data: Path = Field(default_factory=data_directory)
    warehouse: str = Field(default_factory=lambda known: str(known["data"] / "gap.duckdb"))
    warehouse_files: str = Field(default_factory=lambda known: str(known["data"] / "warehouse"))
    models: ProfileName = "embedded"
    """embedded knows the drawn videos only; hub downloads the real models."""
    coca: Annotated[str, AfterValidator(canonical_model)] | None = None
    weights: Annotated[str, AfterValidator(canonical_weights)] | None = None
    caption_weights: Annotated[str, AfterValidator(canonical_weights)] | None = None
    summarizer: Annotated[str, AfterValidator(canonical_language_model)] | None = None
    encoders: Annotated[tuple[str, ...] | None, NoDecode, BeforeValidator(encoder_list)] = None
    videos: Path | None = None
    more_videos: tuple[Path, ...] = ()
    captions: Path | None = None
    frames_per_second: float = Field(default=1.0, gt=0, allow_inf_nan=False)
    """How densely to sample, above 0; for instance 2. Another kind is sampling.sampling."""
    controls: bool = True
    """Whether untrained networks and the cone by depth are measured, too, or later."""
    prompt: Annotated[str, AfterValidator(check_prompt)] | None = None
    prompt_file: Path | None = None
    videos_per_run: int = Field(default=256, ge=1)
    """Videos that a run of a backfill takes, at least 1; for instance 500."""
    automate: bool = False
    """Whether the sensor keep_up takes new files to a new report by itself."""
    executor: Literal["in_process", "multiprocess", "ray", "k8s"] = "in_process"
    deploy: Literal["laptop", "gpu-box", "cluster"] = "laptop"
    gpus: int = Field(default=1, ge=0)
    parameters: dict[str, dict[str, Any]] = Field(default_factory=dict)
    """What else determines results: fields of the classes in `GROUPS`, by key and name."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments win over `GAP_*` variables, and those over the file.

        An argument `gap.toml` stands for the file: what it is to hold is checked before it does.
        """
        given = dict(init_settings())
        proposed = given.pop(SETTINGS_FILE, None)
        home = Path(given.get("data") or data_directory())
        file = remembered(home) if proposed is None else proposed
        return (
            InitSettingsSource(settings_cls, given),
            env_settings,
            InitSettingsSource(settings_cls, file),
        )

    @field_validator("data", "videos", "captions", "prompt_file", mode="before")
    @classmethod
    def _not_empty(cls, path: Any) -> Any:
        """An empty path would be the folder that the program runs in."""
        if path == "":
            raise ValueError("An empty path names nothing; name one, or leave the setting out.")
        return path

    @field_validator("videos", "captions", "prompt_file")
    @classmethod
    def _from_here(cls, path: Path | None) -> Path | None:
        """A relative path is one from where the program runs, today and when it is remembered."""
        return path and path.absolute()

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

    @model_validator(mode="after")
    def _models_go_together(self) -> Self:
        named = [name for name in MODEL_FIELDS if getattr(self, name) is not None]
        if self.models == "embedded" and named:
            raise ValueError(
                f"{' and '.join(named)} cannot be chosen with the embedded models; set"
                " models to hub, too (`--models hub`)."
            )
        if self.prompt and self.prompt_file:
            raise ValueError("Both prompt and prompt_file are set; leave one out.")
        if self.prompt_file:
            check_prompt(_prompt_in(self.prompt_file))
        return self

    @model_validator(mode="after")
    def _parameters_are_usable(self) -> Self:
        for group, fields in self.parameters.items():
            if group not in GROUPS:
                raise ValueError(f"{group} is no group of parameters; use {', '.join(GROUPS)}.")
            for field in fields:
                if setting := SETTING_OF.get(name := f"{group}.{field}"):
                    raise ValueError(f"{name} is the setting {setting}; set that instead.")
        if self.sampling_is_chosen and "frames_per_second" in self.model_fields_set:
            raise ValueError("Both frames_per_second and sampling.sampling are set; leave one out.")
        default_parameters(self)
        return self

    @property
    def sampling_is_chosen(self) -> bool:
        """Whether another way of sampling stands in the place of `frames_per_second`."""
        return "sampling" in self.parameters.get("sampling", {})

    @property
    def summary_prompt(self) -> str | None:
        """The summariser's prompt as given, or as in its file; None for the default."""
        return _prompt_in(self.prompt_file) if self.prompt_file else self.prompt

    @property
    def videos_directory(self) -> Path:
        """The folder whose files the asset `videos` lists, or one file."""
        return self.videos or self.data / "videos"

    @property
    def places(self) -> tuple[Path, ...]:
        """All folders of videos that belong to the data folder."""
        return (self.videos_directory, *self.more_videos)

    @property
    def excluded(self) -> Path:
        """The file that names the videos to leave out."""
        return self.data / "excluded.txt"

    @property
    def report(self) -> Path:
        """The folder of the report."""
        return self.data / "report"

    @property
    def dagster_home(self) -> Path:
        """The Dagster instance."""
        return self.data / "dagster"


def remembered(data: Path) -> dict[str, Any]:
    """What a data folder's file holds, right or wrong.

    Raises:
        SettingsFileError: If the file is not TOML.
    """
    path = data / SETTINGS_FILE
    try:
        return TomlConfigSettingsSource(Settings, toml_file=path)()
    except tomllib.TOMLDecodeError as error:
        raise SettingsFileError(f"{path} is not valid TOML ({error}); fix that line.") from error


def _prompt_in(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"The prompt file {file} cannot be read; check the path.") from error
