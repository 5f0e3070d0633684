"""Encoders by their true names, from repositories of their true files and sizes, random weights."""

import json
import subprocess
import sys

import pytest

from gap_assets_tests.hub import encoders
from gap_assets_tests.hub.encoders import OPEN_CLIP_FILE, open_clip_repository, published

XCLIP = "microsoft/xclip-base-patch32"
VIDEOPRISM = "google/videoprism-lvt-base-f16r288"
OPEN_CLIP = {
    "ViT-B-32/laion2b_s34b_b79k": 512,
    "ViT-B-16-SigLIP2/webli": 768,
    "PE-Core-B-16/meta": 1024,
    "coca_ViT-B-32/laion2b_s13b_b90k": 512,
}


def ours_and_theirs(name: str) -> dict[str, float]:
    command = [sys.executable, "-m", "gap_assets_tests.hub.ours_and_theirs", name]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def assert_equal(found: dict[str, float]) -> None:
    print(found)
    assert found["images"] < 1e-5
    assert found["texts"] < 1e-5
    assert found["distance"] > 1e-3


@pytest.mark.slow
@pytest.mark.parametrize("rest", OPEN_CLIP)
def test_open_clips_models_at_their_true_sizes(serve, tmp_path, rest):
    model, _, tag = rest.partition("/")
    hub = serve(open_clip_repository(tmp_path / "repository", model=model, tag=tag))
    found = ours_and_theirs(f"open_clip:{rest}")
    assert_equal(found)
    assert found["dimensions"] == OPEN_CLIP[rest]
    assert len(hub.asked(f"/content/{next(iter(hub.repositories))[1:]}/{OPEN_CLIP_FILE}")) == 1


@pytest.mark.slow
def test_x_clip_at_its_true_size(serve, tmp_path):
    serve(published(XCLIP, encoders.xclip_folder(tmp_path / "repository")))
    found = ours_and_theirs(f"transformers:{XCLIP}")
    assert_equal(found)
    assert (found["dimensions"], found["frames"]) == (512, 8)


@pytest.mark.slow
def test_videoprism_at_its_true_size(serve, tmp_path):
    serve(published(VIDEOPRISM, encoders.videoprism_folder(tmp_path / "repository")))
    found = ours_and_theirs(f"transformers:{VIDEOPRISM}")
    assert_equal(found)
    assert (found["dimensions"], found["frames"]) == (768, 16)
