"""Rows of `encoder_embeddings`: the same frames and texts by other encoders than the CoCa.

Belongs here: which encoders a video still lacks, in what portions frames are read and decoded, and
the rows. The encoders are `gap_assets.encoders`'s; untrained networks see less (`untrained`).
"""

import json
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from numpy.typing import NDArray
from PIL import Image

from gap_assets.encoders.choice import Encoders
from gap_assets.encoders.frames import frames_read
from gap_assets.gap.encoder_metrics import WHOLE
from gap_assets.graph import ENCODERS, STEPS, result_hash
from gap_assets.hub import ModelNotFoundError
from gap_assets.pipeline.decoded_frames import Picture, frame_keys, portions
from gap_assets.pipeline.embeddings import TEXTS, Vectors, fuse_frames, pool_texts
from gap_assets.pipeline.models import resident_encoder
from gap_assets.pipeline.stages import failure
from gap_assets.profiles import display_name
from gap_assets.warehouse.ledger import Configuration, Failure, Results, stored_hashes
from gap_assets.warehouse.parts import Part, part_of
from gap_assets.warehouse.rows import by_video, typed_rows
from gap_assets.warehouse.store import Warehouse

if TYPE_CHECKING:
    from typing_extensions import TypeIs

    from gap_assets.encoders.encoder import Encoder, VideoEncoder

VIDEO, TEXT = "video", "text"

Hashes = Mapping[tuple[str, str], str]
"""(encoder, video) to a hash."""


def part_hashes(
    warehouse: Warehouse, encoders: Encoders, videos: Sequence[str]
) -> tuple[Hashes, Hashes]:
    """What the rows of each encoder and video would be made from, and what the stored ones are.

    An encoder's rows depend on the frames, the texts and this encoder, and on no other one.
    """
    stored = stored_hashes(warehouse, video_ids=videos)
    due, made = {}, {}
    for name, settings in encoders.fingerprints().items():
        for video in videos:
            value = result_hash(ENCODERS, video, settings=settings, stored=stored, video_ids=[])
            found = stored.get((part_of(ENCODERS, name), video))
            if value is not None:
                due[name, video] = value
            if found is not None:
                made[name, video] = found
    return due, made


def part_configurations(encoders: Encoders) -> list[Configuration]:
    """What the hashes of each encoder's settings stand for, as rows of `configurations`."""
    return [
        Configuration(
            settings=settings,
            asset=part_of(ENCODERS, name),
            code_version=STEPS[ENCODERS].version,
            model=display_name(name),
            parameters=json.dumps({"precision": encoders.precision}),
        )
        for name, settings in encoders.fingerprints().items()
    ]


def current_videos(
    warehouse: Warehouse, encoders: Encoders, videos: Sequence[str]
) -> dict[str, list[str]]:
    """By encoder, the videos whose stored rows are what a run would make of them now."""
    due, made = part_hashes(warehouse, encoders, videos)
    return {
        name: [video for video in videos if due.get((name, video), "") == made.get((name, video))]
        for name in encoders.fingerprints()
    }


def embed_by_encoders(
    videos: Sequence[str],
    *,
    warehouse: Warehouse,
    encoders: Encoders,
    recompute: bool = False,
) -> Results:
    """Embeds some videos and their texts by those encoders whose rows they lack.

    A picture is read and decoded once for all of them. An encoder that cannot go on is a failure of
    its videos, whose rows by the others are kept. Which encoders stay in memory meanwhile is
    decided in `models`.

    Args:
        videos: The videos.
        warehouse: Holds frames, texts, and which rows are there.
        encoders: What was chosen.
        recompute: Whether rows that are current are made again.
    """
    due, made = part_hashes(warehouse, encoders, videos)
    works = {}
    for name in encoders.fingerprints():
        possible = [video for video in videos if (name, video) in due]
        lacking = [v for v in possible if recompute or made.get((name, v)) != due[name, v]]
        if lacking:
            works[name] = Work(videos=lacking)
    failures: dict[str, Failure] = {}
    _show_frames(works, warehouse=warehouse, encoders=encoders, failures=failures)
    rows: list[pl.DataFrame] = []
    parts: list[Part] = []
    for name, work in works.items():
        if work.broken:
            continue
        done = [video for video in work.videos if video not in failures]
        of_encoder = pl.DataFrame()
        with work.alone(), work.timed():
            texts = warehouse.read(TEXTS, videos=done)
            of_encoder = _rows(resident_encoder(name, encoders), work, texts).filter(
                pl.col("video_id").is_in(done)
            )
        if work.broken:
            continue
        rows.append(of_encoder)
        counts = dict(of_encoder.group_by("video_id").len().iter_rows())
        parts += [
            Part(
                encoder=name,
                video_id=video,
                config_hash=due[name, video],
                settings=encoders.fingerprints()[name],
                n_rows=counts.get(video, 0),
                seconds=work.seconds / len(work.videos),
            )
            for video in done
        ]
    for name, work in works.items():
        if work.broken:
            told = failure(ValueError(f"{name}: {work.broken}"), final=False)
            failures = dict.fromkeys(work.videos, told) | failures
    return Results(
        rows={ENCODERS: pl.concat(rows) if rows else pl.DataFrame()},
        failures=failures,
        parts=parts,
    )


def _show_frames(
    works: Mapping[str, "Work"],
    *,
    warehouse: Warehouse,
    encoders: Encoders,
    failures: dict[str, Failure],
) -> None:
    """Shows each encoder the frames of its videos; a video that cannot be decoded is a failure."""
    wanted = sorted({video for work in works.values() for video in work.videos})
    keys = frame_keys(warehouse, wanted)
    repeats = {video: part["repeats"].to_list() for video, part in by_video(keys).items()}
    for frames, pictures in portions(warehouse, keys, failures):
        for name, work in works.items():
            if work.broken:
                continue
            with work.alone(), work.timed():
                _see(resident_encoder(name, encoders), work, frames, pictures, repeats=repeats)


@dataclass(kw_only=True)
class Work:
    """What one encoder has seen of some videos so far.

    Attributes:
        videos: The videos.
        frames: Portions of frames, columns `video_id` and `repeats`, that were embedded.
        vectors: Their embeddings.
        picks: By video, how often a video encoder reads the frame at each position.
        picked: By video, the pictures that it still waits with.
        whole: By video, what it made of them.
        broken: Why the encoder cannot go on, if so. The others do.
        seconds: That all of this took.
    """

    videos: list[str]
    broken: str | None = None
    frames: list[pl.DataFrame] = field(default_factory=list)
    vectors: list[Vectors] = field(default_factory=list)
    picks: dict[str, Counter[int]] = field(default_factory=dict)
    picked: defaultdict[str, list[Picture]] = field(default_factory=lambda: defaultdict(list))
    whole: dict[str, NDArray[np.float32]] = field(default_factory=dict)
    seconds: float = 0.0

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keeps to this encoder that it cannot be loaded, or leaves the range of fp16."""
        try:
            yield
        except (ModelNotFoundError, FloatingPointError) as error:
            self.broken = str(error)

    @contextmanager
    def timed(self) -> Iterator[None]:
        """Adds the time of the block."""
        started = time.monotonic()
        yield
        self.seconds += time.monotonic() - started


def _see(
    encoder: "Encoder",
    work: Work,
    frames: pl.DataFrame,
    pictures: Sequence[Picture],
    *,
    repeats: Mapping[str, list[int]],
) -> None:
    """Shows an encoder those frames of a portion whose videos it lacks."""
    rows = frames["video_id"].is_in(work.videos).arg_true().to_list()
    if not rows:
        return
    mine, shown = frames[rows], [pictures[row] for row in rows]
    if not reads_videos(encoder):
        work.frames.append(mine.select("video_id", "repeats"))
        work.vectors.append(encoder.embed_images(shown))
        return
    keys = mine.select("video_id", "position").rows()
    for (video, position), picture in zip(keys, shown, strict=True):
        if video not in work.picks:
            work.picks[video] = Counter(frames_read(repeats[video], frames=encoder.frames))
        for _ in range(work.picks[video][position]):
            seen = work.picked[video]
            seen.append(_of_size(picture, seen[0] if seen else picture))
    full = [video for video, seen in work.picked.items() if len(seen) == encoder.frames]
    if full:
        vectors = encoder.embed_videos([work.picked.pop(video) for video in full])
        work.whole |= dict(zip(full, vectors, strict=True))


def _of_size(picture: Picture, first: Picture) -> Picture:
    """A picture as large as the first of its video, where that changes its shape on the way."""
    if picture.shape == first.shape:
        return picture
    height, width = first.shape[:2]
    return np.asarray(Image.fromarray(picture).resize((width, height)))


def reads_videos(encoder: "Encoder") -> "TypeIs[VideoEncoder]":
    """Whether it makes one vector of a whole video; else of each frame."""
    return hasattr(encoder, "embed_videos")


def _rows(encoder: "Encoder", work: Work, texts: pl.DataFrame) -> pl.DataFrame:
    """One encoder's rows of the table."""
    keys: list[tuple[str, str, str, float]] = []
    vectors: list[NDArray[np.floating[Any]]] = []
    for video, vector in work.whole.items():
        keys.append((video, VIDEO, WHOLE, float(np.linalg.norm(vector))))
        vectors.append(vector)
    if work.frames:
        fused = fuse_frames(pl.concat(work.frames), np.concatenate(work.vectors))
        of_videos = fused.select("video_id", pl.lit(VIDEO), "fusion", "norm").rows()
        keys += of_videos
        vectors += [*fused["embedding"].to_numpy()]
    if len(texts):
        distinct = texts["text"].unique(maintain_order=True)
        position = {text: row for row, text in enumerate(distinct)}
        embedded = encoder.embed_texts(distinct.to_list())
        for pooled in pool_texts(texts, embedded[[position[text] for text in texts["text"]]]):
            keys.append((pooled.video_id, TEXT, pooled.source, pooled.norm))
            vectors.append(pooled.vector)
    columns = ("video_id", "modality", "source", "norm")
    embeddings = [vector.astype(np.float32).tolist() for vector in vectors]
    return typed_rows(ENCODERS, keys, columns=columns).with_columns(
        pl.lit(encoder.name).alias("encoder"),
        pl.Series("embedding", embeddings, dtype=pl.List(pl.Float32)),
    )
