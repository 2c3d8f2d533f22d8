"""Which motion and which classifier recognise rendered expressions, by two protocols: one subject left out, and fresh people.

The people are those of world home (`synthme-2`), by default evaluation people. What is expensive, faces, motions and folds, is
kept under the project's folder of data, and the same call resumes.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from scipy.stats import spearmanr

from selfme_lib.classifier.checkpoint import FORM
from selfme_lib.evaluation import calibration
from selfme_lib.evaluation.intervals import interval
from selfme_lib.evaluation.metrics import uf1
from selfme_lib.evaluation.paired import holm, permutation_p
from selfme_lib.runtime.errors import UsageError
from selfme_lib.runtime.paths import DATA
from selfme_lib.study import rows as tables
from selfme_lib.study.classifier_pretraining import SCVIT
from selfme_lib.study.profiles import Profile
from selfme_lib.study.results import Protocol, Result
from selfme_lib.study.rows import Row
from selfme_lib.study.study import Study

from .laboratories import Table, averages, by_layout, of_composite

MOTIONS = ("plus", "printed", "lucas_kanade", "tvl1", "farneback", "farneback_tuned", "dis_tuned", "truth")
HEAD = {"trained": "head", "lr": 3e-3, "batch_size": 32, "epochs": 20}  # chosen on choice people
MEASURED = (
    "plus",
    "printed",
    "lucas_kanade",
    "tvl1",
    "farneback_tuned",
)  # on data sets like the real ones, without truth
LONGER = {
    "vgg16": {"epochs": 100, "lr": 3e-4},
    "googlenet": {"epochs": 60, "lr": 3e-4},
    **{name: {"epochs": 30} for name in ("off_apexnet", "dual_inception", "featref")},
    "ststnet": {"epochs": 60},
}
"""Trainings of rivals for the final tables, twice as long as the profile's or longer.

On choice people, in four folds of them: VGG16's UF1 is .35 after 40 epochs and .49 after 100; GoogLeNet's .25 after 7 (at 1e-3
and 3e-3), .30 after 25 and .38 after 60 (at 3e-4); OFF-ApexNet's .64 after 30, .66 after 60 and .65 after 120.
"""
FEW = ("plus", "farneback_tuned", "truth")
TRAINED_ON, TESTED_ON, CLIPS = 24, 200, 12
RowSet = Callable[[Profile], list[Row]]


def _rivals(settings: Profile) -> list[Row]:
    """Table 2's without LBP-TOP, which looks at whole clips, and the two that need TCAE or frames of any other kind."""
    return [row for row in tables.table_2(settings) if row.rival is not None and row.rival.sees.startswith("flow")]


def both_readings(settings: Profile, methods: Sequence[str]) -> list[Row]:
    """The linear yardstick and the pre-trained SCViT on each of the motions."""
    return [*tables.linear(settings, methods), *tables.pretrained(settings, methods, "units")]


ROW_SETS: dict[str, RowSet] = {
    "linear": lambda settings: tables.linear(settings, MOTIONS),
    "units": lambda settings: tables.pretrained(settings, MOTIONS, "units"),
    "masked": lambda settings: tables.pretrained(settings, ("plus", "truth"), "motion"),
    "small": lambda settings: tables.pretrained_rivals(settings, ("plus", "farneback_tuned", "truth")),
    "table1": tables.table_1,
    "rivals": _rivals,
    "factorial": tables.factorial,
    "table3": lambda settings: tables.table_3(settings, (*MEASURED, "truth")),
    "table4": lambda settings: tables.table_4(),
    "figure4": lambda settings: [row for some in tables.figure_4(settings) for row in some],
    "conditions": lambda settings: tables.conditions(both_readings(settings, FEW)),
}
"""Names of rows for `--rows`."""
LABORATORIES = {"layouts": by_layout, "composite": of_composite}
"""Further names, of rows on data sets like the real ones."""
DEFAULT = ("linear", "units")


def recognition_study(
    *,
    people: int | None = None,
    clips: int | None = None,
    population: Literal["evaluation", "choice"] = "evaluation",
    seeds: int = 5,
    workers: int = 2,
    folder: Path | None = None,
) -> Study:
    """The study behind the benchmark: the quick profile on synthme-2, SelfME+ and a pre-trained SCViT.

    Args:
        people: so many of the people to train on, and so many fresh ones; by default all.
        clips: of each; by default 12.
        population: whose clips; choices are made on `choice` people.
        seeds: trainings of every fold of what is trained.
        workers: processes.
        folder: of the run, by default kept under the project's data.
    """
    some = TRAINED_ON if people is None else min(people, TRAINED_ON)
    data = {"version": "synthme-2", "population": population, "subjects": some, "first_identity": 0}
    data |= {"clips": clips or CLIPS, "ends": True}
    motion = {"checkpoint": "plus", "steps": 0, "methods": ["plus"]}
    tested = TESTED_ON if people is None else min(people, TESTED_ON)
    evaluation = {"seeds": seeds, "workers": workers, "fresh": tested, "rivals": LONGER}
    classifier = {name: getattr(SCVIT, name) for name in FORM} | {"init": "units"} | HEAD
    run = folder or DATA / "recognition"
    return Study.open("quick", run, data=data, motion=motion, classifier=classifier, evaluation=evaluation)


def bench_recognition(
    study: Study,
    *,
    protocols: Sequence[Protocol] = ("loso", "fresh"),
    rows: Sequence[str] = DEFAULT,
) -> dict[str, Any]:
    """Evaluate rows by protocols.

    Args:
        study: from `recognition_study`.
        rows: of `ROW_SETS` and `LABORATORIES`.

    Returns:
        `people` and `clips`, how many are predicted by all protocols together; and `rows`, each with `name`, `motion`,
        `classifier`, `protocol`, `uf1` and `uar` with their intervals, `seconds` (of all folds of a training), `ece` with its
        interval before and after temperature, `seeds`, and `data`, the data set; `verdicts` on one row against each other (see
        `verdicts`); with both protocols `foretold`, how well the first foretells the second (see `foretold`).

    Raises:
        UsageError: there are no such rows, or not for these people or by these protocols.
    """
    if unknown := [name for name in rows if name not in (*ROW_SETS, *LABORATORIES)]:
        raise UsageError(f"--rows {unknown[0]}: one of {', '.join((*ROW_SETS, *LABORATORIES))}")
    if "fresh" in protocols and study.settings.data.population != "evaluation":
        raise UsageError("--population choice: choices are made without fresh people; choose --protocol loso")
    if "composite" in rows and "loso" not in protocols:
        raise UsageError("--rows composite: subjects and whole data sets are left out; choose --protocol loso")
    wanted = [row for name in rows if name in ROW_SETS for row in ROW_SETS[name](study.settings)]
    plain = [study.evaluate(wanted, protocol=protocol) for protocol in protocols] if wanted else []
    measured, means = [Table("synthme", results) for results in plain], []
    for name in rows:
        if name in LABORATORIES:
            found = LABORATORIES[name](study, both_readings(study.settings, MEASURED), protocols)
            measured += found
            means += averages(found) if name == "layouts" else []
    firsts = [table.results[0].records[0] for table in measured]
    return {
        "people": sum(first["n_subjects"] for first in firsts),
        "clips": sum(first["n_clips"] for first in firsts),
        "rows": [row_record(one) | {"data": table.data} for table in measured for one in table.results] + means,
        "verdicts": [verdict for table in measured for verdict in _verdicts_of(table)],
        "foretold": foretold(*plain) if len(plain) == 2 and len(wanted) > 2 else None,
    }


def _verdicts_of(table: Table) -> list[dict[str, Any]]:
    """On SelfME+ with a pre-trained network, or else the first row, under each condition apart."""
    under: dict[str | None, list[Result]] = {}
    for result in table.results:
        under.setdefault(result.row.tested_under, []).append(result)
    found = []
    for some in under.values():
        mine = next((one for one in some if one.row.trained == "linear" and one.row.motion == "plus"), some[0])
        found += [verdict | {"data": table.data} for verdict in verdicts(some, mine.row.name)]
    return found


def verdicts(results: Sequence[Result], name: str) -> list[dict[str, Any]]:
    """Is the row `name` better than the others? True motion, an upper bound that nobody has, is none of these.

    Returns:
        For each other row `row`, `against`, `protocol`, `difference` of UF1 with its 95 % interval over people, `p` (exchanges of
        people) and `p_holm`, corrected for all of them.
    """
    (mine,) = [result for result in results if result.row.name == name]
    others = [result for result in results if result is not mine and result.row.motion != "truth"]
    found: list[dict[str, Any]] = []
    for other in others:
        draws = mine.resampled("uf1") - other.resampled("uf1")
        seeds = range(max(len(mine.records), len(other.records)))
        pairs = [(mine.folds(seed % len(mine.records)), other.folds(seed % len(other.records))) for seed in seeds]
        found.append(
            {
                "row": mine.row.name,
                "against": other.row.name,
                "protocol": mine.protocol,
                "difference": float(draws[0]),
                "difference_interval": list(interval(draws, len(mine.folds(0)))),
                "p": permutation_p(pairs, uf1),
            }
        )
    return [one | {"p_holm": p} for one, p in zip(found, holm([one["p"] for one in found]))]


def foretold(loso: Sequence[Result], fresh: Sequence[Result]) -> dict[str, Any]:
    """How well leaving one subject out foretells the score on fresh people, over the rows.

    Returns:
        `bias` (mean of LOSO's UF1 less fresh's), `spread` (deviation of these differences), `largest` of them, `order` (rank
        correlation by Spearman), and `covered`, the share of rows whose LOSO interval holds the score on fresh people.
    """
    first, second = (np.array([result.score("uf1") for result in some]) for some in (loso, fresh))
    gap = first[:, 0] - second[:, 0]
    inside = (first[:, 1] <= second[:, 0]) & (second[:, 0] <= first[:, 2])
    return {
        "bias": float(gap.mean()),
        "spread": float(gap.std(ddof=1)),
        "largest": float(gap[np.abs(gap).argmax()]),
        "order": float(spearmanr(first[:, 0], second[:, 0]).statistic),
        "covered": float(inside.mean()),
    }


def row_record(result: Result) -> dict[str, Any]:
    """A row as the benchmark prints it."""
    score, *uf1_interval = result.score("uf1")
    uar, *uar_interval = result.score("uar")
    table = result.clips()
    raw, tempered = (calibration.expected_calibration_error(one) for one in (table, calibration.calibrate(table)))
    return {
        "name": result.row.name,
        "motion": result.row.motion,
        "classifier": result.row.classifier_name,
        "protocol": result.protocol,
        "uf1": score,
        "uf1_interval": uf1_interval,
        "uar": uar,
        "uar_interval": uar_interval,
        "seconds": float(np.mean([sum(seconds.values()) for seconds in result.fold_seconds])),
        "seeds": len(result.records),
        "ece": raw[0],
        "ece_interval": list(raw[1:]),
        "ece_tempered": tempered[0],
        "ece_tempered_interval": list(tempered[1:]),
        "aurc": calibration.area_under_risk(table),
    }
