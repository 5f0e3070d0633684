"""`gap run --models hub` with true names, files and configurations, through the command line."""

import pytest
import torch

from gap_assets.settings import Settings
from gap_assets.warehouse.store import Warehouse
from gap_assets_tests.hub import repositories
from gap_assets_tests.hub.conftest import MODEL, TAG, gap
from gap_assets_tests.hub.repositories import coca_repository

TABLES = (
    "frames",
    "frame_captions",
    "frame_embeddings",
    "filtered_captions",
    "video_summaries",
    "video_embeddings",
    "text_embeddings",
    "untrained_embeddings",
    "projections",
    "gap_metrics",
)


def counts(data) -> dict[str, int]:
    warehouse = Warehouse(path=Settings(data=data).warehouse)
    return {t: warehouse.read(f"SELECT count(*) FROM {t}").item() for t in TABLES}


def captions(data) -> list[tuple[str, ...]]:
    warehouse = Warehouse(path=Settings(data=data).warehouse)
    query = "SELECT video_id, frame_index, caption FROM frame_captions ORDER BY ALL"
    return warehouse.read(query).rows()


def walk(folder, world, *, hub, options, language_model):
    """Runs online, then without the hub; returns what the two runs printed and made."""
    online, offline = folder / "online", folder / "offline"
    first = gap("run", world, "--data", online, *options)
    assert first.status == 0, first.stderr
    assert "to be downloaded" in first.stdout
    assert "100%" in first.stderr  # the bars of the downloads
    assert all(counts(online).values()), counts(online)
    assert (online / "report" / "report.html").stat().st_size > 100_000
    asked = len(hub.requests)
    hub.close()
    second = gap("run", world, "--data", offline, *options)
    assert second.status == 0, second.stderr
    assert "to be downloaded" not in second.stdout
    assert len(hub.requests) == asked
    assert captions(offline) == captions(online)
    assert len(set(captions(online))) > 1
    made = Warehouse(path=Settings(data=offline).warehouse)
    assert made.read("SELECT DISTINCT encoder FROM gap_metrics ORDER BY ALL")["encoder"][0]
    check = gap("check", "--data", offline)
    assert check.status == 0
    assert language_model in check.stdout.replace("…", "")
    return first, second


@pytest.mark.service
@pytest.mark.timeout(1200)
def test_coca_b32_with_phi_online_then_offline(serve, tmp_path, world, b32, phi):
    hub = serve({coca_repository(MODEL, TAG): b32, repositories.PHI: phi})
    options = ["--models", "hub", "--coca", MODEL, "--weights", TAG]
    walk(tmp_path, world, hub=hub, options=options, language_model="microsoft/phi")


@pytest.mark.service
@pytest.mark.timeout(1200)
def test_coca_b32_with_flan_t5_and_the_profiles_weights(serve, tmp_path, world, b32, flan_t5):
    hub = serve({coca_repository(MODEL, TAG): b32, repositories.FLAN_T5: flan_t5})
    options = ["--models", "hub", "--coca", MODEL, "--summarizer", repositories.FLAN_T5]
    walk(tmp_path, world, hub=hub, options=options, language_model="google/flan")


@pytest.mark.slow
@pytest.mark.timeout(7200)
@pytest.mark.parametrize("kind", ["phi", "flan_t5"])
def test_the_production_models_at_full_size(serve, tmp_path, world, kind):
    tag, model = "mscoco_finetuned_laion2B-s13B-b90k", "coca_ViT-L-14"
    names = ("open_clip_pytorch_model.safetensors", "open_clip_pytorch_model.bin")
    coca = repositories.write_coca(tmp_path / "l14", model, seed=3, names=names)
    if kind == "phi":
        # Half of the layers: all 24 in fp32 beside what made them do not fit this test's machine.
        language = repositories.write_phi(tmp_path / "lm", num_hidden_layers=12)
        name = repositories.PHI
    else:
        language = repositories.write_flan_t5(tmp_path / "lm", dtype=torch.float32)
        name = repositories.FLAN_T5
    hub = serve({coca_repository(model, tag): coca, name: language})
    options = ["--models", "hub", "--summarizer", name]
    walk(tmp_path, world, hub=hub, options=options, language_model=name[:12])
