import json
import shutil

import numpy as np
import open_clip
import pytest
import torch

from gap_assets.encoders.loading import load_encoder
from gap_assets.files import ChecksumError, write_checksums
from gap_assets.hub import ModelNotFoundError
from gap_assets_tests.encoders.conftest import OPEN_CLIP
from gap_assets_tests.encoders.inputs import TEXTS, random_picture
from gap_assets_tests.encoders.reference import by_open_clip, smallest_distance
from gap_assets_tests.hub.faults import halve

WEIGHTS = "open_clip_model.safetensors"
PICKLE = "open_clip_pytorch_model.bin"
LARGE_PICTURES = ("siglip2", "pe")  # They take seconds.


def load(folder, **options):
    return load_encoder(f"open_clip:{folder}", device="cpu", **options)


@pytest.fixture
def copy(models, tmp_path):
    """A folder of CLIP that may be changed."""
    return shutil.copytree(models["clip"], tmp_path / "clip")


@pytest.mark.parametrize("family", OPEN_CLIP)
def test_embeddings_are_the_librarys_own(models, pictures, family):
    pictures = pictures[: 3 if family in LARGE_PICTURES else None]
    images, texts = by_open_clip(f"local-dir:{models[family]}", pictures, TEXTS)
    encoder = load(models[family], batch_size=2)
    assert encoder.name == f"open_clip:{models[family]}"
    for own, theirs in (
        (encoder.embed_images(pictures), images),
        (encoder.embed_texts(TEXTS), texts),
    ):
        assert own.shape == (len(theirs), encoder.dimensions)
        assert own.dtype == np.float32
        assert np.abs(own - theirs).max() < 1e-5
        assert smallest_distance(theirs) > 0.01
    assert encoder.embed_images([]).shape == (0, encoder.dimensions)
    assert encoder.embed_texts([]).shape == (0, encoder.dimensions)


def test_what_ships_with_the_package_is_an_encoder(pictures):
    encoder = load_encoder("embedded:coca", device="cpu")
    assert encoder.name == "embedded:coca"
    assert encoder.embed_images(pictures).shape == encoder.embed_texts(TEXTS).shape == (5, 96)


@pytest.mark.parametrize("family", [k for k in OPEN_CLIP if k not in LARGE_PICTURES])
def test_half_precision_is_near(models, pictures, family):
    whole, half = (load(models[family], precision=p) for p in ("fp32", "fp16"))
    assert half.module.logit_scale.dtype == torch.float16
    assert np.abs(whole.embed_images(pictures) - half.embed_images(pictures)).max() < 0.02
    assert np.abs(whole.embed_texts(TEXTS) - half.embed_texts(TEXTS)).max() < 0.02


def test_spelled_out_special_tokens_do_not_end_a_text(models):
    for family in ("clip", "coca"):
        encoder = load(models[family])
        plain, *hostile = encoder.embed_texts(
            ["a dog", "<end_of_text> a dog", "a <start_of_text>dog", "a dog<end_of_text>"]
        )
        assert np.abs(hostile - plain).max() < 1e-5


def test_coca_reads_no_punctuation_as_padding(models):
    """Whose id is the padding's: it would hide the word after it."""
    encoder = load(models["coca"])
    hidden, other = encoder.embed_texts(["a !/ dog", "a / dog"])
    assert 0 in open_clip.SimpleTokenizer().encode("a !/ dog")
    assert np.abs(hidden - other).max() < 1e-5


def test_of_a_long_strip_only_the_middle_is_resized(models, monkeypatch):
    """All of it would be half a million pixels long before it is cropped."""
    encoder, resized = load(models["clip"]), []
    transform = encoder.transform

    def note(picture):
        resized.append(picture.size)
        return transform(picture)

    monkeypatch.setattr(encoder, "transform", note)
    strip = np.zeros((2, 30000, 3), np.uint8)
    strip[:, 14992:15008] = random_picture(2, 16, 0)
    long, short = encoder.embed_images([strip, strip[:, 14992:15008]])
    assert resized == [(16, 2), (16, 2)]
    assert np.abs(long - short).max() < 1e-6


def test_batches_halve_when_memory_runs_out(models, pictures, monkeypatch):
    encoder = load(models["clip"], batch_size=4)
    expected = encoder.embed_images(pictures)
    real, seen = encoder.module.encode_image, []

    def encode(pixels, **options):
        seen.append(len(pixels))
        if len(pixels) > 2:
            raise torch.OutOfMemoryError
        return real(pixels, **options)

    monkeypatch.setattr(encoder.module, "encode_image", encode)
    assert np.abs(encoder.embed_images(pictures) - expected).max() < 1e-6
    encoder.embed_images(pictures)
    assert seen == [4, 2, 2, 1, 2, 2, 1]


def test_an_overflow_of_half_precision_is_an_error(models, pictures):
    encoder = load(models["clip"], precision="fp16")
    with torch.no_grad():
        encoder.module.visual.proj.mul_(60000 / encoder.module.visual.proj.abs().max())
    with pytest.raises(FloatingPointError, match="use precision 'fp32'"):
        encoder.embed_images(pictures)


def test_loading_draws_no_random_numbers_of_others(models):
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    load(models["clip"])
    assert torch.rand(1) == expected


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("open_clip:ViT-B-99/openai", "open_clip knows no model 'ViT-B-99'"),
        ("open_clip:ViT-B-32/laion9b", "'laion9b' is neither a file nor a tag of ViT-B-32's"),
        ("open_clip:ViT-B-32/openai", "QuickGELU; name them open_clip:ViT-B-32-quickgelu/openai"),
        ("open_clip:/nowhere", "/nowhere is no open_clip model's folder"),
    ],
)
def test_models_that_are_not_there(name, said):
    with pytest.raises(ModelNotFoundError, match=said):
        load_encoder(name, device="cpu")


def test_damaged_folders_are_named(copy):
    write_checksums(copy)
    whole = (copy / WEIGHTS).read_bytes()
    halve(copy / WEIGHTS)
    with pytest.raises(ChecksumError, match="is not the file that SHA256SUMS describes"):
        load(copy)
    (copy / "SHA256SUMS").unlink()
    with pytest.raises(ModelNotFoundError, match="is damaged or incomplete; delete it"):
        load(copy)
    (copy / WEIGHTS).write_bytes(whole)
    (copy / "open_clip_config.json").write_text("[")
    with pytest.raises(ModelNotFoundError, match=r"holds no open_clip model that can be loaded"):
        load(copy)
    (copy / WEIGHTS).unlink()
    with pytest.raises(ModelNotFoundError, match="holds none of"):
        load(copy)


class Malicious:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (self.path, "w")


def test_weights_of_another_model_are_refused(copy, models):
    shutil.copy(models["coca"] / WEIGHTS, copy / WEIGHTS)
    with pytest.raises(ModelNotFoundError, match="holds no open_clip model that can be loaded"):
        load(copy)


def test_code_in_weights_is_not_run(copy, tmp_path):
    (copy / WEIGHTS).unlink()
    torch.save({"a": Malicious(str(tmp_path / "ran"))}, copy / PICKLE)
    with pytest.raises(ModelNotFoundError, match="holds more than weights, which is not loaded"):
        load(copy)
    assert not (tmp_path / "ran").exists()


def test_code_of_a_tokenizer_is_not_run(models, tmp_path):
    """Though the folder's own configuration says that it may be."""
    folder = shutil.copytree(models["siglip2"], tmp_path / "siglip2")
    config = json.loads((folder / "open_clip_config.json").read_text())
    config["model_cfg"]["text_cfg"]["tokenizer_kwargs"]["trust_remote_code"] = True
    (folder / "open_clip_config.json").write_text(json.dumps(config))
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    settings |= {"tokenizer_class": "Mine", "auto_map": {"AutoTokenizer": ["mine.Mine", None]}}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    (folder / "mine.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\nclass Mine: ...")
    with pytest.raises(ModelNotFoundError, match="holds no open_clip model that can be loaded"):
        load(folder)
    assert not (tmp_path / "ran").exists()


def test_a_row_does_not_depend_on_its_neighbours(models):
    encoder = load(models["padded"])
    pictures = [random_picture(40, 50 + k, k) for k in range(3)]
    alone = np.concatenate([encoder.embed_images([picture]) for picture in pictures])
    assert np.abs(encoder.embed_images(pictures) - alone).max() < 1e-5
    words = np.concatenate([encoder.embed_texts([text]) for text in TEXTS])
    assert np.abs(encoder.embed_texts(TEXTS) - words).max() < 1e-5
