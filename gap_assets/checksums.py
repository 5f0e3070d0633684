"""Checksums of model folders: a folder with a SHA256SUMS file must hold exactly what it lists.

Writing and verifying that list belongs here; what the files mean is the business of the loaders.
"""

import hashlib
import re
from pathlib import Path

LINE = re.compile(r"([0-9a-f]{64}) [ *](.+)")


class ChecksumError(ValueError):
    """A model folder does not hold the files that its SHA256SUMS lists."""


def verify_checksums(folder: Path) -> None:
    """Compare the files of `folder` with its SHA256SUMS; a folder without that file passes.

    Args:
        folder: Holds `SHA256SUMS` in the format of `sha256sum`: digest, two characters, file name.

    Raises:
        ChecksumError: A listed file is missing or has other contents, or a line is malformed.
    """
    listing = folder / "SHA256SUMS"
    if not listing.is_file():
        return
    lines = listing.read_text(encoding="utf-8", errors="backslashreplace").splitlines()
    for number, line in enumerate(lines or [""], start=1):
        parts = LINE.fullmatch(line)
        if not parts:
            raise ChecksumError(f"{listing} is damaged in line {number}; restore the folder.")
        expected, name = parts.groups()
        try:
            with (folder / name).open("rb") as file:
                actual = hashlib.file_digest(file, "sha256").hexdigest()
        except FileNotFoundError:
            raise ChecksumError(
                f"{folder} lacks {name}, which its SHA256SUMS lists; restore the folder."
            ) from None
        if actual != expected:
            raise ChecksumError(
                f"{folder / name} is not the file that SHA256SUMS describes "
                "(damaged or changed); restore it."
            )


def write_checksums(folder: Path) -> None:
    """List every file of a model folder in SHA256SUMS, as `sha256sum` writes it."""
    files = sorted(p for p in folder.iterdir() if p.is_file() and p.name != "SHA256SUMS")
    lines = [f"{hashlib.sha256(p.read_bytes()).hexdigest()}  {p.name}\n" for p in files]
    (folder / "SHA256SUMS").write_text("".join(lines), encoding="utf-8")
