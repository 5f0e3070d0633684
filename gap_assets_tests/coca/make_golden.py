"""Record what open_clip's own `generate()` captions, as the golden tokens of `test_golden.py`.

open_clip 3.3's `generate()` needs an older transformers than this project runs on, so this script
runs in an environment of its own, from the root of the project:

    uv venv golden && uv pip install --python golden open_clip_torch==3.3.0 transformers==4.56.2
    golden/bin/python -m gap_assets_tests.coca.make_golden
"""

import json
from importlib.metadata import version
from itertools import product
from pathlib import Path

import torch

from gap_assets_tests.coca.reference import tiny_coca

GOLDEN = Path(__file__).parent / "golden.json"
IMAGES = 6


def images(seed: int) -> torch.Tensor:
    return torch.randn(IMAGES, 3, 32, 32, generator=torch.Generator().manual_seed(seed))


def fingerprint(module: torch.nn.Module) -> float:
    return sum(float(parameter.detach().double().abs().sum()) for parameter in module.parameters())


def record() -> list[dict[str, object]]:
    cases = []
    for seed, vocabulary, pool in product(range(3), (20, 200), (True, False)):
        model = {"seed": seed, "vocabulary": vocabulary, "attentional_pool": pool, "context": 32}
        module, _ = tiny_coca(**model)
        for beams, groups in ((6, 3), (6, 1), (3, 1)):
            tokens = module.generate(
                images(seed),
                sot_token_id=vocabulary - 2,
                eos_token_id=vocabulary - 1,
                num_beams=beams,
                num_beam_groups=groups,
            )
            cases.append(
                {
                    "model": model,
                    "fingerprint": fingerprint(module),
                    "beams": beams,
                    "groups": groups,
                    "tokens": tokens.tolist(),
                }
            )
    return cases


if __name__ == "__main__":
    torch.set_num_threads(1)
    versions = {name: version(name) for name in ("open_clip_torch", "transformers", "torch")}
    GOLDEN.write_text(json.dumps({"versions": versions, "cases": record()}) + "\n")
