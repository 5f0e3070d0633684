"""The report's section on the caption filter."""

from gap_assets.gap.filtering import CaptionedFrame, FilteredCaptions, filter_section


def test_each_frame_says_what_became_of_its_caption():
    frames = [
        CaptionedFrame(0.5, "a box", "a box", 0.5),
        CaptionedFrame(1.5, "a ball", "a ball", 1.5),
        CaptionedFrame(2.5, "a box", "a box", 0.5),
        CaptionedFrame(3.5, "one ball", "a ball", 1.5),
    ]
    filtered = FilteredCaptions(captions=1234, kept=2, video_id="v", frames=frames)
    section = filter_section(filtered)
    assert section["sentence"].startswith("Of 1,234 captions 2 are kept")
    assert [became for _, _, became in section["lines"]] == [
        "kept",
        "kept",
        "the same as at 0.5 s",
        "says what is said at 1.5 s",
    ]
    assert filter_section(None) is None
