"""Small models of each family as folders, and pictures and texts to embed."""

from pathlib import Path

import numpy as np
import pytest

from gap_assets_tests.encoders.inputs import random_picture
from gap_assets_tests.hub import encoders

SMALL_TEXT = {"width": 32, "heads": 2, "layers": 2}
# The smallest of PE's towers, which takes pictures of one size only.
PE_TINY = {
    "timm_model_name": "vit_pe_core_tiny_patch16_384",
    "timm_model_pretrained": False,
    "image_size": 384,
}
CLIP = {
    "embed_dim": 24,
    "vision_cfg": {"image_size": 32, "layers": 2, "width": 64, "patch_size": 8},
    "text_cfg": {"context_length": 16, "vocab_size": 49408, **SMALL_TEXT},
}
SIGLIP2 = {
    "embed_dim": 192,
    "init_logit_bias": -10,
    "custom_text": True,
    "vision_cfg": {**PE_TINY, "timm_pool": "map", "timm_proj": "none"},
    "text_cfg": {
        "context_length": 24,
        "vocab_size": 1000,
        "hf_tokenizer_name": "timm/ViT-B-16-SigLIP2",
        "tokenizer_kwargs": {"clean": "canonicalize"},
        "no_causal_mask": True,
        "proj_bias": True,
        "pool_type": "last",
        "norm_kwargs": {"eps": 1e-6},
        "act_kwargs": {"approximate": "tanh"},
        **SMALL_TEXT,
    },
}
HALF = (0.5, 0.5, 0.5)
SIGLIP_PICTURES = {"mean": HALF, "std": HALF, "interpolation": "bicubic", "resize_mode": "squash"}
PE = {
    "embed_dim": 48,
    "custom_text": True,
    "vision_cfg": {**PE_TINY, "timm_pool": "map", "timm_proj": None},
    "text_cfg": {"context_length": 32, "vocab_size": 49408, **SMALL_TEXT},
}
PE_PICTURES = {"mean": HALF, "std": HALF, "interpolation": "bilinear", "resize_mode": "squash"}
COCA = {
    "embed_dim": 32,
    "custom_text": True,
    "vision_cfg": {
        **CLIP["vision_cfg"],
        "attentional_pool": True,
        "attn_pooler_heads": 4,
        "output_tokens": True,
    },
    "text_cfg": {
        "context_length": 15,
        "vocab_size": 49408,
        "embed_cls": True,
        "output_tokens": True,
        **SMALL_TEXT,
    },
    "multimodal_cfg": {
        "context_length": 15,
        "vocab_size": 49408,
        "attn_pooler_heads": 2,
        **SMALL_TEXT,
    },
}
LONGEST = {"resize_mode": "longest", "fill_color": 7}
OPEN_CLIP = {
    "clip": (CLIP, {}),
    "padded": (CLIP, LONGEST),
    "siglip2": (SIGLIP2, SIGLIP_PICTURES),
    "pe": (PE, PE_PICTURES),
    "coca": (COCA, {}),
}


@pytest.fixture(scope="session")
def models(tmp_path_factory) -> dict[str, Path]:
    """Folders of small models of each family, by family."""
    home = tmp_path_factory.mktemp("encoders")
    return {
        "xclip": encoders.xclip_folder(home / "xclip", **encoders.SMALL_XCLIP),
        "videoprism": encoders.videoprism_folder(home / "videoprism", **encoders.SMALL_VIDEOPRISM),
        **{
            family: encoders.open_clip_folder(home / family, config, preprocess)
            for family, (config, preprocess) in OPEN_CLIP.items()
        },
    }


@pytest.fixture(scope="session")
def pictures() -> list[np.ndarray]:
    """Pictures of several sizes and aspects, one of them smaller than any model's."""
    sizes = [(90, 160), (160, 90), (72, 72), (20, 31), (64, 300)]
    return [random_picture(height, width, seed) for seed, (height, width) in enumerate(sizes)]
