import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gap_assets.summaries.cleaning import clean, cut_back, is_complete

PLAIN = "A man lifts a barbell over his head."


@pytest.mark.parametrize(
    "written",
    [
        PLAIN,
        f"\n\n  {PLAIN}\nAnother line.",
        f"Here is a summary:\n\n{PLAIN}",
        f"Here's a one-sentence summary of the video: {PLAIN}",
        f"Here is the sentence that describes what happens in the video:\n{PLAIN}",
        f"Here's what happens: {PLAIN}",
        f"Sure! Here is a short summary of the video:\n\n{PLAIN}",
        f"Sure, here is a summary: {PLAIN}",
        f"Certainly!\n{PLAIN}",
        f"Of course. {PLAIN}",
        f"Summary: {PLAIN}",
        f"**Summary:** {PLAIN}",
        f"**Summary**: {PLAIN}",
        f"## Summary:\n\n{PLAIN}",
        f"Summary of the video: {PLAIN}",
        f"A summary of the frames: {PLAIN}",
        f"One sentence: {PLAIN}",
        f"Final answer: {PLAIN}",
        f"In one sentence: {PLAIN}",
        f'"{PLAIN}"',
        f"“{PLAIN}”",
        f'Summary: "{PLAIN}"',
        f'"{PLAIN}',
        f"- {PLAIN}",
        f"* {PLAIN}",
        f"1. {PLAIN}",
        f"> {PLAIN}",
        f"*{PLAIN}*",
        "A man lifts a **barbell** over his head.",
        f"```\n{PLAIN}\n```",
        f"<think>The user wants a summary.\nA man...</think>\n\n{PLAIN}",
        f"<think>\n\n</think>\n\n{PLAIN}",
        f"<Thinking>Hm.</Thinking>{PLAIN}",
        f"The user wants a summary.\n</think>\n{PLAIN}",
        f"<think>a</think><think>b</think>Answer: {PLAIN}",
    ],
)
def test_what_stands_around_a_summary_is_taken_off(written):
    assert clean(written) == PLAIN


@pytest.mark.parametrize(
    "text",
    [
        "This is a dog show: many dogs run.",
        "Here a man runs and there a dog: both are fast.",
        "A woman says: “Sure!”",
        "Sure-footed goats climb a wall.",
        "Great waves break at a beach.",
        "Okay signs are painted on a wall.",
        "This is a man with a dog.",
        "Video games are played by two boys.",
        "'Tis a man's hat, and a dog's.",
        "A sign says 'stop' and a man says 'go'.",
        "3 men dance.",
        "a pink ring at the top middle turns green then swings to the right on stone",
    ],
)
def test_a_sentence_stays_as_it_is(text):
    assert clean(text) == text


@pytest.mark.parametrize(
    "nothing", ["", "\n \n", "<think>A man lifts", "Here is a summary:", "**\n--\n", '""', "..."]
)
def test_nothing_is_left_of_what_says_nothing(nothing):
    assert clean(nothing) == ""


PARTS = st.sampled_from(
    [
        *"\n -*_#>`\"'“”:.,!1",
        "<think>",
        "</think>",
        "Sure",
        "Here is a",
        "summary",
        "Summary:",
        "dog",
    ]
)
TEXTS = st.text() | st.lists(PARTS, max_size=12).map("".join) | st.lists(PARTS).map(" ".join)


@given(TEXTS)
@example("'\"a\"'")
@example("<think>a</think>b</think>c")
def test_cleaning_is_idempotent_invents_nothing_and_gives_one_line(text):
    cleaned = clean(text)
    assert clean(cleaned) == cleaned
    assert len(cleaned.splitlines()) <= 1
    letters = iter(text)
    assert all(letter in letters for letter in "".join(cleaned.split()))


@given(TEXTS)
def test_a_complete_text_is_one_that_another_line_does_not_change(text):
    if is_complete(text) and "think" not in text:
        assert clean(text + "more\nand more") == clean(text) != ""


def test_a_text_is_complete_once_its_first_saying_line_is():
    assert is_complete(f"{PLAIN}\n")
    assert is_complete(f"\nHere is a summary:\n\n{PLAIN}\n\n")
    for begun in ("", "\n", PLAIN, "Here is a summary:\n\n", f"\n\n{PLAIN}", "<think>\nA man.\n"):
        assert not is_complete(begun)


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("A man runs. He falls and", "A man runs."),
        ("A man runs! “He falls.” Then a", "A man runs! “He falls.”"),
        ("A man runs and falls and", "A man runs and falls and"),
        ("Mr. Smith runs and", "Mr. Smith runs and"),
        ("A man lifts 1.5 kg of", "A man lifts 1.5 kg of"),
        ("A man runs \ufffd", "A man runs"),
        ("", ""),
    ],
)
def test_what_was_cut_off_ends_with_its_last_full_sentence(text, kept):
    assert cut_back(text) == kept


@given(st.text())
def test_cutting_back_gives_a_beginning_and_twice_the_same(text):
    assert text.startswith(cut_back(text))
    assert cut_back(cut_back(text)) == cut_back(text)
