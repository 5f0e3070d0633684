import io
import os
import pty

import pytest

from gap_assets.cli.plain_progress import plain_lines, redraws


def test_begin_and_end_are_told_and_little_between():
    now, lines = [0.0], []
    listener = plain_lines(lines.append, pause_s=30, clock=lambda: now[0])
    for second in range(100):
        now[0] = second
        listener("frames", second, 99)
    assert [line.split() for line in lines] == [
        ["frames", "0/99", "0:00:00"],
        ["frames", "30/99", "0:00:30"],
        ["frames", "60/99", "0:01:00"],
        ["frames", "90/99", "0:01:30"],
        ["frames", "99/99", "0:01:39"],
    ]


def test_assets_beside_each_other_share_the_pause():
    now, lines = [0.0], []
    listener = plain_lines(lines.append, pause_s=30, clock=lambda: now[0])
    for second in range(100):
        now[0] = second
        for asset in ("frames", "frame_captions"):
            listener(asset, second, 1000)
    assert len(lines) == 2 + 3


@pytest.mark.parametrize(("kernel", "expected"), [(None, True), ("1", False)])
def test_bars_are_for_a_terminal_that_is_no_cell(kernel, expected, monkeypatch):
    monkeypatch.delenv("JPY_PARENT_PID", raising=False)
    monkeypatch.setenv("FORCE_COLOR", "1")  # makes rich take anything for a terminal
    if kernel:
        monkeypatch.setenv("JPY_PARENT_PID", kernel)
    assert not redraws(io.StringIO())
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "w") as terminal:
        assert redraws(terminal) is expected
    os.close(ours)
