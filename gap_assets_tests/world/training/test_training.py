"""What training is made of, and (slow) a minute of it through to the production loaders."""

import json

import numpy as np
import pytest
import torch
from PIL import Image

from gap_assets.files import write_checksums
from gap_assets.world.training import cards, loop, summarizer
from gap_assets.world.training import coca as coca_training
from gap_assets.world.training.__main__ import write_calibration
from gap_assets.world.training.batches import BATCH, CONTEXT, SUMMARIES, Batches
from gap_assets.world.training.corpus import render_films
from gap_assets.world.training.loop import learning_rate_factor, save_checkpoint
from gap_assets.world.training.vocabulary import world_words, write_pruned_bpe


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    cache = tmp_path_factory.mktemp("corpus") / "train.npz"
    return render_films(films=250, seed=0, split="train", cache=cache)


def test_a_corpus_is_cached_and_repeatable(corpus, tmp_path):
    cache = tmp_path / "again.npz"
    drawn, cached = (render_films(films=250, seed=0, split="train", cache=cache) for _ in range(2))
    for other in (drawn, cached):
        assert np.array_equal(other.images, corpus.images)
        assert np.array_equal(other.captions, corpus.captions)
    assert corpus.images.shape == (len(corpus.captions), 64, 64, 3)
    assert len(corpus.summaries) == corpus.films.max() + 1 == 250


def test_pruned_vocabulary_keeps_clips_pieces(tmp_path):
    from open_clip.tokenizer import SimpleTokenizer

    write_pruned_bpe(world_words(), tmp_path / "bpe.txt.gz")
    pruned, clip = SimpleTokenizer(bpe_path=str(tmp_path / "bpe.txt.gz")), SimpleTokenizer()
    assert pruned.vocab_size < 800
    for word in world_words():
        pieces = [pruned.decoder[i] for i in pruned.encode(word)]
        assert pieces == [clip.decoder[i] for i in clip.encode(word)]
    assert pruned.decode(pruned.encode("a zebra")).strip() == "a zebra"


def test_batches_mirror_pictures_and_captions_together_and_depend_on_the_step_alone(
    corpus, tmp_path
):
    coca_training.write_skeleton(tmp_path)
    batches = Batches(corpus, tmp_path, omission=0.5, seed=0, device="cpu")
    images, captions, told, membership = batches(7)
    assert all(torch.equal(a, b) for a, b in zip(batches(7), batches(7), strict=True))
    assert not torch.equal(images, batches(8)[0])
    assert images.shape == (BATCH, 64, 64, 3)
    assert captions.shape == (BATCH, CONTEXT)
    assert told.shape == (BATCH + SUMMARIES, CONTEXT)
    assert membership.sum(dim=1).min() >= 1  # every summary has a frame
    texts = {tuple(row): k for k, row in enumerate(batches.captions.tolist())}
    mirror = {tuple(row): k for k, row in enumerate(batches.mirrored.tolist())}
    whole = {corpus.images[k].tobytes(): k for k in range(len(corpus.images))}
    for image, caption in zip(images.numpy(), captions.tolist(), strict=True):
        if (row := whole.get(image.tobytes())) is not None:
            assert tuple(caption) in texts
            assert caption == batches.captions[row].tolist()
        else:
            row = whole[np.ascontiguousarray(image[:, ::-1]).tobytes()]
            assert tuple(caption) in mirror
            assert caption == batches.mirrored[row].tolist()


def test_learning_rate_rises_stays_and_falls():
    rates = [learning_rate_factor(step, 900, warm_up=100) for step in range(900)]
    assert rates[0] == pytest.approx(0.01)
    assert set(rates[99:601]) == {1.0}
    assert rates[-1] == pytest.approx(1 / 300)
    assert np.all(np.diff(rates[601:]) < 0)


def test_the_initial_model_is_finite_and_the_same_for_a_seed(tmp_path):
    coca_training.write_skeleton(tmp_path)
    one, two, other = (
        coca_training.new_model(tmp_path, seed=s, temperature=0.01, learned=False).state_dict()
        for s in (0, 0, 1)
    )
    assert all(torch.isfinite(value).all() for value in one.values())
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert not torch.equal(
        one["text_decoder.text_projection"], other["text_decoder.text_projection"]
    )


def test_a_card_names_the_recipe(tmp_path):
    sizes = {"BATCH": BATCH, "SUMMARIES": SUMMARIES, "films": 9, "steps": 7, "seed": 2}
    choices = {"omission": 0.5, "temperature": "0.01, and frozen"}
    figures = {"frame_caption_exact": 0.97}
    cards.write_card(
        tmp_path, cards.COCA, recipe=coca_training, figures=figures, **sizes, **choices
    )
    card = (tmp_path / "README.md").read_text()
    assert f"7 steps of {BATCH} frames" in card
    assert f"of {SUMMARIES} films, each the mean" in card
    assert "| frame_caption_exact | 97.0% |" in card


@pytest.mark.slow
def test_a_minute_of_training_learns_and_loads(corpus, tmp_path, monkeypatch):
    from gap_assets.coca.engine import DecodeSettings, describe_frames
    from gap_assets.coca.model import load_coca
    from gap_assets.coca.text import embed_texts

    monkeypatch.setattr(loop, "LOG_EVERY", 10)
    folder, work = tmp_path / "model", tmp_path / "work"
    settings = {"corpus": corpus, "pairs": corpus, "seed": 0, "device": "cpu"}
    settings |= {
        "temperature": 0.01,
        "learned": False,
        "omission": 0.5,
        "folder": folder,
        "work": work,
    }
    coca_training.train_coca(steps=30, observe=(0,), **settings)
    coca_training.train_coca(steps=60, **settings)  # goes on from the checkpoint
    lines = [json.loads(line) for line in (work / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == [10, 20, 30, 40, 50, 60]
    assert lines[-1]["caption"] < 0.5 * lines[0]["caption"]
    assert sorted(p.name for p in work.glob("pairs-*")) == [
        f"pairs-{step:06d}.npz" for step in (0, 30, 60)
    ]
    write_calibration(corpus, folder)
    write_checksums(folder)
    coca = load_coca(model=f"local-dir:{folder}", weights=None)
    jpeg = tmp_path / "frame.jpg"
    Image.fromarray(corpus.images[0]).save(jpeg)
    (batch,) = describe_frames(coca, [jpeg.read_bytes()], decode=DecodeSettings(), batch_size=4)
    assert batch.captions[0].text.startswith("a")
    assert batch.embeddings.shape == embed_texts(coca, ["a red ball"]).embeddings.shape


@pytest.mark.slow
def test_a_short_summarizer_training_learns_resumes_and_loads(tmp_path, monkeypatch):
    from gap_assets.summaries.summarizer import load_summarizer, summarize

    monkeypatch.setattr(loop, "LOG_EVERY", 10)
    pairs = summarizer.examples(films=6000, seed=0, split="train")
    folder, work = tmp_path / "model", tmp_path / "work"
    settings = {"folder": folder, "work": work, "pairs": pairs, "seed": 0, "device": "cpu"}
    summarizer.train_summarizer(steps=40, **settings)
    summarizer.train_summarizer(steps=80, **settings)
    lines = [json.loads(line) for line in (work / "log.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == list(range(10, 81, 10))
    assert lines[-1]["loss"] < 0.5 * lines[0]["loss"]
    write_checksums(folder)
    (summary,) = summarize(load_summarizer(model=str(folder)), [pairs[0][0].split(" . ")])
    assert set(summary.text.split()) <= set(world_words())


def test_a_checkpoint_replaces_the_former_one_whole(tmp_path):
    model = torch.nn.Linear(2, 2)
    optimizer = torch.optim.AdamW(model.parameters())
    for step in (1, 2):
        save_checkpoint(tmp_path / "checkpoint.pt", model, optimizer, step)
    assert torch.load(tmp_path / "checkpoint.pt")["step"] == 2
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint.pt"]
