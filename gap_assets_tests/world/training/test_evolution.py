"""Gap and cones of a training's moments, against their definitions."""

import numpy as np
import pytest
import typer

from gap_assets.world.training.evolution import draw, main, moment, moments, moments_table


def unit(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_a_moment_follows_the_definitions():
    rng = np.random.default_rng(0)
    frames, texts = (unit(rng.normal(size=(40, 8)) + shift) for shift in (0.5, -0.2))
    found = moment(3, 0.01, frames, texts)
    others = ~np.eye(40, dtype=bool)
    assert found.gap == pytest.approx(np.linalg.norm(frames.mean(0) - texts.mean(0)))
    assert found.image_cone == pytest.approx((frames @ frames.T)[others].mean())
    assert found.text_cone == pytest.approx((texts @ texts.T)[others].mean())
    assert found.matched == pytest.approx(np.diag(frames @ texts.T).mean())


def test_kept_embeddings_become_a_table_and_a_figure(tmp_path):
    rng = np.random.default_rng(1)
    for step in (100, 0, 25):
        rows = unit(rng.normal(size=(20, 4))).astype(np.float32)
        np.savez(tmp_path / f"pairs-{step:06d}.npz", frames=rows, texts=rows, temperature=0.07)
    history = moments(tmp_path)
    assert [m.step for m in history] == [0, 25, 100]
    assert all(m.gap == 0 and m.matched == pytest.approx(1) for m in history)
    assert "| 25 | 0.070 | 0.000 |" in moments_table(history)
    draw({"one": history, "two": history}, tmp_path / "figure.png")
    assert (tmp_path / "figure.png").read_bytes().startswith(b"\x89PNG")


def test_a_card_gets_the_section_once_and_its_other_text_stays(tmp_path):
    rows = np.eye(4, dtype=np.float32)
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        np.savez(tmp_path / name / "pairs-000000.npz", frames=rows, texts=rows, temperature=0.07)
    card = tmp_path / "card"
    card.mkdir()
    (card / "README.md").write_text("# Card\n\nText.\n")
    work = [tmp_path / "a", tmp_path / "b"]
    for titles in (["half", "whole"], ["little", "much"]):
        main(work, title=titles, card=card)
    written = (card / "README.md").read_text()
    assert written.startswith("# Card\n\nText.\n\n## The gap along training")
    assert written.count("## The gap along training") == 1
    assert [title in written for title in ("Half:", "Little:", "Much:")] == [False, True, True]
    assert "gap-along-training.png" in (card / "SHA256SUMS").read_text()
    with pytest.raises(typer.BadParameter, match="one --title for each of the 2 trainings"):
        main(work, title=["one"], card=card)
