"""The cone by depth: frames, noise and texts of a few videos through the trained and new networks.

Belongs here: how much of a corpus each network sees, and the rows of `cone_profile`. What is read
between a network's blocks is `gap_assets.coca.layers`'s, what a cone is `gap_assets.gap`'s.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import polars as pl

from gap_assets.gap.metric_rows import FRAMES, NOISE
from gap_assets.gap.metrics.cone import cone_with_interval
from gap_assets.gap.pairs import MIN_PAIRS, middles
from gap_assets.parameters import GapStatistics
from gap_assets.pipeline.embeddings import TEXTS
from gap_assets.pipeline.untrained import (
    LEAST_NETWORKS,
    LEAST_NOISE,
    PICTURE_FLOP,
    noise_pictures,
    some_texts,
    stored_frames,
)
from gap_assets.warehouse.rows import typed_rows
from gap_assets.warehouse.store import Warehouse

if TYPE_CHECKING:
    from gap_assets.coca.layers import TowerLayers
    from gap_assets.coca.model import Coca

# The trained network's half is under two minutes of two cores at 90 GFLOP/s.
ALWAYS_ALLOWED_FLOP = 1.6e13
SHARE = 0.05  # of the corpus's frames, where that is more
VIDEOS = 200
NOISE_PICTURES = 50
FEW_ITEMS = 28  # Another network is worth less than so many pictures.
OUTPUT = "output"

COLUMNS = ("encoder", "tower", "token", "layer", "source", "cone", "ci_low", "ci_high", "n")


@dataclass(frozen=True, kw_only=True)
class Sight:
    """What one network sees: a frame and a text of each video, and pictures of noise."""

    videos: tuple[str, ...]
    noise: int

    @property
    def pictures(self) -> int:
        """Pictures that it encodes."""
        return len(self.videos) + self.noise


@dataclass(frozen=True, kw_only=True)
class Profile:
    """What the trained network sees, and what each of so many untrained ones."""

    trained: Sight
    untrained: Sight
    networks: int

    @property
    def pictures(self) -> int:
        """Pictures that all networks encode."""
        return self.trained.pictures + self.networks * self.untrained.pictures


def plan_profile(frames: Mapping[str, int], statistics: GapStatistics, *, flop: float) -> Profile:
    """Decides how much each network sees, by the corpus and the architecture alone.

    All of them together encode at most what `ALWAYS_ALLOWED_FLOP` allows, or `SHARE` of the
    corpus's frames, or as many as 4 networks need for 3 videos and 4 pictures of noise, whichever
    is most: one half the trained network, the other the untrained ones. Each sees at most 200
    videos, evenly spread over those in the order of their names, and of each the frame in its
    middle.

    Args:
        frames: Video to the number of its frames, for all videos that have any.
        statistics: The most networks.
        flop: Operations per picture; see `gap_assets.coca.cost.encoding_flop`.
    """
    allowed = max(SHARE * sum(frames.values()), ALWAYS_ALLOWED_FLOP / (flop + PICTURE_FLOP))
    half = int(allowed / 2)
    networks = min(statistics.untrained_seeds, max(LEAST_NETWORKS, half // FEW_ITEMS))
    return Profile(
        trained=_sight(frames, half),
        untrained=_sight(frames, half // max(networks, 1)),
        networks=networks if frames else 0,
    )


def _sight(frames: Mapping[str, int], pictures: int) -> Sight:
    """At most so many pictures, a fifth of them noise."""
    if not frames:
        return Sight(videos=(), noise=0)
    pictures = max(pictures, MIN_PAIRS + LEAST_NOISE)
    noise = min(max(pictures // 5, LEAST_NOISE), NOISE_PICTURES)
    ids = sorted(frames)
    chosen = middles(min(VIDEOS, pictures - noise), len(ids))
    return Sight(videos=tuple(ids[i] for i in chosen), noise=noise)


def profile_cones(
    networks: Mapping[str, Callable[[], "Coca"]],
    warehouse: Warehouse,
    *,
    sights: Mapping[str, Sight],
    statistics: GapStatistics,
    batch_size: int,
    progress: Callable[[int, int], object] = lambda done, total: None,
) -> pl.DataFrame:
    """Measures the cone before all blocks, after each, and of the outputs, network by network.

    Args:
        networks: Name to what loads a network; there is never more than one that this holds.
        warehouse: Holds the frames and the texts.
        sights: Name to what the network sees.
        statistics: Source of the texts, and the bootstrap over videos or pictures.
        batch_size: Pictures and texts per pass.
        progress: Takes the networks that are done, and all of them.

    Returns:
        Rows of the table `cone_profile`; none of fewer than three items.
    """
    rows: list[tuple[object, ...]] = []
    for done, (name, load) in enumerate(networks.items()):
        progress(done, len(networks))
        coca = load()
        for tower, source, layers in _seen(
            coca, warehouse, sights[name], source=statistics.text_source, batch_size=batch_size
        ):
            rows += [
                (name, tower, token, layer, source, *found)
                for token, layer, *found in _cones(layers, statistics)
            ]
        del coca  # before the next one is loaded
    progress(len(networks), len(networks))
    return typed_rows("cone_profile", rows, columns=COLUMNS)


def _seen(
    coca: "Coca", warehouse: Warehouse, sight: Sight, *, source: str, batch_size: int
) -> Iterator[tuple[str, str, "TowerLayers"]]:
    """Tower, source, and what the tower makes of it; of fewer than three items nothing."""
    from gap_assets.coca.layers import image_layers, text_layers

    of_images = partial(image_layers, coca, batch_size=batch_size)
    one_each = dict.fromkeys(sight.videos, 1)
    frames = stored_frames(warehouse, one_each) if one_each else pl.DataFrame()
    if len(frames) >= MIN_PAIRS:
        yield "image", FRAMES, of_images(frames["image"])
    if sight.noise >= MIN_PAIRS:
        yield "image", NOISE, of_images(noise_pictures(sight.noise, coca.image_size))
    found = warehouse.read(
        f"SELECT * FROM ({TEXTS}) WHERE source = ? ORDER BY video_id, position",  # noqa: S608
        source,
        videos=sight.videos,
    )
    if found["video_id"].n_unique() >= MIN_PAIRS:
        texts = some_texts(found, one_each)["text"].to_list()
        yield "text", source, text_layers(coca, texts, batch_size=batch_size)


def _cones(
    layers: "TowerLayers", statistics: GapStatistics
) -> Iterator[tuple[str, int, float, float | None, float | None, int]]:
    """Token, layer, cone, both ends of its interval, items."""
    measure = partial(cone_with_interval, bootstraps=statistics.bootstraps, seed=statistics.seed)
    last = 0
    for token, by_layer in layers.tokens.items():
        last = len(by_layer) - 1
        for layer, vectors in enumerate(by_layer):
            yield token, layer, *measure(vectors), len(vectors)
    yield OUTPUT, last, *measure(layers.output), len(layers.output)
