"""The tables whose rows belong to one video each and are replaced with it."""

from gap_assets.warehouse.table import CUT, EMBEDDING, FRAME, VIDEO, Table

VIDEO_TABLES: dict[str, Table] = {
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
            "norm": ("DOUBLE", "Length of the mean before it was made a unit vector."),
            "n_tokens": ("INTEGER", "Tokens of all texts of the source."),
            "truncated": CUT,
            "cosine_to_captions": ("DOUBLE", "Cosine to the mean of the filtered captions."),
        },
        key=("video_id", "source"),
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
}
