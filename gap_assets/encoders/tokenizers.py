"""Tokenizers that are repositories of their own on the hub, brought into the local cache.

Which files they are made of belongs here; the hub is asked by `gap_assets.hub`.
"""

from gap_assets.hub import ModelNotFoundError, cached_file, fetch, list_repository

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
    "config.json",  # Tells of older tokenizers which class they are of.
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
