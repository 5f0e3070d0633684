"""What is said of models before any of them is loaded."""

import shutil
import zipfile
from pathlib import Path

import dagster as dg
import pytest
import torch
from safetensors.torch import load_file, save_file

from gap_assets.checkpoints import read_weights
from gap_assets.coca.weights import check_weights
from gap_assets.dagster.build import build_definitions
from gap_assets.dagster.partitions import range_tags
from gap_assets.dagster.runs import QUIET, open_instance
from gap_assets.hub import ModelNotFoundError
from gap_assets.parameters import Captioning, CocaModel, SummarizerModel
from gap_assets.pipeline import model_check
from gap_assets.pipeline.model_check import ModelsDoNotFitError, check_models
from gap_assets.profiles import MODELS
from gap_assets.settings import Settings, choose, default_fingerprints, remember
from gap_assets.warehouse.store import Warehouse

COCA = CocaModel(model=f"local-dir:{MODELS / 'coca'}")
SUMMARIZER = SummarizerModel(model=str(MODELS / "summarizer"))


@pytest.fixture
def offline(monkeypatch, tmp_path):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))


def test_the_embedded_models_are_here_and_small():
    coca, summarizer = check_models(coca=COCA, captioning=Captioning(), summarizer=SUMMARIZER)
    assert coca.here
    assert summarizer.here
    assert (coca.name, summarizer.name) == ("embedded coca", "embedded summarizer")
    tensors = load_file(MODELS / "coca" / "open_clip_model.safetensors")
    assert coca.memory == 4 * sum(tensor.numel() for tensor in tensors.values())
    assert 0 < summarizer.memory < 10e6


def test_half_a_file_is_named_with_where_it_lies(tmp_path):
    whole = tmp_path / "weights.bin"
    torch.save({"a": torch.zeros(1000)}, whole)
    half = tmp_path / "half.bin"
    half.write_bytes(whole.read_bytes()[:2000])
    other = tmp_path / "half.safetensors"
    save_file({"a": torch.zeros(1000)}, other)
    other.write_bytes(other.read_bytes()[:2000])
    for path in (half, other):
        with pytest.raises(ModelNotFoundError, match=rf"{path.name} is damaged or incomplete; del"):
            read_weights(path)
    assert read_weights(whole)["a"].shape == (1000,)


def test_no_code_in_a_weights_file_is_run(tmp_path):
    class Payload:
        def __reduce__(self):
            return Path.touch, (tmp_path / "ran",)

    torch.save({"a": Payload()}, tmp_path / "weights.bin")
    with pytest.raises(ModelNotFoundError, match="holds more than weights"):
        read_weights(tmp_path / "weights.bin")
    assert not (tmp_path / "ran").exists()
    with zipfile.ZipFile(tmp_path / "other.bin", "w") as archive:
        archive.writestr("readme", "no weights")
    with pytest.raises(ModelNotFoundError, match="damaged or incomplete"):
        read_weights(tmp_path / "other.bin")


def test_weights_of_another_model_are_named_in_one_line(tmp_path):
    file = tmp_path / "other.safetensors"
    save_file({"text.token_embedding.weight": torch.zeros(9, 9)}, file)
    with pytest.raises(ModelNotFoundError, match="not hold the weights of coca_ViT-B-32") as error:
        check_weights("coca_ViT-B-32", file)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 300


@pytest.mark.parametrize(
    ("removed", "said"),
    [
        ("config.json", "has no config.json"),
        (
            "tokenizer.json",
            "no tokenizer.json, and sentencepiece, which reads others, is not",
        ),
        ("model.safetensors", "no weights as safetensors, and other formats can carry code"),
    ],
)
def test_what_a_language_model_lacks_is_named(tmp_path, removed, said):
    folder = shutil.copytree(MODELS / "summarizer", tmp_path / "lm")
    (folder / removed).unlink()
    (folder / "pytorch_model.bin").touch()
    with pytest.raises(ModelNotFoundError, match=said):
        check_models(
            coca=COCA, captioning=Captioning(), summarizer=SummarizerModel(model=str(folder))
        )


def test_code_that_comes_with_a_model_is_refused(tmp_path):
    folder = shutil.copytree(MODELS / "summarizer", tmp_path / "lm")
    (folder / "SHA256SUMS").unlink()
    (folder / "config.json").write_text(
        '{"model_type": "mine", "auto_map": {"AutoConfig": "mine.Config"}}'
    )
    (folder / "mine.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    with pytest.raises(ModelNotFoundError, match="code that comes with a model is never run"):
        check_models(
            coca=COCA, captioning=Captioning(), summarizer=SummarizerModel(model=str(folder))
        )
    assert not (tmp_path / "ran").exists()


def test_too_little_memory_or_disk_is_said_before_anything_is_loaded(monkeypatch, tmp_path):
    monkeypatch.setattr("gap_assets.gpu.free_memory", lambda _: 1000)
    with pytest.raises(ModelsDoNotFitError, match=r"about 0.0 GB of memory.* with --coca or --w"):
        check_models(coca=COCA, captioning=Captioning(), summarizer=None)
    monkeypatch.undo()
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(model_check, "free_space", lambda: 10**9)
    listing = {"open_clip_pytorch_model.bin": 2 * 10**9}
    monkeypatch.setattr("gap_assets.checkpoints.list_repository", lambda _: listing)
    named = CocaModel(model="coca_ViT-L-14", weights="laion2B-s13B-b90k")
    with pytest.raises(ModelsDoNotFitError, match=r"take 2.0 GB, and 1.0 GB are free in .*HF_HOME"):
        check_models(coca=named, captioning=Captioning(), summarizer=None)


def test_a_run_in_the_ui_fails_before_its_first_frame(settings, offline):
    settings = remember(settings.data, models="hub")
    definitions = build_definitions(settings)
    with open_instance(settings) as instance:

        def execute(job: str, **more) -> dg.ExecuteInProcessResult:
            return definitions.resolve_job_def(job).execute_in_process(
                run_config=QUIET, instance=instance, raise_on_error=False, **more
            )

        assert execute("catalogue").success
        result = execute("per_video", tags=range_tags("world-0000", "world-0001"))
        [failed] = [event for event in result.all_events if event.is_step_failure]
        said = failed.step_failure_data.user_failure_data.description
        assert said == (
            "microsoft/phi-1_5 is not in the local cache and HF_HUB_OFFLINE is set; go online once,"
            " or name a local folder."
        )
        warehouse = Warehouse(path=settings.warehouse)
        assert warehouse.read("SELECT count(*) AS n FROM frames")["n"][0] == 0
        # Frames alone need no model.
        frames = execute(
            "per_video",
            tags=range_tags("world-0000", "world-0001"),
            asset_selection=[dg.AssetKey("frames")],
        )
        assert frames.success
    assert warehouse.read("SELECT count(*) AS n FROM frames")["n"][0] > 0


def test_choosing_changes_what_is_stale_and_nothing_else(tmp_path):
    def stale(**chosen) -> set[str]:
        before = default_fingerprints(Settings(data=tmp_path, models="hub"))
        after = default_fingerprints(choose(tmp_path, models="hub", **chosen))
        return {asset for asset in before if before[asset] != after[asset]}

    spelled = "mscoco_finetuned_laion2B-s13B-b90k"
    assert stale(weights=spelled) == set()
    assert stale(caption_weights="laion2B-s13B-b90k") == {"frame_captions", "gap_report"}
    summaries = {"video_summaries", "gap_report"}
    assert stale(summarizer="google/flan-t5-base") == summaries
    assert "frame_embeddings" in stale(coca="coca_ViT-B-32")
    assert not stale(coca="coca_ViT-B-32") & {"frames", "video_summaries"}
