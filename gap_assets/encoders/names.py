"""How encoders are named, and the one spelling of each name.

Belongs here: what a name alone tells, so that settings and commands can check it at no cost.
Whether there is such a model is found by `gap_assets.encoders.loading`.
"""

import re
from collections.abc import Iterable

from gap_assets.profiles import LOCAL, MODELS, canonical_model, canonical_weights

OPEN_CLIP, TRANSFORMERS, EMBEDDED, UNTRAINED = KINDS = (
    "open_clip",
    "transformers",
    "embedded",
    "untrained",
)

EXAMPLES = (
    "open_clip:ViT-B-32/laion2b_s34b_b79k, transformers:microsoft/xclip-base-patch32,"
    " embedded:coca or untrained:3"
)

# A revision is a branch, a tag, a commit, or a pull request as `refs/pr/4`.
REPOSITORY = re.compile(r"[\w.-]+/[\w.-]+(@[\w./-]+)?", re.ASCII)
OPEN_CLIP_NAME = re.compile(r"[\w.-]+/[\w.-]+", re.ASCII)
LOOKS_LIKE_A_FOLDER = ("/", "./", "../", "~")


def canonical_encoder(name: str) -> str:
    """One spelling of an encoder's name.

    Args:
        name: `open_clip:MODEL/TAG` in any spelling that open_clip takes, `transformers:ORG/NAME`
            or `transformers:ORG/NAME@REVISION`, either library's name before a `:` and a folder,
            `embedded:NAME` for a CoCa that ships with this package, or `untrained:N` for N
            networks with random weights.

    Raises:
        ValueError: It is none of these.
    """
    kind, _, rest = name.strip().partition(":")
    if kind not in KINDS or not rest:
        raise ValueError(f"{name!r} names no encoder; write it as {EXAMPLES}.")
    if kind == UNTRAINED:
        if not re.fullmatch(r"0*[1-9]\d{0,3}", rest, re.ASCII):
            raise ValueError(
                f"{name!r} names no number of untrained networks; write it as untrained:3."
            )
        return f"{UNTRAINED}:{int(rest)}"
    if kind == EMBEDDED:
        ships = embedded_models()
        if rest not in ships:
            raise ValueError(
                f"No model {rest!r} ships with gap_assets; choose from {', '.join(ships)}."
            )
        return f"{EMBEDDED}:{rest}"
    if is_folder(rest):
        return f"{kind}:{canonical_model(rest).removeprefix(LOCAL)}"
    if kind == TRANSFORMERS:
        if not REPOSITORY.fullmatch(rest):
            raise ValueError(
                f"{name!r} is neither a folder nor a repository; write it as"
                " transformers:microsoft/xclip-base-patch32."
            )
        return f"{TRANSFORMERS}:{rest}"
    model, _, tag = rest.rpartition("/")
    canonical = f"{canonical_model(model)}/{canonical_weights(tag)}"
    if not OPEN_CLIP_NAME.fullmatch(canonical):
        raise ValueError(
            f"{name!r} lacks a model or its weights; write it as"
            " open_clip:ViT-B-32/laion2b_s34b_b79k."
        )
    return f"{OPEN_CLIP}:{canonical}"


def untrained_count(names: Iterable[str]) -> int:
    """How many untrained networks canonical names ask for; the largest of several numbers."""
    numbers = (name.removeprefix(f"{UNTRAINED}:") for name in names if is_untrained(name))
    return max(map(int, numbers), default=0)


def is_untrained(name: str) -> bool:
    """Whether a canonical name stands for networks with random weights, not for one encoder."""
    return name.startswith(f"{UNTRAINED}:")


def is_folder(rest: str) -> bool:
    """Whether what follows the kind is a folder rather than a name on a hub."""
    return rest.startswith((LOCAL, *LOOKS_LIKE_A_FOLDER))


def embedded_models() -> list[str]:
    """The CoCas that ship with this package, by the names of their folders."""
    return sorted(path.parent.name for path in MODELS.glob("*/open_clip_config.json"))
