import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import torch

from selfme_lib.plots.rivals import show_channel, show_costs, show_descriptor


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
