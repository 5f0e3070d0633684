"""Model repositories on a Hugging Face hub: what the local cache holds, what a download brings.

Belongs here: listing, fetching, and one sentence for each way in which that fails. Which files a
model needs, and loading them, is the engines' business (`coca`, `summaries`). Data sets are fetched
by `activitynet`.
"""

import errno
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

# Without this, huggingface_hub first asks the hub for a list of coding agents, to report which one
# runs it; a hub that never answers costs 3 s more. It is read when that library is imported.
os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")

LIST_TIMEOUT_S = 3.0
REASON_LENGTH = 120


class ModelNotFoundError(RuntimeError):
    """A model, its weights or its folder is not there; the message says what to do."""


@dataclass(frozen=True, kw_only=True)
class ModelFiles:
    """Where a model's files are.

    Attributes:
        folder: On this machine, with all of them; None while some are only on the hub.
        names: The files.
        bytes: Their size.
    """

    folder: Path | None
    names: tuple[str, ...]
    bytes: int


def list_folder(folder: Path) -> dict[str, int]:
    """The files of a model's folder with their sizes in bytes, as `list_repository` gives them."""
    return {path.name: path.stat().st_size for path in folder.iterdir() if path.is_file()}


def cached_file(repository: str, name: str, *, revision: str | None = None) -> Path | None:
    """A file of a repository in the local cache, without asking the hub; None if it is not there.

    Raises:
        ModelNotFoundError: If the repository's name is not well formed.
    """
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        found = try_to_load_from_cache(repository, name, revision=revision)
    except HFValidationError as error:
        raise ModelNotFoundError(
            f"{repository!r} is neither a folder nor the name of a repository such as"
            " 'microsoft/phi-1_5'; check the spelling."
        ) from error
    return Path(found) if isinstance(found, str) and Path(found).exists() else None


def list_repository(repository: str, *, revision: str | None = None) -> dict[str, int]:
    """The files of a model repository on the hub with their sizes in bytes.

    Raises:
        ModelNotFoundError: If the hub cannot be reached, or has no such repository for this user.
    """
    from huggingface_hub import HfApi

    api = HfApi()
    with _one_sentence(repository, revision):
        info = api.model_info(
            repository, revision=revision, files_metadata=True, timeout=LIST_TIMEOUT_S
        )
        if info.gated:  # Anyone may see its listing.
            api.auth_check(repository)
    return {file.rfilename: file.size or 0 for file in info.siblings or []}


def fetch(repository: str, files: Iterable[str], *, revision: str | None = None) -> Path:
    """Brings files of a repository into the local cache, with a progress bar on stderr.

    Returns:
        The folder in the cache that holds them.

    Raises:
        ModelNotFoundError: If a file does not arrive whole.
        DiskFullError: If the cache's disk is full.
    """
    from huggingface_hub import snapshot_download

    with _one_sentence(repository, revision):
        folder = snapshot_download(repository, revision=revision, allow_patterns=[*files])
    return Path(folder)


def cache_directory() -> Path:
    """Where the cache keeps models: `HF_HUB_CACHE`, by default below `~/.cache/huggingface`."""
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE)


def free_space() -> int:
    """Free bytes on the cache's disk."""
    folder = cache_directory().absolute()
    return shutil.disk_usage(next(f for f in (folder, *folder.parents) if f.exists())).free


@contextmanager
def _one_sentence(repository: str, revision: str | None) -> Iterator[None]:
    """Turns what the hub's library raises into one sentence."""
    from huggingface_hub import HfApi, constants, errors

    from gap_assets.files import DiskFullError

    hub = HfApi().endpoint
    try:
        yield
    except errors.GatedRepoError as error:
        raise _gated(repository, hub) from error
    except errors.RevisionNotFoundError as error:
        raise ModelNotFoundError(
            f"{repository} has no revision {revision!r}; check its name, or leave it out."
        ) from error
    except (errors.RepositoryNotFoundError, errors.HFValidationError) as error:
        raise ModelNotFoundError(
            f"There is no model repository {repository!r} at {hub}, or it is private; check the"
            " spelling, or log in with `hf auth login`."
        ) from error
    except Exception as error:  # of the HTTP library, which changes with huggingface_hub
        if constants.HF_HUB_OFFLINE:
            raise ModelNotFoundError(
                f"{repository} is not in the local cache and HF_HUB_OFFLINE is set; go online once,"
                " or name a local folder."
            ) from error
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise DiskFullError(cache_directory()) from error
        cause = error.__cause__ if isinstance(error, errors.LocalEntryNotFoundError) else error
        if isinstance(cause, errors.GatedRepoError):
            raise _gated(repository, hub) from error
        reason = (
            " ".join(str(cause or error).split())[:REASON_LENGTH].rstrip(".")
            or type(error).__name__
        )
        raise ModelNotFoundError(
            f"{repository} is not in the local cache and could not be downloaded from {hub}"
            f" ({reason}); check the connection and HF_ENDPOINT, then run this again."
        ) from error


def _gated(repository: str, hub: str) -> ModelNotFoundError:
    return ModelNotFoundError(
        f"{repository} is gated: accept its terms at {hub}/{repository} and log in with"
        " `hf auth login`, or choose another model."
    )
