"""The untrained baseline: some frames and texts, embedded by networks with random weights.

Belongs here: how much of a corpus the networks see, and their rows. The embedding itself is
`gap_assets.coca`'s; loading a network is the caller's.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from gap_assets.gap.metric_rows import NOISE, UNTRAINED
from gap_assets.gap.pairs import MIN_PAIRS, middles
from gap_assets.parameters import GapStatistics
from gap_assets.pipeline.embeddings import TEXTS, embed_sources, embedding_column, fuse_frames
from gap_assets.warehouse.rows import by_video
from gap_assets.warehouse.store import Warehouse

if TYPE_CHECKING:
    from gap_assets.coca.model import Coca

# Allowed for the smallest corpus too: one or two minutes of one core.
ALWAYS_ALLOWED_FLOP = 3e12
PICTURE_FLOP = 5e8  # of which decoding and resizing a stored picture takes the time
LEAST_NETWORKS = 3  # They differ by more than the videos do, so they are what is kept last.
# On the drawn world 1 and 16 frames a video give the same gap to .001, 4 and 100 pictures of noise
# the same cone to .003; five networks differ by .055 (standard deviation).
FRAMES_PER_VIDEO = 16
NOISE_PICTURES = 100
LEAST_NOISE = 4
FEW_VIDEOS = 8  # Another network is worth less than so many videos with one frame each.

BATCHES_PER_READ = 8

COLUMNS = ("encoder", "video_id", "modality", "source", "embedding", "norm")


@dataclass(frozen=True, kw_only=True)
class Controls:
    """How much the untrained networks see.

    Attributes:
        networks: How many there are.
        noise: Pictures of noise that each encodes.
        frames: Video to how many of its frames each encodes, evenly spread over it. Of a video's
            texts a network reads at most as many.
    """

    networks: int
    noise: int
    frames: Mapping[str, int]

    @property
    def per_network(self) -> int:
        """Pictures that one network encodes."""
        return self.noise + sum(self.frames.values())

    @property
    def pictures(self) -> int:
        """Pictures that all networks encode."""
        return self.networks * self.per_network


def plan_controls(frames: Mapping[str, int], statistics: GapStatistics, *, flop: float) -> Controls:
    """Decides how much the untrained networks see, by the corpus and the architecture alone.

    All of them together encode at most `statistics.untrained_share` of the corpus's frames, or
    what `ALWAYS_ALLOWED_FLOP` allows, or 3 networks with 3 videos and 4 pictures of noise,
    whichever is most. Where that is too little for everything, a video is seen by fewer frames
    before there are fewer videos, and fewer videos before there are fewer than 3 networks.

    Args:
        frames: Video to the number of its frames, for all videos that have any.
        statistics: The most networks and videos, and the share.
        flop: Operations per picture; see `gap_assets.coca.cost.encoding_flop`.
    """
    if not frames or not statistics.untrained_seeds:
        return Controls(networks=0, noise=0, frames={})
    always = ALWAYS_ALLOWED_FLOP / (flop + PICTURE_FLOP)
    allowed = int(max(statistics.untrained_share * sum(frames.values()), always))
    affordable = allowed // (FEW_VIDEOS + LEAST_NOISE)
    networks = min(statistics.untrained_seeds, max(LEAST_NETWORKS, affordable))
    each = max(allowed // networks, MIN_PAIRS + LEAST_NOISE)
    noise = min(max(each // 10, LEAST_NOISE), NOISE_PICTURES)
    ids = sorted(frames)
    most = min(len(ids), statistics.untrained_videos, each - noise)
    chosen = {ids[i]: frames[ids[i]] for i in middles(most, len(ids))}
    return Controls(networks=networks, noise=noise, frames=_leveled(chosen, each - noise))


def _leveled(frames: Mapping[str, int], room: int) -> dict[str, int]:
    """The same number of frames of every video that has so many, as large as there is room for."""
    level = max(
        n
        for n in range(1, FRAMES_PER_VIDEO + 1)
        if n == 1 or sum(min(n, each) for each in frames.values()) <= room
    )
    return {video: min(level, each) for video, each in frames.items()}


def rows_of_untrained(warehouse: Warehouse) -> dict[str, list[str]]:
    """Which rows of `encoder_embeddings` are of untrained networks, as `replace_rows` takes it."""
    found = warehouse.tuples(
        "SELECT DISTINCT encoder FROM encoder_embeddings WHERE starts_with(encoder, ?)", UNTRAINED
    )
    return {"encoder": [name for (name,) in found]}


def count_frames(warehouse: Warehouse) -> dict[str, int]:
    """Video to the number of its frames, for those that have any."""
    rows = warehouse.read("SELECT video_id, count(*) AS n FROM frames GROUP BY ALL")
    return dict(rows.iter_rows())


def embed_controls(
    load: Callable[[int], "Coca"],
    warehouse: Warehouse,
    *,
    controls: Controls,
    text_source: str,
    batch_size: int,
    say: Callable[[str], object],
    progress: Callable[[int, int], object] = lambda done, total: None,
) -> pl.DataFrame:
    """Embeds videos, their texts and pictures of noise by one untrained network after another.

    Args:
        load: Loads the network of a seed; there is never more than one.
        warehouse: Holds the frames and the texts.
        controls: How much they see.
        text_source: The texts that the gap is measured on; no other is embedded.
        batch_size: Frames per pass.
        say: Takes sentences: how much there is to do, how long it will take.
        progress: Takes the networks that are done, and all of them.

    Returns:
        Rows of the table `encoder_embeddings`; empty if there is nothing to see.
    """
    say(
        f"{controls.networks} untrained networks encode {controls.per_network} pictures each, of"
        f" {len(controls.frames)} videos and of noise: {controls.pictures} in all."
    )
    started, seen, told = time.monotonic(), 0, False
    parts: list[pl.DataFrame] = []
    for seed in range(controls.networks):
        progress(seed, controls.networks)
        coca = load(seed)
        for pictures, rows in _parts(
            coca, warehouse, controls, text_source=text_source, batch_size=batch_size
        ):
            parts.append(rows.with_columns(encoder=pl.lit(f"{UNTRAINED}{seed}")).select(COLUMNS))
            seen += pictures
            if not told:
                told = True
                say(_to_go(time.monotonic() - started, seen, controls.pictures))
        del coca  # before the next one is loaded
        say(
            f"Untrained network {seed + 1} of {controls.networks} is done. "
            + _to_go(time.monotonic() - started, seen, controls.pictures)
        )
    progress(controls.networks, controls.networks)
    return pl.concat(parts) if parts else pl.DataFrame()


def _to_go(seconds: float, seen: int, pictures: int) -> str:
    left = seconds / seen * (pictures - seen)
    return f"{seen} of {pictures} pictures took {seconds:.0f} s; about {left:.0f} s to go."


def _parts(
    coca: "Coca", warehouse: Warehouse, controls: Controls, *, text_source: str, batch_size: int
) -> Iterator[tuple[int, pl.DataFrame]]:
    """One network's rows, some videos at a time, each with the number of pictures it took."""
    from gap_assets.coca.engine import embed_frames

    for videos in _reads(controls.frames, batch_size):
        frames = stored_frames(warehouse, {video: controls.frames[video] for video in videos})
        embeddings = embed_frames(coca, frames["image"], batch_size=batch_size)
        fused = fuse_frames(frames, embeddings).rename({"fusion": "source"})
        rows = [fused.with_columns(modality=pl.lit("video"))]
        found = warehouse.read(
            f"SELECT * FROM ({TEXTS}) WHERE source = ? ORDER BY video_id, position",  # noqa: S608
            text_source,
            videos=videos,
        )
        texts = embed_sources(coca, some_texts(found, controls.frames))
        if len(texts):
            rows.append(texts.with_columns(modality=pl.lit("text")))
        columns = [name for name in COLUMNS if name != "encoder"]
        yield len(frames), pl.concat([part.select(columns) for part in rows])
    noise = embed_frames(
        coca, noise_pictures(controls.noise, coca.image_size), batch_size=batch_size
    )
    names = pl.Series("video_id", [f"noise-{i}" for i in range(len(noise))])
    of_noise = pl.DataFrame([names, embedding_column(noise)])
    yield (
        len(noise),
        of_noise.with_columns(modality=pl.lit(NOISE), source=pl.lit(NOISE), norm=pl.lit(1.0)),
    )


def _reads(frames: Mapping[str, int], batch_size: int) -> Iterator[list[str]]:
    """Videos whose frames fill a batch, whose time tells that of all; then of more batches."""
    videos: list[str] = []
    enough = batch_size
    for video in sorted(frames):
        videos.append(video)
        if sum(frames[v] for v in videos) >= enough:
            yield videos
            videos, enough = [], BATCHES_PER_READ * batch_size
    if videos:
        yield videos


def stored_frames(warehouse: Warehouse, counts: Mapping[str, int]) -> pl.DataFrame:
    """The chosen frames of some videos, in order: columns `video_id`, `image`, `repeats`."""
    keys = warehouse.read(
        "SELECT video_id, frame_index, coalesce(repeats, 1) AS repeats FROM frames"
        " WHERE video_id IN (FROM given) ORDER BY video_id, frame_index",
        videos=list(counts),
    )
    picked = _some(keys, counts)
    return warehouse.read(
        "SELECT video_id, image, chosen.repeats FROM frames JOIN"
        " (SELECT unnest(?) AS video_id, unnest(?) AS frame_index, unnest(?) AS repeats) chosen"
        " USING (video_id, frame_index) ORDER BY video_id, frame_index",
        *(picked[column].to_list() for column in ("video_id", "frame_index", "repeats")),
    )


def some_texts(texts: pl.DataFrame, counts: Mapping[str, int]) -> pl.DataFrame:
    """The chosen number of texts of each video, evenly spread; rows as `TEXTS` gives them."""
    return _some(texts, counts) if len(texts) else texts


def _some(rows: pl.DataFrame, counts: Mapping[str, int]) -> pl.DataFrame:
    """At most so many rows of each video, evenly spread over its time.

    A row fills as much of it as its `repeats`. Where rows are left out, the `repeats` of those that
    stay are how many of the evenly spread moments show them.
    """
    chosen: list[pl.DataFrame] = []
    for video, of_video in by_video(rows).items():
        if len(of_video) <= counts[video]:
            chosen.append(of_video)
            continue
        shown_until = of_video["repeats"].cast(pl.Int64).to_numpy().cumsum()
        moments = middles(counts[video], int(shown_until[-1]))
        at, times = np.unique(
            np.searchsorted(shown_until, moments, side="right"), return_counts=True
        )
        repeats = pl.Series("repeats", times, dtype=of_video.schema["repeats"])
        chosen.append(of_video[at].with_columns(repeats))
    return pl.concat(chosen)


def noise_pictures(count: int, side: int) -> list[bytes]:
    """Pictures of independent uniform noise, as the frames are stored."""
    from PIL import Image

    from gap_assets.video.picture import jpeg

    pixels = np.random.default_rng(0).integers(0, 256, (count, side, side, 3), dtype=np.uint8)
    return [jpeg(Image.fromarray(picture), 90) for picture in pixels]
