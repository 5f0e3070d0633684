"""Parts of open_clip's models that are repositories of their own on the hub, for their texts.

Which files they are made of belongs here, and that none holds code; the hub is asked by
`gap_assets.hub`.
"""

from gap_assets.hub import ModelNotFoundError, cached_file, fetch, list_repository

CONFIG = "config.json"
TOKENIZER = "tokenizer.json"
TOKENIZER_CONFIG = "tokenizer_config.json"
TOKENIZER_FILES = (
    TOKENIZER,
    TOKENIZER_CONFIG,
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.json",
    "merges.txt",
    "vocab.txt",
    CONFIG,  # Tells of older tokenizers which class they are of.
)


def fetch_tokenizer(repository: str) -> None:
    """Brings a repository's tokenizer into the local cache, if it is not there.

    Raises:
        ModelNotFoundError: There is none that can be read, or it does not arrive whole.
        DiskFullError: There is no space for it.
    """
    if all(cached_file(repository, name) for name in (TOKENIZER, TOKENIZER_CONFIG)):
        return
    listed = list_repository(repository)
    if TOKENIZER not in listed:
        raise ModelNotFoundError(
            f"{repository} has no {TOKENIZER}, and sentencepiece, which reads others, is not"
            " installed; choose another model."
        )
    fetch(repository, [name for name in TOKENIZER_FILES if name in listed])


def fetch_text_tower(repository: str) -> None:
    """Brings the configuration of a text tower into the local cache, if it is not there.

    Its weights are among those of the whole model.

    Raises:
        ModelNotFoundError: There is none, it does not arrive, or it is of a kind that transformers
            does not know without code of its own.
        DiskFullError: There is no space for it.
    """
    from transformers import AutoConfig

    if not cached_file(repository, CONFIG):
        fetch(repository, [CONFIG])
    try:
        AutoConfig.from_pretrained(repository, local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError, KeyError) as error:
        raise ModelNotFoundError(
            f"transformers knows no text tower of the kind of {repository}, and code that comes"
            " with a model is never run; choose another model."
        ) from error
