"""Which models stay loaded. How much memory is free is set; the rest is real."""

import pytest

from gap_assets.memory import Memory
from gap_assets.pipeline import models


@pytest.fixture(autouse=True)
def _no_models():
    models.drop_models()
    yield
    models.drop_models()


@pytest.fixture
def free(monkeypatch):
    """Sets how much of 10 bytes is free."""

    def set_free(value):
        found = None if value is None else Memory(free=value, total=10)
        monkeypatch.setattr(models, "machine_memory", lambda: found)

    return set_free


def load(name, loaded):
    return models.resident(name, lambda: loaded.append(name) or object(), name=name, device="cpu")


@pytest.mark.parametrize(("memory", "loads"), [(5, ["a", "b"]), (4, ["a", "b", "a"])])
def test_models_stay_while_half_of_the_memory_is_free(free, memory, loads):
    free(memory)
    loaded = []
    first = load("a", loaded)
    assert load("a", loaded) is first  # One that is there makes no room for itself.
    load("b", loaded)
    load("a", loaded)
    assert loaded == loads


def test_a_system_that_tells_nothing_keeps_one_model(free):
    free(None)
    loaded = []
    for name in "aab":
        load(name, loaded)
    load("a", loaded)
    assert loaded == ["a", "b", "a"]
