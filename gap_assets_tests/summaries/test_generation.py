import pytest
import torch

from gap_assets.summaries import prompts
from gap_assets.summaries.generation import generate
from gap_assets.summaries.summarizer import load_summarizer

QUESTIONS = ["a dog runs", "a man is stirring dough in a bowl", "snow"]


def write(summarizer, questions=QUESTIONS, *, tokens=12, penalty=1.0):
    return generate(
        summarizer.model,
        summarizer.tokenizer,
        [summarizer.tokenizer(question)["input_ids"] for question in questions],
        encoder_decoder=summarizer.kind == "encoder-decoder",
        max_new_tokens=tokens,
        repetition_penalty=penalty,
    )


@pytest.fixture
def phi(folder):
    """A model of the test's own, whose output bias makes any token likely."""
    if folder.name != "phi":
        pytest.skip("no output bias")
    return load_summarizer(model=str(folder), device="cpu")


def likely(phi, text, bias):
    [token] = phi.tokenizer(text)["input_ids"]
    phi.model.lm_head.bias.data[token] = bias


def test_a_text_is_no_longer_than_asked_and_says_so(summarizer):
    short, long = (write(summarizer, tokens=n) for n in (4, 12))
    for a, b in zip(short, long, strict=True):
        # Half a character at the end of a text decodes as U+FFFD.
        assert b.text.startswith(a.text.rstrip("\ufffd"))
        assert a.ended == (a.text == b.text)
    assert not all(a.ended for a in short)


def test_the_penalty_spares_the_prompt(summarizer):
    """However high it is, the first token is the one without it; later ones do not repeat."""
    question = ["a dog runs over " + "".join(map(chr, range(33, 127)))]
    first = [write(summarizer, question, tokens=1, penalty=penalty) for penalty in (1.0, 50.0)]
    assert first[0] == first[1]
    plain, penalised = (write(summarizer, penalty=penalty) for penalty in (1.0, 50.0))
    assert plain != penalised


def test_a_penalty_of_the_checkpoint_does_not_count(folder):
    plain = load_summarizer(model=str(folder), device="cpu")
    expected = write(plain)
    plain.model.generation_config.repetition_penalty = 5.0
    plain.model.generation_config.temperature = 0.6
    assert write(plain) == expected


def test_a_text_ends_with_its_first_line(phi):
    plain = write(phi, tokens=40)
    for bias in range(40):
        likely(phi, "\n", bias)
        if any("\n" in each.text.strip() for each in write(phi, tokens=40)):
            break
    written = write(phi, tokens=40)
    assert written != plain
    for each in written:
        if "\n" in each.text.strip():
            assert each.ended
            assert each.text.strip().count("\n") == 0 or each.text.endswith("\n")


def test_a_leading_line_break_is_no_end(phi):
    """The line break wins at first, and is penalised for its repetition."""
    for bias in range(80):
        likely(phi, "\n", bias)
        if all(each.text.startswith("\n") for each in write(phi, tokens=1)):
            break
    written = write(phi, tokens=40, penalty=50.0)
    assert all(each.text.startswith("\n") and each.text.strip() for each in written)
    alone = [write(phi, [question], tokens=40, penalty=50.0)[0] for question in QUESTIONS]
    assert alone == written


def test_logits_that_are_not_finite_are_one_sentence(summarizer, folder):
    broken = load_summarizer(model=str(folder), device="cpu")
    for parameter in broken.model.parameters():
        parameter.data.fill_(torch.inf)
    with pytest.raises(FloatingPointError, match="left the range") as found:
        write(broken)
    assert "\n" not in str(found.value)


TEMPLATE = (
    "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}{% endfor %}"
    "{% if add_generation_prompt %}<|model|>{% endif %}"
)
THINKS = TEMPLATE + "{% if enable_thinking is not defined or enable_thinking %}<think>{% endif %}"
ALWAYS_THINKS = TEMPLATE + "<think>\n"


@pytest.mark.parametrize(
    ("template", "end"),
    [(TEMPLATE, ""), (THINKS, ""), (ALWAYS_THINKS, "<think>\n</think>\n\n")],
    ids=["plain", "with a switch", "always"],
)
def test_a_chat_model_is_asked_through_its_template(folder, template, end):
    tokenizer = load_summarizer(model=str(folder), device="cpu").tokenizer
    tokenizer.chat_template = template
    assert prompts.kind_of(tokenizer, encoder_decoder=False) == "chat"
    assert prompts.kind_of(tokenizer, encoder_decoder=True) == "encoder-decoder"
    asked = prompts.tokenize(tokenizer, "What of {captions}?", ["a", "b </s> c"], kind="chat")
    assert tokenizer.decode(asked) == f"<|user|>What of a . b c?<|model|>{end}"
    assert tokenizer.eos_token_id not in asked
