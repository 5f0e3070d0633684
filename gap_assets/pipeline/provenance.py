"""How a result was made, in words: for the report, the UI and the table `configurations`."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from gap_assets.graph import STEPS
from gap_assets.parameters import Choice, settings_fingerprint
from gap_assets.profiles import display_name
from gap_assets.warehouse.ledger import Configuration


def choices_of(asset: str, find: Callable[[str], Any]) -> dict[str, Choice]:
    """The groups of parameters that an asset's results depend on, by key."""
    keys = dict.fromkeys(parameter.partition(".")[0] for parameter in STEPS[asset].parameters)
    return {key: find(key) for key in keys}


def in_words(choices: Mapping[str, Any]) -> dict[str, str]:
    """The choices that people ask for first: models, sampling, decoding, prompt."""
    facts: dict[str, str] = {}
    if sampling := choices.get("sampling"):
        values = sampling.sampling.model_dump().values()
        facts["Sampling"] = " ".join(str(value).replace("_", " ") for value in values)
    if coca := choices.get("coca"):
        facts["CoCa"] = display_name(coca.model, coca.weights)
    if captioning := choices.get("captioning"):
        search = captioning.mode in ("beam", "compat")
        facts["Caption weights"] = captioning.weights or "the same"
        facts["Caption decoding"] = (
            f"{captioning.mode}, {captioning.width} beams" if search else captioning.mode
        )
    if caption_filter := choices.get("caption_filter"):
        facts["Caption filter"] = caption_filter.method.replace("_", " ")
    if summarizer := choices.get("summarizer"):
        facts["Summaries by"] = display_name(summarizer.model, summarizer.revision)
        facts["Prompt"] = summarizer.prompt or "the default of the model's kind"
    if encoders := choices.get("encoders"):
        facts["Other encoders"] = ", ".join(map(display_name, encoders.names)) or "none"
    if statistics := choices.get("statistics"):
        facts["Compared"] = f"{statistics.fusion} of the frames with {statistics.text_source}"
    return facts


def configuration(asset: str, find: Callable[[str], Any]) -> Configuration:
    """The row of `configurations` for an asset under some choices."""
    choices = choices_of(asset, find)
    whole = {parameter for parameter in STEPS[asset].parameters if "." not in parameter}
    values: dict[str, Any] = {}
    for key, choice in choices.items():
        dumped = choice.model_dump(mode="json", exclude=set(choice.free))
        names = [p.partition(".")[2] for p in STEPS[asset].parameters if p.startswith(f"{key}.")]
        values[key] = dumped if key in whole else {name: dumped[name] for name in names}
        if "model" in values[key]:
            values[key]["model"] = display_name(dumped["model"])
    models = in_words({k: v for k, v in choices.items() if k in ("coca", "summarizer")})
    return Configuration(
        settings=settings_fingerprint(asset, find),
        asset=asset,
        code_version=STEPS[asset].version,
        model=models.get("Summaries by") or models.get("CoCa"),
        parameters=json.dumps(values, ensure_ascii=False),
    )
