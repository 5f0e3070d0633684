import numpy as np
import pytest
import torch

from gap_assets.coca.engine import DecodeSettings, describe_frames
from gap_assets.coca.model import load_coca
from gap_assets_tests.coca.conftest import jpeg

pytestmark = pytest.mark.gpu


@pytest.mark.parametrize("mode", ["greedy", "beam", "compat", "sample"])
def test_recorded_steps_give_the_captions_of_the_cpu(coca, model_folder, mode):
    """In full fp32, and with a last batch that is smaller than the recorded one."""
    on_gpu = load_coca(
        model=f"local-dir:{model_folder}", weights=None, device="cuda", precision="fp32"
    )
    torch.set_float32_matmul_precision("highest")
    decode = DecodeSettings(mode=mode, max_tokens=13, min_tokens=3)
    jpegs = [jpeg(seed) for seed in range(11)]
    results = [
        list(describe_frames(model, jpegs, decode=decode, batch_size=4)) for model in (coca, on_gpu)
    ]
    texts, rows = zip(
        *(
            (
                [caption.text for batch in batches for caption in batch.captions],
                np.concatenate([batch.embeddings for batch in batches]),
            )
            for batches in results
        ),
        strict=True,
    )
    assert texts[0] == texts[1]
    assert np.abs(rows[0] - rows[1]).max() < 1e-4


def test_half_precision_is_the_default_and_keeps_the_embeddings(coca, model_folder):
    half = load_coca(model=f"local-dir:{model_folder}", weights=None, device="cuda")
    assert half.dtype == torch.float16
    jpegs = [jpeg(seed) for seed in range(8)]
    rows = [
        np.concatenate(
            [b.embeddings for b in describe_frames(m, jpegs, decode=DecodeSettings(), batch_size=8)]
        )
        for m in (coca, half)
    ]
    assert (rows[0] * rows[1]).sum(axis=1).min() > 0.999
