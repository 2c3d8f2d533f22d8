"""`selfme report RUN --against OTHER`: one page with two runs side by side, `RUN/against_OTHER.html`.

Settings that differ; every score of both, with the difference. Where a row was tested on the same people and clips in both
runs, the difference has the 95 % interval and the p-value of a paired comparison, Holm-corrected for all rows of the page.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from selfme_lib.runtime.errors import DataError
from selfme_lib.runtime.files import atomic_path
from selfme_lib.study.cells import DIGITS, written
from selfme_lib.study.results import METRICS, Result, read_results
from selfme_lib.study.run_folder import RunFolder
from selfme_lib.study.trends import LEVEL, Trend, corrected, trend

from .page import DATASET_NAMES, render_page, table

Key = tuple[str, str]  # of a row: its name and its protocol
Tests = Mapping[str, Mapping[Key, Trend]]  # by metric and row
WHO = ("version", "population", "first_identity", "seed", "layout")  # settings that say who SynthME's people are


def write_comparison(run: RunFolder, other: RunFolder) -> Path:
    """Write the page; returns its path.

    Raises:
        DataError: a run is missing or damaged, or the two cannot be compared.
    """
    page = run.path / f"against_{other.name}.html"
    text = render_comparison(run, other)
    with atomic_path(page) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return page


def render_comparison(run: RunFolder, other: RunFolder) -> str:
    """The page as text; errors as in `write_comparison`."""
    settings, metrics = zip(*(_read(one) for one in (run, other)))
    names, classes = zip(*((one["dataset"]["name"], len(one["rows"][0]["confusion"])) for one in metrics))
    cannot = f"{run.path} and {other.path} cannot be compared"
    if names[0] != names[1]:
        raise DataError(f"{cannot}: {names[0]} and {names[1]} are different data sets; give a run on {names[0]}")
    if classes[0] != classes[1]:
        raise DataError(
            f"{cannot}: {classes[0]} and {classes[1]} classes are different tasks; give a run with {classes[0]} classes"
        )
    ours, theirs = (
        _by_key(read_results(metric, bootstrap=_draws(setting))) for metric, setting in zip(metrics, settings)
    )
    shared = [key for key in ours if key in theirs]
    if not shared:
        raise DataError(f"{cannot}: they have no method in common; give a run of the same chapters")
    paired = [key for key in shared if _same_people(settings, ours[key], theirs[key])]
    tests: Tests = {
        metric: dict(zip(paired, corrected([_paired(ours[key], theirs[key], metric) for key in paired])))
        for metric in METRICS
    }
    rows = [_line(key, ours.get(key), theirs.get(key), tests) for key in dict.fromkeys([*ours, *theirs])]
    if len({protocol for _, protocol in (*ours, *theirs)}) == 1:
        rows = [{name: cell for name, cell in row.items() if name != "protocol"} for row in rows]
    titles = [one.name for one in (run, other)]
    if titles[0] == titles[1]:
        titles = ["/".join(one.path.resolve().parts[-2:]) for one in (run, other)]
    return render_page(
        "comparison.html.j2",
        run=titles[0],
        other=titles[1],
        dataset=DATASET_NAMES.get(names[0], names[0]),
        said=_said(shared, paired, tests),
        settings=table(["setting", *titles], _differences(settings)),
        machines=table(["", *titles], _differences(list(map(_made_on, metrics)))),
        scores=table(list(rows[0]), [list(row.values()) for row in rows]),
        alone=[
            (name, [key[0] for key in mine if key not in others])
            for name, mine, others in ((titles[0], ours, theirs), (titles[1], theirs, ours))
        ],
    )


def _read(run: RunFolder) -> tuple[dict[str, Any], dict[str, Any]]:
    if not run.path.is_dir():
        raise DataError(f"{run.path}: no such folder; give that of a finished run")
    if not run.profile.exists() or not run.metrics.exists():
        raise DataError(f"{run.path}: no scores to compare; `selfme reproduce --out {run.path} --only 05` makes some")
    return run.read_settings(), run.read_metrics()


def _by_key(results: Sequence[Result]) -> dict[Key, Result]:
    return {(result.row.name, result.protocol): result for result in results}


def _draws(settings: Mapping[str, Any]) -> int:
    return settings.get("evaluation", {}).get("bootstrap", 2000)


def _same_people(settings: Sequence[Mapping[str, Any]], ours: Result, theirs: Result) -> bool:
    """Whether both results are of the same clips of the same people; rendered people share names with others."""
    who = [[one["data"].get(name) for name in WHO] for one in settings]
    if settings[0]["data"]["dataset"] == "synthme" and who[0] != who[1]:
        return False
    clips, others = (
        set(one.predictions[["subject", "clip", "label"]].itertuples(index=False, name=None)) for one in (ours, theirs)
    )
    return clips == others and ours.bootstrap == theirs.bootstrap


def _paired(ours: Result, theirs: Result, metric: str) -> Trend:
    return trend(ours.row.name, [ours], [theirs], metric=metric)


def _line(
    key: Key,
    ours: Result | None,
    theirs: Result | None,
    tests: Tests,
) -> dict[str, Any]:
    line: dict[str, Any] = {"method": key[0], "protocol": key[1]}
    for metric in METRICS:
        title = metric.upper()
        for which, result in (("this run", ours), ("the other", theirs)):
            line[f"{title}, {which} [95 %]"] = result and written(
                *result.score(metric), deviation=result.deviation(metric)
            )
        gap, test = None, tests[metric].get(key)
        if test:
            gap = written(test.ours, test.low, test.high, signed=True)
        elif ours and theirs:
            gap = f"{ours.score(metric)[0] - theirs.score(metric)[0]:+.{DIGITS}f}"
        line |= {f"{title}, difference": gap, f"p, Holm ({title})": test and f"{test.p_corrected:.3f}"}
    return line


def _said(
    shared: Sequence[Key],
    paired: Sequence[Key],
    tests: Tests,
) -> list[str]:
    """What the differences show, in sentences."""
    if not paired:
        return [
            f"The {_rows(len(shared))} that both runs have were tested on other people or clips, so the differences have no "
            "paired interval: part of each is who was tested. Nothing is decided."
        ]
    sentences = []
    if len(paired) < len(shared):
        sentences.append(
            f"Only {_rows(len(paired))} of {len(shared)} were tested on the same people and clips in both runs."
        )
    for metric, found in tests.items():
        decided = [item for item in found.values() if item.p_corrected < LEVEL]
        told = "; ".join(
            f"{item.name} {written(item.ours, item.low, item.high, signed=True)}, p {item.p_corrected:.3f}"
            for item in decided
        )
        rest = len(found) - len(decided)
        sentences.append(
            f"{metric.upper()}, this run minus the other, on the same people, Holm-corrected for {_rows(len(found))}: "
            + (f"decided are {told}." if decided else "no difference is decided.")
            + (f" The other {rest} are undecided." if decided and rest else "")
        )
    return sentences


def _rows(count: int) -> str:
    return f"{count} rows" if count != 1 else "1 row"


def _made_on(metrics: Mapping[str, Any]) -> dict[str, Any]:
    """Code, machine, packages and data of a run."""
    git, machine = metrics["git"] or {}, metrics["environment"]
    plain = {name: value for name, value in machine.items() if name != "packages"}
    commit = {"commit": git.get("commit", "unknown"), "changes on top": git.get("dirty", False)}
    return {
        **commit,
        "device": metrics["device"],
        **plain,
        **machine["packages"],
        "clips": metrics["dataset"]["fingerprint"],
    }


def _differences(runs: Sequence[Mapping[str, Any]]) -> list[list[Any]]:
    """Name and both values of what two nested mappings do not share."""
    first, second = (dict(_flat(one)) for one in runs)
    return [
        [name, first.get(name), second.get(name)]
        for name in dict.fromkeys([*first, *second])
        if first.get(name) != second.get(name)
    ]


def _flat(values: Mapping[str, Any], before: str = "") -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for name, value in values.items():
        found += _flat(value, f"{before}{name}.") if isinstance(value, Mapping) else [(before + name, value)]
    return found
