"""Sample videos: whole, repeatable, and read by production code at the frames that were meant."""

import json
from itertools import pairwise

import av
import pytest
from PIL import Image

from gap_assets.video.frames import extract_frames
from gap_assets.video.sampling import FramesPerSecond
from gap_assets.world.drawing import SIZE, draw_frame
from gap_assets.world.samples import contact_sheet, write_samples
from gap_assets.world.scene import FPS, sampled_frames
from gap_assets.world.stories import draw_film, split_of


@pytest.fixture(scope="module")
def samples(tmp_path_factory):
    folder = tmp_path_factory.mktemp("samples")
    return write_samples(folder, count=3, seed=11)


def test_every_video_has_its_truth_and_comes_from_the_held_out_split(samples):
    truths = [json.loads(line) for line in samples.read_text().splitlines()]
    videos = sorted(samples.parent.glob("*.mp4"))
    assert [truth["video_id"] for truth in truths] == [video.stem for video in videos]
    for truth, video in zip(truths, videos, strict=True):
        assert split_of(truth["caption"]) == "held-out"
        with av.open(str(video)) as container:
            stream = container.streams.video[0]
            assert (stream.codec_context.name, stream.width, stream.height) == ("h264", SIZE, SIZE)
            assert 3 <= container.duration / av.time_base <= 8
            assert len(truth["frame_captions"]) == 2 * container.duration / av.time_base
            assert truth["duration"] == container.duration / av.time_base


def test_a_sentence_has_the_time_of_the_frames_that_it_is_true_of(samples):
    for truth in map(json.loads, samples.read_text().splitlines()):
        sentences, spans = truth["sentences"], truth["timestamps"]
        assert spans[0][0] == 0
        assert spans[-1][1] == truth["duration"]
        assert [end for _, end in spans[:-1]] == [start for start, _ in spans[1:]]
        assert all(one != next_one for one, next_one in pairwise(sentences))
        times = [k / FPS for k in sampled_frames(int(truth["duration"]), rate=2)]
        for at, caption in zip(times, truth["frame_captions"], strict=True):
            [said] = [
                sentence
                for sentence, (start, end) in zip(sentences, spans, strict=True)
                if start <= at < end
            ]
            assert said == caption


def test_a_second_call_keeps_the_files_and_another_folder_gets_the_same_bytes(samples, tmp_path):
    before = {path: path.stat().st_mtime_ns for path in samples.parent.glob("*.mp4")}
    write_samples(samples.parent, count=3, seed=11)
    assert {path: path.stat().st_mtime_ns for path in samples.parent.glob("*.mp4")} == before
    again = write_samples(tmp_path / "again", count=3, seed=11)
    assert again.read_text() == samples.read_text()
    for path in before:
        assert (again.parent / path.name).read_bytes() == path.read_bytes()


def test_an_interrupted_call_leaves_no_video_that_looks_complete(tmp_path, monkeypatch):
    def interrupt(film, frame_index):
        if frame_index == 9:
            raise KeyboardInterrupt
        return draw_frame(film, frame_index)

    monkeypatch.setattr("gap_assets.world.samples.draw_frame", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_samples(tmp_path, count=1, seed=11)
    assert not list(tmp_path.glob("*.mp4"))
    assert not list(tmp_path.glob("*.jsonl"))


@pytest.mark.parametrize("rate", [1, 2])
def test_production_sampling_picks_the_frames_that_the_truth_is_about(samples, rate):
    film = draw_film(11, 0, split="held-out")
    sampling = FramesPerSecond(rate=rate)
    extraction = extract_frames(samples.parent / "world-0000.mp4", sampling=sampling, short_side=72)
    meant = sampled_frames(len(film.beats), rate=rate)
    assert [frame.timestamp_s * FPS for frame in extraction.frames] == pytest.approx(meant)


def test_contact_sheet_has_a_cell_for_every_picture():
    picture = Image.fromarray(draw_frame(draw_film(0, 0, split="train"), 0))
    sheet = contact_sheet([(picture, "a"), (Image.new("RGB", (64, 64)), "b\nc")] * 2, columns=3)
    assert sheet.size == (3 * 240, 2 * 214)
