import pytest

from gap_assets.text import without_class


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("PermissionError: [Errno 13] Permission denied: '/x'", "Permission denied: '/x'"),
        ("gap_assets.gap.pairs.GapInputError: Too few.", "Too few."),
        ("duckdb.duckdb.OutOfMemoryException: Out of memory", "Out of memory"),
        (
            "frames needs videos first: materialize those.",
            "frames needs videos first: materialize those.",
        ),
    ],
)
def test_an_error_says_what_is_wrong_and_not_its_class(said, kept):
    assert without_class(said) == kept
