import matplotlib
import pytest
import torch

matplotlib.use("Agg")
from matplotlib import pyplot as plt

from selfme_lib.plots import splines


@pytest.fixture(autouse=True)
def closed():
    yield
    plt.close("all")


def test_an_enlarged_part_stays_within_the_field():
    flow = torch.zeros(2, 32, 32)
    flow[0, :4, :4] = 1.0
    for centre in ((0, 0), (31, 31)):
        figure = splines.expansion_figure(flow, flow, centre)
        (frame,) = figure.axes[0].patches
        left, top = frame.get_xy()
        assert 0 <= left <= 32 - 8 and 0 <= top <= 32 - 8 and frame.get_width() == frame.get_height() == 8


def test_shares_of_folding_clips_are_drawn_by_gamma():
    lowest = {(kind, gamma): torch.tensor([1 - gamma / 2, 0.5]) for kind in splines.COLOURS for gamma in (1.0, 4.0)}
    figure = splines.folding_figure(lowest, used=2.0, shown=4.0)
    assert [list(line.get_ydata()) for line in figure.axes[0].lines[:3]] == [[0.0, 50.0]] * 3


def test_a_lattice_and_its_areas_are_drawn_for_each_field():
    fields = {"one": torch.zeros(2, 16, 16), "two": torch.zeros(2, 16, 16)}
    figure = splines.lattices_figure(fields, torch.rand(3, 16, 16), gamma=8)
    assert [ax.get_title() for ax in figure.axes][:2] == ["one, γ = 8", "two, γ = 8"]
