"""Figures of chapters 02, A1 and A3."""

import matplotlib
import numpy as np
import pandas as pd
import torch

matplotlib.use("Agg")
from matplotlib import pyplot as plt

from selfme_lib.motion.learner import Motion
from selfme_lib.plots import motion_learning as learning
from selfme_lib.plots import style


def whole(x, y, size=8):
    return torch.tensor([float(x), float(y)])[:, None, None].expand(2, size, size)


def title_of(ax):
    return ax.get_title() or ax.get_title(loc="left")  # where it stands depends on the style


def test_the_first_row_of_steps_and_the_weights_that_matter_most():
    psi = torch.zeros(1, 6, 4, 4)
    psi[:, :, :, :] = torch.tensor([0.0, 0.4, 0.1, 0.2, 0.1, 0.2])[:, None, None]
    local = torch.tensor([[9.0, 0], [1, 0], [1, 0], [1, 0], [1, 0], [0, 0]])[None]
    points = torch.zeros(1, 5, 2)
    found = Motion(points, points, local, psi, (torch.zeros(1, 2, 4, 4),))
    figure = learning.draw_steps(torch.rand(3, 16, 16), found, torch.zeros(2, 16, 16), torch.rand(5, 4, 4))
    titles = list(map(title_of, figure.axes))
    assert titles[5] == r"weight $\psi^{2}$" and r"weight $\psi^{1}$" not in titles
    plt.close(figure)


def test_a_gallery_has_a_row_per_clip_on_one_scale():
    frames, flow = torch.rand(3, 3, 8, 8), torch.stack([whole(1, 0), whole(2, 0), whole(4, 0)])
    figure = learning.draw_gallery({"onset": frames}, {"truth": flow, "half": flow / 2}, [2, 0], names=["12", "4"])
    drawn = [ax for ax in figure.axes if ax.images]
    assert list(map(title_of, drawn[:3])) == ["onset", "truth", "half"]
    assert [ax.get_ylabel() for ax in drawn[::3]] == ["12", "4"]
    truths, halves = (np.asarray(ax.images[0].get_array())[0, 0] for ax in (drawn[1], drawn[2]))
    assert np.allclose(
        truths, np.asarray(drawn[4].images[0].get_array())[0, 0], atol=1e-3
    )  # each clip's own full colour
    assert not np.allclose(truths, halves, atol=0.05)
    plt.close(figure)


def test_errors_of_a_table_are_drawn_with_their_intervals():
    columns = ["method", "EPE, px", "EPE from", "EPE to", "moving, px", "moving from", "moving to"]
    rows = [["no motion", 2.0, 1, 3, 4, 3, 5], ["SelfME+", 1.0, 0.5, 1.5, 2, 1, 3]]
    figure = learning.draw_errors(pd.DataFrame(rows, columns=columns, index=["zero", "plus"]))
    bar = figure.axes[1].lines[2]
    assert list(bar.get_xdata()) == [1, 3] and bar.get_color() == style.METHOD_COLOURS["plus"]
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["no motion", "SelfME+"]
    plt.close(figure)


def test_lines_over_conditions_are_means_in_their_order():
    errors = pd.DataFrame({"method": ["tvl1"] * 3, "condition": ["noise", "clean", "noise"], "epe": [1.0, 5.0, 3.0]})
    figure = learning.draw_by_condition(errors.assign(epe_moving=[2.0, 4.0, 6.0]))
    (line,), (moving,) = (ax.lines for ax in figure.axes)
    assert line.get_ydata().tolist() == [2, 5] and list(line.get_xdata()) == ["noise", "clean"]
    assert moving.get_ydata().tolist() == [4, 4]
    plt.close(figure)


def test_a_bound_has_a_line_per_column_and_one_per_level():
    curves = pd.DataFrame({"noise": [3.0, 1], "smear": [0.0, 2]}, index=[1.0, 8.0])
    figure = learning.draw_bound(curves, {"SelfME+": 1.5})
    noise, smear, level = figure.axes[0].lines
    assert noise.get_ydata().tolist() == [3, 1] and list(smear.get_xdata()) == [1, 8]
    assert list(level.get_ydata()) == [1.5, 1.5]
    plt.close(figure)
