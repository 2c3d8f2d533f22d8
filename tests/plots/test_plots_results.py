from dataclasses import replace

import matplotlib
import numpy as np
import pytest
import torch

matplotlib.use("Agg")
from matplotlib.colors import to_hex
from toy_results import LABELS, result_of

from selfme_lib.plots import results as pictures
from selfme_lib.study.rows import Row
from selfme_lib.study.trends import Trend


@pytest.fixture
def ax(drawable):
    return drawable


def result(name, predictions, motion="selfme"):
    return result_of(Row(name, motion=motion), predictions, np.tile([1.0, 0.0, 0.0], (len(LABELS), 1)))


def texts(ax):
    return [text.get_text() for text in ax.texts]


def test_scores_are_drawn_at_their_values_with_the_papers_where_it_has_one(ax):
    rows = [result("floor", [0] * 8, motion="none"), result("good", LABELS)]
    pictures.show_scores(ax, rows, paper={"good": 0.9, "another": 0.1})
    assert [label.get_text() for label in ax.get_yticklabels()] == ["floor", "good"]
    dots = [line.get_xdata()[0] for line in ax.lines if line.get_marker() == "o"]
    assert dots == pytest.approx([row.score("uf1")[0] for row in rows])
    assert ax.collections[0].get_offsets().tolist() == [[0.9, 1.0]]


def test_losses_by_epoch_have_a_band_of_a_standard_deviation_over_seeds(ax):
    pictures.show_epochs(ax, {"loss": np.array([[3.0, 2.0, 1.0], [5.0, 2.0, 2.0]]), "cross_entropy": np.ones((1, 3))})
    assert {line.get_label(): (*line.get_xdata(), *line.get_ydata()) for line in ax.lines} == {
        "loss": (1, 2, 3, 4.0, 2.0, 1.5),
        "cross-entropy": (1, 2, 3, 1.0, 1.0, 1.0),
    }
    (band,) = ax.collections  # none around what has one seed
    corners = band.get_paths()[0].vertices
    ends = {
        epoch: [corners[corners[:, 0] == epoch, 1].min(), corners[corners[:, 0] == epoch, 1].max()] for epoch in (1, 3)
    }
    assert ends[1] == pytest.approx([4 - 2**0.5, 4 + 2**0.5]) and ends[3] == pytest.approx(
        [1.5 - 0.5**0.5, 1.5 + 0.5**0.5]
    )


def test_two_protocols_meet_at_a_dot_and_the_linear_yardstick_is_hollow(ax):
    before = [result("a", [0] * 8, motion="plus"), result("b", LABELS, motion="truth")]
    after = [replace(one, row=replace(one.row, linear=linear)) for one, linear in zip(reversed(before), (True, False))]
    before = [replace(one, row=later.row) for one, later in zip(before, after)]
    pictures.show_foretelling(ax, before, after)
    dots = [line for line in ax.lines if line.get_marker() == "o"]
    low = before[0].score("uf1")[0]
    assert [line.get_data()[0] for line in dots] == [pytest.approx([low]), pytest.approx([1])]
    assert [line.get_data()[1] for line in dots] == [pytest.approx([1]), pytest.approx([low])]
    assert dots[0].get_markerfacecolor() == "white" != dots[1].get_markerfacecolor()


def strokes(ax):
    return [tuple(zip(*line.get_data())) for line in ax.lines if line.get_marker() == "|"]


def test_each_seed_is_a_stroke_beside_the_mean(ax):
    twice = result("trained twice", LABELS)
    again = result("trained twice", [0] * 8)
    twice = replace(twice, records=twice.records + again.records, fold_seconds=({}, {}))
    pictures.show_seeds(ax, [again, twice])
    alone, both = strokes(ax)
    low = again.score("uf1")[0]
    assert [value for value, _ in alone] == pytest.approx([low])
    assert [value for value, _ in both] == pytest.approx([1, low]) and {place for _, place in both} == {1}
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["each seed alone"]


def comparison(name, *, ours, p, paper=0.02):
    return Trend(name=name, metric="uf1", paper=paper, ours=ours, low=0.05, high=0.2, p=p, p_corrected=p)


def test_the_difference_of_each_seed_is_a_stroke_on_its_row(ax):
    mean = [comparison(name, ours=0.1, p=0.01) for name in ("SC", "MA")]
    seeds = [[replace(item, ours=value) for item in mean] for value in (-0.1, 0.3)]
    pictures.show_trends(ax, mean, by_seed=seeds)
    assert strokes(ax) == [((-0.1, 0), (-0.1, 1)), ((0.3, 0), (0.3, 1))]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["ours: confirmed", "paper", "each seed alone"]


def test_pooled_and_mean_of_folds_are_two_dots(ax):
    row = result("perfect", LABELS)
    pictures.show_pooling(ax, [row])
    dots = sorted(line.get_xdata()[0] for line in ax.lines if line.get_marker() == "o")
    assert dots == pytest.approx([(1 + 2 / 3) / 2, 1])  # subject 02 shows two of three classes


@pytest.mark.parametrize(
    ("p", "paper", "colour"),
    [(0.01, 0.02, "confirmed"), (0.2, 0.02, "undecided"), (0.01, -0.02, "contradicted"), (0.01, None, "found")],
)
def test_the_colour_of_a_difference_is_its_verdict(ax, p, paper, colour):
    pictures.show_trends(ax, [comparison("SC", ours=0.1, p=p, paper=paper)])
    assert to_hex(ax.lines[0].get_color()) == to_hex(pictures.VERDICT_COLOURS[colour])
    assert len(ax.collections) == (paper is not None)
    assert f"ours: {colour}" in [text.get_text() for text in ax.get_legend().get_texts()]


def test_the_verdicts_of_differences_in_one_picture_are_corrected_for_their_number(ax):
    pictures.show_trends(ax, [comparison(name, ours=0.1, p=0.03) for name in ("SC", "MA")])
    assert {to_hex(line.get_color()) for line in ax.lines[:4]} == {to_hex(pictures.VERDICT_COLOURS["undecided"])}


def test_a_confusion_shows_counts_coloured_by_share_even_for_a_class_without_clips(ax):
    pictures.show_confusion(ax, np.array([[6, 2, 0], [0, 0, 0], [1, 0, 3]]))
    assert texts(ax) == ["6", "2", "0", "0", "0", "0", "1", "0", "3"]
    np.testing.assert_allclose(ax.images[0].get_array(), [[0.75, 0.25, 0], [0, 0, 0], [0.25, 0, 0.75]])


def test_each_subject_has_a_bar_coloured_by_its_number_of_classes(ax):
    row = result("x", LABELS)
    pictures.show_subjects(ax, row)
    assert [bar.get_height() for bar in ax.patches] == pytest.approx([1, 2 / 3])
    assert len({to_hex(bar.get_facecolor()) for bar in ax.patches}) == 2
    lines = {line.get_label(): line.get_ydata()[0] for line in ax.lines if not line.get_label().startswith("_")}
    assert lines == pytest.approx({"pooled over all clips": 1.0, "mean of the subjects": 5 / 6})


def test_regions_lie_where_their_names_say(ax):
    pictures.show_regions(ax, torch.zeros(2, 64, 64), patch_size=16, scale=1.0)
    places = {text.get_text(): (text.get_position()[0] < 32, text.get_position()[1] < 32) for text in ax.texts}
    assert places == {"UL": (True, True), "UR": (False, True), "BL": (True, False), "BR": (False, False)}


def test_similarities_are_written_out(ax):
    pictures.show_similarities(ax, torch.tensor([[1.0, -0.5]]), rows=["a"], columns=["b", "c"])
    assert texts(ax) == ["1.00", "-0.50"]


def test_attention_states_its_symmetry_or_that_there_is_no_evidence(ax):
    image = torch.rand(3, 32, 32)
    symmetric = torch.ones(16, 16)
    pictures.show_attention(ax, image, symmetric)
    pictures.show_attention(ax, image, torch.zeros(16, 16))
    pictures.show_attention(ax, image, symmetric, index=False)
    assert texts(ax) == ["symmetry 1.00", "no evidence"]


def test_attention_is_opaque_where_it_is_hot(ax):
    heat = torch.zeros(8, 8)
    heat[2, 3] = 5.0
    pictures.show_attention(ax, torch.rand(3, 32, 32), heat)
    opacity = np.asarray(ax.images[1].get_array())[..., 3]
    assert np.unravel_index(opacity.argmax(), opacity.shape) == (2, 3)
    assert opacity[0, 0] < 0.2 < 0.7 < opacity[2, 3]


def test_pairs_without_a_number_are_left_out(ax):
    before, after = torch.tensor([0.2, float("nan"), 0.4]), torch.tensor([0.4, 0.5, 0.8])
    pictures.show_paired(ax, before, after, names=("a", "b"), colours=["#000000", "#ff0000", "#0000ff"])
    lines = [line.get_ydata() for line in ax.lines]
    np.testing.assert_allclose(lines, [[0.2, 0.4], [0.4, 0.8], [0.3, 0.6]], rtol=1e-6)
    assert [to_hex(line.get_color()) for line in ax.lines[:2]] == ["#000000", "#0000ff"]
