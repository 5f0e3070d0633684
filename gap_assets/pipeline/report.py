"""What the gap report shows of a warehouse: metrics, embeddings, texts and thumbnails."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from gap_assets.gap.cones import ConeRow
from gap_assets.gap.filtering import CaptionedFrame, FilteredCaptions
from gap_assets.gap.metric_rows import MetricPlan, MetricRow, SourceVectors
from gap_assets.gap.pooled import PooledRow
from gap_assets.gap.projections import ProjectionModel
from gap_assets.gap.reporting.numbers import Numbers
from gap_assets.gap.reporting.report import ReportInputs, material
from gap_assets.gap.summaries import MarkedSummary
from gap_assets.graph import CONES, POOLING
from gap_assets.pipeline.corpus import read_corpus, read_untrained
from gap_assets.pipeline.embeddings import TEXTS
from gap_assets.pipeline.event_metrics import read_events_shown
from gap_assets.pipeline.familiarity import unfamiliar_videos
from gap_assets.profiles import Profile
from gap_assets.warehouse.store import Warehouse

if TYPE_CHECKING:
    from gap_assets.gap.reporting.figures.style import Material

SHOWN_FRAMES = 16
TITLE = "Modality gap and cone effect of videos and their captions"


def read_report_inputs(
    warehouse: Warehouse,
    *,
    plan: MetricPlan,
    projections: ProjectionModel,
    profile: Profile | None,
    facts: Mapping[str, str],
    expects_controls: bool = True,
    without: Sequence[str] = (),
) -> ReportInputs:
    """Collects the report's inputs from the warehouse.

    Args:
        warehouse: The warehouse.
        plan: The main pair, as `gap_metrics` was made with.
        projections: The fitted projections.
        profile: The profile that the CoCa belongs to.
        facts: Further lines for the head of the report.
        expects_controls: Whether a report without untrained networks says so.
        without: Assets whose rows belong to other videos, texts or settings, and are not shown.
    """
    corpus = read_corpus(warehouse)
    counts = warehouse.read(
        "SELECT count(*) AS listed, count(*) FILTER (status = 'ok') AS ok,"
        " count(*) FILTER (status = 'damaged') AS damaged,"
        " count(*) FILTER (status = 'unreadable') AS unreadable FROM videos"
    ).row(0, named=True)
    texts: dict[str, dict[str, str]] = {}
    # Not the captions of all frames: the filtered ones say the same on less paper.
    shown = f"FROM ({TEXTS}) WHERE source <> 'captions' ORDER BY video_id, source, position"
    for video, source, text, *_ in warehouse.read(shown, videos=corpus.video_ids).iter_rows():
        of_source = texts.setdefault(source, {})
        of_source[video] = f"{of_source[video]} · {text}" if video in of_source else text

    def thumbnail(video: str) -> bytes | None:
        found = warehouse.read(
            "SELECT image FROM frames WHERE video_id = ?"
            " QUALIFY sum(coalesce(repeats, 1)) OVER (ORDER BY frame_index)"
            " > sum(coalesce(repeats, 1)) OVER () // 2"
            " ORDER BY frame_index LIMIT 1",
            video,
        )
        return found["image"][0] if len(found) else None

    videos = "{listed} in the catalogue: {ok} whole, {damaged} damaged, {unreadable} unreadable"
    return ReportInputs(
        title=TITLE,
        facts={"Videos": videos.format(**counts), **facts},
        video_ids=corpus.video_ids,
        sources=corpus.sources,
        plan=plan,
        rows=_metric_rows(warehouse),
        projections=projections,
        texts=texts,
        thumbnail=thumbnail,
        warnings=[
            *_warnings(warehouse),
            *(_missing_controls(warehouse) if expects_controls else ()),
        ],
        withheld=unfamiliar_videos(warehouse, profile),
        untrained=_first_untrained(warehouse),
        profile=profile,
        summaries=[*_summaries(warehouse, corpus.video_ids)],
        filtered=_filtered(warehouse, corpus.video_ids),
        events=read_events_shown(warehouse),
        cones=[] if CONES in without else [*_cones(warehouse)],
        pooled=[] if POOLING in without else [*_pooled(warehouse)],
    )


def read_material(
    warehouse: Warehouse, *, plan: MetricPlan, projections: ProjectionModel
) -> "Material":
    """What the report's numbered figures are drawn from.

    Args:
        warehouse: The warehouse.
        plan: The main pair, as the report was made with.
        projections: The fitted projections.

    Raises:
        GapInputError: The main pair cannot be measured.
    """
    corpus, rows = read_corpus(warehouse), _metric_rows(warehouse)
    inputs = ReportInputs(
        title=TITLE,
        facts={},
        video_ids=corpus.video_ids,
        sources=corpus.sources,
        plan=plan,
        rows=rows,
        projections=projections,
        untrained=_first_untrained(warehouse),
    )
    return material(inputs, Numbers(rows, plan))[0]


def _metric_rows(warehouse: Warehouse) -> list[MetricRow]:
    return [MetricRow(*row) for row in warehouse.read("FROM gap_metrics").iter_rows()]


def _cones(warehouse: Warehouse) -> Iterator[ConeRow]:
    for row in warehouse.read("FROM cone_profile").iter_rows():
        yield ConeRow(*row)


def _pooled(warehouse: Warehouse) -> Iterator[PooledRow]:
    for row in warehouse.read("FROM pooling_profile").iter_rows():
        yield PooledRow(*row)


def _summaries(warehouse: Warehouse, videos: Sequence[str]) -> Iterator[MarkedSummary]:
    """The language model's summaries beside their captions; a video without captions has none."""
    found = warehouse.read(
        "SELECT s.video_id, summary AS text, captions, coalesce(ended, true) AS ended, unsupported,"
        " cosine_to_captions AS cosine, fallback FROM video_summaries s"
        " JOIN (SELECT video_id, list(caption ORDER BY rank) AS captions FROM filtered_captions"
        " GROUP BY video_id) USING (video_id)"
        " LEFT JOIN text_embeddings t ON t.video_id = s.video_id AND t.source = 'summary'"
        " WHERE s.video_id IN (FROM given) AND summary <> '' ORDER BY s.video_id",
        videos=videos,
    )
    for row in found.iter_rows(named=True):
        yield MarkedSummary(**row)


def _filtered(warehouse: Warehouse, videos: Sequence[str]) -> FilteredCaptions | None:
    """What the filter kept, and the frames of the video that shows it best.

    That is one of not too many frames that comes back to what was said, and drops most captions.
    """
    found = warehouse.read(
        "SELECT video_id, sum(len(frames))::INT AS captions, count(*) AS kept,"
        " bool_or(list_max(frames) - list_min(frames) >= len(frames)) AS comes_back"
        " FROM filtered_captions WHERE frames IS NOT NULL AND video_id IN (FROM given)"
        " GROUP BY video_id ORDER BY captions > ?, NOT comes_back, kept - captions, video_id",
        SHOWN_FRAMES,
        videos=videos,
    )
    if found.is_empty():
        return None
    shown = str(found["video_id"][0])
    frames = warehouse.read(
        "WITH times AS (SELECT frame_index, timestamp_s FROM frames WHERE video_id = $1),"
        " kept AS (SELECT caption, frame_index, unnest(frames) AS member FROM filtered_captions"
        " WHERE video_id = $1)"
        " SELECT t.timestamp_s, c.caption, k.caption, kept_at.timestamp_s"
        " FROM frame_captions c"
        " JOIN times t USING (frame_index) JOIN kept k ON k.member = c.frame_index"
        " JOIN times kept_at ON kept_at.frame_index = k.frame_index WHERE c.video_id = $1"
        " ORDER BY c.frame_index LIMIT $2",
        shown,
        SHOWN_FRAMES,
    )
    return FilteredCaptions(
        captions=int(found["captions"].sum()),
        kept=int(found["kept"].sum()),
        video_id=shown,
        frames=[CaptionedFrame(*row) for row in frames.rows()],
    )


def _first_untrained(warehouse: Warehouse) -> SourceVectors | None:
    return next((corpus.sources for corpus in read_untrained(warehouse).values()), None)


def _warnings(warehouse: Warehouse) -> Iterator[str]:
    """What a reader must know first."""
    cut = warehouse.read(
        "SELECT source, count(*) AS n FROM text_embeddings WHERE truncated GROUP BY source"
    )
    for source, n in cut.sort("source").iter_rows():
        yield f"{n} texts of the source {source} were longer than CoCa reads and were cut."


def _missing_controls(warehouse: Warehouse) -> Iterator[str]:
    found = warehouse.read(
        "SELECT 1 FROM gap_metrics WHERE starts_with(encoder, 'untrained-') LIMIT 1"
    )
    if found.is_empty():
        yield (
            "The untrained controls are missing, so nothing here says how much of the gap was"
            " there before training: `gap run --controls` makes them."
        )
