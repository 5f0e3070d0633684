"""CPU time and memory of the whole scorecard: all metrics, bootstraps and permutations.

    python benchmarks/gap_metrics.py --pairs 15000 --dimensions 768

The embeddings are simulated (their values do not matter for the time).
"""

import argparse
import resource
import time

import numpy as np
from common import cpu_seconds, report

from gap_assets.gap import scorecard


def simulated(pairs: int, dimensions: int) -> tuple[np.ndarray, np.ndarray]:
    """Two float32 clouds (pairs, dimensions) with a gap and a shared content."""
    rng = np.random.default_rng(0)
    content = rng.standard_normal((pairs, dimensions), dtype=np.float32)
    video = content + rng.standard_normal((pairs, dimensions), dtype=np.float32)
    text = content + rng.standard_normal((pairs, dimensions), dtype=np.float32)
    return video + np.float32(0.7), text - np.float32(0.3)


def main() -> None:
    """Measures one scorecard and prints it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=15_000)
    parser.add_argument("--dimensions", type=int, default=768)
    parser.add_argument("--bootstraps", type=int, default=1000)
    parser.add_argument("--permutations", type=int, default=999)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    video, text = simulated(options.pairs, options.dimensions)
    scorecard(video[:50], text[:50], bootstraps=10, permutations=9)  # imports and first-use costs
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    wall, cpu = time.perf_counter(), cpu_seconds()
    rows = scorecard(video, text, bootstraps=options.bootstraps, permutations=options.permutations)
    report(
        f"scorecard of {options.pairs} pairs of {options.dimensions} dimensions",
        figures={
            "metrics": len(rows),
            "bootstraps": options.bootstraps,
            "permutations": options.permutations,
            "CPU seconds": cpu_seconds() - cpu,
            "wall seconds": time.perf_counter() - wall,
            "extra peak memory (MiB)": (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
            / 1024,
        },
        packages=("numpy", "scipy", "scikit-learn"),
        as_json=options.json,
    )


if __name__ == "__main__":
    main()
