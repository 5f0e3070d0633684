from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from gap_assets.encoders.names import canonical_encoder
from gap_assets.profiles import PROFILES, canonical_weights
from gap_assets.settings import (
    Settings,
    SettingsFileError,
    choose,
    default_parameters,
    refusal,
    remember,
)


def test_a_folder_remembers_and_keeps_the_rest(tmp_path):
    remember(tmp_path, videos=Path("/videos"), frames_per_second=2.0)
    settings = remember(tmp_path, models="hub", videos=None)
    assert settings == Settings(data=tmp_path)
    assert (settings.models, settings.frames_per_second) == ("hub", 2.0)
    assert settings.videos == Path("/videos")


def test_the_environment_wins_over_the_file(tmp_path, monkeypatch):
    remember(tmp_path, models="hub")
    monkeypatch.setenv("GAP_MODELS", "embedded")
    monkeypatch.setenv("GAP_DATA", str(tmp_path))
    assert Settings().models == "embedded"


def test_what_is_given_wins_over_the_environment(tmp_path, monkeypatch):
    monkeypatch.setenv("GAP_MODELS", "hub")
    assert remember(tmp_path, models="embedded").models == "embedded"


def test_a_file_that_is_no_toml_is_named(tmp_path):
    (tmp_path / "gap.toml").write_text("models = embedded")
    for read in (lambda: Settings(data=tmp_path), lambda: remember(tmp_path, models="hub")):
        with pytest.raises(SettingsFileError, match=r"gap.toml is not valid TOML .*line 1"):
            read()
    assert (tmp_path / "gap.toml").read_text() == "models = embedded"


@given(st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc"]), min_size=1))
def test_any_path_survives(tmp_path_factory, name):
    directory = tmp_path_factory.mktemp("data")
    assert remember(directory, videos=Path("/") / name).videos == Path("/") / name


@pytest.mark.parametrize(
    "wrong",
    [
        {"models": "other"},
        {"frames_per_second": 0},
        {"frames_per_second": float("inf")},
        {"prompt": "no field"},
        {"unknown": 1},
    ],
)
def test_a_wrong_setting_is_refused_and_not_written(tmp_path, wrong):
    with pytest.raises(ValidationError):
        remember(tmp_path, **wrong)
    assert not (tmp_path / "gap.toml").exists()


LAKE = "ducklake:postgres:dbname=gap host=db"


def test_a_warehouse_is_a_file_of_the_data_folder_or_a_lake(tmp_path):
    settings = Settings(data=tmp_path)
    assert settings.warehouse == str(tmp_path / "gap.duckdb")
    assert remember(tmp_path, warehouse=LAKE).warehouse == LAKE
    assert "warehouse" in (tmp_path / "gap.toml").read_text()


@pytest.mark.parametrize(
    "url",
    [
        f"{LAKE} password=hunter2",
        f"{LAKE} PASSWORD = 'hunter2'",
        "ducklake:postgres:postgresql://gap:hunter2@db/gap",
        "ducklake:sqlite:catalogue.db",
    ],
)
def test_a_password_reaches_neither_the_file_nor_the_message(tmp_path, url):
    with pytest.raises(ValidationError) as raised:
        remember(tmp_path, warehouse=url)
    assert "hunter2" not in str(raised.value)
    assert not (tmp_path / "gap.toml").exists()


def test_models_are_chosen_in_the_file_by_variables_and_by_arguments(tmp_path, monkeypatch):
    chosen = {"coca": "coca_ViT-B-32", "weights": "laion2B-s13B-b90k"}
    remember(tmp_path, models="hub", **chosen, caption_weights="mscoco_finetuned_laion2B-s13B-b90k")
    (tmp_path / "lm").mkdir()
    monkeypatch.setenv("GAP_SUMMARIZER", str(tmp_path / "lm"))
    choices = default_parameters(Settings(data=tmp_path))
    assert choices["coca"].model == "coca_ViT-B-32"
    assert choices["coca"].weights == "laion2b_s13b_b90k"
    assert choices["captioning"].weights == "mscoco_finetuned_laion2b_s13b_b90k"
    assert choices["summarizer"].model == str(tmp_path / "lm")
    monkeypatch.setenv("GAP_COCA", "coca_base")
    assert default_parameters(Settings(data=tmp_path))["coca"].model == "coca_base"


def test_weights_are_the_profiles_unless_a_folder_holds_its_own(tmp_path):
    hub = PROFILES["hub"]
    of_name = default_parameters(choose(tmp_path, models="hub", coca="coca_ViT-B-32"))["coca"]
    assert of_name.weights == canonical_weights(hub.weights)
    of_folder = default_parameters(choose(tmp_path, models="hub", coca="./mine"))["coca"]
    assert of_folder.weights is None


def test_another_profile_or_coca_forgets_what_belonged_to_the_last(tmp_path):
    remember(
        tmp_path, models="hub", coca="coca_base", weights="x", summarizer="google/flan-t5-base"
    )
    assert remember(tmp_path, coca="coca_ViT-B-32").weights is None
    assert remember(tmp_path, summarizer="microsoft/phi-1_5").coca == "coca_ViT-B-32"
    settings = remember(tmp_path, models="embedded")
    assert (settings.coca, settings.summarizer) == (None, None)
    assert Settings(data=tmp_path) == settings


def test_the_embedded_models_are_a_pair(tmp_path):
    with pytest.raises(ValidationError, match=r"coca and summarizer cannot be chosen .* hub"):
        choose(tmp_path, coca="coca_base", summarizer="microsoft/phi-1_5")
    assert not list(tmp_path.iterdir())


def test_a_prompt_file_is_the_prompt(tmp_path):
    file = tmp_path / "prompt.txt"
    file.write_text("One sentence: {captions}")
    remember(tmp_path, prompt="Old: {captions}")
    settings = remember(tmp_path, prompt_file=file)
    assert default_parameters(settings)["summarizer"].prompt == "One sentence: {captions}"
    file.write_text("No field")
    with pytest.raises(ValidationError, match="exactly once; it holds it 0 times"):
        Settings(data=tmp_path)
    with pytest.raises(ValidationError, match="cannot be read; check the path"):
        choose(tmp_path, prompt_file=tmp_path / "none.txt")


def test_a_table_in_the_file_holds_parameters(tmp_path):
    (tmp_path / "gap.toml").write_text(
        '[parameters.caption_filter]\nmethod = "none"\n'
        '[parameters.sampling.sampling]\nkind = "fixed_count"\ncount = 8\n'
    )
    choices = default_parameters(Settings(data=tmp_path))
    assert choices["caption_filter"].method == "none"
    assert choices["sampling"].sampling.count == 8
    remember(tmp_path, **{"sampling.max_megapixels": float("inf"), "sampling.sampling.count": 9})
    choices = default_parameters(remember(tmp_path, controls=False))
    assert choices == default_parameters(Settings(data=tmp_path))
    assert choices["sampling"].sampling.count == 9
    assert choices["sampling"].max_megapixels == float("inf")
    assert choices["caption_filter"].method == "none"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("parameters.caption_filter.methud = 1", "caption_filter.methud is no parameter"),
        ("parameters.filter.method = 1", "filter is no group of parameters; use sampling"),
        ('parameters.coca.weights = "x"', "coca.weights is the setting weights; set that"),
        (
            'frames_per_second = 2\nparameters.sampling.sampling.kind = "key_frames"',
            "Both frames_per_second and sampling.sampling are set; leave one out",
        ),
        ('parameters.sampling.sampling.kind = "fixed_count"', "count is missing; set it, too"),
        ("parameters = 3", "parameters must be a valid dictionary"),
    ],
)
def test_a_table_that_is_wrong_is_refused_in_a_sentence(tmp_path, text, sentence):
    (tmp_path / "gap.toml").write_text(text)
    with pytest.raises(ValidationError) as refused:
        Settings(data=tmp_path)
    assert sentence in refusal(refused.value)


def test_one_way_of_sampling_takes_the_place_of_another(tmp_path):
    remember(tmp_path, frames_per_second=2.0)
    remember(tmp_path, **{"sampling.sampling": {"kind": "fixed_count", "count": 8}})
    assert "frames_per_second" not in (tmp_path / "gap.toml").read_text().partition("\n")[0]
    assert default_parameters(Settings(data=tmp_path))["sampling"].sampling.count == 8
    remember(tmp_path, frames_per_second=3.0)
    assert default_parameters(Settings(data=tmp_path))["sampling"].sampling.rate == 3.0


def test_encoders_are_a_list_each_once_or_none(tmp_path, monkeypatch):
    named = ["open_clip:ViT-B/32/laion2B-s34B-b79K", "embedded:coca,untrained:2", "embedded:coca"]
    settings = remember(tmp_path, encoders=named)
    canonical = ("open_clip:ViT-B-32/laion2b_s34b_b79k", "embedded:coca", "untrained:2")
    assert settings.encoders == Settings(data=tmp_path).encoders == canonical
    chosen = default_parameters(settings)
    assert chosen["encoders"].names == [*canonical[:2]]
    assert chosen["statistics"].untrained_seeds == 2
    assert remember(tmp_path, encoders=["none"]).encoders == Settings(data=tmp_path).encoders == ()
    monkeypatch.setenv("GAP_ENCODERS", "embedded:coca, untrained:1")
    assert Settings(data=tmp_path).encoders == ("embedded:coca", "untrained:1")
    with pytest.raises(ValidationError, match="names no encoder"):
        choose(tmp_path, encoders=["ViT-B-32"])


def test_a_profile_names_encoders_that_are_spelled_as_they_are_stored(tmp_path):
    for models, profile in PROFILES.items():
        chosen = default_parameters(choose(tmp_path, models=models))["encoders"]
        assert chosen.names == [name for name in profile.encoders if "untrained" not in name]
        assert tuple(map(canonical_encoder, profile.encoders)) == profile.encoders
    assert default_parameters(choose(tmp_path, models="hub"))["statistics"].untrained_seeds == 3


def test_a_list_that_says_nothing_of_untrained_networks_leaves_their_number(tmp_path):
    hub = remember(tmp_path, models="hub", encoders=["embedded:coca"])
    assert default_parameters(hub)["statistics"].untrained_seeds == 3
    hub = remember(tmp_path, encoders=["embedded:coca", "untrained:1"])
    assert default_parameters(hub)["statistics"].untrained_seeds == 1
