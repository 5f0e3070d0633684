"""Model repositories as the real ones are laid out: true names, files and configurations.

The weights are random, large enough that what comes out differs from input to input. A language
model's hidden size and layers are the true ones unless a test asks for fewer.
"""

import json
from pathlib import Path
from typing import Any

import open_clip
import torch
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import (
    GenerationConfig,
    PhiConfig,
    PhiForCausalLM,
    PreTrainedModel,
    PreTrainedTokenizerFast,
    T5Config,
    T5ForConditionalGeneration,
)

from gap_assets.coca.model import load_coca
from gap_assets.summaries.prompts import FEW_SHOT_PROMPT, INSTRUCTION_PROMPT

PHI = "microsoft/phi-1_5"
FLAN_T5 = "google/flan-t5-base"

# config.json of microsoft/phi-1_5 and of google/flan-t5-base, as published.
PHI_CONFIG: dict[str, Any] = {
    "vocab_size": 51200,
    "hidden_size": 2048,
    "intermediate_size": 8192,
    "num_hidden_layers": 24,
    "num_attention_heads": 32,
    "hidden_act": "gelu_new",
    "max_position_embeddings": 2048,
    "partial_rotary_factor": 0.5,
    "qk_layernorm": False,
    "rope_theta": 10000.0,
    "bos_token_id": None,
    "eos_token_id": None,
}
FLAN_T5_CONFIG: dict[str, Any] = {
    "vocab_size": 32128,
    "d_model": 768,
    "d_kv": 64,
    "d_ff": 2048,
    "num_layers": 12,
    "num_decoder_layers": 12,
    "num_heads": 12,
    "feed_forward_proj": "gated-gelu",
    "tie_word_embeddings": False,
    "decoder_start_token_id": 0,
    "pad_token_id": 0,
    "eos_token_id": 1,
}
SMALL_PHI = {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2}
SMALL_PHI |= {"num_attention_heads": 4, "vocab_size": 1024}
SMALL_FLAN_T5 = {"d_model": 64, "d_kv": 16, "d_ff": 128, "num_layers": 2}
SMALL_FLAN_T5 |= {"num_decoder_layers": 2, "num_heads": 4, "vocab_size": 1024}


def coca_repository(model: str, tag: str) -> str:
    """The repository of open_clip's tag."""
    return open_clip.get_pretrained_cfg(model, tag)["hf_hub"].rstrip("/")


def write_coca(folder: Path, model: str, *, seed: int, names: tuple[str, ...]) -> Path:
    """Writes random weights of a CoCa under the names that its repository has."""
    folder.mkdir(parents=True)
    module = load_coca(model=model, weights=None, device="cpu", seed=seed).module
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(seed)
        for name, parameter in module.named_parameters():
            if "embedding" in name or "text_projection" in name:
                parameter.mul_(3)
    state = {name: tensor.contiguous() for name, tensor in module.state_dict().items()}
    for name in names:
        if name.endswith(".safetensors"):
            save_file(state, folder / name)
        else:
            torch.save(state, folder / name)
    config = {"model_cfg": open_clip.get_model_config(model), "preprocess_cfg": {}}
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    (folder / "README.md").write_text("# A model card\n")
    return folder


def write_phi(folder: Path, *, dtype: torch.dtype = torch.float16, **smaller: int) -> Path:
    """Writes microsoft/phi-1_5 with random weights; published in half precision."""
    network = _random(PhiForCausalLM, PhiConfig(**(PHI_CONFIG | smaller)), dtype)
    return _write(folder, network, network.config, t5=False)


def write_flan_t5(folder: Path, *, dtype: torch.dtype = torch.float32, **smaller: int) -> Path:
    """Writes google/flan-t5-base with random weights."""
    network = _random(T5ForConditionalGeneration, T5Config(**(FLAN_T5_CONFIG | smaller)), dtype)
    _write(folder, network, network.config, t5=True)
    (folder / "pytorch_model.bin").write_bytes(b"the same in another format")
    (folder / "spiece.model").write_bytes(b"the tokenizer in another format")
    return folder


def files_of(folder: Path) -> dict[str, Path]:
    """The files of a repository, as the hub of the tests serves them."""
    return {path.name: path for path in sorted(folder.iterdir())}


def _random(kind: type[PreTrainedModel], config: Any, dtype: torch.dtype) -> PreTrainedModel:
    """A network that was made in its own precision, for memory's sake."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        with torch.random.fork_rng():
            torch.manual_seed(0)
            network = kind(config)
            for parameter in network.parameters():
                if parameter.ndim > 1:
                    torch.nn.init.normal_(parameter, std=2 * parameter.shape[-1] ** -0.5)
    finally:
        torch.set_default_dtype(before)
    return network.eval()


def _write(folder: Path, network: PreTrainedModel, config: Any, *, t5: bool) -> Path:
    network.save_pretrained(folder, max_shard_size="50GB")
    generation = {"decoder_start_token_id": 0, "eos_token_id": 1, "pad_token_id": 0} if t5 else {}
    GenerationConfig(**generation).save_pretrained(folder)
    tokenizer = _tokenizer(config.vocab_size, t5=t5)
    special = {"eos_token": "</s>", "pad_token": "<pad>"} if t5 else {"eos_token": "<|endoftext|>"}
    limit = 512 if t5 else 2048
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, model_max_length=limit, **special
    ).save_pretrained(folder)
    return folder


def _tokenizer(vocabulary: int, *, t5: bool) -> Tokenizer:
    """A byte-level BPE of our prompts; the network's vocabulary is larger, as published."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=min(vocabulary, 900),
        special_tokens=["<pad>", "</s>"] if t5 else ["<|endoftext|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([FEW_SHOT_PROMPT, INSTRUCTION_PROMPT], trainer)
    if t5:
        tokenizer.post_processor = processors.TemplateProcessing(
            single="$A </s>", special_tokens=[("</s>", 1)]
        )
    return tokenizer
