"""`gap run --models hub` with true names, files and configurations, through the command line."""

from collections.abc import Collection

import numpy as np
import pytest

from gap_assets.graph import OF_NEW_NETWORKS
from gap_assets.settings import Settings
from gap_assets.warehouse.store import Warehouse
from gap_assets_tests.hub.conftest import BIN, FLAN_T5, MODEL, PHI, SAFETENSORS, TAG, Said, gap
from gap_assets_tests.hub.repository import Repository
from gap_assets_tests.hub.server import Hub

TABLES = (
    "frames",
    "frame_captions",
    "frame_embeddings",
    "filtered_captions",
    "video_summaries",
    "video_embeddings",
    "text_embeddings",
    "encoder_embeddings",
    "cone_profile",
    "pooling_profile",
    "projections",
    "gap_metrics",
)

# The profile's own encoder is another 2.5 GB; one that ships needs no hub.
HUB = ("--models", "hub", "--encoders", "embedded:coca-whole-captions")

TEXTS = {
    "captions": "SELECT video_id, frame_index, caption FROM frame_captions ORDER BY ALL",
    "summaries": "SELECT video_id, summary FROM video_summaries ORDER BY ALL",
}


def warehouse(data) -> Warehouse:
    return Warehouse(path=Settings(data=data).warehouse)


def counts(data, *, but: Collection[str] = ()) -> dict[str, int]:
    tables = [table for table in TABLES if table not in but]
    return {t: warehouse(data).read(f"SELECT count(*) FROM {t}").item() for t in tables}


def texts(data, kind: str) -> list[tuple[str, ...]]:
    return warehouse(data).read(TEXTS[kind]).rows()


def assert_complete(data, *, but: Collection[str] = ()) -> None:
    """Every table is filled, every number is finite, and texts are many and none of them empty."""
    assert all(counts(data, but=but).values()), counts(data, but=but)
    assert warehouse(data).read("SELECT count(*) FROM failures").item() == 0
    assert (data / "report" / "report.html").stat().st_size > 100_000
    for kind, least in (("captions", 0.5), ("summaries", 1)):
        found = [row[-1] for row in texts(data, kind)]
        assert all(text.strip() for text in found), found
        assert len(set(found)) >= least * len(found), found
    for table in ("frame_embeddings", "text_embeddings"):
        embeddings = warehouse(data).read_embeddings(f"FROM {table}")["embedding"]
        assert np.isfinite(embeddings.to_numpy()).all()


def walk(folder, world, *, hub: Hub, options, language_model) -> tuple[Said, Said]:
    """Runs online, then without the hub; returns what the two runs printed."""
    online, offline = folder / "online", folder / "offline"
    first = gap("run", world, "--data", online, *options)
    assert first.status == 0, first.stderr
    assert "to be downloaded" in first.stdout
    assert "100%" in first.stderr  # the bars of the downloads
    assert "Traceback" not in first.stderr
    assert_complete(online)
    # Weights are fetched once, and in one form.
    fetched = sorted(path.rpartition("/")[2].rpartition(".")[2] for path in hub.asked("/content/"))
    assert len(fetched) == 2
    assert fetched[-1] == "safetensors"
    hub.close()
    second = gap("run", world, "--data", offline, *options)
    assert second.status == 0, second.stderr
    assert "to be downloaded" not in second.stdout
    for kind in TEXTS:
        assert texts(offline, kind) == texts(online, kind)
    check = gap("check", "--data", offline)
    assert check.status == 0
    assert language_model in check.stdout.replace("…", "")
    return first, second


@pytest.mark.service
@pytest.mark.timeout(2400)
def test_coca_b32_with_phi_online_then_offline(serve, tmp_path, world, b32, phi):
    hub = serve(b32, phi)
    options = [
        "--models",
        "hub",
        "--encoders",
        "none",
        "--coca",
        MODEL,
        "--weights",
        TAG,
        "--summarizer",
        PHI,
    ]
    walk(tmp_path, world, hub=hub, options=options, language_model="microsoft/phi")


@pytest.mark.service
@pytest.mark.timeout(2400)
def test_coca_b32_with_flan_t5_and_the_profiles_weights(serve, tmp_path, world, b32, flan_t5):
    """Without the untrained networks, which know nothing of the language model."""
    hub = serve(b32, flan_t5)
    options = [
        "--models",
        "hub",
        "--encoders",
        "none",
        "--coca",
        MODEL,
        "--summarizer",
        FLAN_T5,
        "--no-controls",
    ]
    said = gap("run", world, "--data", tmp_path / "data", *options)
    assert said.status == 0, said.stderr
    assert_complete(tmp_path / "data", but=OF_NEW_NETWORKS)
    files = [path.rpartition("/")[2] for path in hub.asked("/content/")]
    assert sorted(files) == ["model.safetensors", BIN]


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("kind", ["phi", "flan_t5"])
def test_the_production_models_at_full_size(serve, models_folder, tmp_path, world, kind):
    from gap_assets_tests.hub.cocas import coca_repository
    from gap_assets_tests.hub.language_models import phi_repository, t5_repository

    folder = models_folder / kind
    coca = coca_repository(folder / "l14", model="coca_ViT-L-14", tag=TAG, files=(BIN, SAFETENSORS))
    language: Repository
    if kind == "phi":
        # Half of the layers: all 24 in fp32 beside what made them do not fit this test's machine.
        language = phi_repository(folder / "lm", num_hidden_layers=12)
    else:
        language = t5_repository(folder / "lm")
    hub = serve(coca, language)
    options = [*HUB, "--summarizer", language.name]
    walk(tmp_path, world, hub=hub, options=options, language_model=language.name[:12])
