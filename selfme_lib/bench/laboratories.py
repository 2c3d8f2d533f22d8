"""Rendered data sets as three laboratories would have recorded them: the paper's Table 2, and the composite of MEGC 2019.

Each has its data set's number of people, mix of classes and kind of files. SAMM's frames are grey; SMIC's clips run at 100 frames
a second from onset to offset and have no apex, so that it is found by the largest motion. Nobody is in two of them.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from selfme_lib.evaluation.intervals import averaged, interval
from selfme_lib.runtime.files import write_json
from selfme_lib.runtime.fingerprint import fingerprint
from selfme_lib.runtime.paths import DATA
from selfme_lib.study.results import Protocol, Result, part_of
from selfme_lib.study.rows import Row
from selfme_lib.study.study import Study

Laboratory = Literal["casme2", "smic", "samm"]
PEOPLE: dict[Laboratory, int] = {"casme2": 24, "smic": 16, "samm": 28}
"""In the composite, one after the other: the first of SMIC's has number 24."""
TITLES = {"casme2": "CASME II-like", "smic": "SMIC-like", "samm": "SAMM-like", "composite": "composite"}
FRESH_CLIPS = 50  # fresh people of whom whole clips are rendered, because no label says where the apex is


@dataclass(frozen=True)
class Table:
    """Rows of one data set by one protocol."""

    data: str
    results: list[Result]


def laboratory(study: Study, name: Laboratory) -> Study:
    """The study on a data set like one of the real ones; CASME II's is the study itself."""
    data, evaluation = study.settings.data, study.settings.evaluation
    if name == "casme2":
        return study
    first = sum(PEOPLE[one] for one in list(PEOPLE)[: list(PEOPLE).index(name)])
    many = PEOPLE[name] if data.subjects == PEOPLE["casme2"] else min(data.subjects, PEOPLE[name])
    changes = {"layout": name, "subjects": many, "first_identity": data.first_identity + first}
    if name == "samm":
        return study.changed(data=changes)
    unlabelled = {"ends": False, "apex_rule": "largest", "apex_method": "farneback"}
    return study.changed(data=changes | unlabelled, evaluation={"fresh": min(evaluation.fresh, FRESH_CLIPS)})


def composite(study: Study) -> Study:
    """The study on all three data sets, read as the composite of the real ones is."""
    roots = {name: laboratory(study, name).root for name in PEOPLE}
    folder = DATA / f"composite-{fingerprint(code=__name__, parts=[root.name for root in roots.values()])}"
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "composite.json", {name: os.path.relpath(root, folder) for name, root in roots.items()})
    data = {
        "dataset": "composite",
        "root": str(folder),
        "ends": False,
        "apex_rule": "largest",
        "apex_method": "farneback",
    }
    return study.changed(data=data)


def by_layout(study: Study, rows: Sequence[Row], protocols: Sequence[Protocol]) -> list[Table]:
    """Table 2: each row on both of the paper's data sets, by every protocol."""
    studies = {name: laboratory(study, name) for name in ("casme2", "smic")}
    return [
        Table(name, _named(one.evaluate(rows, protocol=protocol), TITLES[name]))
        for protocol in protocols
        for name, one in studies.items()
    ]


def of_composite(study: Study, rows: Sequence[Row], _protocols: Sequence[Protocol]) -> list[Table]:
    """Each row on the composite, one subject left out, and one data set left out: all of them, and each data set alone."""
    whole = composite(study)
    tables = [Table("composite", _named(whole.evaluate(rows), TITLES["composite"]))]
    results = whole.evaluate(rows, protocol="lodo")
    tables.append(Table("composite", _named(results, TITLES["composite"])))
    for name in PEOPLE:
        people = {clip.subject for clip in whole.clips if clip.dataset == name}
        tables.append(Table(name, _named([part_of(result, people) for result in results], TITLES[name])))
    return tables


def _named(results: Sequence[Result], title: str) -> list[Result]:
    return [replace(one, row=replace(one.row, name=f"{one.row.name}, {title}")) for one in results]


def averages(tables: Sequence[Table]) -> list[dict[str, Any]]:
    """What the paper's Table 2 averages: each row's mean score over the data sets, by protocol, for the benchmark's `rows`."""
    protocols: dict[Protocol, list[list[Result]]] = {}
    for table in tables:
        protocols.setdefault(table.results[0].protocol, []).append(table.results)
    found = []
    for some in (rows for tables in protocols.values() for rows in zip(*tables)):
        row = some[0].row
        record: dict[str, Any] = {
            "name": row.name.removesuffix(TITLES["casme2"]) + "average",
            "motion": row.motion,
            "classifier": row.classifier_name,
            "protocol": some[0].protocol,
            "data": "average",
        }
        for metric in ("uf1", "uar"):
            values, people = averaged([one.resampled(metric) for one in some], [len(one.folds(0)) for one in some])
            record |= {metric: float(values[0]), f"{metric}_interval": list(interval(values, people))}
        seconds = [np.mean([sum(folds.values()) for folds in one.fold_seconds]) for one in some]
        found.append(record | {"seconds": float(sum(seconds)), "seeds": len(some[0].records)})
    return found
