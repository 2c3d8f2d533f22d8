"""A measured benchmark for people and for other programs: tables in text, Markdown and CSV, and a figure."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib import pyplot as plt

from selfme_lib.plots import style
from selfme_lib.plots.bench import draw_benchmark
from selfme_lib.runtime.files import atomic_path, write_json
from selfme_lib.study.exports import csv_text, markdown

Report = Mapping[str, Any]

COLUMNS = {
    "epe": "EPE, px",
    "epe_moving": "EPE moving, px",
    "epe_action": "EPE of the face's part, px",
    "epe_moving_over_tvl1": "moving, over TV-L1",
    "epe_moving_over_farneback": "moving, over Farneback",
    "angular": "angle, °",
    "folding": "folding",
    "inverse_consistency": "there and back, px",
    "ms_per_pair_median": "ms a pair",
}
READING = (
    "EPE: end-point error over the whole image; moving: where the true motion has at least half its peak; the face's part: "
    "where the motion that action units cause has at least half its peak. There and back: how far from its start a pixel "
    "ends that follows the motion from apex to onset and back. In brackets 95 % intervals from resampling people."
)


def write_report(out: Path, report: Report) -> list[Path]:
    """Write bench.json, bench.csv, bench.md and bench.png into a folder; returns their paths.

    `bench.csv` has one number a row: `part` (all, amplitude, condition), `group` (the range of amplitudes or the condition),
    `method`, `measure`, `value`, `low`, `high` (of the interval, where there is one), `n_pairs`.
    """
    out.mkdir(parents=True, exist_ok=True)
    paths = [out / f"bench.{suffix}" for suffix in ("json", "csv", "md", "png")]
    write_json(paths[0], report)
    with atomic_path(paths[1]) as temporary:
        temporary.write_text(csv_text(_long_table(report)), encoding="utf-8")
    with atomic_path(paths[2]) as temporary:
        temporary.write_text(_markdown(report), encoding="utf-8")
    with plt.rc_context():
        style.use()
        figure = draw_benchmark(report)
        with atomic_path(paths[3]) as temporary:
            figure.savefig(temporary, dpi=200)
        plt.close(figure)
    return paths


def range_name(group: Mapping[str, Any]) -> str:
    """`0.5-1 px`, `above 2 px`."""
    return f"above {group['from']:g} px" if group["to"] is None else f"{group['from']:g}-{group['to']:g} px"


def mean_table(report: Report) -> pd.DataFrame:
    """Methods as rows; as columns those of `COLUMNS` that were measured."""
    means = pd.DataFrame(report["methods"]).T
    return means[[measure for measure in COLUMNS if measure in means]].astype(float)


def condition_tables(report: Report) -> dict[str, pd.DataFrame]:
    """By title, end-point errors with methods as rows and conditions as columns; none without nuisances."""
    return {
        COLUMNS[measure]: pd.DataFrame(
            {
                name: {method: found[measure] for method, found in group["methods"].items()}
                for name, group in report["conditions"].items()
            }
        )
        for measure in (("epe", "epe_moving") if report["conditions"] else ())
    }


def _long_table(report: Report) -> pd.DataFrame:
    parts = [("all", "", report)]
    parts += [("amplitude", range_name(group), group) for group in report["amplitudes"]]
    parts += [("condition", name, group) for name, group in report["conditions"].items()]
    rows = []
    for part, name, group in parts:
        for method, found in group["methods"].items():
            for measure in (key for key in found if not key.endswith("_interval")):
                low, high = found.get(f"{measure}_interval") or (None, None)
                rows.append((part, name, method, measure, found[measure], low, high, group["n_pairs"]))
    return pd.DataFrame(rows, columns=["part", "group", "method", "measure", "value", "low", "high", "n_pairs"])


def _markdown(report: Report) -> str:
    methods, conditions = report["methods"], report["conditions"]
    lines = [f"# Motion: {report['n_pairs']} pairs of {report['n_subjects']} people at {report['size']} px", ""]
    lines += _table(
        {"method": name} | {COLUMNS[measure]: _cell(found, measure) for measure in mean_table(report)}
        for name, found in methods.items()
    )
    lines += ["", f"{READING} Times: median over batches, {report['threads']} thread(s).", ""]
    lines += ["## By the peak of the true motion", "", "EPE moving, px.", ""]
    ranges = {f"{range_name(group)} ({group['n_pairs']} pairs)": group["methods"] for group in report["amplitudes"]}
    lines += _table(
        {"method": name} | {title: f"{found[name]['epe_moving']:.3f}" for title, found in ranges.items()}
        for name in methods
    )
    for measure in ("epe", "epe_moving") if conditions else ():
        lines += ["", f"## {COLUMNS[measure].removesuffix(', px')} under nuisances", ""]
        pairs = conditions["clean"]["n_pairs"]
        lines += [f"On {pairs} of the pairs, px; in brackets the increase over clean frames.", ""]
        lines += _table(
            {"method": name}
            | {key: _degraded(key, group["methods"][name], measure) for key, group in conditions.items()}
            for name in methods
        )
    return "\n".join(lines) + "\n"


def _table(rows: Iterable[Mapping[str, str]]) -> list[str]:
    filled = list(rows)
    return markdown(list(filled[0]), [list(row.values()) for row in filled])


def _cell(found: Mapping[str, Any], measure: str) -> str:
    if found[measure] is None:
        return ""
    if measure == "ms_per_pair_median":
        return f"{found[measure]:.1f}"
    if measure == "folding":
        return f"{100 * found[measure]:.2f} %"
    low, high = found[f"{measure}_interval"]
    return f"{found[measure]:.3f} [{low:.3f}, {high:.3f}]"


def _degraded(condition: str, found: Mapping[str, Any], measure: str) -> str:
    value = f"{found[measure]:.3f}"
    return value if condition == "clean" else f"{value} ({found[f'{measure}_degradation']:+.3f})"
