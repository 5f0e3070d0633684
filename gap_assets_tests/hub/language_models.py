"""Repositories of Phi-1.5 and FLAN-T5 with their true files and configurations, and random weights.

The tokenizers are of the true kinds, learnt from our own prompts; they know fewer tokens than the
networks. Weights of CoCa are in `cocas`; serving is in `server`.
"""

import json
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import AutoConfig, PhiForCausalLM, T5ForConditionalGeneration

from gap_assets.summaries.prompts import FEW_SHOT_PROMPT, INSTRUCTION_PROMPT
from gap_assets_tests.hub.repository import Content, Repository

VOCABULARY = 500
EXTRA_IDS = [f"<extra_id_{k}>" for k in range(100)]

PHI_1_5: dict[str, Any] = {
    "architectures": ["PhiForCausalLM"],
    "attention_dropout": 0.0,
    "bos_token_id": None,
    "embd_pdrop": 0.0,
    "eos_token_id": None,
    "hidden_act": "gelu_new",
    "hidden_size": 2048,
    "initializer_range": 0.02,
    "intermediate_size": 8192,
    "layer_norm_eps": 1e-05,
    "max_position_embeddings": 2048,
    "model_type": "phi",
    "num_attention_heads": 32,
    "num_hidden_layers": 24,
    "num_key_value_heads": None,
    "partial_rotary_factor": 0.5,
    "qk_layernorm": False,
    "resid_pdrop": 0.0,
    "rope_scaling": None,
    "rope_theta": 10000.0,
    "tie_word_embeddings": False,
    "torch_dtype": "float16",
    "transformers_version": "4.37.0",
    "use_cache": True,
    "vocab_size": 51200,
}
SMALL_PHI = {
    "hidden_size": 64,
    "intermediate_size": 256,
    "num_attention_heads": 4,
    "num_hidden_layers": 2,
    "vocab_size": 1024,
}

FLAN_T5_BASE: dict[str, Any] = {
    "architectures": ["T5ForConditionalGeneration"],
    "d_ff": 2048,
    "d_kv": 64,
    "d_model": 768,
    "decoder_start_token_id": 0,
    "dropout_rate": 0.1,
    "eos_token_id": 1,
    "feed_forward_proj": "gated-gelu",
    "initializer_factor": 1.0,
    "is_encoder_decoder": True,
    "layer_norm_epsilon": 1e-06,
    "model_type": "t5",
    "n_positions": 512,
    "num_decoder_layers": 12,
    "num_heads": 12,
    "num_layers": 12,
    "output_past": True,
    "pad_token_id": 0,
    "relative_attention_max_distance": 128,
    "relative_attention_num_buckets": 32,
    "tie_word_embeddings": False,
    "transformers_version": "4.23.1",
    "use_cache": True,
    "vocab_size": 32128,
}
SMALL_T5 = {
    "d_ff": 128,
    "d_kv": 16,
    "d_model": 64,
    "num_decoder_layers": 2,
    "num_heads": 4,
    "num_layers": 2,
    "vocab_size": 1024,
}


def phi_repository(folder: Path, **sizes: int) -> Repository:
    """`microsoft/phi-1_5`, its weights in half precision as published.

    Args:
        folder: Where the files are written; made if need be.
        **sizes: In place of those in its configuration.
    """
    config = PHI_1_5 | sizes
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = _write_codegen_tokenizer(folder)
    model = PhiForCausalLM(_write_config(folder, config))
    _randomise(model, seed=1)
    with torch.no_grad():
        model.lm_head.bias.fill_(-1000)
        model.lm_head.bias[_words(tokenizer)] = 0
    weights = {name: tensor.half() for name, tensor in model.state_dict().items()}
    safetensors.torch.save_file(weights, folder / "model.safetensors", {"format": "pt"})
    _write(folder / "generation_config.json", {"_from_model_config": True})
    return Repository(name="microsoft/phi-1_5", files=_with_card(folder))


def t5_repository(folder: Path, **sizes: int) -> Repository:
    """`google/flan-t5-base`, its weights in the two forms that PyTorch reads.

    Args:
        folder: Where the files are written; made if need be.
        **sizes: In place of those in its configuration.
    """
    config = FLAN_T5_BASE | sizes
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = _write_t5_tokenizer(folder)
    model = T5ForConditionalGeneration(_write_config(folder, config))
    _randomise(model, seed=2)
    weights = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    # FLAN-T5's output layer is not its embedding.
    words = _words(tokenizer)
    output = torch.randn(len(words), config["d_model"], generator=torch.Generator().manual_seed(3))
    weights["lm_head.weight"] = torch.zeros(config["vocab_size"], config["d_model"])
    weights["lm_head.weight"][words] = output * config["d_model"] ** -0.5
    safetensors.torch.save_file(weights, folder / "model.safetensors", {"format": "pt"})
    torch.save(weights, folder / "pytorch_model.bin")
    (folder / "spiece.model").write_bytes(b"sentencepiece, which is not installed")
    ids = {"decoder_start_token_id": 0, "eos_token_id": 1, "pad_token_id": 0}
    _write(folder / "generation_config.json", {"_from_model_config": True, **ids})
    return Repository(name="google/flan-t5-base", files=_with_card(folder))


def _with_card(folder: Path) -> dict[str, Content]:
    card: dict[str, Content] = {"README.md": b"---\nlanguage: en\n---\n"}
    return card | {path.name: path for path in sorted(folder.iterdir())}


def _write(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=2))


def _write_config(folder: Path, config: dict[str, Any]) -> Any:
    _write(folder / "config.json", config)
    return AutoConfig.from_pretrained(folder)


def _randomise(model: torch.nn.Module, *, seed: int) -> None:
    """Weights large enough that summaries of different captions differ, and never overflow."""
    generator = torch.Generator().manual_seed(seed)
    for parameter in model.parameters():
        if parameter.ndim > 1:
            std = 1.5 * parameter.shape[-1] ** -0.5
            torch.nn.init.normal_(parameter, std=std, generator=generator)


def _words(tokenizer: Tokenizer) -> list[int]:
    """The tokens of letters and spaces, which alone are written: no line ends after nothing."""
    pieces = {k: piece.lstrip("Ġ▁") for piece, k in tokenizer.get_vocab(False).items()}
    return sorted(k for k, piece in pieces.items() if piece.isascii() and piece.isalpha())


def _write_codegen_tokenizer(folder: Path) -> Tokenizer:
    """A byte-level BPE without a token for padding, as `CodeGenTokenizer` has."""
    end = "<|endoftext|>"
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=[end],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([FEW_SHOT_PROMPT, INSTRUCTION_PROMPT], trainer)
    tokenizer.add_tokens(["    ", "\t\t"])
    tokenizer.save(str(folder / "tokenizer.json"))
    tokenizer.model.save(str(folder))  # vocab.json and merges.txt
    added = {text: tokenizer.token_to_id(text) for text in ("    ", "\t\t")}
    _write(folder / "added_tokens.json", added)
    special = dict.fromkeys(("bos_token", "eos_token", "unk_token"), end)
    _write(folder / "special_tokens_map.json", special)
    settings = {
        "add_prefix_space": False,
        "clean_up_tokenization_spaces": True,
        "model_max_length": 2048,
        "tokenizer_class": "CodeGenTokenizer",
    }
    _write(folder / "tokenizer_config.json", settings | special)
    return tokenizer


def _write_t5_tokenizer(folder: Path) -> Tokenizer:
    """Unigrams with T5's special tokens, and its hundred extra ones behind all others."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace(prepend_scheme="always")]
    )
    tokenizer.decoder = decoders.Metaspace()
    trainer = trainers.UnigramTrainer(
        vocab_size=VOCABULARY,
        special_tokens=["<pad>", "</s>", "<unk>"],
        unk_token="<unk>",
        initial_alphabet=[chr(k) for k in range(33, 127)],
        show_progress=False,
    )
    tokenizer.train_from_iterator([FEW_SHOT_PROMPT, INSTRUCTION_PROMPT], trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="$A </s>", pair="$A </s> $B </s>", special_tokens=[("</s>", 1)]
    )
    tokenizer.add_special_tokens(EXTRA_IDS[::-1])
    tokenizer.save(str(folder / "tokenizer.json"))
    special: dict[str, object] = {
        "additional_special_tokens": EXTRA_IDS,
        "eos_token": "</s>",
        "pad_token": "<pad>",
        "unk_token": "<unk>",
    }
    _write(folder / "special_tokens_map.json", special)
    settings = {
        "extra_ids": 100,
        "model_max_length": 512,
        "sp_model_kwargs": {},
        "tokenizer_class": "T5Tokenizer",
    }
    _write(folder / "tokenizer_config.json", settings | special)
    return tokenizer
