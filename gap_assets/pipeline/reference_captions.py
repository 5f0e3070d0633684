"""Human captions of the videos: reads the files they come in. No model writes anything here."""

import csv
import io
import json
import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import polars as pl
from pydantic import BaseModel, Field, TypeAdapter, ValidationError, model_validator

from gap_assets.graph import fingerprint
from gap_assets.warehouse.schema import row_types

COLUMNS = row_types("reference_captions")
SUFFIXES = (".json", ".jsonl", ".csv")

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
    """Reads a captions file, or all `.json`, `.jsonl` and `.csv` files of a folder.

    Known are a JSON array and JSON lines of objects with `video_id` and `caption` (or `sentences`),
    and ActivityNet Captions' own JSON: video id to `duration`, `timestamps` and `sentences`. A CSV
    file has a header with `video_id` and `caption`, and perhaps `start` and `end` in seconds; the
    rows of a video are its sentences, in their order.

    Returns:
        One row a video, with the columns `COLUMNS`; of an id that a file repeats the last, of one
        that several files have that of the first by name. So ActivityNet's val_2, a second
        description of val_1's videos, adds only what val_1 lacks.

    Raises:
        CaptionsFileError: If a file cannot be read as one of these.
    """
    files = [path]
    if path.is_dir():
        files = sorted(file for file in path.iterdir() if file.suffix in SUFFIXES)
        if not files:
            raise CaptionsFileError(
                f"{path} holds no captions ({', '.join(SUFFIXES)}); name a file or folder that"
                " does."
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
        is_csv = path.suffix.lower() == ".csv"
        items = _from_csv(text) if is_csv else _items(text, name=path.stem)
        captions = TypeAdapter(list[ReferenceCaption]).validate_python(items)
    except ValidationError as error:
        first = error.errors()[0]
        where = " ".join(str(part) for part in first["loc"])
        raise CaptionsFileError(
            f"The captions file {path} has a wrong entry"
            f" ({where}: {first['msg'].removeprefix('Value error, ')}); each needs a"
            " video_id and a caption or sentences."
        ) from error
    except csv.Error as error:
        raise CaptionsFileError(
            f"The captions file {path} cannot be read as CSV: {error}."
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


def _from_csv(text: str) -> list[Any]:
    """One entry a video, of the rows of a CSV file.

    Raises:
        csv.Error: If it is not what `read_captions` describes.
    """
    reader = csv.DictReader(io.StringIO(text, newline=""), strict=True)
    header = [name.strip() for name in reader.fieldnames or ()]
    reader.fieldnames = header
    if header.count("video_id") != 1 or header.count("caption") != 1:
        raise csv.Error(
            "its first line must name the columns, video_id and caption among them, with commas"
            f" between them, and is {','.join(header)[:80]!r}"
        )
    videos: dict[str, dict[str, Any]] = {}
    for line, row in _numbered(reader):
        if None in row or None in row.values():
            raise csv.Error(
                f"line {line} has not as many cells as the first; a caption with a comma needs"
                ' double quotes ("…")'
            )
        video_id = row["video_id"].strip()
        if not video_id:
            raise csv.Error(f"line {line} names no video")
        item = videos.setdefault(
            video_id, {"video_id": video_id, "sentences": [], "timestamps": []}
        )
        item["sentences"].append(row["caption"])
        item["timestamps"] += _times(row, line)
        if len(item["timestamps"]) not in (0, len(item["sentences"])):
            raise csv.Error(
                f"up to line {line} some rows of {video_id} have a start and an end and"
                " others have none; give all of a video's rows times, or none"
            )
    return list(videos.values())


def _numbered(reader: "csv.DictReader[str]") -> Iterator[tuple[int, dict[str, Any]]]:
    """The rows with the line that each ends on; what is wrong with one names it, too."""
    while True:
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise csv.Error(f"after line {reader.line_num}: {error}") from error
        yield reader.line_num, row


def _times(row: Mapping[str, str], line: int) -> list[tuple[float, float]]:
    """Start and end of a row's sentence, in seconds, or nothing where both are empty."""
    given = [row.get(name, "").strip() for name in ("start", "end")]
    if not any(given):
        return []
    try:
        start, end = (float(text) for text in given)
    except ValueError:
        start = end = math.nan
    if not (math.isfinite(start) and math.isfinite(end)):
        raise csv.Error(f"line {line} has the times {given}; start and end are seconds, as 12.5")
    return [(start, end)]
