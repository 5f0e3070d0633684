"""What open_clip and transformers themselves ask of the hub, each in a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gap_assets_tests.hub.cocas import coca_repository
from gap_assets_tests.hub.conftest import BIN, FLAN_T5, MODEL, PHI, SAFETENSORS, TAG

pytestmark = pytest.mark.service

COCA = """
import open_clip, torch
model = open_clip.create_model("coca_ViT-B-32", pretrained="{tag}")
assert torch.isfinite(model.text_decoder.text_projection).all()
"""
LANGUAGE_MODEL = """
import torch
from transformers import {kind}, AutoTokenizer
tokenizer = AutoTokenizer.from_pretrained("{name}")
model = {kind}.from_pretrained("{name}")
inputs = tokenizer("a man walks", return_tensors="pt")
print(tokenizer.decode(model.generate(**inputs, max_new_tokens=9)[0], skip_special_tokens=True))
"""


def python(code: str, hub, home: Path) -> str:
    environment = {
        "PYTHONPATH": os.pathsep.join(sys.path),
        "HF_HOME": str(home),
        "HF_ENDPOINT": hub.endpoint,
    }
    done = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_open_clip_takes_the_pickled_weights(serve, b32, tmp_path):
    hub = serve(b32)
    python(COCA.format(tag=TAG), hub, tmp_path)
    asked = [path.rpartition("/")[2] for path in hub.asked("/resolve/")]
    assert asked == ["open_clip_model.safetensors", BIN]


def test_open_clip_overlooks_the_safetensors_under_the_name_that_they_have(serve, tmp_path):
    tag = "laion2b_s13b_b90k"
    coca = coca_repository(tmp_path / "coca", model=MODEL, tag=tag, files=(BIN, SAFETENSORS))
    hub = serve(coca)
    python(COCA.format(tag=tag), hub, tmp_path)
    assert hub.asked("/content/") == [f"/content/{coca.name}/{BIN}"]


@pytest.mark.parametrize(
    ("name", "kind"), [(PHI, "AutoModelForCausalLM"), (FLAN_T5, "AutoModelForSeq2SeqLM")]
)
def test_transformers_takes_the_safetensors(serve, phi, flan_t5, tmp_path, name, kind):
    hub = serve(phi, flan_t5)
    assert len(python(LANGUAGE_MODEL.format(name=name, kind=kind), hub, tmp_path).strip()) > 9
    # `spiece.model` is asked for, too, though `tokenizer.json` is there.
    weights = {path.rpartition("/")[2] for path in hub.asked("/content/")} - {"spiece.model"}
    assert weights == {"model.safetensors"}
