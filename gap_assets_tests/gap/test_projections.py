"""Projections: what they show, that they repeat, that a stored model places as the fitted one."""

import numpy as np
import pytest
from sklearn.decomposition import TruncatedSVD

from gap_assets.gap import GapInputError
from gap_assets.gap.projections import METHODS, ProjectionModel, fit_projections
from gap_assets_tests.gap.conftest import simulated


@pytest.fixture(scope="module")
def model():
    pairs = simulated(40, 16)
    return fit_projections(pairs.video, pairs.text)


def test_gap_axis_shows_the_gap_to_scale(model):
    pairs = simulated(40, 16)
    video, text = np.split(model.coordinates["gap_axis"], 2)
    gap = np.linalg.norm(pairs.video.mean(axis=0) - pairs.text.mean(axis=0))
    assert video[:, 0].mean() == pytest.approx(gap / 2)
    assert text[:, 0].mean() == pytest.approx(-gap / 2)
    along, across = model.axes["gap_axis"].T
    assert along @ across == pytest.approx(0, abs=1e-9)


def test_svd_is_the_papers_uncentred_one(model):
    rows = model.rows.astype(np.float64)
    expected = TruncatedSVD(2, algorithm="arpack").fit_transform(rows)
    found = model.coordinates["svd"]
    for column in range(2):
        sign = np.sign(expected[:, column] @ found[:, column])
        assert found[:, column] == pytest.approx(sign * expected[:, column], abs=1e-5)


def test_graph_of_far_apart_modalities_falls_into_two():
    near, far = simulated(60, 16, gap=0.0), simulated(60, 16, gap=4.0)
    near_model = fit_projections(near.video, near.text)
    far_model = fit_projections(far.video, far.text)
    assert near_model.graph_components == 1
    assert near_model.cross_modal_edge_share > 0.3
    assert far_model.graph_components == 2
    assert far_model.cross_modal_edge_share == 0


def test_fit_is_repeatable(model):
    pairs = simulated(40, 16)
    again = fit_projections(pairs.video, pairs.text)
    for name in METHODS:
        assert np.array_equal(again.coordinates[name], model.coordinates[name])


def test_stored_model_places_like_the_fitted_one(tmp_path):
    pairs, new = simulated(40, 16, gap=3), simulated(5, 16, gap=3, seed=7)
    model = fit_projections(pairs.video, pairs.text)
    stored = ProjectionModel.load(model.save(tmp_path / "deep" / "model.npz"))
    video = np.concatenate([pairs.video[:3], new.video])
    text = np.concatenate([pairs.text[:3], new.text])
    placed, again = model.place(video, text), stored.place(video, text)
    for name in METHODS:
        assert placed[name].shape == (16, 2)
        assert np.array_equal(placed[name], again[name])
        assert np.array_equal(placed[name][:3], model.coordinates[name][:3])
        assert np.array_equal(placed[name][8:11], model.coordinates[name][40:43])
    own, other = np.split(model.coordinates["umap"], 2)
    for point in placed["umap"][3:8]:
        to_own = np.linalg.norm(own - point, axis=1).min()
        assert to_own < np.linalg.norm(other - point, axis=1).min()
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["model.npz"]


@pytest.mark.parametrize("n", [3, 4, 7])
def test_few_pairs(n):
    pairs = simulated(n, 8)
    model = fit_projections(pairs.video, pairs.text)
    assert all(np.isfinite(points).all() for points in model.coordinates.values())


def test_foreign_file_is_refused(tmp_path):
    np.savez(tmp_path / "other.npz", a=np.zeros(3))
    (tmp_path / "text.npz").write_text("hello")
    np.save(tmp_path / "single.npz.npy", np.zeros(3))
    for name in ("other.npz", "text.npz", "single.npz.npy", "absent.npz"):
        with pytest.raises(GapInputError, match="materialise projection_model again"):
            ProjectionModel.load(tmp_path / name)
