"""What pydantic says of a wrong value, as one sentence. What is wrong is decided elsewhere."""

from pydantic import ValidationError


def refusal(error: ValidationError, *, prefix: str = "") -> str:
    """The sentence of the first value that is wrong.

    Args:
        error: Of settings, or of a group of parameters.
        prefix: The group's key; what is wrong is then a parameter and no setting.
    """
    first = error.errors()[0]
    message = first["msg"].removeprefix("Value error, ")
    parts = [str(part) for part in first["loc"]]
    field = ".".join([prefix, *parts] if prefix and parts else parts)
    if first["type"] == "extra_forbidden":
        kind = "parameter" if prefix else "setting"
        return (
            f"{field} is no {kind}; `gap config` lists them, and takes one out of gap.toml with"
            " --unset."
        )
    if first["type"] == "missing":
        return f"{field} is missing; set it, too."
    if message.startswith("Input should be "):
        return f"{field} must be {message.removeprefix('Input should be ')}."
    return f"{field}: {message}" if field else message
