"""The tables of the warehouse, each declared once: types, keys, and what every column means.

The DDL, DuckDB's comments, the checks' keys and the UI's Columns tab are made of it. Nothing here
reads or writes rows.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

SCHEMA_VERSION = 3

PolarsType = pl.DataType | type[pl.DataType]

POLARS_TYPES: dict[str, PolarsType] = {
    "VARCHAR": pl.String,
    "VARCHAR[]": pl.List(pl.String),
    "INTEGER[]": pl.List(pl.Int32),
    "DOUBLE[][]": pl.List(pl.List(pl.Float64)),
    "INTEGER": pl.Int32,
    "BIGINT": pl.Int64,
    "DOUBLE": pl.Float64,
    "BOOLEAN": pl.Boolean,
    "BLOB": pl.Binary,
    "TIMESTAMPTZ": pl.Datetime("us", "UTC"),
}

EMBEDDING = "FLOAT[D]"
"""The type of an embedding, whose size D is that of the warehouse's CoCa."""


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table.

    Attributes:
        description: What a row is, in one line.
        columns: By name: DuckDB's type, and what it holds, with its unit.
        key: The columns that tell rows apart. Uniqueness is kept by replacing a video's rows in one
            transaction and verified by an asset check: DuckDB's own constraints reject a key that
            is deleted and inserted in the same transaction.
    """

    description: str
    columns: Mapping[str, tuple[str, str]]
    key: tuple[str, ...] = ()


VIDEO = ("VARCHAR", "The video; the file's stem unless two files share it.")
FRAME = ("INTEGER", "The sampled frame, counted from 0.")
CUT = ("BOOLEAN", "Whether text was left out because the model reads no more.")

TABLES: dict[str, Table] = {
    "videos": Table(
        description="One row per video file of the folder.",
        columns={
            "video_id": VIDEO,
            "path": ("VARCHAR", "Where the file is."),
            "bytes": ("BIGINT", "Its size."),
            "modified_ns": ("BIGINT", "When it was modified, in nanoseconds since 1970."),
            "container": ("VARCHAR", "Its container format, as FFmpeg names it."),
            "codec": ("VARCHAR", "The codec of its video stream."),
            "width": ("INTEGER", "Pixels of the coded picture, before rotation."),
            "height": ("INTEGER", "Pixels of the coded picture, before rotation."),
            "rotation": ("INTEGER", "Degrees by which a player turns the picture."),
            "fps": ("DOUBLE", "Frames per second that the file claims."),
            "duration_s": ("DOUBLE", "Seconds that the file claims."),
            "status": ("VARCHAR", "ok, damaged (some frames could be read), or unreadable."),
            "error": ("VARCHAR", "Why it is not ok."),
            "content_hash": ("VARCHAR", "Identifies the file's content."),
        },
        key=("video_id",),
    ),
    "frames": Table(
        description="One row per sampled frame.",
        columns={
            "video_id": VIDEO,
            "frame_index": FRAME,
            "timestamp_s": ("DOUBLE", "Seconds from the video's start to the frame."),
            "width": ("INTEGER", "Pixels of the stored picture."),
            "height": ("INTEGER", "Pixels of the stored picture."),
            "image": ("BLOB", "The picture as JPEG, upright."),
            "repeats": ("INTEGER", "Moments of the sampling that show it: how often it counts."),
        },
        key=("video_id", "frame_index"),
    ),
    "frame_captions": Table(
        description="One caption per frame, by CoCa.",
        columns={
            "video_id": VIDEO,
            "frame_index": FRAME,
            "caption": ("VARCHAR", "The caption."),
            "logprob": ("DOUBLE", "Mean log-probability per token, end token included, in nats."),
        },
        key=("video_id", "frame_index"),
    ),
    "frame_embeddings": Table(
        description="CoCa's embedding of each frame.",
        columns={
            "video_id": VIDEO,
            "frame_index": FRAME,
            "embedding": (EMBEDDING, "A unit vector, of the space that text_embeddings share."),
        },
        key=("video_id", "frame_index"),
    ),
    "filtered_captions": Table(
        description="The captions of a video that say something new.",
        columns={
            "video_id": VIDEO,
            "rank": ("INTEGER", "The caption's place in the order of time, from 0."),
            "frame_index": ("INTEGER", "The frame that the caption is of."),
            "caption": ("VARCHAR", "The caption."),
            "cluster_size": ("INTEGER", "Frames that it stands for, its own and repeats included."),
            "frames": ("INTEGER[]", "The frames whose captions it stands for, in order."),
        },
        key=("video_id", "rank"),
    ),
    "video_summaries": Table(
        description="One sentence per video, by a language model from its filtered captions.",
        columns={
            "video_id": VIDEO,
            "summary": ("VARCHAR", "The sentence."),
            "n_captions": ("INTEGER", "Captions that the model was shown."),
            "truncated": CUT,
            "ended": ("BOOLEAN", "Whether the model ended it; else it was cut at the limit."),
            "unsupported": ("DOUBLE", "Share of its content words that occur in no caption, 0-1."),
            "fallback": ("VARCHAR", "Why a caption stands in for it: empty or example; or null."),
        },
        key=("video_id",),
    ),
    "video_embeddings": Table(
        description="One vector per video and way of fusing its frames.",
        columns={
            "video_id": VIDEO,
            "fusion": ("VARCHAR", "mean, medoid, max or middle."),
            "embedding": (
                EMBEDDING,
                "As fused, not normalised: divide by norm before a cosine.",
            ),
            "norm": ("DOUBLE", "Its length; that of a mean says how alike the frames are."),
            "n_frames": ("INTEGER", "Frames that were fused, repeats of a still included."),
        },
        key=("video_id", "fusion"),
    ),
    "text_embeddings": Table(
        description="CoCa's embedding of what is said about a video, per source.",
        columns={
            "video_id": VIDEO,
            "source": ("VARCHAR", "summary, captions, filtered or reference."),
            "embedding": (EMBEDDING, "A unit vector; of several texts the normalised mean."),
            "n_tokens": ("INTEGER", "Tokens of all texts of the source."),
            "truncated": CUT,
            "cosine_to_captions": ("DOUBLE", "Cosine to the mean of the filtered captions."),
        },
        key=("video_id", "source"),
    ),
    "untrained_embeddings": Table(
        description="Embeddings by networks that were never trained: the control.",
        columns={
            "video_id": ("VARCHAR", "The video, or the picture of noise."),
            "encoder": ("VARCHAR", "The network: untrained- and its seed."),
            "modality": ("VARCHAR", "video, text or noise."),
            "source": ("VARCHAR", "The fusion, or the source of the text."),
            "embedding": (EMBEDDING, "As in the tables of the trained network."),
        },
    ),
    "projections": Table(
        description="Where a video and its text lie in the pictures.",
        columns={
            "video_id": VIDEO,
            "modality": ("VARCHAR", "video or text."),
            "method": ("VARCHAR", "umap, svd or gap_axis."),
            "x": ("DOUBLE", "Without a unit; on the gap's axis, the position along it."),
            "y": ("DOUBLE", "Without a unit."),
        },
        key=("video_id", "modality", "method"),
    ),
    "gap_metrics": Table(
        description="One number per encoder, pair of sources and metric.",
        columns={
            "encoder": ("VARCHAR", "The model and its weights, or an untrained network."),
            "video_source": ("VARCHAR", "The fusion, or what stands in its place."),
            "text_source": ("VARCHAR", "The source of the texts."),
            "metric": ("VARCHAR", "Its name; the report defines it."),
            "value": ("DOUBLE", "Its value."),
            "ci_low": ("DOUBLE", "Lower end of its 95 % interval, if it has one."),
            "ci_high": ("DOUBLE", "Upper end of its 95 % interval, if it has one."),
            "n": ("INTEGER", "Pairs that it was measured on."),
        },
    ),
    "cause_runs": Table(
        description="Figures along trainings of small CoCas that differ in one choice.",
        columns={
            "condition": ("VARCHAR", "What differs from the baseline, or baseline."),
            "seed": ("INTEGER", "Of the initial weights and of the order of batches."),
            "step": ("INTEGER", "Steps that were trained before it was measured."),
            "metric": ("VARCHAR", "gap, cone_image, cone_text, rmg, knn_excess, recall_at_1 ..."),
            "value": ("DOUBLE", "Its value on held-out drawn pictures and their captions."),
        },
        key=("condition", "seed", "step", "metric"),
    ),
    "reference_captions": Table(
        description="What people wrote about a video.",
        columns={
            "video_id": VIDEO,
            "caption": ("VARCHAR", "The whole text."),
            "sentences": ("VARCHAR[]", "Its sentences, if they are known."),
            "timestamps": ("DOUBLE[][]", "Start and end of each sentence, in seconds."),
            "split": ("VARCHAR", "The data set's split."),
            "dataset": ("VARCHAR", "The data set."),
        },
        key=("video_id",),
    ),
    "failures": Table(
        description="What could not be made of a video, and why.",
        columns={
            "video_id": VIDEO,
            "asset": ("VARCHAR", "What could not be made."),
            "error_type": ("VARCHAR", "The kind of error."),
            "error": ("VARCHAR", "The reason, in one sentence."),
            "failed_at": ("TIMESTAMPTZ", "When it was tried."),
        },
        key=("video_id", "asset"),
    ),
    "materializations": Table(
        description="The ledger: what each stored result was made from.",
        columns={
            "asset": ("VARCHAR", "The asset."),
            "video_id": ("VARCHAR", "The video; null for an asset of all videos."),
            "config_hash": ("VARCHAR", "Hash of all that determines the result."),
            "settings": ("VARCHAR", "Hash of the settings alone."),
            "run_id": ("VARCHAR", "Dagster's run that made it."),
            "n_rows": ("BIGINT", "Rows that it has in its table."),
            "seconds": ("DOUBLE", "Seconds that it took."),
            "materialized_at": ("TIMESTAMPTZ", "When it was stored."),
        },
        key=("asset", "video_id"),
    ),
    "configurations": Table(
        description="What the hashes in materializations.settings stand for.",
        columns={
            "settings": ("VARCHAR", "The hash."),
            "asset": ("VARCHAR", "The asset."),
            "code_version": ("VARCHAR", "Version of the code that made it."),
            "model": ("VARCHAR", "The model and its weights, if one is used."),
            "parameters": ("VARCHAR", "Everything that was chosen, as JSON."),
            "first_used": ("TIMESTAMPTZ", "When a run first made something with it."),
        },
        key=("settings", "asset"),
    ),
    "warehouse": Table(
        description="What the warehouse knows about itself.",
        columns={
            "key": ("VARCHAR", "The name of a fact."),
            "value": ("VARCHAR", "The fact."),
        },
        key=("key",),
    ),
}


def create_table(table: str, *, embedding: str = "") -> str:
    """The DDL of one table.

    Args:
        table: A key of `TABLES`.
        embedding: The type of an embedding column; a table with embeddings needs it.
    """
    columns = (
        f"{name} {embedding if kind == EMBEDDING else kind}"
        for name, (kind, _) in TABLES[table].columns.items()
    )
    return f"CREATE TABLE IF NOT EXISTS {table} ({', '.join(columns)})"


def comment_on(table: str) -> list[str]:
    """Statements that give a table and its columns their descriptions."""
    declared = TABLES[table]
    on_columns = (
        f"COMMENT ON COLUMN {table}.{name} IS {quoted(description)}"
        for name, (_, description) in declared.columns.items()
    )
    return [f"COMMENT ON TABLE {table} IS {quoted(declared.description)}", *on_columns]


def row_types(table: str) -> dict[str, PolarsType]:
    """The polars type of each column of a table but embeddings, whose size is not declared."""
    kinds = {name: kind for name, (kind, _) in TABLES[table].columns.items()}
    return {name: POLARS_TYPES[kind] for name, kind in kinds.items() if kind != EMBEDDING}


def holds_embeddings(table: str) -> bool:
    """Whether the table can be made only once the embedding size is known."""
    return any(kind == EMBEDDING for kind, _ in TABLES[table].columns.values())


def quoted(text: str) -> str:
    """A text as SQL's literal."""
    return "'" + text.replace("'", "''") + "'"
