"""Rate of the extraction of a data set that lies in pieces, against `cat pieces | tar -x`.

    python benchmarks/extraction.py [--videos 700] [--folder DIR] [--json]

The videos are random bytes of the mean size of ActivityNet's, 42 GB in 14,950 files; the archive is
cut into pieces of 256 MB. Ours flushes each video to the disk before it gets its name; so that both
end with the bytes on the disk, `tar` is followed by `sync`. A second call finds all in place.
"""

import argparse
import os
import resource
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

from common import report

from gap_assets.activitynet.archive import extract

SIZE = 2_808_000
PIECE = 256_000_000


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--videos", type=int, default=700)
    parser.add_argument("--folder", type=Path, help="on the disk that is measured")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        pieces = write_pieces(folder, options.videos)
        megabytes = options.videos * SIZE / 1e6
        first = seconds(lambda: extract(pieces, folder / "ours"))
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        again = seconds(lambda: extract(pieces, folder / "ours"))
        (folder / "tar").mkdir()
        script = f"cat {folder}/*.part-* | tar -x -C {folder}/tar -f - && sync -f {folder}"
        by_tar = seconds(lambda: subprocess.run(script, shell=True, check=True))
    figures = {
        "megabytes": round(megabytes),
        "MB/s": megabytes / first,
        "MB/s of tar": megabytes / by_tar,
        "ratio to tar": by_tar / first,
        "seconds of a second call": again,
        "most memory of the process, MiB": memory / 1024,
    }
    report("Extraction from pieces", figures=figures, packages=(), as_json=options.json)


def write_pieces(folder: Path, videos: int) -> list[Path]:
    """An archive of random files, written in pieces and flushed."""
    script = f"split -b {PIECE} -d -a 3 - {folder}/videos.tar.part-"
    with (
        subprocess.Popen(script, shell=True, stdin=subprocess.PIPE) as split,
        tarfile.open(fileobj=split.stdin, mode="w|") as tar,
    ):
        for number in range(videos):
            info = tarfile.TarInfo(f"Activity_Videos/v_{number:011d}.mp4")
            info.size = SIZE
            tar.addfile(info, BytesIO(os.urandom(SIZE)))
    os.sync()
    return sorted(folder.iterdir())


def seconds(work: Callable[[], object]) -> float:
    """Wall time of the work."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
