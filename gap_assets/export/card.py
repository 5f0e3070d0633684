"""What people read beside the files: the data set's card, and the list of the tables."""

from collections.abc import Iterable, Mapping

from gap_assets.export.dataset import Column
from gap_assets.export.tables import EXPORTED_VIEWS, descriptions
from gap_assets.text import printable
from gap_assets.warehouse.schema import TABLES
from gap_assets.warehouse.views import VIEWS

CARD = """\
---
license: other
pretty_name: Videos, captions and embeddings
tags:
- video
- captions
- embeddings
- modality-gap
configs:
- config_name: videos
  default: true
  data_files: "{files[videos]}"
- config_name: frames
  data_files: "{files[frames]}"
---

# Videos, captions and embeddings

Frames of {videos} videos, what a model says of each, what a language model makes of that, and
embeddings of both in one space. `gap export` of gap_assets wrote it. The license is that of the
videos and of their captions; say here which one it is before you publish this.

```python
from datasets import load_dataset
videos = load_dataset("{folder}", "videos", split="train")
frames = load_dataset("{folder}", "frames", split="train")
```

## Which models made it

{models}

The summary is made from the filtered captions, which are those of the frames.

{configurations}"""

MADE = {
    "frame_captions": "The captions",
    "frame_embeddings": "The embeddings of frames, which are fused to those of videos",
    "text_embeddings": "The embeddings of texts",
    "video_summaries": "The summaries",
}
"""What a model made, by the asset."""

TABLES_CARD = """\
# Tables

Each table of the warehouse as Parquet. Any tool reads them; `comment` in the metadata of Arrow's
schema says what a column holds, as does this page.

"""


def dataset_card(
    configurations: Mapping[str, Mapping[str, Column]],
    *,
    files: Mapping[str, str],
    videos: int,
    models: Iterable[tuple[str, str]],
) -> str:
    """README.md of the data set, as the hub of Hugging Face reads it.

    Args:
        configurations: The columns of each.
        files: The pattern of the files of each.
        videos: How many videos there are.
        models: Assets, and what made them.
    """
    made = [f"* {MADE[asset]}: {_code(model)}." for asset, model in models if asset in MADE]
    sections = [
        f"## {name}\n\n" + _table({column: c.about for column, c in columns.items()})
        for name, columns in configurations.items()
    ]
    return CARD.format(
        files=files,
        videos=videos,
        folder="dataset",
        models="\n".join(made) or "The warehouse does not say.",
        configurations="\n".join(sections),
    )


def tables_card(counts: Mapping[str, int]) -> str:
    """README.md of the tables: what a row is, and what each column holds.

    Args:
        counts: Rows by table.
    """
    about = {name: TABLES[name].description for name in TABLES}
    about |= {name: VIEWS[name].description for name in EXPORTED_VIEWS}
    sections = (
        f"## {name}\n\n{about[name]} {rows} rows.\n\n{_table(descriptions(name))}"
        for name, rows in counts.items()
    )
    return TABLES_CARD + "\n".join(sections)


def _table(about: Mapping[str, str]) -> str:
    lines = ["| column | what it holds |", "|---|---|"]
    lines += [f"| `{column}` | {text.replace('|', '/')} |" for column, text in about.items()]
    return "\n".join(lines) + "\n"


def _code(text: str) -> str:
    """A text of someone else's as code, on one line."""
    return "`" + " ".join(printable(text).replace("`", "'").split()) + "`"
