"""What the repetition penalty and the form of the question do to summaries by a real model.

    make llm
    python benchmarks/summaries.py --captions CAPTIONS.json [--videos 60] [--json]

CAPTIONS is any file that `gap run --captions` takes; the sentences of a video stand in for the
captions of its frames. Counted are the content words of the summaries that occur in the captions
(see `gap_assets.summaries.support`), and the summaries that copy one caption, fell back on one
because the model wrote nothing or the prompt's example, or ran into the token limit.
"""

import argparse
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from common import CHECKOUT, report
from transformers import RepetitionPenaltyLogitsProcessor

from gap_assets.pipeline.reference_captions import read_captions
from gap_assets.summaries.answers import Summary
from gap_assets.summaries.prompts import DEFAULT_PROMPTS, Kind
from gap_assets.summaries.summarizer import Summarizer, load_summarizer, summarize
from gap_assets.summaries.support import content_words

SMOLLM = CHECKOUT / ".cache" / "llm" / "smollm2-135m-instruct"
PENALTIES = (1.0, 1.1, 1.2)


def asked_as(summarizer: Summarizer, kind: Kind) -> Summarizer:
    """The same model, asked as another kind is."""
    return replace(summarizer, kind=kind, prompt=DEFAULT_PROMPTS[kind])


def penalising_the_prompt(generate: Any, penalty: float) -> Any:
    """The model's `generate` with transformers' own penalty, which counts the prompt's words."""

    def penalised(ids: Any, *, logits_processor: Any, **options: Any) -> Any:
        processors = [*logits_processor, RepetitionPenaltyLogitsProcessor(penalty)]
        return generate(ids, logits_processor=processors, **options)

    return penalised


def counts(summaries: list[Summary], captions: list[list[str]]) -> dict[str, float]:
    """What the module's docstring names; words are counted over all summaries together."""
    words = unsupported = copies = 0.0
    for summary, lines in zip(summaries, captions, strict=True):
        if summary.fallback is None:
            n = len(content_words(summary.text))
            words += n
            unsupported += n * (summary.unsupported or 0)
            copies += content_words(summary.text) in [content_words(line) for line in lines]
    return {
        "supported": 1 - unsupported / words if words else float("nan"),
        "words": float(np.mean([len(summary.text.split()) for summary in summaries])),
        "copies_of_a_caption": copies,
        "copies_of_the_example": sum(s.fallback == "example" for s in summaries),
        "empty": sum(s.fallback == "empty" for s in summaries),
        "at_the_limit": sum(not s.ended for s in summaries),
    }


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default=str(SMOLLM), help="a folder, or a name on the hub")
    parser.add_argument("--captions", type=Path, required=True)
    parser.add_argument("--videos", type=int, default=60)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    rows = read_captions(options.captions).sort("video_id").head(options.videos)
    captions = rows["sentences"].to_list()
    loaded = load_summarizer(model=options.model, device=options.device)
    figures: dict[str, float | int | str | None] = {
        "model": Path(options.model).name,
        "videos": len(captions),
        "captions_per_video": float(np.mean([len(lines) for lines in captions])),
    }

    def measure(name: str, summarizer: Summarizer, penalty: float) -> None:
        told = summarize(summarizer, captions, repetition_penalty=penalty)
        found = counts(told, captions)
        print(f"{name:<24}", ", ".join(f"{key} {value:.3g}" for key, value in found.items()))
        figures.update({f"{name}_{key}": value for key, value in found.items()})

    # The few-shot prompt is the default of base models, such as phi-1_5.
    forms: list[Kind] = ["base", "chat"] if loaded.kind == "chat" else [loaded.kind]
    for kind in forms:
        summarizer = asked_as(loaded, kind)
        for penalty in PENALTIES:
            measure(f"{kind}_{penalty}", summarizer, penalty)
        # What transformers does by default, for comparison.
        plain = loaded.model.generate
        loaded.model.generate = penalising_the_prompt(plain, PENALTIES[-1])
        measure(f"{kind}_{PENALTIES[-1]}_on_the_prompt", summarizer, 1.0)
        loaded.model.generate = plain
    report(
        "Summaries by a real language model",
        figures=figures,
        packages=("torch", "transformers", "numpy"),
        as_json=options.json,
    )


if __name__ == "__main__":
    main()
