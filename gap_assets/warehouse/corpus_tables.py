"""The tables whose rows are made from all videos at once, or from none."""

from gap_assets.warehouse.table import Table

CORPUS_TABLES: dict[str, Table] = {
    "cone_profile": Table(
        description="The mean cosine of different items, from block to block of a network.",
        columns={
            "encoder": ("VARCHAR", "The model and its weights, or untrained- and its seed."),
            "tower": ("VARCHAR", "image or text."),
            "token": ("VARCHAR", "class, patches (their mean), or output: the embedding."),
            "layer": ("INTEGER", "Residual blocks that were passed; 0 before the first."),
            "source": ("VARCHAR", "frames, noise, or the source of the texts; one a video."),
            "cone": ("DOUBLE", "Mean cosine of two different items, a U-statistic."),
            "ci_low": ("DOUBLE", "Lower end of its 95 % interval over the items, if it has one."),
            "ci_high": ("DOUBLE", "Upper end of its 95 % interval over the items, if it has one."),
            "n": ("INTEGER", "Items that it was measured on."),
        },
        key=("encoder", "tower", "token", "layer", "source"),
    ),
    "pooling_profile": Table(
        description="The gap by how much is pooled, and by how much a text says.",
        columns={
            "study": ("VARCHAR", "grid (frames and captions) or detail (texts of one length)."),
            "frames": ("INTEGER", "Frames in each video's mean; in detail the most that one has."),
            "texts": ("INTEGER", "Captions in the mean, or different ones that a text says."),
            "unit": ("BOOLEAN", "Whether means are made unit vectors."),
            "metric": ("VARCHAR", "As in gap_metrics."),
            "value": ("DOUBLE", "Its value."),
            "ci_low": ("DOUBLE", "Lower end of its 95 % interval, if it has one."),
            "ci_high": ("DOUBLE", "Upper end of its 95 % interval, if it has one."),
            "n": ("INTEGER", "Videos that it was measured on."),
        },
        key=("study", "frames", "texts", "unit", "metric"),
    ),
    "gap_metrics": Table(
        description="One number per encoder, pair of sources and metric.",
        columns={
            "encoder": (
                "VARCHAR",
                "The model and its weights, another encoder, or an untrained network.",
            ),
            "video_source": ("VARCHAR", "The fusion, or what stands in its place."),
            "text_source": ("VARCHAR", "The source of the texts."),
            "metric": ("VARCHAR", "Its name; the report defines it."),
            "value": ("DOUBLE", "Its value."),
            "ci_low": ("DOUBLE", "Lower end of its 95 % interval, if it has one."),
            "ci_high": ("DOUBLE", "Upper end of its 95 % interval, if it has one."),
            "n": ("INTEGER", "Pairs that it was measured on."),
        },
    ),
    "event_metrics": Table(
        description="One number per metric and group of events; no rows where no times are known.",
        columns={
            "metric": ("VARCHAR", "Its name; the docstrings of gap_assets.gap.events define it."),
            "event_group": ("VARCHAR", "all, a third by length in seconds, or a number of frames."),
            "value": ("DOUBLE", "Its value."),
            "ci_low": ("DOUBLE", "Lower end of its 95 % interval, if it has one."),
            "ci_high": ("DOUBLE", "Upper end of its 95 % interval, if it has one."),
            "n_events": ("INTEGER", "Events that it was measured on."),
            "n_videos": ("INTEGER", "Videos of these events: what the interval resamples."),
        },
        key=("metric", "event_group"),
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
}
