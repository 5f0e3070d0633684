"""What the platform survives, shown on real processes and files.

The modules here are scripts, `python -m gap_assets_tests.faults.NAME --help`, that print what they
did and fail where something was lost; the test run does the same on a small scale.
"""
