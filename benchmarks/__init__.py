"""Scripts that measure: each prints ratios of two things timed in the same run."""
