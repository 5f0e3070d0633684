import pytest

from gap_assets.runs import run_everything
from gap_assets.settings import remember


@pytest.fixture(scope="session")
def made(tmp_path_factory, world):
    """A data folder that has been run once."""
    settings = remember(
        tmp_path_factory.mktemp("made") / "data",
        videos=world,
        captions=world / "captions.jsonl",
        frames_per_second=2.0,
        videos_per_run=3,
    )
    run_everything(settings)
    return settings
