"""How settings are checked: frozen pydantic dataclasses that say at once what is wrong with a value.

    @dataclass(frozen=True, config=STRICT)
    class TrainingConfig:
        steps: Annotated[int, Field(ge=1, le=10**7)] = 1200

Nothing is guessed: text is no number, true is no 1, NaN is nothing; a whole number may stand for a float, and in plain values
from a file a list for a tuple.
"""

import difflib
import json
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar, get_type_hints

from pydantic import ConfigDict, TypeAdapter, ValidationError

from .errors import UsageError

STRICT = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)

Settings = TypeVar("Settings")


def from_plain(kind: type[Settings], values: Mapping[str, Any], *, where: str = "") -> Settings:
    """Settings from plain values, as YAML and notebooks give them.

    Args:
        kind: a pydantic dataclass.
        values: by name; sections within are mappings, too.
        where: what the settings are called, in front of the names in an error message.

    Raises:
        UsageError: a name that does not exist (with the nearest that does), one that is missing, or a value of the wrong type or
            out of its range.
    """
    try:
        return TypeAdapter(kind).validate_json(json.dumps(values, default=str))
    except ValidationError as error:
        raise UsageError(one_line(error, kind, where=where)) from None


def one_line(error: ValidationError, kind: type | None = None, *, where: str = "") -> str:
    """The first thing that pydantic found, in words. Arguments as in `from_plain`."""
    first = error.errors()[0]
    place = ".".join(part for part in [where, *(str(step) for step in first["loc"])] if part)
    if first["type"] in ("unexpected_keyword_argument", "extra_forbidden"):
        return f"{place} is unknown{did_you_mean(str(first['loc'][-1]), _names_beside(kind, first['loc']))}"
    if first["type"].startswith("missing"):
        return f"{place}: no value given"
    text_for_number = first["type"].startswith("float") and isinstance(first["input"], str)
    hint = " (YAML reads 1e-4 as text: write 1.0e-4)" if text_for_number else ""
    reason = first["msg"].removeprefix("Value error, ").removeprefix("Input ")
    return f"{place}: {reason}, got {first['input']!r}{hint}"


def did_you_mean(name: str, known: Sequence[str]) -> str:
    """`; did you mean X? There are X, Y, Z`, or nothing where nothing is known."""
    if not known:
        return ""
    near = max(known, key=lambda option: difflib.SequenceMatcher(None, option, name).ratio())
    return f"; did you mean {near}? There are {', '.join(known)}"


def _names_beside(kind: type | None, place: tuple[int | str, ...]) -> list[str]:
    """The fields of the dataclass in which a name was not found."""
    for step in place[:-1]:
        kind = get_type_hints(kind).get(str(step)) if is_dataclass(kind) else None
    return [field.name for field in fields(kind)] if is_dataclass(kind) else []
