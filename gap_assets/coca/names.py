"""How a CoCa and its weights are named. Free of torch, so that settings can check names."""

from pathlib import Path

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


def is_local(model: str) -> bool:
    """Whether a canonical name is a folder, which holds its own weights."""
    return model.startswith(LOCAL)
