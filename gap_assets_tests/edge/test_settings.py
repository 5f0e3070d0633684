from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from gap_assets.settings import Settings, SettingsFileError, remember


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
        with pytest.raises(SettingsFileError, match=r"gap.toml is no TOML .*line 1"):
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
