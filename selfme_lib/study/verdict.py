"""What a run's own results say, in sentences: every number in them is read from the run, none is written here.

Chapters save their tests as tables of differences (`trends.readable_trends`): what was compared, the difference with its
interval, the p-value after Holm's correction for all that was asked together. What does not pass is called undecided.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .cells import Estimate, number_of, read_estimate, written
from .exports import BOUNDS
from .results import Result
from .trends import LEVEL

PROTOCOLS = {"loso": "leaving one subject out", "lodo": "leaving one data set out", "fresh": "testing on fresh people"}
MEANING = {"confirmed": "the paper's trend appears", "contradicted": "the opposite of the paper's trend appears"}


@dataclass(frozen=True)
class Comparison:
    """A row of a table of differences.

    Attributes:
        name, compared, metric, verdict: as in `trends.Trend`; `compared` is empty where the table does not say.
        estimate: the difference and its 95 % interval.
        paper: the paper's difference; empty where it has none.
        p: after Holm's correction.
    """

    name: str
    compared: str
    metric: str
    estimate: Estimate
    paper: str
    p: float
    verdict: str

    @property
    def decided(self) -> bool:
        return self.p < LEVEL

    @property
    def sentence(self) -> str:
        """What was compared, the difference, its interval, p, and what follows."""
        rows = f" ({self.compared})" if self.compared else ""
        numbers = f"{self.metric} {self.estimate.value} [{self.estimate.low}, {self.estimate.high}]"
        paper = f"; in the paper {self.paper}" if self.paper else ""
        direction = "higher" if float(self.estimate.value) > 0 else "lower"
        found = MEANING.get(self.verdict, f"{direction} by more than chance in the choice of people")
        return f"{self.name}{rows}: {numbers}, Holm-corrected p {self.p:.3f}: {found if self.decided else 'undecided'}{paper}."


@dataclass(frozen=True)
class Family:
    """What was asked together and so was corrected together: of one table of differences, one score."""

    table: str
    title: str
    headline: bool
    metric: str
    comparisons: tuple[Comparison, ...]

    @property
    def decided(self) -> list[Comparison]:
        return [item for item in self.comparisons if item.decided]

    @property
    def undecided(self) -> list[Comparison]:
        return [item for item in self.comparisons if not item.decided]

    @property
    def summary(self) -> str:
        """How many comparisons are decided, and the names of those that are not."""
        total, open_ = len(self.comparisons), self.undecided
        asked = f"{total} comparisons" if total > 1 else "1 comparison"
        passed = f"{len(self.decided)} of {asked} in {self.metric} pass{'es' if len(self.decided) == 1 else ''}"
        names = "; ".join(item.name for item in open_)
        rest = f" Undecided, so that there may be an effect of either sign, or none: {names}." if open_ else ""
        return f"{passed} at {LEVEL:g} after Holm's correction.{rest}"


def families(items: Sequence[Mapping[str, Any]]) -> list[Family]:
    """Every table of differences among a run's records, those of the headlines first."""
    found = []
    for item in items:
        if item["kind"] == "table" and {"difference", "ours [95 %]", "p, Holm"} <= set(item["columns"]):
            lines = [dict(zip(item["columns"], row)) for row in item["rows"]]
            comparisons = [one for line in lines if (one := _comparison(line)) is not None]
            for metric in dict.fromkeys(one.metric for one in comparisons):
                chosen = tuple(one for one in comparisons if one.metric == metric)
                found.append(Family(item["name"], item["title"], item["place"] == "headline", metric, chosen))
    return sorted(found, key=lambda family: not family.headline)


def _comparison(line: Mapping[str, Any]) -> Comparison | None:
    estimate, p = read_estimate(line["ours [95 %]"]), number_of(line["p, Holm"])
    if estimate is None or number_of(estimate.value) is None or p is None:
        return None
    words = {key: str(line.get(key) or "") for key in ("difference", "compared", "paper", "verdict")}
    words["paper"] = "" if number_of(words["paper"]) is None else words["paper"]
    metric = str(line.get("in") or "UF1")
    return Comparison(words["difference"], words["compared"], metric, estimate, words["paper"], p, words["verdict"])


def scores(results: Sequence[Result], *, shown: Sequence[str] = ()) -> list[str]:
    """For each protocol, who was tested and how, the method with the highest UF1, and what bounds it.

    Args:
        shown: methods of the headline tables, among which the highest is looked for; all if none of them was evaluated.
    """
    sentences = []
    for protocol in dict.fromkeys(result.protocol for result in results):
        rows = [result for result in results if result.protocol == protocol]
        people, clips = (rows[0].records[0][key] for key in ("n_subjects", "n_clips"))
        seeds = max(len(result.records) for result in rows)
        trained = f", {seeds} trainings each" if seeds > 1 else ""
        way = PROTOCOLS.get(protocol, protocol)
        sentences.append(f"{len(rows)} rows were scored by {way}: {people} people, {clips} clips{trained}.")
        methods = [row for row in rows if not BOUNDS.match(row.row.name)]
        methods = [row for row in methods if row.row.name in shown] or methods
        if methods:
            best = max(methods, key=lambda row: row.score("uf1")[0])
            among = f" of {len(methods)} methods is that of" if len(methods) > 1 else " is that of"
            sentences[-1] += f" The highest UF1{among} {best.row.name}: {_uf1(best)}."
            if len(methods) > 1:
                sentences[-1] += (
                    " It was picked by looking at the scores; which differences are more than luck, the tests say."
                )
        bounds = [row for row in rows if BOUNDS.match(row.row.name) and not row.row.name.startswith("LEAKING")]
        if bounds:
            sentences[-1] += (
                f" Bounds, which are no methods: {'; '.join(f'{row.row.name} {_uf1(row)}' for row in bounds)}."
            )
    return sentences


def _uf1(result: Result) -> str:
    return written(*result.score("uf1"), deviation=result.deviation("uf1"))
