"""The data set on a Hugging Face hub: which files it has, and fetching one of them.

What the files hold, and where they go, is the business of `archive` and `fetch`.
"""

import hashlib
import os
from pathlib import Path
from typing import NamedTuple

from huggingface_hub import HfApi, hf_hub_url
from huggingface_hub.file_download import http_get
from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]

from gap_assets.activitynet.archive import FetchError

REPOSITORY = "friedrichor/ActivityNet_Captions"
PARTIAL = ".incomplete"


class RemoteFile(NamedTuple):
    """A file of the data set.

    Attributes:
        name: Its name; files in folders of the repository are not listed.
        size: Bytes.
        sha256: Of its content, where the hub gives it: that is for all large files.
        version: Names its content.
        url: Where it is, in the revision that was listed.
    """

    name: str
    size: int
    sha256: str | None
    version: str
    url: str


def list_files(*, endpoint: str | None = None) -> dict[str, RemoteFile]:
    """The files at the top of the repository, by name.

    Args:
        endpoint: The hub; by default the one that `HF_ENDPOINT` names.

    Raises:
        FetchError: If the hub cannot be reached or does not have the data set.
    """
    api = HfApi(endpoint=endpoint)
    try:
        info = api.dataset_info(REPOSITORY, files_metadata=True)
    except Exception as error:  # of the HTTP library, which changes with huggingface_hub
        raise FetchError(
            f"{REPOSITORY} cannot be listed at {api.endpoint} ({_reason(error)}); check the"
            " connection and HF_ENDPOINT, or name files at hand with --from."
        ) from error
    files = {}
    for entry in info.siblings or []:
        name = entry.rfilename
        if "/" in name or entry.size is None:
            continue
        sha256 = entry.lfs.sha256 if entry.lfs else None
        url = hf_hub_url(
            REPOSITORY, name, repo_type="dataset", revision=info.sha, endpoint=endpoint
        )
        version = sha256 or entry.blob_id or str(info.sha)
        files[name] = RemoteFile(name, entry.size, sha256, version, url)
    return files


def missing_bytes(file: RemoteFile, target: Path) -> int:
    """How much of a file is still to be fetched."""
    for path in (target, _partial(file, target)):
        if path.is_file():
            return max(0, file.size - path.stat().st_size)
    return file.size


def download(file: RemoteFile, target: Path) -> Path:
    """Fetches a file, going on where an interrupted call stopped.

    `hf_hub_download` would begin a file of five gigabytes again after a kill, so what has arrived
    is kept here, beside the target and under the name of its version. A broken connection is
    taken up again for as long as each attempt brings something.

    Returns:
        The target, which is whole or not there.

    Raises:
        FetchError: If the file does not arrive whole.
    """
    if target.is_file() and target.stat().st_size == file.size:
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = _partial(file, target)
    with partial.open("ab") as stream:
        while (start := stream.tell()) < file.size:
            try:
                http_get(
                    file.url,
                    stream,
                    resume_size=start,
                    headers=build_hf_headers(),
                    expected_size=file.size,
                    displayed_filename=file.name,
                )
            except Exception as error:  # of the HTTP library, see above
                if stream.tell() <= start:
                    raise FetchError(
                        f"{file.name} cannot be fetched ({_reason(error)}); repeat the command: it"
                        f" goes on at byte {start:,} of {file.size:,}."
                    ) from error
        stream.flush()
        os.fsync(stream.fileno())
    if wrong := _mismatch(file, partial):
        partial.unlink()
        raise FetchError(
            f"{file.name} arrived with a wrong {wrong} and was removed; repeat the command to fetch"
            " it again."
        )
    return partial.replace(target)


def _mismatch(file: RemoteFile, path: Path) -> str | None:
    if path.stat().st_size != file.size:
        return "size"
    if file.sha256 is None:
        return None
    with path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return None if digest == file.sha256 else "checksum"


def _partial(file: RemoteFile, target: Path) -> Path:
    return target.with_name(f"{target.name}.{file.version[:12]}{PARTIAL}")


def _reason(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0].rstrip(".")
