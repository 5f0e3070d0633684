"""Random perceptrons against what is known of them in the limit of many units."""

import math

import numpy as np
import pytest

from gap_assets.gap.metrics.random_networks import HE, PAPER, random_cones


@pytest.fixture(scope="module")
def found():
    return random_cones(widths=(16, 64, 256), depth=6, seeds=3, items=60)


def relu_map(cosine: float) -> float:
    """The mean cosine behind a wide ReLU layer without biases (Cho and Saul 2009, degree 1)."""
    return (math.sqrt(1 - cosine**2) + (math.pi - math.acos(cosine)) * cosine) / math.pi


def test_inputs_have_no_cone_at_any_width(found):
    for cones in found.by_kind.values():
        assert cones.shape == (3, 3, 7)
        assert np.abs(cones[:, :, 0]).max() < 0.02


def test_a_wide_relu_layer_is_as_in_the_limit(found):
    cosine = 0.0
    for layer in range(1, 4):
        cosine = relu_map(cosine)
        assert found.by_kind["ReLU", HE][:, -1, layer].mean() == pytest.approx(cosine, abs=0.05)


def test_tanh_without_biases_is_odd_and_makes_no_cone(found):
    assert np.abs(found.by_kind["tanh", HE]).max() < 0.03


def test_with_the_papers_biases_the_cone_rises_with_depth_and_falls_with_width(found):
    for activation in ("tanh", "ReLU"):
        means = found.by_kind[activation, PAPER].mean(axis=0)
        assert (means[:, -1] > means[:, 1]).all()
        assert means[0, -1] > means[-1, -1]


def test_a_seed_gives_the_same_networks():
    small = {"widths": (16,), "depth": 2, "seeds": 2, "items": 10}
    one, other = random_cones(**small), random_cones.__wrapped__(**small)
    for kind, cones in one.by_kind.items():
        assert np.array_equal(cones, other.by_kind[kind])
        assert not np.array_equal(cones[0], cones[1])
