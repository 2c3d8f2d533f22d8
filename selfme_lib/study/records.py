"""What the JSON files of a run folder must look like. One that was damaged or edited is named in one line when it is read."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field
from typing_extensions import NotRequired, TypedDict  # pydantic cannot use typing's before Python 3.12

from selfme_lib.runtime.errors import DataError
from selfme_lib.runtime.settings import read_shaped

Matrix = list[list[int]]
Interval = Annotated[list[float | None], Field(min_length=2, max_length=2)]


class Described(TypedDict):
    name: Annotated[str, Field(pattern=r"^(\d\d|A\d)_[a-z0-9_]+$")]
    order: int
    title: str
    caption: str
    place: Literal["headline", "chapter", "paper"]
    sha256: NotRequired[str]  # of the rest, see `kept.checksum_of`


class Table(Described):
    kind: Literal["table"]
    columns: Annotated[list[str], Field(min_length=1)]
    rows: list[list[Any]]


class Values(Described):
    kind: Literal["values"]
    values: dict[str, Any]


class Figure(Described):
    kind: Literal["figure"]
    alt: str
    picture: NotRequired[str]  # checksum of the picture beside it


Item = Annotated[Table | Values | Figure, Field(discriminator="kind")]


class Timing(TypedDict):
    status: Literal["done", "failed"]
    seconds: float
    peak_memory_mb: int
    key: str
    message: str
    saved: NotRequired[list[str]]  # names of the tables, values and figures that the notebook saved
    scored: NotRequired[bool]  # whether it added to metrics.json
    afresh: NotRequired[bool]  # whether the run's folder held nothing when the run began


class Timings(TypedDict):
    profile: NotRequired[str]
    notebooks: dict[str, Timing]


class Progress(TypedDict):
    done: int
    total: int


class _Data(TypedDict):
    dataset: str
    apex_rule: str


class _Motion(TypedDict):
    steps: int
    frames: str


class _Evaluation(TypedDict):
    bootstrap: NotRequired[Annotated[int, Field(ge=1)]]


class Settings(TypedDict):
    evaluation: NotRequired[_Evaluation]
    profile: str
    seed: int
    data: _Data
    motion: _Motion


class _Pooled(TypedDict):
    uf1: float
    uar: float
    accuracy: float


class _Fold(TypedDict):
    confusion: Matrix


class ScoredRow(TypedDict):
    name: str
    seed: int
    pooled: _Pooled
    folds: Annotated[list[_Fold], Field(min_length=1)]


class Scored(TypedDict):
    rows: list[ScoredRow]
    times: dict[str, Any]


class _Prediction(TypedDict):
    subject: str
    clip: str
    label: int
    prediction: int


class _Intervals(TypedDict):
    uf1: Interval
    uar: Interval


class _FoldMean(TypedDict):
    uf1: float


class _RowSettings(TypedDict):
    protocol: NotRequired[str]


class Row(ScoredRow):
    settings: _RowSettings
    confusion: Matrix
    n_clips: int
    n_subjects: int
    fold_mean: _FoldMean
    intervals: _Intervals
    predictions: list[_Prediction]
    curve: NotRequired[dict[str, list[float]]]


def _of_one_size(row: Row) -> Row:
    matrices = [row["confusion"], *(fold["confusion"] for fold in row["folds"])]
    sizes = {len(matrix) for matrix in matrices} | {len(line) for matrix in matrices for line in matrix}
    if len(sizes) > 1 or 0 in sizes:
        raise ValueError("confusion matrices of several sizes")
    return row


class _DataSet(TypedDict):
    name: str
    fingerprint: str


class _Git(TypedDict):
    commit: str
    dirty: bool


class _Environment(TypedDict):
    packages: dict[str, str]


class _Times(TypedDict):
    rows: list[dict[str, float]]


class Metrics(TypedDict):
    dataset: _DataSet
    git: _Git | None
    environment: _Environment
    torch: str
    device: str
    rows: Annotated[list[Annotated[Row, AfterValidator(_of_one_size)]], Field(min_length=1)]
    times: _Times


class _Predicted(TypedDict):
    name: str
    seed: int
    settings: NotRequired[_RowSettings]
    predictions: list[_Prediction]


class _Named(TypedDict):
    name: str


class Predictions(TypedDict):
    dataset: _Named
    rows: list[_Predicted]


class _Columns(TypedDict):
    columns: Annotated[list[str], Field(min_length=1)]
    rows: list[list[Any]]


class Published(TypedDict):
    profile: str
    ran_on: dict[str, Any]
    statistics: NotRequired[str]  # hash of the code of intervals and tests
    tables: dict[str, _Columns]
    values: dict[str, dict[str, Any]]


def read_item(path: Path, *, remedy: str) -> dict[str, Any]:
    """The record of a table, of values or of a figure.

    Raises:
        DataError: it is damaged; the message ends in `remedy`.
    """
    item = read_shaped(path, Item, remedy=remedy)
    if item["name"] != path.stem:
        raise DataError(f"{path}: damaged (it is the record of {item['name']}); {remedy}")
    if item["kind"] == "table":
        check_widths(item, path, remedy)
    return item


def check_widths(table: Mapping[str, Any], path: Path, remedy: str) -> None:
    """Raise a DataError if a row has not as many cells as the table has columns."""
    for number, row in enumerate(table["rows"]):
        if len(row) != len(table["columns"]):
            problem = f"row {number} has {len(row)} cells, the table {len(table['columns'])} columns"
            raise DataError(f"{path}: damaged ({problem}); {remedy}")
