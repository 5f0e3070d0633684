"""SHA256SUMS of a model folder; `gap_assets.checksums` is what verifies it."""

import hashlib
from pathlib import Path


def write_checksums(folder: Path) -> None:
    """List every file of a model folder in SHA256SUMS, as `sha256sum` writes it."""
    files = sorted(p for p in folder.iterdir() if p.is_file() and p.name != "SHA256SUMS")
    lines = [f"{hashlib.sha256(p.read_bytes()).hexdigest()}  {p.name}\n" for p in files]
    (folder / "SHA256SUMS").write_text("".join(lines), encoding="utf-8")
