import shutil
import subprocess
import sys

import pytest

from gap_assets.encoders.loading import encoder_fingerprint, load_encoder
from gap_assets.profiles import MODELS


def test_untrained_networks_are_no_encoder():
    with pytest.raises(ValueError, match="untrained:3 stands for networks with random weights"):
        load_encoder("untrained:3")


def test_a_fingerprint_is_of_the_name_and_of_a_folders_files(tmp_path):
    folder = shutil.copytree(MODELS / "coca", tmp_path / "coca")
    first = encoder_fingerprint(f"open_clip:{folder}")
    assert encoder_fingerprint(f"open_clip:{folder}/../coca") != first
    assert encoder_fingerprint(f"open_clip:{folder}") == first
    (folder / "README.md").write_text("other")
    assert encoder_fingerprint(f"open_clip:{folder}") == first
    with (folder / "bpe.txt.gz").open("ab") as file:
        file.write(b"other")
    assert encoder_fingerprint(f"open_clip:{folder}") != first
    names = ["open_clip:ViT-B-32/laion2b_e16", "transformers:a/b", "transformers:a/b@c"]
    assert len({first, *map(encoder_fingerprint, (*names, "embedded:coca", "untrained:3"))}) == 6
    assert encoder_fingerprint("open_clip:ViT-B/32/laion2B-e16") == encoder_fingerprint(names[0])
    shutil.rmtree(folder)
    assert encoder_fingerprint(f"open_clip:{folder}") != first


def test_names_and_fingerprints_load_no_torch():
    code = (
        "import sys; from gap_assets.encoders import frames, loading, names;"
        " loading.encoder_fingerprint('embedded:coca'); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
