"""The figure of `selfme bench motion`: how wrong every method is, on which motions, and what disturbs it."""

from collections.abc import Sequence

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .motion import show_intervals
from .style import FAINT, GREEN, INK, METHOD_COLOURS, SOFT, WIDTH, YELLOW

TITLES = {
    "zero": "no motion",
    "tvl1": "TV-L1",
    "tvl1_fast": "TV-L1 fast",
    "farneback": "Farneback",
    "dis": "DIS",
    "first_order": "first order",
    "selfme": "SelfME",
    "selfme_raw": "SelfME raw",
}
NEWCOMERS = (GREEN, INK, SOFT, YELLOW)  # colours of methods that others bring
MARKERS = "osD^vP*X<>h"


def draw_benchmark(report: dict) -> Figure:
    """Error where the face moves: of each method; by the peak of the true motion, as a share of no motion's; under nuisances.

    Args:
        report: of `bench.bench_motion`. A learner's `…_raw` variant is in the first panel only.
    """
    names = list(report["methods"])
    compared = [name for name in names if not name.endswith("_raw")]
    looks = _looks(names)
    nuisances = [name for name in report["conditions"] if name != "clean"]
    panels = 3 if nuisances else 2
    figure, axes = plt.subplots(
        1, panels, figsize=(WIDTH * panels / 3 * 1.45, 1.7 + 0.26 * len(names)), layout="constrained"
    )
    found = [report["methods"][name] for name in names]
    show_intervals(
        axes[0],
        [TITLES.get(name, name) for name in names],
        [one["epe_moving"] for one in found],
        [tuple(one["epe_moving_interval"]) for one in found],
        colours=[looks[name][0] for name in names],
        label="EPE where the face moves, px",
        reference=report["methods"]["zero"]["epe_moving"],
    )
    axes[0].set_title(f"{report['n_pairs']} pairs of {report['n_subjects']} people, {report['size']} px")
    _show_amplitudes(axes[1], report["amplitudes"], compared, looks)
    if nuisances:
        _show_degradation(axes[2], report["conditions"], nuisances, compared, looks)
    handles, labels = axes[1].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=min(len(labels), 7))
    return figure


def _looks(names: Sequence[str]) -> dict[str, tuple[str, str]]:
    """A colour and a marker for every method."""
    strange = [name for name in names if name not in METHOD_COLOURS]
    colours = METHOD_COLOURS | {name: NEWCOMERS[place % len(NEWCOMERS)] for place, name in enumerate(strange)}
    return {name: (colours[name], MARKERS[place % len(MARKERS)]) for place, name in enumerate(names)}


def _show_amplitudes(ax: Axes, amplitudes: list[dict], names: Sequence[str], looks: dict) -> None:
    for name in names:
        colour, marker = looks[name]
        errors, still = ([group["methods"][which]["epe_moving"] for group in amplitudes] for which in (name, "zero"))
        shares = [error / rest if rest else np.nan for error, rest in zip(errors, still)]  # no motion may be the truth
        ax.plot(range(len(amplitudes)), shares, color=colour, marker=marker, markersize=4, label=TITLES.get(name, name))
    ranges = [
        f">{group['from']:g}" if group["to"] is None else f"{group['from']:g}-{group['to']:g}" for group in amplitudes
    ]
    ticks = [f"{text}\nn = {group['n_pairs']}" for text, group in zip(ranges, amplitudes)]
    ax.set_xticks(range(len(amplitudes)), ticks)
    ax.set_xlim(-0.3, len(amplitudes) - 0.7)
    ax.set_ylim(bottom=0)
    ax.set_xlabel("peak of the true motion, px")
    ax.set_ylabel("EPE moving over no motion's")
    ax.set_title("By the size of the motion")
    ax.grid(axis="y")


def _show_degradation(ax: Axes, conditions: dict, nuisances: Sequence[str], names: Sequence[str], looks: dict) -> None:
    """Dots with intervals, a band for each nuisance; methods one below the other within it."""
    spread = np.linspace(-0.36, 0.36, len(names))
    for row, nuisance in enumerate(nuisances):
        if row % 2:
            ax.axhspan(row - 0.5, row + 0.5, color=FAINT, alpha=0.35, linewidth=0)
        for offset, name in zip(spread, names):
            colour, marker = looks[name]
            found = conditions[nuisance]["methods"][name]
            value, interval = found["epe_moving_degradation"], found["epe_moving_degradation_interval"]
            ax.plot(interval, [row + offset] * 2, color=colour, linewidth=2, alpha=0.35, solid_capstyle="round")
            ax.plot(value, row + offset, marker, color=colour, markersize=3.5)
    ax.axvline(0, color=SOFT, linewidth=0.8)
    ax.set_yticks(range(len(nuisances)), nuisances)
    ax.tick_params(axis="y", length=0)
    ax.set_ylim(len(nuisances) - 0.5, -0.5)
    ax.spines["left"].set_visible(False)
    ax.grid(axis="x")
    ax.set_xlabel("increase of EPE moving, px")
    ax.set_title(f"Under nuisances, {conditions['clean']['n_pairs']} pairs")
