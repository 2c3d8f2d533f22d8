"""How settings are checked: frozen pydantic dataclasses that name the first wrong value in one line.

    @dataclass(frozen=True, config=STRICT)
    class TrainingConfig:
        steps: Annotated[int, Field(ge=1, le=10**7)] = 1200

Nothing is guessed: text is not a number, true is not 1, and NaN is refused. A whole number may stand for a float and, in plain
values from a file, a list for a tuple.
"""

import difflib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, get_args, get_type_hints

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from .errors import DataError, UsageError
from .files import read_json

STRICT = ConfigDict(strict=True, extra="forbid", allow_inf_nan=False)

EXPECTED = {
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "string": "text",
    "tuple": "a list",
    "list": "a list",
    "dataclass": "names and values",
    "dict": "names and values",
}
"""What a value should be, by the first word of pydantic's error type."""

Settings = TypeVar("Settings")


def from_plain(
    kind: Callable[..., Settings], values: Mapping[str, Any], *, where: str = "", complete: bool = False
) -> Settings:
    """Settings from plain values, as YAML and notebooks give them.

    Args:
        kind: a pydantic dataclass.
        values: by name; nested settings are mappings.
        where: name of the settings, put in front of the field names in an error message.
        complete: every value must be given, even those that have a default.

    Raises:
        UsageError: a name that does not exist (the message proposes the nearest one that does), a missing value, or one of the
            wrong type or out of range.
    """
    if complete and (missing := _first_missing(kind, values)):
        raise UsageError(f"{'.'.join([*([where] if where else []), missing])}: no value given")
    try:
        return _adapter(kind).validate_json(json.dumps(values, default=str))
    except ValidationError as error:
        raise UsageError(one_line(error, kind, where=where)) from None


def read_shaped(path: Path, shape: Any, *, remedy: str) -> Any:
    """Read a JSON file of a known shape.

    Args:
        shape: a type that pydantic can check, such as a `TypedDict`. What it does not name may be there, too.

    Raises:
        DataError: the file is missing, damaged, or of another shape; the message ends in `remedy`.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such file; {remedy}")
    value = read_json(path, remedy=remedy)
    try:
        _adapter(shape).validate_python(value)
    except ValidationError as error:
        raise DataError(f"{path}: damaged ({one_line(error)}); {remedy}") from None
    return value


def to_plain(settings: Any) -> dict[str, Any]:
    """Settings as plain values, as YAML and JSON know them: tuples are lists."""
    kind: Any = type(settings)
    return _adapter(kind).dump_python(settings, mode="json")


@cache
def _adapter(kind: Any) -> TypeAdapter:
    return TypeAdapter(kind)


def one_line(error: ValidationError, kind: Any = None, *, where: str = "") -> str:
    """The first error that pydantic found, in plain words. Arguments as in `from_plain`."""
    first = error.errors()[0]
    type_, value, steps = first["type"], first["input"], [str(step) for step in first["loc"]]
    place = ".".join([*([where] if where else []), *steps])
    if type_ in ("unexpected_keyword_argument", "extra_forbidden"):
        return f"{place} is unknown{did_you_mean(steps[-1], _fields_beside(kind, steps))}"
    if type_.startswith("missing"):
        return f"{place}: no value given"
    if type_ == "literal_error":
        known = [option.strip("'") for option in first["ctx"]["expected"].replace(" or ", ", ").split(", ")]
        steps = steps[:-1] if steps[-1].isdigit() else steps
        return f"{'.'.join([*([where] if where else []), *steps])}: {value} is unknown{did_you_mean(str(value), known)}"
    expected = EXPECTED.get(type_.partition("_")[0]) if type_.endswith(("_type", "_from_float", "_parsing")) else None
    hint = " (YAML reads 1e-4 as text: write 1.0e-4)" if expected == "a number" and isinstance(value, str) else ""
    reason = f"expected {expected}" if expected else first["msg"].removeprefix("Value error, ").removeprefix("Input ")
    reason += _why(kind, first["loc"]) if type_.startswith(("greater_than", "less_than", "finite_number")) else ""
    if type_ == "value_error":  # of a check across fields, whose message has the values that matter
        return f"{place}: {reason}" if place else reason
    shown = repr(value) if len(repr(value)) < 80 else f"{repr(value)[:77]}…"
    return f"{place}: {reason}, got {shown}{hint}" if place else reason


def did_you_mean(name: str, known: Sequence[str]) -> str:
    """`; did you mean X? There are X, Y, Z`, or without a question if nothing is alike; empty if nothing is known."""
    if not known:
        return ""
    plain = {option.casefold(): option for option in known}
    near = difflib.get_close_matches(name.casefold(), plain, n=1, cutoff=0.5)
    return f"{f'; did you mean {plain[near[0]]}? There' if near else '; there'} are {', '.join(known)}"


def _why(kind: Any, steps: Sequence[str | int]) -> str:
    """Why a field has a range, in brackets: the description of the innermost field on the way."""
    why = ""
    for step in steps:
        kind = next((inner for inner in get_args(kind) if is_dataclass(inner)), kind)  # of one that may be None
        field = getattr(kind, "__pydantic_fields__", {}).get(step)
        if field is not None:
            why, kind = reason_of(field), field.annotation
    return f" ({why})" if why else ""


def reason_of(field: FieldInfo) -> str:
    """The description of a field, or of the numbers in its tuple."""
    inner = [each for part in get_args(field.annotation) for each in getattr(part, "__metadata__", ())]
    return next((each.description for each in (field, *inner) if getattr(each, "description", None)), "")


def _fields_beside(kind: Any, steps: Sequence[str]) -> list[str]:
    """The fields of the dataclass in which the last of these steps was not found."""
    for step in steps[:-1]:
        kind = get_type_hints(kind).get(step) if is_dataclass(kind) else None
    return [field.name for field in fields(kind)] if is_dataclass(kind) else []


def _first_missing(kind: Any, values: Mapping[str, Any]) -> str:
    """The first field without a value, by its path; empty if there is none."""
    types = get_type_hints(kind)
    for field in fields(kind):
        if field.name not in values:
            return field.name
        kind, value = types[field.name], values[field.name]
        if is_dataclass(kind) and isinstance(value, Mapping) and (inner := _first_missing(kind, value)):
            return f"{field.name}.{inner}"
    return ""
