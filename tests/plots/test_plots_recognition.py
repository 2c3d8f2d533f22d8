from types import SimpleNamespace

import matplotlib
import numpy as np
import pandas as pd
import pytest
import torch

matplotlib.use("Agg")
import matplotlib.pyplot as plt
from toy_results import LABELS, result_of

from selfme_lib.plots import recognition as pictures
from selfme_lib.plots.results import show_gap
from selfme_lib.plots.style import drawn
from selfme_lib.study.rows import Row


@pytest.fixture
def ax(drawable):
    return drawable


def result(row, predictions=LABELS, sure=0.8):
    return result_of(row, predictions, np.where(np.arange(3) == np.array(predictions)[:, None], sure, (1 - sure) / 2))


def test_classifiers_of_a_motion_share_its_line_and_have_a_marker_each(ax):
    rows = [Row("a", "tvl1", linear=True, sc=False), Row("b", "tvl1"), Row("c", "truth")]
    pictures.show_classifiers(ax, [result(row) for row in rows], paper={"b": 0.6})
    assert [label.get_text() for label in ax.get_yticklabels()] == ["TV-L1", "true motion"]
    dots = [(line.get_marker(), line.get_xdata()[0], round(line.get_ydata()[0])) for line in ax.lines[1::2]][:1]
    assert dots == [("o", 1.0, 0)]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["linear", "SCViT", "paper"]
    (hollow,) = [line for line in ax.lines if line.get_markerfacecolor() == "white"]
    assert hollow.get_xdata()[0] == 0.6 and round(hollow.get_ydata()[0]) == 0


def test_the_yardstick_is_shown_with_what_it_reads_and_what_it_looks_for():
    figure = pictures.draw_yardstick(
        torch.rand(2, 16, 16), torch.rand(2, 8, 8), torch.rand(3, 2, 8, 8), ["negative", "positive", "surprise"]
    )
    titles = [ax.get_title() for ax in figure.axes if ax.get_title()]
    assert titles[:2] == ["a motion", "its mean in each cell"] and titles[2:] == [
        f"speaks for {name}" for name in ("negative", "positive", "surprise")
    ]
    plt.close(figure)


def test_confusions_stand_side_by_side():
    figure = pictures.draw_confusions([result(Row("x+y")), result(Row("z"))], ["a", "b", "c"])
    assert [ax.get_title() for ax in figure.axes] == ["x\n+ y", "z"]
    assert [ax.get_ylabel() for ax in figure.axes] == ["truth", ""]
    plt.close(figure)


def test_each_group_of_clips_is_a_curve_over_the_length_of_the_training(ax):
    pictures.show_lengths(ax, pd.DataFrame({"epochs": [1, 4], "seen": [0.5, 1.0], "held out": [0.4, 0.6]}))
    assert {line.get_label(): line.get_ydata().tolist() for line in ax.lines} == {
        "seen": [0.5, 1.0],
        "held out": [0.4, 0.6],
    }


def test_reliability_has_a_dot_for_each_bin(ax):
    pictures.show_reliability(ax, {"as it is": result(Row("x"), [0] * 8).clips()})
    assert ax.collections[0].get_offsets().tolist() == [[pytest.approx(0.8), 0.5]]


def test_risk_falls_to_zero_where_the_surest_are_right(ax):
    pictures.show_risk(ax, {"x": result(Row("x")).clips()}, risk=0.05)
    assert ax.lines[1].get_ydata().tolist() == [0.0] and ax.lines[1].get_xdata().tolist() == [1.0]


def test_certainty_is_drawn_before_and_after_its_temperature():
    table = result(Row("x"), [0] * 8).clips()
    figure = pictures.draw_certainty(table, table.assign(p0=0.5, p1=0.25, p2=0.25), {"x": table}, risk=0.05)
    reliability, risk = figure.axes
    assert [dots.get_offsets()[0].tolist() for dots in reliability.collections] == [
        [pytest.approx(0.8), 0.5],
        [0.5, 0.5],
    ]
    assert risk.lines[1].get_ydata().tolist() == [0.5]
    plt.close(figure)


def test_answers_of_each_subject_are_counted_and_who_gets_most_stands_first(ax):
    table = result(Row("x"), [0] * 8).clips()
    pictures.show_answers(ax, table.assign(answered=(table["subject"] == "02") | (table["label"] > 0)))
    assert [label.get_text() for label in ax.get_xticklabels()] == ["02", "01"]
    heights = [[bar.get_height() for bar in bars] for bars in ax.containers]
    assert heights == [[2, 0], [2, 2], [0, 2]]  # right, wrong, withheld


def test_both_sweeps_mark_the_usual_value():
    some = [result(Row(str(number))) for number in range(2)]
    evaluation = SimpleNamespace(omegas=[0.1, 1.0], taus=[0.07, 0.5])
    figure = pictures.draw_sweeps(evaluation, SimpleNamespace(omega=0.1, tau=0.07), some, some)
    assert [ax.lines[1].get_xdata()[0] for ax in figure.axes] == [0.1, 0.07]
    plt.close(figure)


def test_the_papers_scores_stand_beside_ours_at_each_gamma(ax):
    pictures.show_gamma(ax, [result(Row(str(gamma), gamma=gamma)) for gamma in (1.0, 2.0)], [0.5, 0.6])
    ours, paper = (line.get_ydata().tolist() for line in ax.lines)
    assert ours == [1.0, 1.0] and paper == [0.5, 0.6]


def test_a_protocol_is_as_far_from_the_honest_score_as_it_flatters(ax):
    honest = result(Row("x"))
    show_gap(ax, honest, {"honest": 1.0, "flattering": 1.25})
    assert [text.get_text() for text in ax.texts] == ["+0.000", "+0.250"]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["honest", "flattering"]


def test_a_figure_is_drawn_in_one_line():
    figure = drawn(pictures.show_risk, {"x": result(Row("x")).clips()}, height=2.0, risk=0.1)
    assert figure.get_size_inches().tolist() == [7.2, 2.0] and figure.axes[0].get_xlabel()
    plt.close(figure)
