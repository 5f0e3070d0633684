"""Changing a setting makes stale what depends on it, and nothing else: one row per setting."""

from collections.abc import Mapping
from typing import Any

import pytest

from gap_assets.graph import STEPS
from gap_assets.parameters import (
    CaptionFilter,
    Choice,
    FixedCount,
    SummarizerModel,
    settings_fingerprint,
)
from gap_assets.settings import Settings, default_parameters

OF_ENCODERS = {"encoder_embeddings", "gap_metrics"}
OF_MAIN_PAIR = {"projection_model", "gap_metrics", "gap_report"}
OF_COCA = {
    *("frame_captions", "frame_embeddings", "filtered_captions", "text_embeddings"),
    *("event_embeddings", "gap_metrics", "gap_report", "cone_profile", "pooling_profile"),
}
CAPTIONS, SUMMARIES = {"frame_captions", "gap_report"}, {"video_summaries", "gap_report"}
FRAMES, MEASURED = (
    {"frames", "gap_report"},
    {"gap_metrics", "gap_report", "cone_profile", "pooling_profile"},
)
CONTROLS, CONES, POOLING = "untrained_embeddings", "cone_profile", "pooling_profile"

# What each field of each group determines by itself; what follows downstream is the ledger's.
EXPECTED: dict[str, tuple[Any, set[str]]] = {
    "sampling.sampling": (FixedCount(count=3), FRAMES),
    "sampling.stills": ("once", FRAMES),
    "sampling.short_side": (99, FRAMES),
    "sampling.jpeg_quality": (50, FRAMES),
    "sampling.max_megapixels": (9.0, FRAMES),
    "sampling.max_frames": (9, FRAMES),
    "sampling.max_decode_seconds": (9.0, FRAMES),
    "sampling.threads": (9, set()),
    "coca.model": ("coca_ViT-B-32", OF_COCA | {CONTROLS}),
    "coca.weights": ("laion2b_s13b_b90k", OF_COCA),
    "coca.precision": ("fp16", OF_COCA | {CONTROLS}),
    "coca.device": ("cuda", set()),
    "coca.batch_size": (9, set()),
    "captioning.weights": ("laion2b_s13b_b90k", CAPTIONS),
    "captioning.mode": ("beam", CAPTIONS),
    "captioning.beams": (9, CAPTIONS),
    "captioning.max_tokens": (9, CAPTIONS),
    "captioning.min_tokens": (9, CAPTIONS),
    "captioning.length_penalty": (9.0, CAPTIONS),
    "captioning.temperature": (9.0, CAPTIONS),
    "captioning.seed": (9, CAPTIONS),
    "caption_filter.method": ("none", {"filtered_captions"}),
    "caption_filter.chance": (0.5, {"filtered_captions"}),
    "summarizer.model": ("google/flan-t5-base", SUMMARIES),
    "summarizer.revision": ("main", SUMMARIES),
    "summarizer.prompt": ("{captions}", SUMMARIES),
    "summarizer.returns": (True, SUMMARIES),
    "summarizer.max_new_tokens": (9, SUMMARIES),
    "summarizer.repetition_penalty": (9.0, SUMMARIES),
    "summarizer.dtype": ("fp16", SUMMARIES),
    "summarizer.device": ("cuda", set()),
    "summarizer.batch_tokens": (9, set()),
    "encoders.names": (["embedded:coca"], OF_ENCODERS),
    "encoders.precision": ("fp16", {"encoder_embeddings"}),
    "encoders.device": ("cuda", set()),
    "encoders.batch_size": (9, set()),
    "statistics.fusion": ("max", OF_MAIN_PAIR),
    "statistics.text_source": ("captions", OF_MAIN_PAIR | {CONTROLS, CONES}),
    "statistics.seed": (9, OF_MAIN_PAIR | {CONES, POOLING, "event_metrics"}),
    "statistics.bootstraps": (9, MEASURED | {"event_metrics"}),
    "statistics.permutations": (99, MEASURED - {CONES, POOLING}),
    "statistics.neighbors": (9, {"projection_model"}),
    "statistics.untrained_seeds": (9, {CONTROLS, CONES, "gap_report"}),
    "statistics.untrained_videos": (9, {CONTROLS}),
    "statistics.smallest_gap": (0.2, {"gap_report"}),
    "statistics.smallest_cone": (0.2, {"gap_report"}),
    "statistics.untrained_share": (0.9, {CONTROLS}),
}


@pytest.fixture(scope="module")
def choices(tmp_path_factory) -> Mapping[str, Choice]:
    return default_parameters(Settings(data=tmp_path_factory.mktemp("data"), models="hub"))


def test_every_field_has_a_row(choices):
    fields = {
        f"{key}.{field}" for key, group in choices.items() for field in type(group).model_fields
    }
    assert set(EXPECTED) == fields


@pytest.mark.parametrize("parameter", EXPECTED)
def test_a_setting_makes_stale_what_depends_on_it(choices, parameter):
    (key, field), (value, expected) = parameter.split("."), EXPECTED[parameter]
    changed = {**choices, key: choices[key].model_copy(update={field: value})}
    stale = {
        asset
        for asset in STEPS
        if settings_fingerprint(asset, choices.__getitem__)
        != settings_fingerprint(asset, changed.__getitem__)
    }
    assert stale == expected


def test_a_choice_that_was_none_once_leaves_older_results_current(choices):
    before = {"method": "cluster"}
    assert CaptionFilter(method="cluster").determines() == before
    assert CaptionFilter(method="none", chance=0.5).determines() == {"method": "none"}
    assert "returns" not in SummarizerModel(model="t5").determines()
    assert "stills" not in choices["sampling"].determines()
