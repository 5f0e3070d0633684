"""What a network tells without being loaded: its cost per picture, its temperature.

Both are read from files; where these lie is found by `weights`. Loading a network belongs to
`model`.
"""

import json
from functools import cache
from pathlib import Path
from typing import Any

from gap_assets.checkpoints import LOCAL_CONFIG, folder_weights, read_weights
from gap_assets.coca.weights import coca_config, fetch_weights
from gap_assets.profiles import LOCAL, canonical_model, is_local

OF_VIT_B_16 = {"layers": 12, "width": 768, "patch_size": 16, "image_size": 224}


def encoding_flop(model: str) -> float:
    """Floating-point operations of encoding one picture, to within some percent.

    A multiplication and an addition for each of a block's 12 width^2 weights and each patch; the
    attention between patches and the poolers come to little beside it. A tower without such
    numbers in its configuration counts as open_clip's default, a ViT-B/16.

    Args:
        model: As for `load_coca`.

    Raises:
        ModelNotFoundError: open_clip knows no such model.
    """
    name = canonical_model(model)
    if is_local(name):
        text = (Path(name.removeprefix(LOCAL)) / LOCAL_CONFIG).read_text(encoding="utf-8")
        config: dict[str, Any] = json.loads(text)["model_cfg"]
    else:
        config = coca_config(name)
    given = {k: v for k, v in config["vision_cfg"].items() if k in OF_VIT_B_16}
    tower = OF_VIT_B_16 | {k: v for k, v in given.items() if isinstance(v, int)}
    patches = (tower["image_size"] // tower["patch_size"]) ** 2
    return float(2 * 12 * tower["layers"] * tower["width"] ** 2 * patches)


@cache
def logit_scale(model: str, weights: str | None) -> float:
    """A model's own inverse temperature, learned with it, from its file of weights alone.

    Args:
        model: As for `load_coca`.
        weights: As for `load_coca`; what the hub has is fetched if it is not in the cache.

    Raises:
        ModelNotFoundError: There are no such weights, or they are damaged.
    """
    name = canonical_model(model)
    if is_local(name):
        path = folder_weights(Path(name.removeprefix(LOCAL)))
    else:
        path = fetch_weights(name, weights)
    return float(read_weights(path)["logit_scale"].float().exp())
