"""Repositories and folders of encoders with their true layouts and configurations, random weights.

CLIP's tokenizer is the true one, which open_clip ships. Those of SigLIP2 and VideoPrism are
stand-ins of the true classes, learnt from our own prompts: their vocabularies are only on the hub.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import open_clip
import safetensors.torch
import torch
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers
from transformers import (
    CLIPTokenizer,
    GemmaTokenizer,
    VideoPrismClipModel,
    VideoPrismConfig,
    VideoPrismTokenizer,
    XCLIPConfig,
    XCLIPModel,
)

from gap_assets.summaries.prompts import FEW_SHOT_PROMPT, INSTRUCTION_PROMPT
from gap_assets_tests.hub.repository import Content, Repository

OPEN_CLIP_FILE = "open_clip_model.safetensors"
PROMPTS = [FEW_SHOT_PROMPT, INSTRUCTION_PROMPT]
VOCABULARY = 700

# As in the repositories of microsoft/xclip-*.
XCLIP_PROCESSOR = {
    "do_center_crop": True,
    "do_normalize": True,
    "do_resize": True,
    "feature_extractor_type": "VideoMAEFeatureExtractor",
    "image_mean": [0.485, 0.456, 0.406],
    "image_std": [0.229, 0.224, 0.225],
    "processor_class": "XCLIPProcessor",
    "resample": 2,
    "size": 224,
}
VIDEOPRISM_PROCESSOR = {
    "do_normalize": False,
    "do_sample_frames": True,
    "num_frames": 16,
    "processor_class": "VideoPrismProcessor",
    "size": {"height": 288, "width": 288},
    "video_processor_type": "LlavaOnevisionVideoProcessor",
}

SMALL_XCLIP: dict[str, Any] = {
    "projection_dim": 24,
    "prompt_num_attention_heads": 2,
    "text_config": {
        "hidden_size": 24,
        "intermediate_size": 48,
        "num_attention_heads": 2,
        "num_hidden_layers": 2,
    },
    "vision_config": {
        "hidden_size": 32,
        "image_size": 64,
        "intermediate_size": 64,
        "mit_hidden_size": 24,
        "mit_intermediate_size": 48,
        "mit_num_attention_heads": 2,
        "num_attention_heads": 2,
        "num_frames": 4,
        "num_hidden_layers": 2,
    },
}
SMALL_VIDEOPRISM: dict[str, Any] = {
    "text_config": {
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_attention_heads": 2,
        "num_hidden_layers": 2,
        "vocab_size": 1000,
    },
    "vision_config": {
        "hidden_size": 32,
        "image_size": 54,
        "intermediate_size": 64,
        "num_attention_heads": 2,
        "num_auxiliary_layers": 1,
        "num_frames": 4,
        "num_spatial_layers": 2,
        "num_temporal_layers": 1,
    },
}


def open_clip_repository(folder: Path, *, model: str, tag: str) -> Repository:
    """Weights of a model as open_clip names them, with a tokenizer where it has one of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    write_random_weights(model, folder / OPEN_CLIP_FILE)
    config = open_clip.get_model_config(model)
    assert config
    name = open_clip.get_pretrained_cfg(model, tag)["hf_hub"].strip("/")
    if "hf_tokenizer_name" in config["text_cfg"]:
        assert config["text_cfg"]["hf_tokenizer_name"] == name
        write_gemma_tokenizer(folder)
    return published(name, folder)


def open_clip_folder(
    folder: Path, config: Mapping[str, Any], preprocess: Mapping[str, Any] | None = None
) -> Path:
    """A folder as `open_clip.push_to_hf_hub` writes one."""
    folder.mkdir(parents=True, exist_ok=True)
    values = {"model_cfg": config, "preprocess_cfg": preprocess or {}}
    (folder / "open_clip_config.json").write_text(json.dumps(values))
    if "hf_tokenizer_name" in config["text_cfg"]:
        write_gemma_tokenizer(folder)
    write_random_weights(f"local-dir:{folder}", folder / OPEN_CLIP_FILE)
    return folder


def write_random_weights(model: str, path: Path) -> None:
    """open_clip's own initial weights; what it leaves at zero is drawn, too."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        weights = open_clip.create_model(
            model, load_weights=False, pretrained_text=False
        ).state_dict()
        for name, tensor in weights.items():
            # open_clip leaves the one uninitialised (its issue 551), and timm the other at zero.
            if name == "text_decoder.text_projection" or (tensor.ndim > 1 and not tensor.any()):
                torch.nn.init.normal_(tensor, std=tensor.shape[-1] ** -0.5)
    safetensors.torch.save_file(
        {name: tensor.contiguous() for name, tensor in weights.items()}, path, {"format": "pt"}
    )


def xclip_folder(folder: Path, *, weights: str = "pytorch_model.bin", **sizes: Any) -> Path:
    """`microsoft/xclip-base-patch32`, of which the weights are a `.bin`."""
    folder.mkdir(parents=True, exist_ok=True)
    config = XCLIPConfig(architectures=["XCLIPModel"], **sizes)
    model = _seeded(XCLIPModel, config)
    processor = XCLIP_PROCESSOR | {"size": model.config.vision_config.image_size}
    (folder / "preprocessor_config.json").write_text(json.dumps(processor))
    own = open_clip.SimpleTokenizer()
    special = {"<start_of_text>": "<|startoftext|>", "<end_of_text>": "<|endoftext|>"}
    vocabulary = {special.get(token, token): i for token, i in own.encoder.items()}
    CLIPTokenizer(vocab=vocabulary, merges=[*own.bpe_ranks]).save_pretrained(folder)
    return _with_random_weights(model, folder, weights)


def videoprism_folder(folder: Path, *, weights: str = "model.safetensors", **sizes: Any) -> Path:
    """`google/videoprism-lvt-base-f16r288`, as converted for transformers."""
    folder.mkdir(parents=True, exist_ok=True)
    config = VideoPrismConfig(architectures=["VideoPrismClipModel"], **sizes)
    model = _seeded(VideoPrismClipModel, config)
    vision = model.config.vision_config
    size = {"height": vision.image_size, "width": vision.image_size}
    processor = VIDEOPRISM_PROCESSOR | {"size": size, "num_frames": vision.num_frames}
    (folder / "video_preprocessor_config.json").write_text(json.dumps(processor))
    learnt = Tokenizer(models.Unigram())
    learnt.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace(prepend_scheme="always")]
    )
    trainer = trainers.UnigramTrainer(
        vocab_size=VOCABULARY,
        special_tokens=["<pad>", "</s>", "<unk>"],
        unk_token="<unk>",
        show_progress=False,
    )
    learnt.train_from_iterator(PROMPTS, trainer)
    vocabulary = json.loads(learnt.to_str())["model"]["vocab"]
    tokenizer = VideoPrismTokenizer(vocab=[(piece, score) for piece, score in vocabulary])
    tokenizer.save_pretrained(folder)
    return _with_random_weights(model, folder, weights)


def published(name: str, folder: Path) -> Repository:
    """A folder as a repository on the hub."""
    card: dict[str, Content] = {"README.md": b"---\nlicense: apache-2.0\n---\n"}
    return Repository(name=name, files=card | {p.name: p for p in sorted(folder.iterdir())})


def write_gemma_tokenizer(folder: Path) -> None:
    """A BPE in which pad, end and begin are 0, 1 and 2, and texts end in 1, as SigLIP2's do."""
    special = ["<pad>", "<eos>", "<bos>", "<unk>", "<mask>"]
    learnt = Tokenizer(models.BPE(unk_token="<unk>", byte_fallback=True))
    learnt.normalizer = normalizers.Replace(" ", "▁")
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY, special_tokens=special, show_progress=False
    )
    learnt.train_from_iterator(PROMPTS, trainer)
    model = json.loads(learnt.to_str())["model"]
    merges = [tuple(merge) for merge in model["merges"]]
    options = {"add_bos_token": False, "add_eos_token": True, "padding_side": "right"}
    GemmaTokenizer(vocab=model["vocab"], merges=merges, **options).save_pretrained(folder)


def _seeded(kind: Any, config: Any) -> Any:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(7)
        return kind(config)


def _with_random_weights(model: Any, folder: Path, name: str) -> Path:
    """Weights under which different inputs differ; transformers leaves some parts at zero."""
    generator = torch.Generator().manual_seed(7)
    for parameter in model.parameters():
        if parameter.ndim > 1:
            std = parameter.shape[-1] ** -0.5
            torch.nn.init.normal_(parameter, std=std, generator=generator)
    model.config.save_pretrained(folder)
    weights = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    if name.endswith(".safetensors"):
        safetensors.torch.save_file(weights, folder / name, {"format": "pt"})
    else:
        torch.save(weights, folder / name)
    return folder
