"""The pairs of models that the platform runs, `embedded` and `hub`, and how models are named.

A profile names models and the settings that only make sense with them. It holds no model and loads
nothing. Settings that a user varies within a profile belong to `gap_assets.parameters`.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

MODELS = Path(__file__).parent / "models"

ProfileName = Literal["embedded", "hub"]


@dataclass(frozen=True, kw_only=True)
class Profile:
    """A CoCa and a summariser that belong together.

    Attributes:
        coca: An open_clip model name, or `local-dir:` and a folder.
        weights: The open_clip tag of the weights; None where the folder holds them.
        summarizer: A Hugging Face model id, or a folder.
        chance: Of captions that say different things, the caption filter may merge so many.
        returns: Whether the summariser is given a caption again when the video comes back to it.
        frame_short_side: The short side of the stored frames, in pixels: a little more than what
            the model sees.
        prompt: The summariser's prompt; None for the default of its kind.
        encoders: What else is measured on the same frames and texts, by canonical names.
        repetition_penalty: Of the summariser's own words; base models repeat themselves without
            one, and the higher it is the fewer of its words are the captions'
            (`benchmarks/summaries.py`).
        known_world: What the models understand, if that is less than everyday videos.
        trained_on: What the CoCa was trained on, where that is known and tells of its gap.
        before_captions: The tag that `weights` were made from by training on captions alone.
        familiar_logprob: The mean log-probability per token, in nats, that captions of that world
            stay above.
    """

    coca: str
    weights: str | None
    summarizer: str
    chance: float
    returns: bool
    frame_short_side: int
    encoders: tuple[str, ...] = ()
    prompt: str | None = None
    repetition_penalty: float = 1.0
    known_world: str | None = None
    trained_on: str | None = None
    before_captions: str | None = None
    familiar_logprob: float = 0.0


def display_name(model: str, weights: str | None = None) -> str:
    """A model's name for people, without the machine's path where it ships with the package."""
    name = f"embedded {Path(model).name}" if str(MODELS) in model else model
    return f"{name} {weights}" if weights else name


PROFILES: dict[ProfileName, Profile] = {
    # The embedded summariser reads a story from the order of its captions, returns included: a
    # bounce is "left, right, left". And two captions of its world that differ in one word say
    # different things: at a chance of 0.01, a third of the summaries are wrong, at this one 2 %.
    "embedded": Profile(
        coca=f"local-dir:{MODELS / 'coca'}",
        weights=None,
        summarizer=str(MODELS / "summarizer"),
        chance=0.0005,
        returns=True,
        frame_short_side=72,
        encoders=("embedded:coca-whole-captions",),
        prompt="{captions}",
        known_world="the drawn shapes of gap_assets.world",
        trained_on="captions that leave out each detail with a probability of one half where they"
        " are contrasted with pictures, and whole captions where it learned to write them",
        # The medians of 24 drawn videos are above -0.0002, those of 40 others below -0.006.
        familiar_logprob=-0.003,
    ),
    "hub": Profile(
        coca="coca_ViT-L-14",
        weights="mscoco_finetuned_laion2B-s13B-b90k",
        before_captions="laion2B-s13B-b90k",
        summarizer="microsoft/phi-1_5",
        chance=0.01,
        returns=False,
        frame_short_side=256,
        encoders=("open_clip:coca_ViT-L-14/laion2b_s13b_b90k", "untrained:3"),
        repetition_penalty=1.1,
    ),
}


LOCAL = "local-dir:"


def canonical_model(name: str) -> str:
    """One spelling of a model: `local-dir:` and an absolute path, or open_clip's own name.

    open_clip takes `coca_ViT-L/14` for `coca_ViT-L-14`. A path is a folder, too.
    """
    path = name.startswith((LOCAL, "/", "./", "../", "~")) or ("/" in name and Path(name).is_dir())
    if path:
        return LOCAL + str(Path(name.removeprefix(LOCAL)).expanduser().absolute())
    return name.replace("/", "-")


def canonical_weights(name: str | None) -> str | None:
    """One spelling of weights: an absolute path, or a tag as open_clip lists it.

    open_clip takes tags in upper and lower case, with `-` for `_`.
    """
    if name is None:
        return None
    if "/" in name or Path(name).is_file():
        return str(Path(name).expanduser().absolute())
    return name.lower().replace("-", "_")


def canonical_language_model(name: str) -> str:
    """An absolute path where it is a folder; else a name on the hub."""
    return str(Path(name).absolute()) if name and Path(name).is_dir() else name


def profile_of(coca: str) -> Profile | None:
    """The profile that a CoCa, by its canonical name, belongs to."""
    return next((p for p in PROFILES.values() if canonical_model(p.coca) == coca), None)


def is_local(model: str) -> bool:
    """Whether a canonical name is a folder, which holds its own weights."""
    return model.startswith(LOCAL)
