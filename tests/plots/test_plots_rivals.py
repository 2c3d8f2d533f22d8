import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch

from selfme_lib.plots.rivals import (
    crossed_figure,
    inputs_figure,
    show_channel,
    show_costs,
    show_descriptor,
    training_figure,
)
from selfme_lib.study.results import Result, loso_record
from selfme_lib.study.rows import Row


def test_zero_is_in_the_middle_of_a_signed_channels_colours():
    _, ax = plt.subplots()
    show_channel(ax, torch.tensor([[0.0, 3.0], [-1.0, 0.0]]), title="u")
    assert ax.images[0].get_clim() == (-3.0, 3.0) and ax.get_title() == "u"
    show_channel(ax, torch.zeros(2, 2), signed=False)
    assert ax.images[1].get_clim() == (0.0, 1.0)


def test_a_descriptor_fills_its_axis():
    _, ax = plt.subplots()
    show_descriptor(ax, torch.rand(30))
    assert ax.get_xlim() == (0, 30)


def test_every_system_with_a_cost_is_named_and_names_do_not_overlap():
    table = pd.DataFrame(
        {
            "name": ["a", "b", "c"],
            "motion": ["tvl1", "none", "selfme"],
            "uf1": [0.5, 0.5, 0.5],
            "uf1_low": 0.4,
            "uf1_high": 0.6,
            "parameters": [10, np.nan, 1000],
            "flops": [10, np.nan, 1000],
            "seconds": [1.0, 2.0, 3.0],
        }
    )
    _, axes = plt.subplots(1, 3)
    show_costs(axes, table)
    assert [sorted(text.get_text() for text in ax.texts) for ax in axes] == [["a", "c"], ["a", "c"], ["a", "b", "c"]]
    heights = sorted(text.xyann[1] for text in axes[2].texts)
    assert min(np.diff(heights)) > 0.1


def test_what_a_system_sees_is_drawn_by_its_shape():
    figure = inputs_figure({"apex": torch.rand(3, 4, 4), "u": torch.randn(4, 4), "bars": torch.rand(9)})
    apex, flow, bars, empty = figure.axes
    assert [ax.get_title() for ax in figure.axes] == ["apex", "u", "bars", ""]
    assert len(apex.images) == len(flow.images) == 1 and not bars.images and not empty.axison


def test_a_training_is_drawn_beside_the_motions_it_led_to():
    curve = pd.DataFrame({"step": [1, 2], "reconstruction": [1.0, 0.5], "cycles": [2.0, 1.0]})
    flows = {"TV-L1": torch.randn(2, 8, 8), "TCAE": torch.randn(2, 8, 8)}
    figure = training_figure(curve, torch.rand(3, 8, 8), flows)
    losses, *rest = figure.axes[:4]
    assert [line.get_label() for line in losses.lines] == ["reconstruction", "cycles"]
    assert [ax.get_title() for ax in rest] == ["apex", "TV-L1", "TCAE"]


def test_each_classifier_has_a_line_and_each_motion_a_colour():
    frame = pd.DataFrame(
        {"subject": ["01", "01", "02"], "clip": list("abc"), "label": [0, 1, 2], "prediction": [0, 1, 1]}
    )
    record = loso_record("x", frame.assign(p0=1.0, p1=0.0, p2=0.0), seed=0, settings={}, classes=3, bootstrap=9)
    rows = [Row(name="x", motion=motion, sc=sc) for sc in (False, True) for motion in ("tvl1", "truth")]
    figure = crossed_figure([Result(row=row, records=(record,), fold_seconds=({},), bootstrap=9) for row in rows])
    (ax,) = figure.axes
    assert [text.get_text() for text in ax.get_yticklabels()] == ["ViT", "SCViT"]
    dots = [line for line in ax.lines if line.get_marker() == "o"]
    assert len(dots) == 4 and len({line.get_color() for line in dots}) == 2
    assert len({float(line.get_ydata()[0]) for line in dots}) == 4, "dots of one classifier do not overlap"
