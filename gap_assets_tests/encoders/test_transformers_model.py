import json
import shutil
from contextlib import suppress

import numpy as np
import pytest
import torch

from gap_assets.encoders.loading import load_encoder
from gap_assets.hub import ModelNotFoundError
from gap_assets_tests.encoders.inputs import TEXTS, random_picture
from gap_assets_tests.encoders.reference import by_transformers, smallest_distance
from gap_assets_tests.encoders.test_open_clip_model import Malicious
from gap_assets_tests.hub import encoders
from gap_assets_tests.hub.faults import halve

FAMILIES = ("xclip", "videoprism")
FRAMES = 4  # of the small models


def load(folder, **options):
    return load_encoder(f"transformers:{folder}", device="cpu", **options)


@pytest.fixture(scope="module")
def videos():
    sizes = [(90, 160), (160, 90), (40, 50)]
    return [
        [random_picture(*size, 100 * k + i) for i in range(FRAMES)] for k, size in enumerate(sizes)
    ]


@pytest.fixture
def copies(models, tmp_path):
    return {
        family: shutil.copytree(models[family], tmp_path / f"of-{family}") for family in FAMILIES
    }


@pytest.mark.parametrize("family", FAMILIES)
def test_embeddings_are_the_librarys_own(models, videos, family):
    encoder = load(models[family], batch_size=2)
    crop = {}
    if family == "xclip":  # Of a small model, which the processor's default would not fit.
        crop = {"crop_size": {"height": 64, "width": 64}}
    shown, words = by_transformers(str(models[family]), videos, TEXTS, crop)
    assert encoder.frames == FRAMES
    for own, theirs in (
        (encoder.embed_videos(videos), shown),
        (encoder.embed_texts(TEXTS), words),
    ):
        assert own.shape == (len(theirs), encoder.dimensions)
        assert own.dtype == np.float32
        assert np.abs(own - theirs).max() < 1e-5
        assert smallest_distance(theirs) > 0.01
    assert encoder.embed_videos([]).shape == (0, encoder.dimensions)
    assert encoder.embed_texts([]).shape == (0, encoder.dimensions)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_row_depends_on_its_own_frames_and_their_order_alone(models, videos, family):
    encoder = load(models[family])
    together = encoder.embed_videos(videos)
    alone = np.concatenate([encoder.embed_videos([video]) for video in videos])
    assert np.abs(together - alone).max() < 1e-5
    [backwards] = encoder.embed_videos([videos[0][::-1]])
    assert np.abs(backwards - together[0]).max() > 1e-4


@pytest.mark.parametrize("family", FAMILIES)
def test_half_precision_is_near(models, videos, family):
    whole, half = (load(models[family], precision=p) for p in ("fp32", "fp16"))
    assert np.abs(whole.embed_videos(videos) - half.embed_videos(videos)).max() < 0.02
    assert np.abs(whole.embed_texts(TEXTS) - half.embed_texts(TEXTS)).max() < 0.02


@pytest.mark.parametrize("family", FAMILIES)
def test_a_video_of_other_frames_is_refused(models, videos, family):
    encoder = load(models[family])
    for video in (videos[0][1:], [*videos[0][1:], videos[1][0]]):
        with pytest.raises(ValueError, match="reads 4 pictures of one size a video"):
            encoder.embed_videos([videos[0], video])


def test_spelled_out_special_tokens_do_not_end_a_text(models):
    for family in FAMILIES:
        encoder = load(models[family])
        for token in ("<|endoftext|>", "</s>", "<pad>"):
            one, other = encoder.embed_texts([f"{token} a dog", f"{token} two cats"])
            assert np.abs(one - other).max() > 1e-3


@pytest.mark.parametrize("name", ["model.safetensors", "pytorch_model.bin"])
def test_weights_in_either_format(tmp_path, models, videos, name):
    folder = encoders.xclip_folder(tmp_path / "x", weights=name, **encoders.SMALL_XCLIP)
    expected = load(models["xclip"]).embed_videos(videos)
    assert np.abs(load(folder).embed_videos(videos) - expected).max() < 1e-6
    blob = halve(folder / name)
    with pytest.raises(ModelNotFoundError, match=f"{blob} is damaged or incomplete; delete it"):
        load(folder)


def test_code_in_weights_is_not_run(copies, tmp_path):
    weights = copies["xclip"] / "pytorch_model.bin"
    torch.save({"a": Malicious(str(tmp_path / "ran"))}, weights)
    with pytest.raises(ModelNotFoundError, match="holds more than weights, which is not loaded"):
        load(copies["xclip"])
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("file", ["config.json", "tokenizer_config.json", "processor"])
def test_code_that_comes_with_a_model_is_not_run(copies, tmp_path, family, file):
    processor = {
        "xclip": "preprocessor_config.json",
        "videoprism": "video_preprocessor_config.json",
    }
    path = copies[family] / (processor[family] if file == "processor" else file)
    kinds = ("AutoConfig", "AutoModel", "AutoTokenizer", "AutoImageProcessor", "AutoVideoProcessor")
    values = json.loads(path.read_text()) | {"auto_map": dict.fromkeys(kinds, "mine.Mine")}
    path.write_text(json.dumps(values))
    (copies[family] / "mine.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    with suppress(ModelNotFoundError):  # What is known without that code is loaded.
        load(copies[family])
    assert not (tmp_path / "ran").exists()


def test_weights_that_lack_a_part_are_refused(copies):
    weights = copies["xclip"] / "pytorch_model.bin"
    tensors = torch.load(weights, weights_only=True)
    del tensors["mit.position_embedding"]
    torch.save(tensors, weights)
    with pytest.raises(ModelNotFoundError, match=r"XCLIPModel \(mit.position_embedding differs\)"):
        load(copies["xclip"])
    tensors["mit.position_embedding"] = torch.zeros(1, 3, 3)
    torch.save(tensors, weights)
    with pytest.raises(ModelNotFoundError, match=r"\(mit\.position_embedding differs"):
        load(copies["xclip"])


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ('{"model_type": "clip"}', "'clip'; as video encoders, transformers' types xclip and vid"),
        ('{"model_type": "videoprism_vision_model"}', "'videoprism_vision_model'; as video"),
        ("{}", "is damaged or does not tell the model's type"),
        ("[", "is damaged or does not tell the model's type"),
    ],
)
def test_models_of_other_types_are_refused(copies, config, said):
    (copies["xclip"] / "config.json").write_text(config)
    with pytest.raises(ModelNotFoundError, match=said):
        load(copies["xclip"])


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("config.json", "it has no config.json"),
        ("pytorch_model.bin", "it has none of model.safetensors, pytorch_model.bin"),
        ("preprocessor_config.json", "it has none of preprocessor_config.json"),
        ("tokenizer.json", "it has no tokenizer.json, and sentencepiece"),
    ],
)
def test_folders_that_lack_a_file_are_refused(copies, file, said):
    (copies["xclip"] / file).unlink()
    with pytest.raises(ModelNotFoundError, match=f"holds no video encoder .*{said}"):
        load(copies["xclip"])


def test_no_such_folder():
    with pytest.raises(ModelNotFoundError, match="There is no folder /nowhere; check the path"):
        load("/nowhere")
