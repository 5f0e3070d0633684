"""What a data folder remembers about itself: `<data>/gap.toml`, overridden by `GAP_*` variables.

The command line, the Dagster code location and the tests all read the same settings, so `gap run`,
`gap status` and the Dagster UI agree on what is current. How a single asset computes is resource
config (`gap_assets.dagster.resources`), which starts from `default_parameters` here.
"""

import json
import os
import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from gap_assets.encoders.choice import Encoders, encoder_list, trained, with_untrained
from gap_assets.files import write_atomically
from gap_assets.graph import STEPS
from gap_assets.parameters import (
    CaptionFilter,
    Captioning,
    Choice,
    CocaModel,
    FrameSampling,
    FramesPerSecond,
    SummarizerModel,
    check_prompt,
    settings_fingerprint,
)
from gap_assets.profiles import (
    PROFILES,
    ProfileName,
    canonical_language_model,
    canonical_model,
    canonical_weights,
    is_local,
)

SETTINGS_FILE = "gap.toml"

URL = re.compile("ducklake:|[a-z0-9]+://")
SECRET = re.compile(r"password\s*=|://[^/?#]*:[^/?#]*@", re.IGNORECASE)

MODEL_FIELDS = ("coca", "weights", "caption_weights", "summarizer")
# What a folder remembers of the old choice says nothing of a new one.
FORGOTTEN_WITH = {
    "models": MODEL_FIELDS,
    "coca": ("weights", "caption_weights"),
    "prompt": ("prompt_file",),
    "prompt_file": ("prompt",),
}


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
    coca: Annotated[str, AfterValidator(canonical_model)] | None = None
    weights: Annotated[str, AfterValidator(canonical_weights)] | None = None
    caption_weights: Annotated[str, AfterValidator(canonical_weights)] | None = None
    summarizer: Annotated[str, AfterValidator(canonical_language_model)] | None = None
    encoders: Annotated[tuple[str, ...] | None, NoDecode, BeforeValidator(encoder_list)] = None
    videos: Path | None = None
    more_videos: tuple[Path, ...] = ()
    captions: Path | None = None
    frames_per_second: float = Field(default=1.0, gt=0, allow_inf_nan=False)
    controls: bool = True
    prompt: Annotated[str, AfterValidator(check_prompt)] | None = None
    prompt_file: Path | None = None
    videos_per_run: int = Field(default=256, ge=1)
    automate: bool = False
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

    @field_validator("data", "videos", "captions", "prompt_file", mode="before")
    @classmethod
    def _not_empty(cls, path: Any) -> Any:
        """An empty path would be the folder that the program runs in."""
        if path == "":
            raise ValueError("An empty path names nothing; name one, or leave the setting out.")
        return path

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
                f"{' and '.join(named)} cannot be chosen with the embedded models; add"
                " `--models hub`."
            )
        if self.prompt and self.prompt_file:
            raise ValueError("Both prompt and prompt_file are set; leave one out.")
        if self.prompt_file:
            check_prompt(_prompt_in(self.prompt_file))
        return self

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


def choose(data: Path, **values: Any) -> Settings:
    """The settings of a data folder with some values in place of its own; writes nothing.

    Args:
        data: The data folder.
        **values: Fields of `Settings`, which win over `GAP_*` variables; None leaves a field as
            it is. Choosing a profile drops the models that the folder remembers, a CoCa drops
            its weights.

    Raises:
        SettingsFileError: If the file is not TOML.
        pydantic.ValidationError: If a value is not allowed.
    """
    data = data.absolute()
    given: dict[str, Any] = {name: value for name, value in values.items() if value is not None}
    in_force = {name for name in Settings.model_fields if f"GAP_{name.upper()}" in os.environ}
    forgotten: dict[str, Any] = dict.fromkeys(_forgotten_with(given) - set(given) - in_force)
    return Settings(data=data, **forgotten, **given)


def remember(data: Path, **values: Any) -> Settings:
    """Writes the given settings into the data folder's file; returns what now holds for it.

    Args:
        data: The data folder; made where it is missing. Its other settings are kept.
        **values: See `choose`.

    Raises:
        SettingsFileError: If the file is not TOML.
        pydantic.ValidationError: If a value is not allowed.
        DiskFullError: If there is no space left.
    """
    chosen = choose(data, **values)
    given = {name: getattr(chosen, name) for name, value in values.items() if value is not None}
    forgotten = _forgotten_with(given)
    kept = {k: v for k, v in _remembered(chosen.data)().items() if k not in forgotten}
    _write(chosen.data, kept | given)
    return chosen


def forget(data: Path, *names: str) -> None:
    """Takes settings out of the data folder's file; their defaults hold again.

    Args:
        data: The data folder.
        *names: Names that the file holds, right or wrong ones.

    Raises:
        SettingsFileError: If the file is not TOML, or does not hold one of the names.
    """
    known = _remembered(data)()
    for name in names:
        if name not in known:
            holds = ", ".join(known) or "nothing"
            raise SettingsFileError(f"{data / SETTINGS_FILE} does not set {name}; it sets {holds}.")
    _write(data, {name: value for name, value in known.items() if name not in names})


def origins(settings: Settings) -> dict[str, str]:
    """Where each setting of a data folder comes from: a variable, `gap.toml`, or the default."""
    variables = {name: f"GAP_{name.upper()}" for name in Settings.model_fields if name != "data"}
    known = _remembered(settings.data)()
    return {
        name: variable if variable in os.environ else SETTINGS_FILE if name in known else "default"
        for name, variable in variables.items()
    }


def _write(data: Path, values: Mapping[str, Any]) -> None:
    # A JSON scalar or list, left unescaped, is one of TOML.
    lines = (f"{k} = {json.dumps(v, default=str, ensure_ascii=False)}\n" for k, v in values.items())
    write_atomically(data / SETTINGS_FILE, "".join(lines).encode())


def _forgotten_with(names: Iterable[str]) -> set[str]:
    return {forgotten for name in names for forgotten in FORGOTTEN_WITH.get(name, ())}


def _remembered(data: Path) -> TomlConfigSettingsSource:
    path = data / SETTINGS_FILE
    try:
        return TomlConfigSettingsSource(Settings, toml_file=path)
    except tomllib.TOMLDecodeError as error:
        raise SettingsFileError(f"{path} is not valid TOML ({error}); fix that line.") from error


def _prompt_in(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"The prompt file {file} cannot be read; check the path.") from error


def default_parameters(settings: Settings) -> Mapping[str, Choice]:
    """What a data folder's settings and profile choose, by key."""
    profile = PROFILES[settings.models]
    coca = settings.coca or profile.coca
    compared = profile.encoders if settings.encoders is None else settings.encoders
    of_profile = None if is_local(coca) else profile.weights
    return {
        "sampling": FrameSampling(
            sampling=FramesPerSecond(rate=settings.frames_per_second),
            short_side=profile.frame_short_side,
        ),
        "coca": CocaModel(model=coca, weights=settings.weights or of_profile),
        "captioning": Captioning(weights=settings.caption_weights),
        "caption_filter": CaptionFilter(method="cluster", chance=profile.chance),
        "summarizer": SummarizerModel(
            model=settings.summarizer or profile.summarizer,
            prompt=settings.summary_prompt or profile.prompt,
            repetition_penalty=profile.repetition_penalty,
            returns=profile.returns,
        ),
        "statistics": with_untrained(compared),
        "encoders": Encoders(names=trained(compared)),
    }


def default_fingerprints(settings: Settings) -> dict[str, str]:
    """The fingerprint of every asset's settings under what a data folder chooses."""
    choices = default_parameters(settings)
    return {asset: settings_fingerprint(asset, choices.__getitem__) for asset in STEPS}
