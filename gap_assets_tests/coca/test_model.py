import shutil

import pytest
import torch

from gap_assets.coca.model import load_coca
from gap_assets.files import ChecksumError
from gap_assets.hub import ModelNotFoundError


def test_a_folder_is_loaded_with_its_own_vocabulary_and_preprocessing(model_folder, coca):
    assert coca.tokenizer.vocab_size == 512 + 300 + 2 == coca.module.text.vocab_size
    assert coca.mean == (0.4, 0.5, 0.6)
    assert coca.std == (0.3, 0.2, 0.1)
    assert (coca.image_size, coca.embed_dim, coca.context_length) == (32, 32, 14)
    assert (coca.device.type, coca.dtype) == ("cpu", torch.float32)
    assert not coca.module.training


def test_a_changed_file_is_refused(model_folder, tmp_path):
    folder = shutil.copytree(model_folder, tmp_path / "changed")
    with (folder / "open_clip_model.safetensors").open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"x")
    with pytest.raises(ChecksumError, match=r"safetensors is not the file that SHA256SUMS"):
        load_coca(model=f"local-dir:{folder}", weights=None)


@pytest.mark.parametrize("listing", [b"", b"\xff\0no list", b"0" * 64])
def test_a_damaged_listing_is_refused(model_folder, tmp_path, listing):
    folder = shutil.copytree(model_folder, tmp_path / "changed")
    (folder / "SHA256SUMS").write_bytes(listing)
    with pytest.raises(ChecksumError, match=r"SHA256SUMS is damaged in line 1; restore") as caught:
        load_coca(model=f"local-dir:{folder}", weights=None)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("open_clip_model.safetensors", b""),
        ("open_clip_config.json", b"\xff{"),
        ("open_clip_config.json", b"{}"),
        ("bpe.txt.gz", b"no gzip"),
    ],
)
def test_a_damaged_folder_without_checksums_is_named(model_folder, tmp_path, name, content):
    folder = shutil.copytree(model_folder, tmp_path / "changed")
    (folder / "SHA256SUMS").unlink()
    (folder / name).write_bytes(content)
    with pytest.raises(ModelNotFoundError, match=f"{folder} holds no CoCa that can") as caught:
        load_coca(model=f"local-dir:{folder}", weights=None)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("model", "weights", "message"),
    [
        ("no-such-model", None, "open_clip knows no model 'no-such-model'"),
        ("local-dir:/nowhere/at/all", None, "has no open_clip_config.json"),
        ("coca_ViT-B-32", "no-such-tag", "neither a file nor a tag.*laion2b_s13b_b90k"),
        ("coca_ViT-B-32", "/no/such.bin", "neither a file nor a tag.*laion2b_s13b_b90k"),
        ("coca_ViT-B-32", None, "no weights of its own; name one of its tags .*laion2b_s13b_b90k"),
        ("ViT-B-32", "openai", "ViT-B-32 is no CoCa and writes no captions; choose from coca_"),
        ("RN50", None, "RN50 is no CoCa"),
    ],
)
def test_what_is_missing_is_named_in_one_sentence(model, weights, message):
    with pytest.raises(ModelNotFoundError, match=message) as caught:
        load_coca(model=model, weights=weights)
    assert "\n" not in str(caught.value)


def test_weights_that_cannot_be_fetched_are_named(tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    for tag in ("laion2b_s13b_b90k", "laion2B-s13B-b90k", "LAION2B_s13b-b90k"):
        with pytest.raises(ModelNotFoundError, match=r"laion/CoCa-ViT-B-32.* is not in the local"):
            load_coca(model="coca_ViT-B-32", weights=tag, device="cpu")


def test_an_absent_gpu_is_refused():
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    with pytest.raises(ValueError, match="sees no GPU"):
        load_coca(model="coca_ViT-B-32", weights=None, device="cuda")


def test_a_seed_gives_a_folders_architecture_random_weights(model_folder):
    def text_projection(seed):
        model = load_coca(model=f"local-dir:{model_folder}", weights=None, device="cpu", seed=seed)
        assert all(parameter.isfinite().all() for parameter in model.module.parameters())
        return model.module.text_decoder.text_projection

    trained, first, again, other = (text_projection(seed) for seed in (None, 0, 0, 1))
    assert torch.equal(first, again)
    assert not torch.equal(first, trained)
    assert not torch.equal(first, other)
