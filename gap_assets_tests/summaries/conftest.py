import hashlib
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    PhiConfig,
    PhiForCausalLM,
    PreTrainedTokenizerFast,
    T5Config,
    T5ForConditionalGeneration,
)

from gap_assets.summaries.prompts import FEW_SHOT_PROMPT, INSTRUCTION_PROMPT
from gap_assets.summaries.summarizer import load_summarizer

VOCABULARY = 300


@pytest.fixture(autouse=True)
def _one_thread():
    """Small models on many threads wait for each other more than they compute."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def write_tokenizer(folder: Path, *, t5: bool) -> None:
    """A byte-level BPE, learnt from our own prompts; as published, without a pad token for GPT."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=["<pad>", "</s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([FEW_SHOT_PROMPT, INSTRUCTION_PROMPT], trainer)
    special = {"eos_token": "</s>"}
    if t5:
        tokenizer.post_processor = processors.TemplateProcessing(
            single="$A </s>", special_tokens=[("</s>", 1)]
        )
        special["pad_token"] = "<pad>"
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, **special).save_pretrained(folder)


def small_model(kind: str):
    if kind == "t5":
        config = T5Config(
            vocab_size=VOCABULARY,
            d_model=32,
            d_kv=8,
            d_ff=64,
            num_layers=2,
            num_heads=4,
            decoder_start_token_id=0,
            pad_token_id=0,
            eos_token_id=1,
        )
        return T5ForConditionalGeneration(config)
    sizes = {"vocab_size": VOCABULARY, "bos_token_id": 1, "eos_token_id": 1}
    if kind == "gpt2":
        return GPT2LMHeadModel(GPT2Config(n_positions=640, n_embd=32, n_layer=2, n_head=4, **sizes))
    return PhiForCausalLM(
        PhiConfig(
            hidden_size=32,
            intermediate_size=64,
            num_hidden_layers=2,
            num_attention_heads=4,
            max_position_embeddings=640,
            **sizes,
        )
    )


@pytest.fixture(scope="session", params=["t5", "phi", "gpt2"])
def folder(request, tmp_path_factory) -> Path:
    """A small random model whose weights are large enough for summaries that differ."""
    path = tmp_path_factory.mktemp("summarizers") / request.param
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = small_model(request.param)
        for name, parameter in model.named_parameters():
            if parameter.ndim > 1:
                torch.nn.init.normal_(parameter, std=0.5 if "wte" in name else 0.3)
    model.save_pretrained(path)
    write_tokenizer(path, t5=request.param == "t5")
    sums = [
        f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}\n"
        for file in sorted(path.iterdir())
    ]
    (path / "SHA256SUMS").write_text("".join(sums))
    return path


@pytest.fixture(scope="session")
def summarizer(folder):
    return load_summarizer(model=str(folder), device="cpu")
