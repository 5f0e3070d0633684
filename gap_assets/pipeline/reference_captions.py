"""Human captions of the videos: reads the files they come in. No model writes anything here."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl
from pydantic import BaseModel, Field, TypeAdapter, ValidationError, model_validator

from gap_assets.graph import fingerprint
from gap_assets.warehouse.schema import row_types

COLUMNS = row_types("reference_captions")


# ActivityNet's own files, and those of the data set on the hub, differ only by their names.
ACTIVITYNET = re.compile(r"(?:activitynet_captions_)?(train|val)_?(\d?)(?:_modified)?")


class CaptionsFileError(ValueError):
    """The captions file cannot be used; the message says why."""


class ReferenceCaption(BaseModel):
    """The human description of one video.

    Attributes:
        video_id: The id of the video, or its file's stem.
        caption: The whole description; by default the sentences, joined.
        sentences: Its sentences, in the order of the video.
        timestamps: Start and end of each sentence, in seconds.
        split: The part of the data set that the video is in.
        dataset: The data set.
    """

    video_id: str
    caption: str = ""
    sentences: list[str] = Field(default_factory=list)
    timestamps: list[tuple[float, float]] = Field(default_factory=list)
    split: str | None = None
    dataset: str | None = None

    @model_validator(mode="after")
    def _complete(self) -> "ReferenceCaption":
        told = [sentence.strip() for sentence in self.sentences]
        if len(self.timestamps) == len(told):  # An empty sentence takes its time with it.
            self.timestamps = [at for at, text in zip(self.timestamps, told, strict=True) if text]
        self.sentences = [text for text in told if text]
        self.caption = self.caption.strip() or " ".join(self.sentences)
        if not self.caption:
            raise ValueError("neither caption nor sentences has any text")
        self.sentences = self.sentences or [self.caption]
        return self


def read_captions(path: Path) -> pl.DataFrame:
    """Reads a captions file, or all `.json` and `.jsonl` files of a folder.

    Known are a JSON array and JSON lines of objects with `video_id` and `caption` (or `sentences`),
    and ActivityNet Captions' own JSON: video id to `duration`, `timestamps` and `sentences`.

    Returns:
        One row a video, with the columns `COLUMNS`; of an id that a file repeats the last, of one
        that several files have that of the first by name. So ActivityNet's val_2, a second
        description of val_1's videos, adds only what val_1 lacks.

    Raises:
        CaptionsFileError: If a file cannot be read as one of these.
    """
    files = [path]
    if path.is_dir():
        files = sorted(file for file in path.iterdir() if file.suffix in {".json", ".jsonl"})
        if not files:
            raise CaptionsFileError(
                f"{path} holds no captions (.json or .jsonl); name a file or folder that does."
            )
    rows: dict[str, Any] = {}
    for file in files:
        for video_id, row in _read_file(file).items():
            rows.setdefault(video_id, row)
    return pl.DataFrame(list(rows.values()), schema=COLUMNS)


def content_hash(row: Mapping[str, Any]) -> str:
    """The hash of what is made of a video's row: its text, and its sentences if they have times."""
    timed = [row["caption"], row["sentences"], row["timestamps"]]
    return fingerprint(timed if row["timestamps"] else row["caption"])


def _read_file(path: Path) -> dict[str, dict[str, Any]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        why = error.strerror or error
        raise CaptionsFileError(f"The captions file {path} cannot be read: {why}.") from error
    except UnicodeDecodeError as error:
        raise CaptionsFileError(f"The captions file {path} cannot be read: no UTF-8.") from error
    try:
        items = _items(text, name=path.stem)
        captions = TypeAdapter(list[ReferenceCaption]).validate_python(items)
    except ValidationError as error:
        first = error.errors()[0]
        where = " ".join(str(part) for part in first["loc"])
        raise CaptionsFileError(
            f"The captions file {path} has a wrong entry"
            f" ({where}: {first['msg'].removeprefix('Value error, ')}); each needs a"
            " video_id and a caption or sentences."
        ) from error
    except (ValueError, RecursionError) as error:
        raise CaptionsFileError(
            f"The captions file {path} is neither JSON nor JSON lines ({error})."
        ) from error
    return {caption.video_id: caption.model_dump() for caption in captions}


def _items(text: str, *, name: str) -> list[Any]:
    known = ACTIVITYNET.fullmatch(name)
    split = "_".join(filter(None, known.groups())) if known else name
    origin = {"dataset": "ActivityNet Captions", "split": split}
    try:
        content = json.loads(text)
    except json.JSONDecodeError:
        content = [json.loads(line) for line in text.split("\n") if line.strip()]
    if isinstance(content, dict) and "video_id" in content:
        content = [content]
    if isinstance(content, list):
        own = name.startswith("activitynet") and all(isinstance(item, dict) for item in content)
        return [origin | item for item in content] if own else content
    if isinstance(content, dict) and all(isinstance(value, dict) for value in content.values()):
        return [{"video_id": video_id, **origin, **value} for video_id, value in content.items()]
    raise ValueError("it holds neither a list of captions nor a table of videos")
