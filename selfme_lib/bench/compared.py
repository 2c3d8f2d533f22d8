"""Methods of motion beside each other on the same clips: errors of flows that are there already, and what they amount to."""

from collections.abc import Mapping, Sequence

import pandas as pd
from jaxtyping import Bool
from torch import Tensor

from selfme_lib.flow import CLASSICAL
from selfme_lib.grids import Flow, end_point_error
from selfme_lib.plots.style import METHOD_TITLES
from selfme_lib.study.study import Study

from .flow_error import errors_per_clip
from .statistics import REFERENCES, summarise

MEASURES = {"epe": "EPE", "epe_moving": "moving"}


def motion_of_some(study: Study, method: str, rows: Sequence[int]) -> Flow:
    """The motion of some of a study's clips, as `Study.motion`: of these alone, or out of that of all clips if it is kept, or if
    the rows of a study will ask for it anyway."""
    kept = study.motion_file(method, bspline=True, gamma=1.0).exists()
    if kept or (method in CLASSICAL and method in study.settings.motion.methods):
        return study.motion(method)[list(rows)]
    some = study.changed()
    some.__dict__["clips"] = [study.clips[row] for row in rows]  # a cached property
    return some.motion(method)


def errors_of(
    flows: Mapping[str, Flow], truth: Flow, subjects: Sequence[str], *, moving: Flow | None = None
) -> pd.DataFrame:
    """A row per method and clip: `method`, `clip` (its number), `subject`; `peak` (of the truth), `epe`, `epe_moving` in px.

    `moving` as in `flow_error.errors_per_clip`."""
    peaks = truth.norm(dim=1).amax((1, 2)).numpy()
    known = {"clip": range(len(truth)), "subject": list(subjects), "peak": peaks}
    tables = []
    for method, flow in flows.items():
        errors = errors_per_clip(flow, truth, truth, moving=moving)
        found = {name: errors[name].double().numpy() for name in MEASURES}
        tables.append(pd.DataFrame({"method": method, **known, **found}))
    return pd.concat(tables, ignore_index=True)


def error_table(errors: pd.DataFrame) -> pd.DataFrame:
    """Means over clips with 95 % intervals over people, by method (the index; the first column is its title)."""
    rows: dict[str, dict] = {}
    for method, found in summarise(errors, list(MEASURES)).items():
        rows[method] = {"method": METHOD_TITLES.get(method, method)}
        for measure, title in MEASURES.items():
            rows[method] |= _with_ends(f"{title}, px", title, found[measure], found[f"{measure}_interval"])
    return pd.DataFrame.from_dict(rows, orient="index")


def ratio_table(errors: pd.DataFrame, *, of: str = "plus") -> pd.DataFrame:
    """One method's errors divided by those of each of `statistics.REFERENCES` among them, with 95 % intervals over people."""
    found = summarise(errors, list(MEASURES))[of]
    rows: dict[str, dict] = {}
    for reference in _references(errors, of):
        rows[reference] = {"over": METHOD_TITLES.get(reference, reference)}
        for measure, title in MEASURES.items():
            ratio = f"{measure}_over_{reference}"
            if found[ratio] is not None:
                rows[reference] |= _with_ends(f"{title}, ratio", title, found[ratio], found[f"{ratio}_interval"])
    return pd.DataFrame.from_dict(rows, orient="index")


def against_best(by_condition: Mapping[str, pd.DataFrame], measure: str, *, of: str = "plus") -> pd.DataFrame:
    """A row per condition: one method's error, that of the best of `statistics.REFERENCES`, and the ratio with its interval.

    Args:
        by_condition: condition → `errors_of`.
        measure: `epe` or `epe_moving`.
    """
    rows = []
    for condition, errors in by_condition.items():
        summary = summarise(errors, [measure])
        best = min(_references(errors, of), key=lambda name: summary[name][measure])
        ratio = summary[of][f"{measure}_over_{best}"]
        row = {"condition": condition, f"{METHOD_TITLES[of]}, px": summary[of][measure]}
        row |= {"best other": METHOD_TITLES[best], "its error, px": summary[best][measure]}
        rows.append(row | _with_ends("ratio", "ratio", ratio, summary[of][f"{measure}_over_{best}_interval"]))
    return pd.DataFrame(rows)


def errors_by_part(flows: Mapping[str, Flow], truth: Flow, parts: Mapping[str, Bool[Tensor, "b h w"]]) -> pd.DataFrame:
    """Mean end-point error over the pixels of each part of the image, in px; the first column of errors is no motion's."""
    rows = []
    for part, inside in parts.items():
        if inside.any():
            found = {METHOD_TITLES.get(name, name): end_point_error(flow, truth) for name, flow in flows.items()}
            lengths = {"no motion": truth.norm(dim=1)} | found
            rows.append({"part": part} | {f"{name}, px": each[inside].mean().item() for name, each in lengths.items()})
    return pd.DataFrame(rows)


def _references(errors: pd.DataFrame, of: str) -> list[str]:
    return [name for name in REFERENCES if name in set(errors["method"]) - {of}]


def _with_ends(name: str, title: str, value: float, interval: Sequence[float]) -> dict[str, float]:
    return {name: value, f"{title} from": interval[0], f"{title} to": interval[1]}
