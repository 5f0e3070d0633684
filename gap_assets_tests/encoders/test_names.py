import pytest

from gap_assets.encoders.names import canonical_encoder, is_untrained, untrained_count


@pytest.mark.parametrize(
    ("name", "canonical"),
    [
        ("open_clip:ViT-B/32/laion2B-s34B-b79K", "open_clip:ViT-B-32/laion2b_s34b_b79k"),
        (" open_clip:PE-Core-B-16/meta", "open_clip:PE-Core-B-16/meta"),
        ("open_clip:/models/mine", "open_clip:/models/mine"),
        ("open_clip:local-dir:/models/mine", "open_clip:/models/mine"),
        ("transformers:microsoft/xclip-base-patch32", "transformers:microsoft/xclip-base-patch32"),
        (
            "transformers:google/videoprism-lvt-base-f16r288@refs/pr/4",
            "transformers:google/videoprism-lvt-base-f16r288@refs/pr/4",
        ),
        ("transformers:/models/x-clip", "transformers:/models/x-clip"),
        ("embedded:coca", "embedded:coca"),
        ("untrained:03", "untrained:3"),
    ],
)
def test_a_name_has_one_spelling(name, canonical):
    assert canonical_encoder(name) == canonical
    assert canonical_encoder(canonical) == canonical


def test_a_folder_is_told_by_where_it_is(tmp_path, monkeypatch):
    (tmp_path / "org" / "model").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    found = canonical_encoder("transformers:./org/model")
    assert found == f"transformers:{tmp_path}/org/model"
    # A folder of that name that happens to be here does not make it another encoder.
    assert canonical_encoder("transformers:org/model") == "transformers:org/model"


@pytest.mark.parametrize(
    "name",
    [
        "",
        "coca",
        "clip:ViT-B-32/openai",
        "open_clip:",
        "open_clip:ViT-B-32",
        "open_clip:ViT-B-32/",
        "open_clip:ViT-B-32/a b",
        "transformers:xclip",
        "transformers:a/b@",
        "transformers:a/b\n",
        "transformers:" + 5000 * "a",
        "open_clip:a\0/b",
        "embedded:other",
        "embedded:../models/coca",
        "untrained:0",
        "untrained:-1",
        "untrained:three",
        "untrained:٣",
    ],
)
def test_what_names_nothing_is_refused_in_one_sentence(name):
    if name.endswith("\n"):
        name += "x"
    with pytest.raises(ValueError) as refused:
        canonical_encoder(name)
    assert str(refused.value).endswith(".")
    assert str(refused.value).count(". ") == 0


def test_how_many_untrained_networks_are_asked_for():
    assert untrained_count(["embedded:coca", "untrained:3", "untrained:12"]) == 12
    assert untrained_count(["embedded:coca"]) == 0
    assert [is_untrained(name) for name in ("untrained:3", "embedded:coca")] == [True, False]
