"""The figure of `selfme bench motion`: the error of every method, by size of the motion and under nuisances."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .motion import show_intervals
from .style import FAINT, GREEN, INK, METHOD_COLOURS, METHOD_TITLES, SOFT, WIDTH, YELLOW, name_rows

NEWCOMERS = (GREEN, INK, SOFT, YELLOW)  # colours of methods that `METHOD_COLOURS` does not know
MARKERS = "osD^vP*X<>h"

Appearance = tuple[str, str]  # colour and marker of a method


def draw_benchmark(report: Mapping[str, Any]) -> Figure:
    """Error where the face moves: of each method; by the peak of the true motion, relative to no motion; under nuisances.

    Args:
        report: of `bench.bench_motion`. A learner's `…_raw` variant appears in the first panel only.
    """
    names = list(report["methods"])
    appearance = _appearance(names)
    compared = {name: appearance[name] for name in names if not name.endswith("_raw")}
    nuisances = [name for name in report["conditions"] if name != "clean"]
    panels = 3 if nuisances else 2
    figure, axes = plt.subplots(
        1, panels, figsize=(WIDTH * panels / 3 * 1.45, 1.7 + 0.26 * len(names)), layout="constrained"
    )
    found = [report["methods"][name] for name in names]
    show_intervals(
        axes[0],
        [METHOD_TITLES.get(name, name) for name in names],
        [one["epe_moving"] for one in found],
        [tuple(one["epe_moving_interval"]) for one in found],
        colours=[appearance[name][0] for name in names],
        label="EPE where the face moves, px",
        reference=report["methods"]["zero"]["epe_moving"],
    )
    axes[0].set_title(f"{report['n_pairs']} pairs of {report['n_subjects']} people, {report['size']} px")
    _show_amplitudes(axes[1], report["amplitudes"], compared)
    if nuisances:
        _show_degradation(axes[2], report["conditions"], nuisances, compared)
    handles, labels = axes[1].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=min(len(labels), 7))
    return figure


def draw_amplitudes(amplitudes: Sequence[Mapping[str, Any]]) -> Figure:
    """Error where the face moves, relative to no motion's, by the peak of the true motion; of `bench.by_peak`."""
    figure, ax = plt.subplots(figsize=(WIDTH, 3.2), layout="constrained")
    _show_amplitudes(ax, amplitudes, _appearance([name for name in amplitudes[0]["methods"] if name != "zero"]))
    ax.set_title("")
    figure.legend(loc="outside lower center", ncols=5)
    return figure


def _appearance(names: Sequence[str]) -> dict[str, Appearance]:
    unknown = [name for name in names if name not in METHOD_COLOURS]
    colours = METHOD_COLOURS | {name: NEWCOMERS[place % len(NEWCOMERS)] for place, name in enumerate(unknown)}
    return {name: (colours[name], MARKERS[place % len(MARKERS)]) for place, name in enumerate(names)}


def _show_amplitudes(ax: Axes, amplitudes: Sequence[Mapping[str, Any]], methods: Mapping[str, Appearance]) -> None:
    places = range(len(amplitudes))
    for name, (colour, marker) in methods.items():
        errors, still = ([group["methods"][which]["epe_moving"] for group in amplitudes] for which in (name, "zero"))
        ratios = [error / rest if rest else np.nan for error, rest in zip(errors, still)]  # the truth may be no motion
        ax.plot(places, ratios, color=colour, marker=marker, markersize=4, label=METHOD_TITLES.get(name, name))
    ranges = [
        f">{group['from']:g}" if group["to"] is None else f"{group['from']:g}-{group['to']:g}" for group in amplitudes
    ]
    ax.set_xticks(places, [f"{text}\nn = {group['n_pairs']}" for text, group in zip(ranges, amplitudes)])
    ax.set(xlim=(-0.3, len(amplitudes) - 0.7), ylim=(0, None), title="By the size of the motion")
    ax.set(xlabel="peak of the true motion, px", ylabel="EPE moving over no motion's")
    ax.grid(axis="y")


def _show_degradation(
    ax: Axes, conditions: Mapping[str, Any], nuisances: Sequence[str], methods: Mapping[str, Appearance]
) -> None:
    """Dots with intervals in a band for each nuisance, the methods one below the other within it."""
    for row, nuisance in enumerate(nuisances):
        if row % 2:
            ax.axhspan(row - 0.5, row + 0.5, color=FAINT, alpha=0.35, linewidth=0)
        for offset, (name, (colour, marker)) in zip(np.linspace(-0.36, 0.36, len(methods)), methods.items()):
            found = conditions[nuisance]["methods"][name]
            interval = found["epe_moving_degradation_interval"]
            ax.plot(interval, [row + offset] * 2, color=colour, linewidth=2, alpha=0.35, solid_capstyle="round")
            ax.plot(found["epe_moving_degradation"], row + offset, marker, color=colour, markersize=3.5)
    ax.axvline(0, color=SOFT, linewidth=0.8)
    name_rows(ax, nuisances, label="increase of EPE moving, px")
    ax.set_title(f"Under nuisances, {conditions['clean']['n_pairs']} pairs")
