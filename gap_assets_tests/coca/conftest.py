import gzip
import hashlib
import io
import json
from pathlib import Path

import numpy as np
import open_clip
import pytest
import safetensors.torch
import torch
from PIL import Image

from gap_assets.coca.model import Coca, load_coca
from gap_assets_tests.coca import reference

MERGES = 300


@pytest.fixture(autouse=True)
def _one_thread():
    """Keep runs alike: how a matrix product is split over threads changes its last bits."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def write_model_folder(folder: Path, *, attentional_pool: bool) -> Path:
    """Write a small random CoCa in the layout of the embedded model."""
    folder.mkdir()
    merges = gzip.decompress(Path(open_clip.tokenizer.default_bpe()).read_bytes()).decode()
    pruned = "\n".join(merges.split("\n")[: MERGES + 1])
    (folder / "bpe.txt.gz").write_bytes(gzip.compress(pruned.encode(), mtime=0))
    module, config = reference.tiny_coca(
        0, vocabulary=512 + MERGES + 2, attentional_pool=attentional_pool
    )
    safetensors.torch.save_file(module.state_dict(), folder / "open_clip_model.safetensors")
    preprocess = {"mean": [0.4, 0.5, 0.6], "std": [0.3, 0.2, 0.1]}
    (folder / "open_clip_config.json").write_text(
        json.dumps({"model_cfg": {**config, "custom_text": True}, "preprocess_cfg": preprocess})
    )
    sums = [
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n"
        for path in sorted(folder.iterdir())
    ]
    (folder / "SHA256SUMS").write_text("".join(sums))
    return folder


@pytest.fixture(scope="session", params=[True, False], ids=["attentional_pool", "patch_tokens"])
def model_folder(request, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "tiny"
    return write_model_folder(folder, attentional_pool=request.param)


@pytest.fixture(scope="session")
def coca(model_folder) -> Coca:
    return load_coca(model=f"local-dir:{model_folder}", weights=None, device="cpu")


def picture(seed: int, *, width: int = 60, height: int = 40) -> np.ndarray:
    """Smooth random colours, as a photo has them, with a sharp edge."""
    random = np.random.default_rng(seed)
    small = random.integers(0, 256, (5, 7, 3), dtype=np.uint8)
    image = Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC)
    pixels = np.array(image)
    pixels[: height // 3, : width // 4] = random.integers(0, 256, 3)
    return pixels


def jpeg(seed: int, **size: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(picture(seed, **size)).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()
