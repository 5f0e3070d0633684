import pytest
import torch

from gap_assets.coca import model as module
from gap_assets.coca.cost import encoding_flop, logit_scale
from gap_assets.coca.model import load_coca


def test_the_temperature_is_read_from_the_file_alone(model_folder, coca, monkeypatch):
    logit_scale.cache_clear()
    monkeypatch.setattr(module.open_clip, "create_model", None)
    expected = float(coca.module.logit_scale.exp())
    assert logit_scale(f"local-dir:{model_folder}", None) == expected
    monkeypatch.setattr("gap_assets.coca.cost.read_weights", None)
    assert logit_scale(f"local-dir:{model_folder}", None) == expected  # remembered


def test_so_it_is_from_a_bin_file(tmp_path):
    file = tmp_path / "open_clip_pytorch_model.bin"
    torch.save({"logit_scale": torch.tensor(2.0), "text": torch.zeros(9)}, file)
    assert logit_scale("coca_ViT-B-32", str(file)) == pytest.approx(7.389056)


@pytest.mark.parametrize("name", ["coca_ViT-B-32", "coca_ViT-L-14"])
def test_the_cost_of_a_picture_is_that_of_its_blocks(name):
    blocks = {"coca_ViT-B-32": 12 * 7_077_888 * 49, "coca_ViT-L-14": 24 * 12_582_912 * 256}
    assert encoding_flop(name) == 2 * blocks[name]


def test_the_cost_of_a_folder_is_that_of_its_network(model_folder):
    name = f"local-dir:{model_folder}"
    coca = load_coca(model=name, weights=None, device="cpu")
    blocks = coca.module.visual.transformer.resblocks
    weights = sum(p.numel() for p in blocks.parameters() if p.ndim > 1)
    patches = coca.module.visual.positional_embedding.shape[0] - 1
    assert encoding_flop(name) == pytest.approx(2 * weights * patches, rel=0.01)
