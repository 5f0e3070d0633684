import open_clip
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gap_assets.parameters import CocaModel
from gap_assets.profiles import canonical_model, canonical_weights, is_local

COCAS = [name for name in open_clip.list_models() if name.startswith("coca_")]
TAGS = [(name, tag) for name in COCAS for tag in open_clip.list_pretrained_tags_by_model(name)]


@given(st.sampled_from(TAGS), st.data())
def test_every_spelling_that_open_clip_takes_is_one_tag(named, data):
    model, tag = named
    spelled = "".join(
        data.draw(st.sampled_from([c.lower(), c.upper(), *("-_" if c in "-_" else "")]))
        for c in tag
    )
    assert open_clip.get_pretrained_cfg(model, spelled)
    assert canonical_weights(spelled) == tag
    chosen = CocaModel(model=model, weights=spelled)
    assert chosen.determines() == CocaModel(model=model, weights=tag).determines()


def test_the_papers_spelling_of_the_production_weights():
    assert canonical_weights("mscoco_finetuned_laion2B-s13B-b90k") in (
        open_clip.list_pretrained_tags_by_model("coca_ViT-L-14")
    )


def test_files_and_folders_become_absolute(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "w.bin").touch()
    (tmp_path / "a" / "coca").mkdir(parents=True)
    assert canonical_weights("w.bin") == str(tmp_path / "w.bin")
    assert canonical_weights("./A-b.bin") == str(tmp_path / "A-b.bin")
    for folder in ("a/coca", "./a/coca", "local-dir:a/coca", str(tmp_path / "a" / "coca")):
        assert canonical_model(folder) == f"local-dir:{tmp_path / 'a' / 'coca'}"
    assert canonical_model("coca_ViT-L/14") == "coca_ViT-L-14"
    assert not is_local("coca_ViT-L-14")


def test_a_named_model_without_weights_is_refused():
    with pytest.raises(ValueError, match="coca_ViT-L-14 needs weights: set `weights`"):
        CocaModel(model="coca_ViT-L-14")
