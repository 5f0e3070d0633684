"""What is measured of events whose truth is known."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gap_assets.gap.events.data import ALL, LENGTHS, find_row, groups
from gap_assets.gap.events.rows import event_rows
from gap_assets_tests.gap.events.conftest import simulated, unit

OF_ALL = {
    *("cosine_inside", "cosine_outside", "cosine_shuffled", "cosine_still", "cosine_other_videos"),
    *("inside_minus_outside", "inside_minus_shuffled", "inside_minus_still"),
    *("inside_minus_other_videos", "outside_minus_other_videos"),
    *("ahead_of_outside", "ahead_of_other_videos", "first_of_other_videos"),
    *("median_rank_of_videos", "gap_debiased", "gap_of_unit_means", "gap_shuffled", "gap_still"),
    *("gap_minus_shuffled", "gap_minus_still", "gap_longest_minus_shortest"),
    *("length_s", "n_frames", "norm"),
}


def measured(events, *, bootstraps=50, seed=0):
    return list(event_rows(events, bootstraps=bootstraps, seed=seed))


def taken(events, order):
    """The same events in another order."""
    fields = {
        name: value[order]
        for name, value in vars(events).items()
        if name not in ("whole", "stills")
    }
    return replace(events, **fields)


def repeated(events, times):
    """Every event of every video more than once."""
    again = taken(events, np.repeat(np.arange(len(events)), times))
    return replace(again, stills=times * events.stills)


def close(one, other, *, interval=1e-5):
    assert [(r.metric, r.event_group) for r in one] == [(r.metric, r.event_group) for r in other]
    for first, second in zip(one, other, strict=True):
        assert first.value == pytest.approx(second.value, abs=1e-5), first
        if interval and first.ci_low is not None:
            ends = second.ci_low, second.ci_high
            assert (first.ci_low, first.ci_high) == pytest.approx(ends, abs=interval), first


def test_every_metric_once_and_each_group_with_what_it_is_made_of():
    rows = measured(simulated())
    keys = [(row.metric, row.event_group) for row in rows]
    assert len(set(keys)) == len(keys)
    assert {row.metric for row in rows if row.event_group == ALL} == OF_ALL
    assert {row.event_group for row in rows} == {ALL, *LENGTHS, "4 to 7 frames"}
    without = {"ahead_of_other_videos", "first_of_other_videos", "median_rank_of_videos"}
    assert {row.metric for row in rows if row.ci_low is None} == without
    events = simulated()
    assert find_row(rows, "gap_debiased").n_events == len(events)
    assert find_row(rows, "cosine_inside").n_events == events.contrasted.sum()


def test_a_planted_tie_in_time_is_found_with_its_size():
    rows = measured(simulated(200, tie=1.0, topic=0.5))
    events = simulated(200, tie=1.0, topic=0.5)
    inside = np.vecdot(events.sentences, events.inside)
    difference = np.nanmean(inside - events.outside)
    found = find_row(rows, "inside_minus_outside")
    assert found.value == pytest.approx(difference, abs=1e-6)
    assert 0 < found.ci_low < found.value < found.ci_high
    assert find_row(rows, "ahead_of_outside").value > 0.8
    assert find_row(rows, "outside_minus_other_videos").ci_low > 0


def test_without_a_tie_in_time_nothing_is_found():
    rows = measured(simulated(200, tie=0.0, topic=1.0))
    for metric in ("inside_minus_outside", "inside_minus_shuffled"):
        found = find_row(rows, metric)
        assert found.ci_low < 0 < found.ci_high
    assert find_row(rows, "ahead_of_outside").value == pytest.approx(0.5, abs=0.05)
    assert find_row(rows, "ahead_of_other_videos").value > 0.9


def test_a_gap_that_is_planted_is_found_and_none_where_there_is_none():
    assert find_row(measured(simulated(200, gap=1.0)), "gap_debiased").ci_low > 0.3
    assert find_row(measured(simulated(200, gap=0.0)), "gap_debiased").value < 0.05


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**31))
def test_neither_the_order_of_events_nor_the_names_of_videos_change_a_value(seed):
    events, rng = simulated(12, seed=seed % 7), np.random.default_rng(seed)
    order = rng.permutation(len(events))
    before = measured(events, bootstraps=0)
    close(before, measured(taken(events, order), bootstraps=0))
    names = rng.permutation(12)
    order = np.argsort(names)
    of_videos = {"whole": events.whole[order], "stills": events.stills[order]}
    renamed = replace(events, video=names[events.video], **of_videos)
    close(before, measured(renamed, bootstraps=0))


def test_events_that_say_the_same_again_do_not_narrow_an_interval():
    """They would if events were resampled instead of videos."""
    events = simulated(12)
    of_all = [row for row in measured(events) if row.event_group == ALL]
    again = [row for row in measured(repeated(events, 5)) if row.event_group == ALL]
    close(of_all, again)


def test_where_a_video_is_one_still_picture_its_time_does_not_matter():
    events = simulated(20)
    still = unit(events.whole)
    own = still[events.video]
    cosine = np.vecdot(events.sentences, own).astype(float)
    outside = np.where(events.contrasted, cosine, np.nan)
    stills = np.bincount(events.video)[:, None].astype(np.float32) * still
    frozen = replace(events, inside=own, whole=still, stills=stills, still=cosine, outside=outside)
    rows = measured(frozen)
    for name in ("inside_minus_shuffled", "inside_minus_still", "inside_minus_outside"):
        row = find_row(rows, name)
        assert (row.value, row.ci_low, row.ci_high) == pytest.approx((0, 0, 0), abs=1e-6)
    for name in ("gap_minus_shuffled", "gap_minus_still"):
        assert find_row(rows, name).value == pytest.approx(0, abs=1e-6)
    assert find_row(rows, "norm").value == pytest.approx(1, abs=1e-6)


def test_the_shuffled_frames_are_the_mean_of_many_draws():
    rng = np.random.default_rng(0)
    frames, sentence = unit(rng.normal(size=(12, 16))), unit(rng.normal(size=16))
    draws = [
        float(sentence @ frames[rng.choice(12, size=3, replace=False)].mean(axis=0))
        for _ in range(4000)
    ]
    spread = np.std(draws) / np.sqrt(len(draws))
    assert float(sentence @ frames.mean(axis=0)) == pytest.approx(np.mean(draws), abs=4 * spread)


def test_groups_split_by_length_and_by_doubling_numbers_of_frames():
    events = replace(simulated(6), n_frames=np.array([1, 2, 3, 4, 7, 8] * 2 + [1]))
    found = groups(events)
    assert [found[name].sum() for name in LENGTHS] == [5, 4, 4]
    assert sum(found[name] for name in LENGTHS).tolist() == [1] * 13
    numbers = {name: set(events.n_frames[rows]) for name, rows in found.items() if "frame" in name}
    assert numbers == {
        "1 frame": {1},
        "2 to 3 frames": {2, 3},
        "4 to 7 frames": {4, 7},
        "8 to 15 frames": {8},
    }


def test_too_few_videos_and_events_without_a_contrast_have_fewer_rows():
    assert measured(taken(simulated(4), np.arange(0))) == []
    assert measured(simulated(2)) == []
    rows = measured(simulated(10, most=1))
    assert find_row(rows, "gap_debiased") is not None
    assert find_row(rows, "inside_minus_outside") is None
