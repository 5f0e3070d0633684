"""Decodes damaged copies of real clips, as a run does, and counts how that ends.

python -m gap_assets_tests.faults.fuzz FOLDERS ... [--count 2000] [--seed 1]

Every copy goes through `DecoderProcesses`: `probe` as in the catalogue, then `extract_frames`. Each
50th is an undamaged clip, whose frames must come out as ever. A copy that ends in anything but
frames or one sentence is kept beside the report, and the script fails.
"""

import argparse
import os
import re
import resource
import shutil
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple, dataclass
from pathlib import Path
from random import Random

from gap_assets.video.container import UnreadableVideoError
from gap_assets.video.decode import Limits
from gap_assets.video.frames import Extraction, extract_frames
from gap_assets.video.isolated import DecoderProcesses, InterruptedDecodingError
from gap_assets.video.probe import probe
from gap_assets.video.sampling import FramesPerSecond

LIMITS = Limits(max_pixels=8192 * 4352, max_decode_seconds=20, max_memory=2 * 2**30)
SENTENCE = re.compile(r"[^\n]+[.]")
EXTREMES = (0, 1, 0x7F, 0xFF, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF, 0xFFFF_FFFE)
CONTROL = 50
FAULTS = ("interrupted", "unexpected")


def flip_bits(random: Random, clip: bytes, _: bytes) -> bytes:
    made = bytearray(clip)
    for _ in range(2 ** random.randrange(8)):
        made[random.randrange(len(made))] ^= 1 << random.randrange(8)
    return bytes(made)


def overwrite(random: Random, clip: bytes, _: bytes) -> bytes:
    start, stop = _block(random, clip)
    noise = random.choice((bytes(stop - start), random.randbytes(stop - start)))
    return clip[:start] + noise + clip[stop:]


def truncate(random: Random, clip: bytes, _: bytes) -> bytes:
    return clip[: random.randrange(1, len(clip))]


def set_header_fields(random: Random, clip: bytes, _: bytes) -> bytes:
    """Extreme numbers in the boxes of MP4 and MOV, else in the first kilobytes."""
    made = bytearray(clip)
    box = rb"mvhd|tkhd|mdhd|elst|stts|ctts|stsc|stsz|stco|stss|stsd|avc1|avcC|hvcC|trun|tfhd"
    fields = [match.end() for match in re.finditer(box, clip)] or range(0, min(4096, len(clip)), 4)
    for _ in range(random.randint(1, 4)):
        at = random.choice(fields) + random.choice((-8, 0, 4, 8, 12, 16, 24, 32))
        size = random.choice((1, 2, 4))
        value = random.choice(EXTREMES) & (256**size - 1)
        if 0 <= at < len(made) - size:
            made[at : at + size] = value.to_bytes(size)
    return bytes(made)


def splice(random: Random, clip: bytes, other: bytes) -> bytes:
    return clip[: random.randrange(len(clip))] + other[random.randrange(len(other)) :]


def swap_chunks(random: Random, clip: bytes, _: bytes) -> bytes:
    a, b, c, d = sorted(random.randrange(len(clip)) for _ in range(4))
    return clip[:a] + clip[c:d] + clip[b:c] + clip[a:b] + clip[d:]


def repeat_or_drop(random: Random, clip: bytes, _: bytes) -> bytes:
    start, stop = _block(random, clip)
    return clip[:start] + clip[start:stop] * random.choice((0, 2, 3)) + clip[stop:]


def _block(random: Random, clip: bytes) -> tuple[int, int]:
    start = random.randrange(len(clip))
    return start, min(len(clip), start + 2 ** random.randrange(4, 17))


KINDS: list[Callable[[Random, bytes, bytes], bytes]] = [
    flip_bits, overwrite, truncate, set_header_fields, splice, swap_chunks, repeat_or_drop,
]  # fmt: skip


@dataclass(frozen=True)
class Outcome:
    """How one copy ended: in which class, with what sentence, after how many seconds."""

    name: str
    clip: str
    kind: str
    ending: str
    sentence: str
    seconds: float


def decode(processes: DecoderProcesses, path: Path) -> Extraction:
    processes.run(probe, path)
    sampling = FramesPerSecond(rate=1.0)
    return processes.run(extract_frames, path, sampling=sampling, short_side=256, limits=LIMITS)


def ending(processes: DecoderProcesses, path: Path) -> tuple[str, str]:
    """The class in which a file ends, and the sentence that is said of it."""
    try:
        damage = decode(processes, path).damage
    except UnreadableVideoError as error:
        sentence = str(error)
        for words, kind in (
            ("crashes its decoder", "crashed"),
            ("keeps its decoder busy", "out of time"),
            ("more memory than", "out of memory"),
        ):
            if words in sentence:
                return kind, sentence
        return "unreadable", sentence
    except InterruptedDecodingError as error:
        return "interrupted", str(error)
    except Exception as error:
        return "unexpected", "".join([str(error), *getattr(error, "__notes__", [])])
    return ("damaged", damage) if damage else ("whole", "")


def run(clips: list[Path], *, count: int, seed: int, keep: Path) -> Iterator[Outcome]:
    """Yields how each copy ended; those that show a fault are also written to `keep`.

    Raises:
        AssertionError: An undamaged clip came out differently among the damaged ones.
    """

    def one(index: int) -> Outcome:
        random = Random(f"{seed}/{index}")
        clip, other = random.choices(clips, k=2)
        kind = KINDS[index % len(KINDS)]
        path = folder / f"{index:05d}-{kind.__name__}{clip.suffix}"
        path.write_bytes(kind(random, clip.read_bytes(), other.read_bytes()))
        started = time.monotonic()
        end, sentence = ending(processes, path)
        seconds = time.monotonic() - started
        if end in FAULTS or (sentence and not SENTENCE.fullmatch(sentence)):
            keep.mkdir(exist_ok=True, parents=True)
            shutil.copy(path, keep)
        path.unlink()
        if index % CONTROL == 0:
            assert decode(processes, clip) == whole[clip], clip
        return Outcome(path.name, clip.name, kind.__name__, end, sentence, seconds)

    with (
        tempfile.TemporaryDirectory() as temporary,
        DecoderProcesses(limits=LIMITS) as processes,
        ThreadPoolExecutor(os.cpu_count()) as threads,
    ):
        folder = Path(temporary)
        found = threads.map(lambda clip: decode(processes, clip), clips)
        whole = dict(zip(clips, found, strict=True))
        yield from threads.map(one, range(count))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("folders", nargs="+", type=Path, help="Folders of undamaged clips.")
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, default=Path("fuzz-faults"), help="Gets what failed.")
    asked = parser.parse_args()
    clips = sorted(path for folder in asked.folders for path in folder.iterdir() if path.is_file())
    started = time.monotonic()
    outcomes: list[Outcome] = []
    for outcome in run(clips, count=asked.count, seed=asked.seed, keep=asked.keep):
        outcomes.append(outcome)
        if outcome.ending not in ("whole", "damaged", "unreadable") or len(outcomes) % 100 == 0:
            print(len(outcomes), *astuple(outcome), flush=True)
    print(f"\n{len(outcomes)} copies of {len(clips)} clips, seed {asked.seed}", end=", ")
    print(f"{time.monotonic() - started:.0f} s on {os.cpu_count()} cores")
    for kind in KINDS:
        endings = Counter(each.ending for each in outcomes if each.kind == kind.__name__)
        print(f"{kind.__name__:18}", dict(endings.most_common()))
    print("all               ", dict(Counter(each.ending for each in outcomes).most_common()))
    seconds = sorted(outcomes, key=lambda each: each.seconds)
    print(f"median {seconds[len(seconds) // 2].seconds:.2f} s, slowest", *astuple(seconds[-1]))
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(f"largest worker {children.ru_maxrss / 2**20:.2f} GiB, {children.ru_utime:.0f} s of CPU")
    print("sentences:")
    general = Counter(
        re.sub(r"\S+\.\w+ |[\d.]*\d", "# ", each.sentence) for each in outcomes if each.sentence
    )
    for sentence, number in general.most_common(20):
        print(f"{number:6}  {sentence}")
    if kept := sorted(asked.keep.glob("*")):
        sys.exit(
            f"{len(kept)} copies ended in no frames and no sentence; they are in {asked.keep}."
        )


if __name__ == "__main__":
    main()
