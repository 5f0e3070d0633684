"""Views for what people ask of the warehouse in SQL; the tables are declared in `schema`.

A view is made once all tables that it reads are there. Nothing in the platform depends on one.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from gap_assets.warehouse.schema import quoted


@dataclass(frozen=True, kw_only=True)
class View:
    """A view.

    Attributes:
        description: What a row is, in one line.
        tables: What it reads.
        query: Its SQL.
        columns: By name, what each holds.
    """

    description: str
    tables: tuple[str, ...]
    query: str
    columns: Mapping[str, str]


VIEWS: dict[str, View] = {
    "unit_embeddings": View(
        description="All embeddings of videos and texts as unit vectors, as the gap is measured.",
        tables=("video_embeddings", "text_embeddings"),
        query=(
            "SELECT video_id, 'video' AS modality, fusion AS source,"
            " list_transform(embedding, lambda x: x / norm)::FLOAT[] AS embedding"
            " FROM video_embeddings"
            " UNION ALL SELECT video_id, 'text', source, embedding::FLOAT[] FROM text_embeddings"
        ),
        columns={
            "video_id": "The video.",
            "modality": "video or text.",
            "source": "The fusion, or the source of the text.",
            "embedding": "A unit vector.",
        },
    ),
    "pairs": View(
        description="One row per video: what is said of it, and how near that is to what it shows.",
        tables=("video_embeddings", "text_embeddings"),
        query=(
            "SELECT v.video_id, v.status, v.duration_s, e.n_frames, s.summary,"
            " r.caption AS human_caption, p.cosine,"
            " CASE WHEN p.cosine IS NOT NULL THEN rank() OVER (ORDER BY p.cosine NULLS LAST) END"
            " AS worst_first, v.path"
            " FROM videos v LEFT JOIN video_summaries s USING (video_id)"
            " LEFT JOIN reference_captions r USING (video_id)"
            " LEFT JOIN (SELECT video_id, norm, n_frames, embedding FROM video_embeddings"
            " WHERE fusion = 'mean') e USING (video_id)"
            " LEFT JOIN (SELECT m.video_id, list_inner_product(m.embedding, t.embedding) / m.norm"
            " AS cosine FROM video_embeddings m JOIN text_embeddings t USING (video_id)"
            " WHERE m.fusion = 'mean' AND t.source = 'summary') p USING (video_id)"
        ),
        columns={
            "video_id": "The video.",
            "status": "ok, damaged or unreadable.",
            "duration_s": "Its seconds.",
            "n_frames": "Frames that its embedding is the mean of.",
            "summary": "The language model's sentence.",
            "human_caption": "What people wrote about it.",
            "cosine": "Of the mean of its frames and its summary.",
            "worst_first": "1 for the least cosine.",
            "path": "Its file.",
        },
    ),
    "headline_metrics": View(
        description="The numbers of gap_metrics that the report begins with.",
        tables=("gap_metrics",),
        query=(
            "SELECT encoder, video_source, text_source, metric, value, ci_low, ci_high, n"
            " FROM gap_metrics WHERE metric IN ('centroid_gap', 'centroid_gap_debiased',"
            " 'cone_video', 'cone_text', 'paired_cosine', 'mismatched_cosine', 'rmg')"
        ),
        columns={
            "encoder": "The model, or an untrained one of its architecture.",
            "video_source": "How frames are fused.",
            "text_source": "Which text.",
            "metric": "Its name.",
            "value": "Its value.",
            "ci_low": "Lower end of the 95 % interval.",
            "ci_high": "Upper end of the 95 % interval.",
            "n": "Number of pairs.",
        },
    ),
    "captions_over_time": View(
        description="The caption of each frame at its time, and whether the filter kept it.",
        tables=("frames", "frame_captions", "filtered_captions"),
        query=(
            "SELECT c.video_id, c.frame_index, f.timestamp_s, c.caption, c.logprob,"
            " k.rank IS NOT NULL AS kept FROM frame_captions c"
            " JOIN frames f USING (video_id, frame_index)"
            " LEFT JOIN filtered_captions k USING (video_id, frame_index)"
        ),
        columns={
            "video_id": "The video.",
            "frame_index": "The sampled frame, counted from 0.",
            "timestamp_s": "Seconds from the video's start.",
            "caption": "The caption.",
            "logprob": "Mean log-probability per token, in nats.",
            "kept": "Whether it is one of the filtered captions.",
        },
    ),
    "made_with": View(
        description="What each stored result was made with, in words.",
        tables=("materializations", "configurations"),
        query=(
            "SELECT m.asset, m.video_id, c.model, c.code_version, c.parameters, m.run_id,"
            " m.materialized_at FROM materializations m"
            " LEFT JOIN configurations c USING (asset, settings)"
        ),
        columns={
            "asset": "The asset.",
            "video_id": "The video; null for an asset of all videos.",
            "model": "The model and its weights.",
            "code_version": "Version of the code that made it.",
            "parameters": "Everything that was chosen, as JSON.",
            "run_id": "The Dagster run.",
            "materialized_at": "When it was stored.",
        },
    ),
}


def create_view(name: str, *, describe_columns: bool) -> Iterator[str]:
    """The statements that make a view with its descriptions.

    Args:
        name: The view.
        describe_columns: Whether its columns get theirs; a DuckLake has none for views' columns.
    """
    view = VIEWS[name]
    yield f"CREATE OR REPLACE VIEW {name} AS {view.query}"
    yield f"COMMENT ON VIEW {name} IS {quoted(view.description)}"
    for column, description in view.columns.items() if describe_columns else ():
        yield f"COMMENT ON COLUMN {name}.{column} IS {quoted(description)}"
