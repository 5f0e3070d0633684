"""Other encoders in a data folder: one that comes, one that goes, one that changes."""

import shutil
from pathlib import Path

import dagster as dg
import numpy as np
import polars as pl
import pytest

from gap_assets.dagster.build import build_definitions
from gap_assets.dagster.partitions import range_tags
from gap_assets.dagster.runs import QUIET, open_instance
from gap_assets.encoders.frames import frames_read
from gap_assets.encoders.loading import load_encoder
from gap_assets.graph import CONTROLS, ENCODERS
from gap_assets.pipeline import decoded_frames
from gap_assets.pipeline import encoders as pipeline
from gap_assets.pipeline.status import current_status
from gap_assets.settings import Settings, remember
from gap_assets.warehouse.parts import part_of
from gap_assets.warehouse.schema import TABLES
from gap_assets.warehouse.store import Warehouse
from gap_assets_tests.encoder_folders import clip_folder, write_weights
from gap_assets_tests.hub import encoders as hub_encoders
from gap_assets_tests.rows import put

VIDEOS = [f"world-000{i}" for i in range(5)]
WHOLE = "embedded:coca-whole-captions"


def make(
    settings: Settings,
    job: str = "per_video",
    *,
    asset: str = ENCODERS,
    last: str = VIDEOS[-1],
    **config,
) -> bool:
    """Runs one asset for all videos up to the last; whether it succeeded."""
    ops = {"ops": {asset: {"config": config}}} if config else {}
    with open_instance(settings) as instance:
        result = (
            build_definitions(settings)
            .resolve_job_def(job)
            .execute_in_process(
                run_config=QUIET | ops,
                instance=instance,
                tags=range_tags(VIDEOS[0], last),
                asset_selection=[dg.AssetKey(asset)],
                raise_on_error=False,
            )
        )
    return result.success


def measure(settings: Settings) -> bool:
    return make(settings, "projections_and_report", asset="gap_metrics")


def rows_by(warehouse: Warehouse) -> dict[str, pl.DataFrame]:
    """Encoder to its rows."""
    rows = warehouse.read(
        "SELECT * REPLACE (embedding::VARCHAR AS embedding) FROM encoder_embeddings"
    )
    found = rows.sort(pl.all()).partition_by("encoder", as_dict=True)
    return {str(encoder): part for (encoder,), part in found.items()}


def entries(warehouse: Warehouse) -> dict[str, pl.DataFrame]:
    """Encoder to its entries in the ledger, with the time of each."""
    ledger = warehouse.read(
        "SELECT * FROM materializations WHERE starts_with(asset, ?) ORDER BY ALL",
        part_of(ENCODERS, ""),
    )
    found = ledger.partition_by("asset", as_dict=True)
    return {str(asset).removeprefix(f"{ENCODERS}:"): part for (asset,), part in found.items()}


def encoders_measured(warehouse: Warehouse) -> dict[str, int]:
    rows = warehouse.read("SELECT encoder, max(n) AS n FROM gap_metrics GROUP BY encoder")
    return {name: n for name, n in rows.iter_rows() if "untrained" not in name}


def only_changed(before: dict[str, pl.DataFrame], after: dict[str, pl.DataFrame]) -> set[str]:
    return {
        name
        for name in before.keys() | after.keys()
        if name not in before or name not in after or not before[name].equals(after[name])
    }


def test_encoders_of_different_dimensions_stand_side_by_side(made):
    warehouse = Warehouse(path=made.warehouse)
    sizes = "SELECT DISTINCT encoder, len(embedding) FROM encoder_embeddings"
    found = {name: size for name, size in warehouse.tuples(sizes) if "untrained" not in name}
    assert found == dict(zip(made.encoders, (96, 64, 128), strict=True))
    counts = warehouse.read(
        "SELECT encoder, modality, source, count(DISTINCT video_id) AS n FROM encoder_embeddings"
        " WHERE NOT starts_with(encoder, 'untrained-') GROUP BY ALL"
    )
    assert set(counts["n"]) == {5}
    assert len(counts) == 3 * (4 + 4)  # fusions and text sources
    assert encoders_measured(warehouse).keys() == {"embedded coca", *made.encoders}
    page = (made.report / "report.html").read_text(encoding="utf-8")
    section = page.partition("<h2>Other encoders</h2>")[2].partition("<h2>")[0]
    for letter, name in zip("BCD", (WHOLE, "open_clip:clip-128", "open_clip:clip-64"), strict=True):
        assert f"{letter} {name}" in section
    assert (made.report / "figures" / "encoders.svg").exists()


def test_the_embedding_coca_as_another_encoder_gives_its_own_vectors(copy_of_made):
    settings = remember(copy_of_made.data, encoders=["embedded:coca"])
    assert make(settings)
    warehouse = Warehouse(path=settings.warehouse)
    pairs = warehouse.read(
        "SELECT modality, source, list_inner_product(u.embedding, e.embedding)"
        " / CASE WHEN modality = 'text' THEN 1 ELSE norm END AS cosine"
        " FROM unit_embeddings u JOIN encoder_embeddings e USING (video_id, modality, source)"
        " WHERE encoder = 'embedded:coca'"
    )
    assert len(pairs) == 5 * (4 + 4)
    assert (pairs["cosine"] > 1 - 1e-5).all()


def test_an_encoder_that_is_added_later_touches_only_its_own_rows(copy_of_made, tmp_path):
    warehouse = Warehouse(path=copy_of_made.warehouse)
    rows, ledger = rows_by(warehouse), entries(warehouse)
    new = clip_folder(tmp_path / "clip-32", dimensions=32)
    settings = remember(copy_of_made.data, encoders=[*copy_of_made.encoders, new])
    stale = {asset for asset, count in current_status(settings).counts().items() if count["stale"]}
    assert stale == {ENCODERS, "gap_metrics", "gap_report"}
    assert make(settings)
    assert only_changed(rows, rows_by(warehouse)) == {new}
    assert only_changed(ledger, entries(warehouse)) == {new}
    assert set(current_status(settings).states[ENCODERS].values()) == {"current"}
    assert measure(settings)
    assert new in encoders_measured(warehouse)


def test_an_encoder_that_is_taken_away_leaves_no_trace(copy_of_made):
    warehouse = Warehouse(path=copy_of_made.warehouse)
    kept, *gone = copy_of_made.encoders
    rows, ledger = rows_by(warehouse), entries(warehouse)
    settings = remember(copy_of_made.data, encoders=[kept])
    assert make(settings)
    assert measure(settings)
    assert only_changed(rows, rows_by(warehouse)) == set(gone)
    assert only_changed(ledger, entries(warehouse)) == set(gone)
    for table in TABLES:
        # What was chosen before is remembered there, as of any other setting.
        told = ["parameters"] if table == "configurations" else []
        names = [name for name, (kind, _) in TABLES[table].columns.items() if kind == "VARCHAR"]
        query = f"SELECT {', '.join(set(names) - set(told))} FROM {table}"
        cells = [cell for row in warehouse.tuples(query) for cell in row if cell]
        assert not [cell for cell in cells if any(name in cell for name in gone)], table
    settings = remember(copy_of_made.data, encoders=[])
    assert make(settings)
    assert rows_by(warehouse).keys() == {f"untrained-{seed}" for seed in range(5)}
    assert set(current_status(settings).states[ENCODERS].values()) == {"current"}


def test_untrained_networks_are_replaced_without_the_encoders(copy_of_made):
    warehouse = Warehouse(path=copy_of_made.warehouse)
    rows = rows_by(warehouse)
    settings = remember(copy_of_made.data, encoders=[*copy_of_made.encoders, "untrained:1"])
    assert make(settings, "projections_and_report", asset=CONTROLS)
    assert only_changed(rows, rows_by(warehouse)) == {f"untrained-{seed}" for seed in range(1, 5)}


def test_a_folder_with_other_weights_makes_only_its_own_rows_stale(copy_of_made, tmp_path):
    folder = tmp_path / "clip"
    shutil.copytree(Path(copy_of_made.encoders[1].partition(":")[2]), folder)
    names = [WHOLE, f"open_clip:{folder}"]
    settings = remember(copy_of_made.data, encoders=names)
    assert make(settings)
    warehouse = Warehouse(path=settings.warehouse)
    rows, ledger = rows_by(warehouse), entries(warehouse)
    write_weights(folder, seed=5)
    assert set(current_status(settings).states[ENCODERS].values()) == {"stale"}
    assert measure(settings)
    assert encoders_measured(warehouse).keys() == {"embedded coca", WHOLE}  # not by older weights
    assert make(settings)
    assert only_changed(rows, rows_by(warehouse)) == {names[1]}
    assert only_changed(ledger, entries(warehouse)) == {names[1]}


def test_what_was_committed_survives_the_end_of_the_run(copy_of_made, tmp_path, monkeypatch):
    new = clip_folder(tmp_path / "clip-32", dimensions=32)
    settings = remember(copy_of_made.data, encoders=[*copy_of_made.encoders, new])
    embed, chunks = pipeline.embed_by_encoders, []

    def until_the_third(videos, **more):
        chunks.append(videos)
        if len(chunks) == 3:
            raise MemoryError("killed")
        return embed(videos, **more)

    with monkeypatch.context() as patched:
        patched.setattr("gap_assets.dagster.assets.encoders.embed_by_encoders", until_the_third)
        assert not make(settings, videos_per_chunk=2)
    warehouse = Warehouse(path=settings.warehouse)
    survived = entries(warehouse)[new]
    assert 2 <= len(survived) < 5  # the chunk in hand may be lost
    assert make(settings, videos_per_chunk=2)
    after = entries(warehouse)[new]
    assert len(after) == 5
    assert after.filter(pl.col("video_id").is_in(survived["video_id"].to_list())).equals(survived)


@pytest.mark.parametrize("image", [None, b"no picture"])
def test_a_video_without_usable_frames_takes_no_other_along(copy_of_made, tmp_path, image):
    warehouse = Warehouse(path=copy_of_made.warehouse)
    new = clip_folder(tmp_path / "clip-32", dimensions=32)
    settings = remember(copy_of_made.data, encoders=[new])
    frames = warehouse.read("FROM frames WHERE video_id = 'world-0002'")
    left = frames.clear() if image is None else frames.with_columns(image=pl.lit(image))
    put(warehouse, {"frames": left}, where={"video_id": ["world-0002"]})
    assert make(settings)
    videos = "SELECT DISTINCT video_id FROM encoder_embeddings WHERE modality = ? AND encoder = ?"
    by_modality = {m: set(warehouse.read(videos, m, new)["video_id"]) for m in ("video", "text")}
    others = set(VIDEOS) - {"world-0002"}
    assert by_modality == {"video": others, "text": set(VIDEOS) if image is None else others}
    failures = warehouse.read("SELECT video_id, error FROM failures WHERE asset = ?", ENCODERS)
    assert failures["video_id"].to_list() == ([] if image is None else ["world-0002"])
    assert all("make it again" in error for error in failures["error"])
    assert measure(settings)
    assert encoders_measured(warehouse)[new] == 4


def test_a_run_of_one_video_without_an_encoder_leaves_the_rows_of_the_others(copy_of_made):
    warehouse = Warehouse(path=copy_of_made.warehouse)
    names = copy_of_made.encoders
    settings = remember(copy_of_made.data, encoders=["none"])
    assert make(settings, last=VIDEOS[0])
    for name in names:
        assert set(rows_by(warehouse)[name]["video_id"]) == set(VIDEOS[1:])
    settings = remember(copy_of_made.data, encoders=list(names))
    states = current_status(settings).states[ENCODERS]
    assert {video for video, state in states.items() if state != "current"} == {VIDEOS[0]}
    assert make(settings)
    assert set(current_status(settings).states[ENCODERS].values()) == {"current"}
    for name in names:
        assert set(rows_by(warehouse)[name]["video_id"]) == set(VIDEOS)


def test_an_encoder_that_cannot_be_loaded_takes_no_other_along(copy_of_made, tmp_path):
    warehouse = Warehouse(path=copy_of_made.warehouse)
    good = clip_folder(tmp_path / "good", dimensions=16)
    bad = clip_folder(tmp_path / "bad", dimensions=16)
    config = tmp_path / "bad" / "open_clip_config.json"
    config.write_text(config.read_text().replace('"embed_dim": 16', '"embed_dim": 24'))
    settings = remember(copy_of_made.data, encoders=[bad, good])
    assert make(settings)
    assert set(rows_by(warehouse)[good]["video_id"]) == set(VIDEOS)
    assert bad not in rows_by(warehouse)
    failures = warehouse.read("SELECT video_id, error FROM failures WHERE asset = ?", ENCODERS)
    assert sorted(failures["video_id"]) == VIDEOS
    assert all(bad in error for error in failures["error"])
    write_weights(tmp_path / "bad", seed=0)
    before = entries(warehouse)
    assert make(settings)
    assert only_changed(before, entries(warehouse)) == {bad}
    assert set(current_status(settings).states[ENCODERS].values()) == {"current"}


def test_a_picture_is_decoded_once_for_all_encoders(copy_of_made, tmp_path, monkeypatch):
    warehouse = Warehouse(path=copy_of_made.warehouse)
    new = [clip_folder(tmp_path / f"clip-{size}", dimensions=size) for size in (16, 32)]
    settings = remember(copy_of_made.data, encoders=new)
    decode, decoded = decoded_frames.decode_jpeg, []

    def counting(image):
        decoded.append(image)
        return decode(image)

    monkeypatch.setattr(decoded_frames, "decode_jpeg", counting)
    monkeypatch.setattr(decoded_frames, "PICTURES", 7)  # so that videos are cut
    assert make(settings)
    assert len(decoded) == warehouse.read("SELECT count(*) FROM frames").item()
    whole = {name: part.drop("encoder") for name, part in rows_by(warehouse).items() if name in new}
    monkeypatch.setattr(decoded_frames, "PICTURES", 512)
    assert make(settings, recompute=True)
    again = {name: part.drop("encoder") for name, part in rows_by(warehouse).items() if name in new}
    for name in new:
        assert whole[name].drop("embedding", "norm").equals(again[name].drop("embedding", "norm"))


def test_an_encoder_of_whole_videos_has_one_vector_a_video(copy_of_made, tmp_path):
    folder = hub_encoders.xclip_folder(tmp_path / "xclip", **hub_encoders.SMALL_XCLIP)
    name = f"transformers:{folder}"
    settings = remember(copy_of_made.data, encoders=[WHOLE, name])
    assert make(settings, videos_per_chunk=2)
    warehouse = Warehouse(path=settings.warehouse)
    rows = warehouse.read(
        "SELECT video_id, modality, source, embedding, norm FROM encoder_embeddings"
        " WHERE encoder = ? ORDER BY ALL",
        name,
    )
    of_videos = rows.filter(modality="video")
    assert of_videos.select("video_id", "source").rows() == [(video, "video") for video in VIDEOS]
    assert of_videos["norm"].to_list() == pytest.approx([1.0] * 5, abs=1e-4)
    assert set(rows.filter(modality="text")["source"]) == {
        *("summary", "captions", "filtered", "reference")
    }
    # As the library's adapter sees the frames in the middle of their shares.
    images = warehouse.read("FROM frames WHERE video_id = ? ORDER BY frame_index", VIDEOS[3])
    encoder = load_encoder(name)
    read = frames_read(images["repeats"].to_list(), frames=encoder.frames)
    [vector] = encoder.embed_videos(
        [[decoded_frames.decode_jpeg(images["image"][i]) for i in read]]
    )
    assert np.abs(of_videos["embedding"][3].to_numpy() - vector).max() < 1e-5
    assert measure(settings)
    measured = warehouse.read(
        "SELECT DISTINCT video_source FROM gap_metrics WHERE encoder = ?", name
    )
    assert measured["video_source"].to_list() == ["video"]
