"""How an encoder's files come from a hub, and the sentence for each way in which they do not."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gap_assets.encoders.loading import load_encoder
from gap_assets.encoders.open_clip_model import locate_open_clip
from gap_assets.encoders.tokenizers import fetch_tokenizer
from gap_assets.encoders.transformers_files import fetch_model, locate_model
from gap_assets.hub import ModelNotFoundError
from gap_assets_tests.encoders.conftest import CLIP
from gap_assets_tests.encoders.inputs import TEXTS
from gap_assets_tests.encoders.reference import by_open_clip, smallest_distance
from gap_assets_tests.hub import encoders
from gap_assets_tests.hub.conftest import point_at
from gap_assets_tests.hub.encoders import SMALL_VIDEOPRISM, SMALL_XCLIP, published
from gap_assets_tests.hub.faults import absent_hub, halve
from gap_assets_tests.hub.repository import Repository

XCLIP = "microsoft/xclip-base-patch32"
VIDEOPRISM = "google/videoprism-lvt-base-f16r288"
SIGLIP2 = "timm/ViT-B-16-SigLIP2"


@pytest.fixture(scope="module")
def xclip(tmp_path_factory) -> Repository:
    folder = encoders.xclip_folder(tmp_path_factory.mktemp("xclip") / "a", **SMALL_XCLIP)
    return published(XCLIP, folder)


@pytest.fixture(scope="module")
def videoprism(tmp_path_factory) -> Repository:
    home = tmp_path_factory.mktemp("videoprism") / "a"
    return published(VIDEOPRISM, encoders.videoprism_folder(home, **SMALL_VIDEOPRISM))


def test_a_model_is_loaded_from_the_hub_and_then_without_it(served_here, monkeypatch, xclip):
    hub = served_here(xclip)
    found = locate_model(XCLIP)
    assert found.folder is None
    assert "pytorch_model.bin" in found.names
    assert "README.md" not in found.names
    assert found.bytes == sum(Path(str(xclip.files[name])).stat().st_size for name in found.names)
    encoder = load_encoder(f"transformers:{XCLIP}", device="cpu")
    assert encoder.name == f"transformers:{XCLIP}"
    assert len(hub.asked("/content/")) == 1
    point_at(monkeypatch, absent_hub())
    again = load_encoder(f"transformers:{XCLIP}", device="cpu")
    expected = encoder.embed_texts(["a dog"])
    assert np.array_equal(again.embed_texts(["a dog"]), expected)


def test_safetensors_are_preferred(served_here, xclip, tmp_path):
    folder = encoders.xclip_folder(tmp_path / "x", weights="model.safetensors", **SMALL_XCLIP)
    both = published(XCLIP, folder)
    both.files["pytorch_model.bin"] = xclip.files["pytorch_model.bin"]
    hub = served_here(both)
    fetch_model(XCLIP)
    assert hub.asked("/content/") == [f"/content/{XCLIP}/model.safetensors"]


def test_a_revision_is_a_model_of_its_own(served_here, videoprism):
    """VideoPrism's weights for transformers are in pull requests of its repositories."""
    served_here(replace(videoprism, commit="b" * 40))
    with pytest.raises(ModelNotFoundError, match="has no revision 'refs/pr/4'"):
        load_encoder(f"transformers:{VIDEOPRISM}@refs/pr/4", device="cpu")
    name = f"transformers:{VIDEOPRISM}@{'b' * 40}"
    assert load_encoder(name, device="cpu").name == name


def test_a_repository_without_weights_for_transformers(served_here, videoprism):
    files = {name: text for name, text in videoprism.files.items() if name != "model.safetensors"}
    files["flax_lvt_base_f16r288_repeated.npz"] = b"other"
    hub = served_here(replace(videoprism, files=files))
    with pytest.raises(ModelNotFoundError, match=r"none of model\.safetensors.*as NAME@REVISION"):
        load_encoder(f"transformers:{VIDEOPRISM}", device="cpu")
    assert not hub.asked("/resolve/")


@pytest.mark.parametrize("name", [f"transformers:{XCLIP}", "open_clip:ViT-B-32/laion2b_s34b_b79k"])
def test_hubs_that_do_not_give_a_model(served_here, monkeypatch, xclip, name):
    clip = Repository(name="laion/CLIP-ViT-B-32-laion2B-s34B-b79K", files={"README.md": b"-"})

    def refused() -> str:
        with pytest.raises(ModelNotFoundError) as error:
            load_encoder(name, device="cpu")
        assert str(error.value).endswith(".")
        return str(error.value)

    served_here()
    assert "There is no model repository" in refused()
    served_here(replace(xclip, gated=True), replace(clip, gated=True))
    assert "is gated: accept its terms at http" in refused()
    served_here(replace(xclip, files={"README.md": b"-"}), clip)
    assert "holds no" in refused()
    point_at(monkeypatch, absent_hub())
    assert "could not be downloaded" in refused()
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert "HF_HUB_OFFLINE is set" in refused()


def test_half_a_file_in_the_cache(served_here, videoprism):
    served_here(videoprism)
    blob = halve(fetch_model(VIDEOPRISM) / "model.safetensors")
    with pytest.raises(ModelNotFoundError, match=f"{blob} is damaged or incomplete; delete it"):
        load_encoder(f"transformers:{VIDEOPRISM}", device="cpu")


def test_a_tokenizer_is_a_repository_of_its_own(served_here, monkeypatch, tmp_path):
    encoders.write_gemma_tokenizer(tmp_path)
    hub = served_here(published(SIGLIP2, tmp_path))
    fetch_tokenizer(SIGLIP2)
    asked = len(hub.requests)
    fetch_tokenizer(SIGLIP2)
    assert len(hub.requests) == asked > 0
    served_here(Repository(name="google/mt5-base", files={"spiece.model": b"-"}))
    with pytest.raises(ModelNotFoundError, match=r"has no tokenizer\.json, and sentencepiece"):
        fetch_tokenizer("google/mt5-base")


def test_a_text_tower_is_a_repository_of_its_own(served_here, tmp_path):
    """As in open_clip's models with a RoBERTa."""
    tower = {"model_type": "roberta", "hidden_size": 16, "intermediate_size": 16, "vocab_size": 900}
    tower |= {"num_hidden_layers": 1, "num_attention_heads": 2, "pad_token_id": 1}
    served_here(Repository(name="acme/roberta", files={"config.json": json.dumps(tower).encode()}))
    names = {"hf_model_name": "acme/roberta", "hf_tokenizer_name": "acme/roberta"}
    text = names | {"context_length": 24, "hf_pooler_type": "mean_pooler", "hf_proj_type": "mlp"}
    folder = encoders.open_clip_folder(tmp_path / "model", CLIP | {"text_cfg": text})
    _, words = by_open_clip(f"local-dir:{folder}", [], TEXTS[:2])
    own = load_encoder(f"open_clip:{folder}", device="cpu").embed_texts(TEXTS[:2])
    assert np.abs(own - words).max() < 1e-5
    assert smallest_distance(words) > 1e-3


def test_code_of_a_text_tower_is_not_run(served_here, monkeypatch, tmp_path):
    """Nor is anyone asked whether it may be."""
    monkeypatch.setattr("builtins.input", lambda _: "y")
    tower = {"model_type": "mine", "auto_map": {"AutoConfig": "mine.Config"}}
    code = f"open({str(tmp_path / 'ran')!r}, 'w')".encode()
    files = {"config.json": json.dumps(tower).encode(), "mine.py": code}
    served_here(Repository(name="acme/mine", files=files))
    folder = encoders.open_clip_folder(tmp_path / "model", CLIP)
    text = {"hf_model_name": "acme/mine", "context_length": 24}
    config = {"model_cfg": CLIP | {"text_cfg": text}}
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    with pytest.raises(ModelNotFoundError, match="code that comes with a model is never run"):
        load_encoder(f"open_clip:{folder}", device="cpu")
    assert not (tmp_path / "ran").exists()


def test_every_weight_that_open_clip_lists_is_named_by_a_repository():
    """Of those whose activation is the model's own."""
    import open_clip

    for model, tag in open_clip.list_pretrained():
        assert open_clip.get_pretrained_cfg(model, tag)["hf_hub"], (model, tag)
    with pytest.raises(ModelNotFoundError, match="ViT-H-14-378-quickgelu/dfn5b"):
        locate_open_clip("ViT-H-14-378/dfn5b")
