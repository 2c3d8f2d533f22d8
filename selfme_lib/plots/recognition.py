"""Figures of chapters 05 and 06: what a yardstick sees, motions by classifiers, and how far an answer can be believed."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from jaxtyping import Float
from matplotlib import pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from torch import Tensor

from selfme_lib.evaluation import calibration
from selfme_lib.study.results import Result
from selfme_lib.study.rows import TITLES

from .motion import show_flow
from .results import show_confusion, show_sweep
from .style import (
    BLUE,
    FAINT,
    GREEN,
    INK,
    ORANGE,
    PURPLE,
    SOFT,
    VERMILION,
    WIDTH,
    common_scale,
    name_rows,
    no_formula,
    panels,
)

CLASSIFIERS = {"linear": ("o", INK), "SCViT by units": ("s", BLUE), "SCViT": ("D", VERMILION), "ViT": ("v", GREEN)}
"""Marker and colour of `Row.classifier_name`."""
OTHERS = ("P", ORANGE)


def draw_yardstick(
    motion: Float[Tensor, "2 s s"],
    cells: Float[Tensor, "2 c c"],
    weights: Float[Tensor, "k 2 c c"],
    classes: Sequence[str],
) -> Figure:
    """A motion, its mean in each cell, and what a linear model looks for: the weights of each class, as motions.

    Args:
        weights: of a linear model that reads `cells`.
    """
    figure, axes = panels(1, 2 + len(weights), size=WIDTH / (2 + len(weights)))
    scale, strongest = common_scale(motion), common_scale(*weights)
    show_flow(axes[0, 0], motion, scale=scale, title="a motion", legend=True)
    show_flow(axes[0, 1], cells, scale=scale, title="its mean in each cell")
    for ax, one, name in zip(axes[0, 2:], weights, classes):
        show_flow(ax, one, scale=strongest, title=f"speaks for {name}")
    return figure


def draw_confusions(results: Sequence[Result], classes: Sequence[str]) -> Figure:
    """Confusion matrices side by side."""
    figure, axes = plt.subplots(1, len(results), figsize=(1.75 * len(results), 2.2), squeeze=False)
    for ax, result in zip(axes[0], results):
        show_confusion(ax, result.confusion, classes=classes, title=result.row.name.replace("+", "\n+ "))
    for ax in axes[0, 1:]:
        ax.set_ylabel("")
    return figure


def show_classifiers(
    ax: Axes,
    results: Sequence[Result],
    *,
    metric: str = "uf1",
    floor: float | None = None,
    paper: Mapping[str, float] | None = None,
) -> None:
    """A line for each motion, and on it each classifier's score with its 95 % interval.

    Args:
        floor: a score that takes no looking, a vertical line.
        paper: name of a row → the paper's number, a hollow diamond. It is for real faces: compare the order, not the place.
    """
    motions = list(dict.fromkeys(result.row.motion for result in results))
    names = list(dict.fromkeys(result.row.classifier_name for result in results))
    known = {name: place for place, name in enumerate(CLASSIFIERS)}
    names.sort(key=lambda name: known.get(name, len(known)))
    offsets = dict(zip(names, np.linspace(-0.27, 0.27, len(names)) if len(names) > 1 else [0.0]))
    for result in results:
        name = result.row.classifier_name
        marker, colour = CLASSIFIERS.get(name, OTHERS)
        place = motions.index(result.row.motion) + offsets[name]
        value, low, high = result.score(metric)
        ax.plot([low, high], [place, place], color=colour, linewidth=2, alpha=0.35, solid_capstyle="round")
        ax.plot([value], [place], marker, color=colour, markersize=4.5)
        if paper and result.row.name in paper:
            ax.plot([paper[result.row.name]], [place], "D", markersize=5, markerfacecolor="white", color=SOFT)
    if floor is not None:
        ax.axvline(floor, color=SOFT, linewidth=0.8, linestyle=":")
    looks: list[tuple[str, str, str, str | None]] = [(name, *CLASSIFIERS.get(name, OTHERS), None) for name in names]
    looks += [("paper", "D", SOFT, "white")] if paper else []
    handles = [
        Line2D([], [], linestyle="", marker=marker, color=colour, markerfacecolor=filled or colour, label=name)
        for name, marker, colour, filled in looks
    ]
    ax.legend(handles=handles, loc="lower right", bbox_to_anchor=(1, 1), ncols=len(handles), borderaxespad=0.2)
    ax.set_xlim(0, 1.02)
    label = f"{metric.upper()}, pooled over the folds, with 95 % interval over subjects"
    name_rows(ax, [TITLES.get(motion, "no motion") for motion in motions], label=label, room=0.6)


def show_lengths(ax: Axes, table: pd.DataFrame) -> None:
    """Shares of right answers against the length of a training.

    Args:
        table: column `epochs`, and a column for each group of clips.
    """
    for column, colour in zip(table.columns.drop("epochs"), (SOFT, VERMILION, BLUE, PURPLE)):
        ax.plot(table["epochs"], table[column], "o-", color=colour, label=column)
    ax.set(xlabel="epochs", ylabel="share that is right", ylim=(0, 1.03), xticks=table["epochs"])
    ax.grid(axis="y")
    ax.legend(loc="lower right")


def show_reliability(ax: Axes, tables: Mapping[str, pd.DataFrame]) -> None:
    """Confidence against the share that is right, a dot for each bin, as large as the bin; honest ones lie on the diagonal.

    Args:
        tables: predictions as `Result.clips` gives them, by name.
    """
    ax.plot([0, 1], [0, 1], color=SOFT, linewidth=0.8, linestyle=":")
    for (name, table), colour in zip(tables.items(), (SOFT, VERMILION, BLUE)):
        bins = calibration.reliability(table)
        ax.plot(bins["confidence"], bins["accuracy"], color=colour, linewidth=1, alpha=0.6)
        ax.scatter(bins["confidence"], bins["accuracy"], s=8 + bins["clips"], color=colour, alpha=0.8, label=name)
    ax.set(xlabel="confidence", ylabel="share that is right", xlim=(0.3, 1.02), ylim=(0, 1.03), title="Reliability")
    ax.legend(loc="upper left", markerscale=0.5)


def show_risk(ax: Axes, tables: Mapping[str, pd.DataFrame], *, risk: float) -> None:
    """Share of wrong answers among the surest, against the share that is answered; a line at a `risk` one may accept.

    Args:
        tables: predictions as `Result.clips` gives them, by name.
    """
    ax.axhline(risk, color=FAINT, linewidth=2)
    for (name, table), colour in zip(tables.items(), (INK, BLUE, VERMILION, GREEN)):
        curve = calibration.risk_coverage(table)
        ax.plot(curve["coverage"], curve["risk"], color=colour, label=name)
    ax.set(
        xlabel="share of the clips that is answered", ylabel="share of these that is wrong", title="Risk and coverage"
    )
    ax.set(xlim=(0, 1.02), ylim=(0, None))
    ax.legend(loc="upper left")


def draw_certainty(
    raw: pd.DataFrame, calibrated: pd.DataFrame, compared: Mapping[str, pd.DataFrame], *, risk: float
) -> Figure:
    """`show_reliability` of one method before and after its temperature, and `show_risk` of several."""
    figure, axes = plt.subplots(1, 2, figsize=(WIDTH, 3.0))
    show_reliability(axes[0], {"as it is": raw, "at its temperature": calibrated})
    show_risk(axes[1], compared, risk=risk)
    return figure


def show_answers(ax: Axes, answers: pd.DataFrame) -> None:
    """Each subject's clips: answered and right, answered and wrong, withheld; who gets most answers stands first.

    Args:
        answers: from `calibration.abstain`.
    """
    right = answers["prediction"] == answers["label"]
    groups = {
        "right": answers["answered"] & right,
        "wrong": answers["answered"] & ~right,
        "withheld": ~answers["answered"],
    }
    counts = pd.DataFrame(groups).groupby(answers["subject"]).sum().sort_values("withheld", kind="stable")
    names, below = list(map(no_formula, counts.index)), np.zeros(len(counts))
    for name, colour in zip(groups, (BLUE, VERMILION, FAINT)):
        ax.bar(names, counts[name], bottom=below, color=colour, width=0.75, label=name)
        below += counts[name].to_numpy()
    ax.set(xlabel="held-out subject", ylabel="clips")
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=3)


def draw_sweeps(evaluation: Any, usual: Any, at_omega: Sequence[Result], at_tau: Sequence[Result]) -> Figure:
    """Figure 4: a score by ω and by τ.

    Args:
        evaluation, usual: the profile's `evaluation`, with the values tried, and `classifier`, with those of all other tables.
    """
    figure, axes = plt.subplots(1, 2, figsize=(WIDTH, 2.8), sharey=True)
    show_sweep(axes[0], evaluation.omegas, at_omega, label="weight ω of SC (τ as in the profile)", usual=usual.omega)
    show_sweep(axes[1], evaluation.taus, at_tau, label="temperature τ of SC (ω as in the profile)", usual=usual.tau)
    axes[1].set_ylabel("")
    return figure


def show_gamma(ax: Axes, results: Sequence[Result], paper: Sequence[float], *, metric: str = "uf1") -> None:
    """A score against γ with intervals over subjects, and the paper's, of other people, beside it."""
    factors = [result.row.gamma for result in results]
    scores = np.array([result.score(metric) for result in results])  # value, low, high
    ax.vlines(factors, scores[:, 1], scores[:, 2], color=VERMILION, linewidth=3, alpha=0.45)
    ax.plot(factors, scores[:, 0], "o-", color=VERMILION, label="ours, 95 %")
    ax.plot(factors, paper, "D--", color=SOFT, markerfacecolor="white", label="paper, SMIC-HS")
    ax.set_xticks(factors, [f"× {factor:g}" for factor in factors])
    ax.set(xlabel="motion amplification γ", ylabel=metric.upper())
    ax.grid(axis="y")
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1), ncols=2)
