"""What open_clip and transformers themselves ask of the hub, each in a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from gap_assets_tests.hub.conftest import CAPTION_B_32, COCA_B_32, FLAN_T5, PHI

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


@pytest.mark.parametrize(
    ("tag", "repository"),
    [("mscoco_finetuned_laion2B-s13B-b90k", CAPTION_B_32), ("laion2b_s13b_b90k", COCA_B_32)],
)
def test_open_clip_overlooks_the_safetensors_under_the_name_that_they_have(
    hub, tmp_path, tag, repository
):
    hub.requests.clear()
    python(COCA.format(tag=tag), hub, tmp_path)
    asked = [path.rpartition("/")[2] for path in hub.asked(f"{repository}/resolve/")]
    assert asked == ["open_clip_model.safetensors", "open_clip_pytorch_model.bin"]


@pytest.mark.parametrize(
    ("name", "kind"), [(PHI, "AutoModelForCausalLM"), (FLAN_T5, "AutoModelForSeq2SeqLM")]
)
def test_transformers_takes_the_safetensors(hub, tmp_path, name, kind):
    hub.requests.clear()
    assert len(python(LANGUAGE_MODEL.format(name=name, kind=kind), hub, tmp_path).strip()) > 9
    # `spiece.model` is asked for, too, though `tokenizer.json` is there.
    weights = {path.rpartition("/")[2] for path in hub.asked("/content/")} - {"spiece.model"}
    assert weights == {"model.safetensors"}
