"""Agreement with independent implementations on random data."""

import numpy as np
import pytest
from scipy.linalg import sqrtm
from scipy.spatial.distance import cdist, pdist, squareform
from scipy.stats import entropy, rankdata, skew
from sklearn.decomposition import PCA
from sklearn.metrics import roc_auc_score
from sklearn.metrics.pairwise import cosine_similarity, rbf_kernel
from sklearn.neighbors import NearestNeighbors

from gap_assets.gap import scorecard
from gap_assets.gap.metrics.pairwise import median_squared_distance
from gap_assets.gap.metrics.separability import d_prime, halves
from gap_assets.gap.metrics.spectra import isotropy
from gap_assets_tests.gap.conftest import simulated


@pytest.fixture(scope="module")
def data():
    pairs = simulated(90, 16, gap=0.5, noise=0.8, seed=4)
    rows = scorecard(pairs.video, pairs.text, bootstraps=0, permutations=0)
    return pairs, {row.name: row.value for row in rows}


def off_diagonal(matrix):
    return matrix[~np.eye(len(matrix), dtype=bool)]


def test_cosines_and_quantiles(data):
    pairs, found = data
    within = cosine_similarity(pairs.video)
    across = cosine_similarity(pairs.video, pairs.text)
    assert found["cone_video"] == pytest.approx(off_diagonal(within).mean())
    assert found["cone_minimum_video"] == pytest.approx(within.min(), abs=1e-6)
    assert found["cone_p01_video"] == pytest.approx(
        np.quantile(off_diagonal(within), 0.01), abs=2e-3
    )
    assert found["mismatched_cosine"] == pytest.approx(off_diagonal(across).mean())
    spread = np.sqrt((np.diag(across).var(ddof=1) + off_diagonal(across).var()) / 2)
    contrast = (np.diag(across).mean() - off_diagonal(across).mean()) / spread
    assert found["pair_contrast"] == pytest.approx(contrast, rel=1e-6)


def test_rmg_is_the_official_off_diagonal_form(data):
    pairs, found = data

    def dissimilarity(cosines):
        return (1 - cosines) / 2

    pair = dissimilarity(np.sum(pairs.video * pairs.text, axis=1)).mean()
    own = [
        off_diagonal(dissimilarity(cosine_similarity(rows))).mean()
        for rows in (pairs.video, pairs.text)
    ]
    assert found["rmg"] == pytest.approx(pair / (pair + np.mean(own)))


def test_uniformity_and_mmd(data):
    pairs, found = data
    x, y = pairs.video, pairs.text
    assert found["uniformity_video"] == pytest.approx(
        np.log(np.exp(-2 * pdist(x, "sqeuclidean")).mean()), abs=1e-5
    )
    cross = off_diagonal(np.exp(-2 * cdist(x, y, "sqeuclidean")))
    assert found["uniformity_cross"] == pytest.approx(np.log(cross.mean()), abs=1e-5)
    median = np.median(pdist(np.concatenate([x, y]), "sqeuclidean"))
    assert median_squared_distance(pairs) == pytest.approx(median)
    gamma = 1 / median
    within = off_diagonal(rbf_kernel(x, gamma=gamma)).mean()
    within += off_diagonal(rbf_kernel(y, gamma=gamma)).mean()
    across = off_diagonal(rbf_kernel(x, y, gamma=gamma)).mean()
    assert found["mmd2"] == pytest.approx(within - 2 * across, abs=1e-6)


def test_retrieval_and_hubs(data):
    pairs, found = data
    cosines = pairs.video @ pairs.text.T
    ranks = np.array([rankdata(-row)[i] for i, row in enumerate(cosines)])
    for k in (1, 5, 10):
        assert found[f"recall_at_{k}_video_to_text"] == pytest.approx((ranks <= k).mean())
    assert found["median_rank_video_to_text"] == np.median(ranks)
    assert found["mean_reciprocal_rank_video_to_text"] == pytest.approx((1 / ranks).mean())
    top = np.argsort(-cosines, axis=1)[:, :10]
    counts = np.bincount(top.ravel(), minlength=len(pairs))
    assert found["hubness_skewness_video_to_text"] == pytest.approx(skew(counts))
    assert found["anti_hub_share_video_to_text"] == pytest.approx((counts == 0).mean())
    auc = [roc_auc_score(np.arange(len(pairs)) == i, row) for i, row in enumerate(cosines)]
    assert found["pair_auc_video_to_text"] == pytest.approx(np.mean(auc))


def test_neighbours_of_the_own_modality(data):
    pairs, found = data
    rows = np.concatenate([pairs.video, pairs.text])
    nearest = NearestNeighbors(n_neighbors=11, metric="euclidean").fit(rows)
    indices = nearest.kneighbors(rows, return_distance=False)[:, 1:]
    n = len(pairs)
    share = ((indices < n) == (np.arange(2 * n) < n)[:, None]).mean()
    assert found["knn_same_modality"] == pytest.approx(share, abs=1e-3)
    gallery = squareform(pdist(rows))[:n]
    partner = gallery[np.arange(n), n + np.arange(n)]
    closer = (gallery < partner[:, None]).sum(axis=1)  # counts the query itself, at distance 0
    assert found["mixed_gallery_median_rank_video"] == pytest.approx(np.median(closer))


def test_spectra(data):
    pairs, found = data
    pca = PCA().fit(pairs.video)
    shares = pca.explained_variance_ratio_
    assert found["participation_ratio_video"] == pytest.approx(1 / np.sum(shares**2))
    assert found["effective_rank_video"] == pytest.approx(np.exp(entropy(shares)))
    assert found["top_component_share_video"] == pytest.approx(shares[0])
    count = np.searchsorted(shares.cumsum(), 0.9) + 1
    assert found["components_for_90_percent_video"] == count


@pytest.mark.parametrize(("spread", "score"), [([1.0] * 6, 1.0), ([1.0, 0, 0, 0, 0, 0], 0.0)])
def test_isoscore_at_its_ends(spread, score):
    assert isotropy(np.array(spread))["isoscore"] == pytest.approx(score, abs=1e-12)


def test_frechet_cka_and_overlap(data):
    pairs, found = data
    x, y = pairs.video, pairs.text
    sx, sy = np.cov(x.T), np.cov(y.T)
    bures = np.trace(sx + sy - 2 * np.real(sqrtm(sqrtm(sx) @ sy @ sqrtm(sx))))
    gap = x.mean(axis=0) - y.mean(axis=0)
    assert found["frechet_distance"] == pytest.approx(gap @ gap + bures)
    xc, yc = x - x.mean(axis=0), y - y.mean(axis=0)
    kx, ky = xc @ xc.T, yc @ yc.T  # the N x N form of linear CKA
    cka = np.sum(kx * ky) / np.sqrt(np.sum(kx**2) * np.sum(ky**2))
    assert found["linear_cka"] == pytest.approx(cka)
    q = 16 // 4
    bases = PCA(q).fit(x).components_, PCA(q).fit(y).components_
    assert found["subspace_overlap"] == pytest.approx(np.sum((bases[0] @ bases[1].T) ** 2) / q)
    residual = PCA().fit(x - y).explained_variance_
    assert found["residual_anisotropy"] == pytest.approx(residual[0] / residual.mean())


def gap_axis_projections(pairs, *, seed):
    """(2, N) video and text coordinates along the unit gap vector of the other half."""
    along = np.empty((2, len(pairs)))
    first, second = halves(len(pairs), seed=seed)
    for fit, judge in ((first, second), (second, first)):
        gap = (pairs.video[fit] - pairs.text[fit]).mean(axis=0)
        axis = gap / max(float(np.linalg.norm(gap)), 1e-12)
        along[:, judge] = pairs.video[judge] @ axis, pairs.text[judge] @ axis
    return along


def test_d_prime_is_the_standardised_difference(data):
    pairs, found = data
    video, text = gap_axis_projections(pairs, seed=0)
    expected = (video.mean() - text.mean()) / np.sqrt((video.var(ddof=1) + text.var(ddof=1)) / 2)
    assert found["d_prime_gap"] == pytest.approx(expected)


def test_each_resample_has_an_axis_of_its_own(data):
    pairs, _ = data
    drawn = np.random.default_rng(0).integers(0, len(pairs), len(pairs))
    counts = np.bincount(drawn, minlength=len(pairs)).astype(float)
    along, weights = {"video": [], "text": []}, []
    first, second = halves(len(pairs), seed=0)
    for fit, judge in ((first, second), (second, first)):
        gap = np.average((pairs.video - pairs.text)[fit], axis=0, weights=counts[fit])
        axis = gap / np.linalg.norm(gap)
        along["video"].extend(pairs.video[judge] @ axis)
        along["text"].extend(pairs.text[judge] @ axis)
        weights.extend(counts[judge])
    means = {name: np.average(rows, weights=weights) for name, rows in along.items()}
    variances = [
        np.average((np.array(rows) - means[name]) ** 2, weights=weights)
        for name, rows in along.items()
    ]
    spread = np.sqrt(np.mean(variances) * len(pairs) / (len(pairs) - 1))
    found = d_prime(pairs, weights=counts[None], seed=0)[0]
    assert found == pytest.approx((means["video"] - means["text"]) / spread)


def test_probe_finds_a_gap_and_finds_none():
    def accuracy(gap):
        pairs = simulated(200, 16, gap=gap, noise=0.5, seed=8)
        rows = scorecard(pairs.video, pairs.text, bootstraps=0, permutations=0)
        return {row.name: row.value for row in rows}["linear_probe_accuracy"]

    assert accuracy(2.0) > 0.98
    assert 0.35 < accuracy(0.0) < 0.65
