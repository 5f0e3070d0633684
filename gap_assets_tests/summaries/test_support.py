import pytest
from hypothesis import given
from hypothesis import strategies as st

from gap_assets.parameters import FIELD
from gap_assets.summaries.prompts import FEW_SHOT_PROMPT
from gap_assets.summaries.support import (
    content_words,
    echoes,
    most_typical,
    stem,
    unsupported_share,
)

CAPTIONS = ["a man is lifting a barbell", "two men drop a heavy barbell", "a crowd claps"]
EXAMPLE = "A man mixes milk and flour to a dough in his kitchen and bakes cookies."
WORDS = st.sampled_from(["a", "the", "man", "men", "dogs", "lift", "lifted", "runs", "and"])
SENTENCES = st.lists(WORDS).map(" ".join)


@pytest.mark.parametrize(
    "forms",
    [
        "bake bakes baked baking",
        "run runs running",
        "lift lifts lifted lifting",
        "carry carries carried carrying",
        "box boxes",
        "dish dishes",
        "man men man's",
        "child children",
        "roll rolled rolling rolls",
        "dress dresses",
        "dance dancing dances Dance",
    ],
)
def test_forms_of_a_word_have_one_stem(forms):
    assert len({stem(form) for form in forms.split()}) == 1


def test_different_words_have_different_stems():
    words = [
        "man",
        "woman",
        "dog",
        "ring",
        "king",
        "red",
        "road",
        "run",
        "ran",
        "bus",
        "boss",
        "lens",
    ]
    assert len({stem(word) for word in words}) == len(words)


def test_content_words_are_no_function_words():
    assert content_words("The video shows that it's not and he isn't at the dog’s 2nd bowl.") == [
        "dog",
        "2nd",
        "bowl",
    ]
    assert content_words("and the of — !") == []


def test_the_share_of_words_from_nowhere():
    assert unsupported_share("A man lifts a barbell and drops it.", CAPTIONS) == 0
    assert unsupported_share("A man eats a barbell.", CAPTIONS) == pytest.approx(1 / 3)
    assert unsupported_share("Cookies bake.", CAPTIONS) == 1
    assert unsupported_share("Then it is.", CAPTIONS) is None


@given(SENTENCES, st.lists(SENTENCES, max_size=4))
def test_a_share_is_one_and_more_captions_never_raise_it(summary, captions):
    share = unsupported_share(summary, captions)
    if share is not None:
        assert 0 <= share <= 1
        assert unsupported_share(summary, [*captions, "a dog"]) <= share
        assert unsupported_share(summary, [*captions, summary]) == 0


def test_a_copy_of_the_prompts_example_is_known():
    template = FEW_SHOT_PROMPT.replace(FIELD, " ")
    assert echoes(EXAMPLE, template, CAPTIONS)
    assert echoes("In his kitchen a man bakes cookies of flour.", template, CAPTIONS)
    assert not echoes("A man lifts a barbell.", template, CAPTIONS)
    assert not echoes("A man lifts a barbell in his kitchen.", template, CAPTIONS)
    # A video that is about the same as the example may be told in its words.
    kitchen = ["a man mixes milk and flour to dough in a kitchen", "cookies are baked"]
    assert not echoes(EXAMPLE, template, kitchen)
    assert not echoes("", template, CAPTIONS)


def test_the_most_typical_caption_shares_most():
    assert (
        most_typical(["a cat sleeps", "a dog runs", "a dog jumps", "the dog runs"]) == "a dog runs"
    )
    assert most_typical(["of the", "and"]) == "of the"
