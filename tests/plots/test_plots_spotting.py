"""Curves and intervals of long videos."""

import numpy as np
from matplotlib import pyplot as plt

from selfme_lib.plots.spotting import (
    COLOURS,
    shifts_figure,
    show_curve,
    show_intervals,
    show_methods,
    timeline_figure,
)
from selfme_lib.spotting.intervals import KINDS, Interval


def test_bars_lie_where_intervals_do_and_expressions_cover_blinks():
    _, ax = plt.subplots()
    blink = Interval(onset=0, apex=2, offset=29, kind="blink")
    micro = Interval(onset=9, apex=12, offset=17, kind="micro")
    show_intervals(ax, [micro, blink], fps=30)
    bars = [(round(bar.get_x(), 3), round(bar.get_width(), 3)) for bar in ax.patches]
    assert bars == [(0.0, 1.0), (0.3, 0.3)]  # the micro-expression is drawn last
    assert set(COLOURS) == set(KINDS)
    plt.close("all")


def test_a_curve_is_drawn_relative_to_its_peak_even_if_it_has_none():
    _, ax = plt.subplots()
    show_curve(ax, np.arange(4.0), np.array([0.0, 2.0, 4.0, 1.0]))
    assert ax.lines[0].get_ydata().max() == 1
    show_curve(ax, np.arange(4.0), np.zeros(4))
    assert np.isfinite(ax.lines[1].get_ydata()).all()
    plt.close("all")


def test_the_first_method_is_on_top_in_every_panel():
    _, axes = plt.subplots(1, 2, sharey=True)
    methods = {name: {"micro": {"f1": 0.5, "f1_interval": [0.4, 0.6]}} for name in ("selfme", "random")}
    for ax in axes:
        show_methods(ax, methods)
    assert [label.get_text() for label in axes[0].get_yticklabels()] == ["selfme", "random"]
    low, high = axes[0].get_ylim()
    assert low > high
    plt.close("all")


def test_a_timeline_has_a_row_for_each_of_its_names_under_one_time_axis():
    micro = Interval(onset=30, apex=33, offset=38, kind="micro")
    figure = timeline_figure(np.arange(90) / 30, np.ones(90), {"labelled": [micro], "found": []}, fps=30)
    curve, labelled, found = figure.axes
    assert [ax.get_yticklabels()[0].get_text() for ax in (labelled, found)] == ["labelled", "found"]
    assert len(labelled.patches) == 1 and not found.patches and found.get_xlabel() == "seconds"
    assert curve.get_shared_x_axes().joined(curve, found)
    plt.close("all")


def test_scores_are_drawn_in_the_order_of_their_shifts():
    figure = shifts_figure({"onset": {"-67": 0.5, "0": 0.9, "67": 0.6}})
    assert list(figure.axes[0].lines[0].get_xdata()) == [-67, 0, 67]
    plt.close("all")
