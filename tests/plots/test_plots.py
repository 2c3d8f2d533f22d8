"""People judge figures; a test can only check what they are made of."""

import matplotlib
import numpy as np
import pandas as pd
import pytest
import torch

matplotlib.use("Agg")
from matplotlib import pyplot as plt

from selfme_lib.data import Clip
from selfme_lib.motion.checkpoint import SHIPPED_FORMS, load_estimator
from selfme_lib.plots import data, montage, motion, style
from selfme_lib.plots.pipeline import show_pipeline
from selfme_lib.synthme.long_truth import LongTruth, TrueEvent
from selfme_lib.synthme.truth import Truth


@pytest.fixture
def ax():
    figure, axes = style.panels(1, 1)
    yield axes[0, 0]
    plt.close(figure)


def whole(x, y, size=8):
    return torch.tensor([float(x), float(y)])[:, None, None].expand(2, size, size)


DIRECTIONS = {"right": (1, 0), "down": (0, 1), "left": (-1, 0), "up": (0, -1)}


def test_wheel_is_white_at_rest_and_full_beyond_the_scale():
    torch.testing.assert_close(style.flow_to_rgb(whole(0, 0), 1.0), torch.ones(3, 8, 8), atol=1e-3, rtol=0)
    torch.testing.assert_close(style.flow_to_rgb(whole(1, 0), 1.0), style.flow_to_rgb(whole(9, 0), 1.0))
    first = torch.tensor(matplotlib.colors.to_rgb(style.WHEEL[0]))
    torch.testing.assert_close(style.flow_to_rgb(whole(1, 0), 1.0)[:, 0, 0], first, atol=2e-3, rtol=0)


def test_wheel_is_continuous_all_the_way_round():
    angle = torch.linspace(-torch.pi, torch.pi, 721)
    colours = style.flow_to_rgb(torch.stack([angle.cos(), angle.sin()])[:, None], 1.0)[:, 0]
    assert colours.diff(dim=1).abs().max() < 0.02
    torch.testing.assert_close(colours[:, 0], colours[:, -1], atol=0.01, rtol=0)


# Machado, Oliveira & Fernandes 2009, severity 1, on linear RGB
DEFICIENCIES = {
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}


@pytest.mark.parametrize("deficiency", DEFICIENCIES)
def test_four_directions_stay_apart_for_colour_blind_readers(deficiency):
    colours = torch.stack([style.flow_to_rgb(whole(*xy), 1.0)[:, 0, 0] for xy in DIRECTIONS.values()])
    linear = torch.where(colours > 0.04045, ((colours + 0.055) / 1.055) ** 2.4, colours / 12.92)
    seen = (linear @ torch.tensor(DEFICIENCIES[deficiency]).T).clamp(0, 1)
    seen = torch.where(seen > 0.0031308, 1.055 * seen ** (1 / 2.4) - 0.055, 12.92 * seen)
    lab = style._oklab(seen)
    assert torch.pdist(lab).min() > 0.1  # about five times the least visible difference


def test_common_scale_is_the_longest_motion_that_is_not_an_outlier():
    flow = whole(3, 4, size=100).clone()
    flow[:, 0, 0] = 1000
    assert style.common_scale(flow) == pytest.approx(5)
    assert style.common_scale(torch.zeros(2, 2, 4, 4)) > 0, "a scale is a divisor"


def test_pictures_show_where_the_skin_goes_not_where_the_flow_looks(ax):
    flow = whole(0, 1)  # every pixel looks one pixel down: the skin went up
    motion.show_flow(ax, flow, scale=1.0)
    shown = torch.from_numpy(np.asarray(ax.images[0].get_array())).permute(2, 0, 1)
    torch.testing.assert_close(shown, style.flow_to_rgb(whole(0, -1), 1.0))
    motion.show_arrows(ax, torch.rand(3, 8, 8), flow, every=2, magnify=3)
    quiver = next(item for item in ax.collections if isinstance(item, matplotlib.quiver.Quiver))
    assert np.allclose(quiver.U, 0) and np.allclose(quiver.V, -3)


def test_keypoints_follow_the_coordinate_convention(ax):
    motion.show_keypoints(ax, torch.rand(3, 9, 9), torch.tensor([[-1.0, 1.0]]), moved_to=torch.tensor([[0.0, 1.0]]))
    assert ax.collections[-1].get_offsets().tolist() == [[0.0, 8.0]]
    stick = ax.collections[0].get_segments()[0]
    np.testing.assert_allclose(stick, [[0, 8], [4, 8]])


def test_grid_fills_exactly_the_folded_cells(ax):
    flow = torch.zeros(2, 6, 6)
    flow[0, :, 3:] = -2.0  # column 3 jumps over column 2, so one column of cells folds
    motion.show_grid(ax, flow, every=1)
    filled = [item for item in ax.collections if isinstance(item, matplotlib.collections.PolyCollection)]
    assert len(filled[0].get_paths()) == 5


def test_determinant_marks_folds(ax):
    flow = torch.zeros(2, 6, 6)
    flow[0, :, 3:] = -2.0
    motion.show_determinant(ax, flow)
    values, folds = (image.get_array() for image in ax.images)
    assert np.asarray(values)[0].tolist() == [1, 1, -1, 1, 1]
    assert folds.count() == 5


def test_intervals_and_curves_have_all_their_parts(ax):
    motion.show_intervals(ax, ["a", "b"], [1.0, 2.0], [(0.5, 1.5), (1.0, 3.0)], reference=1.0)
    assert [label.get_text() for label in ax.get_yticklabels()] == ["a", "b"]
    assert ax.get_ylim()[0] > ax.get_ylim()[1], "the first is on top"
    curve = pd.DataFrame({"step": [1, 2], "a": [3.0, 2.0], "b": [1.0, 1.0]})
    figure, below = plt.subplots()
    motion.show_curves(below, curve, {"a": "first", "b": "second"})
    assert [text.get_text() for text in below.get_legend().get_texts()] == ["first", "second"]
    plt.close(figure)


def test_contact_sheet_is_filled_row_by_row():
    pictures = [np.full((4, 5, 3), value, np.uint8) for value in (10, 20, 30)]
    sheet = montage.contact_sheet(pictures, columns=2, gap=1)
    assert sheet.shape == (9, 11, 3)
    assert [sheet[0, 0, 0], sheet[0, 6, 0], sheet[5, 0, 0], sheet[5, 6, 0], sheet[4, 0, 0]] == [10, 20, 30, 255, 255]
    assert (montage.to_bytes(torch.full((3, 2, 2), 0.5)) == 128).all()


def clip(subject, label):
    return Clip(
        dataset="synthme", subject=subject, name="EP01_01f", frames=(), frame_numbers=(), onset=1, apex=2, offset=3,
        emotion="", label=label, action_units="", fps=50.0,
    )  # fmt: skip


def test_classes_of_each_subject_are_counted_and_missing_ones_marked():
    figure, axis = plt.subplots()
    data.show_classes(axis, [clip("01", 0), clip("01", 0), clip("01", 1), clip("02", 0), clip("02", 1), clip("02", 2)])
    heights = np.array([bar.get_height() for bar in axis.patches]).reshape(3, 2)
    assert heights.tolist() == [[2, 1], [1, 1], [0, 1]]
    assert [text.get_text() for text in axis.texts] == ["○"]
    plt.close(figure)


def test_a_subjects_name_is_no_formula():
    """Half a formula would end in an error when the figure is drawn."""
    figure, axis = plt.subplots()
    data.show_classes(axis, [clip("$\\x$", 0), clip("$", 1)])
    figure.canvas.draw()
    assert [label.get_text().replace("\\$", "$") for label in axis.get_xticklabels()] == ["$", "$\\x$"]
    plt.close(figure)


def test_timeline_separates_labelled_units_from_the_rest():
    nothing, mask = torch.zeros(2, 4, 4), torch.ones(4, 4, dtype=torch.bool)
    intensity = torch.zeros(10, 6)
    intensity[3:6, 0:2], intensity[4:8, 2:4] = 0.2, 0.1
    flows = {f"{part}_flow_{way}": nothing for part in ("au", "head") for way in ("backward", "forward")}
    truth = Truth(
        **flows, surface=mask, visible=mask, surface_onset=mask, visible_onset=mask,
        au_names=("L12", "R12", "L4", "R4", "L1", "R1"), au_intensity=intensity, pose=torch.zeros(10, 5),
        onset=22, apex=24, offset=28, true_onset=22, true_apex=24, true_offset=28, first_frame=20,
    )  # fmt: skip
    figure, axis = plt.subplots()
    data.show_timeline(axis, truth, labelled=[12])
    labels = [text.get_text() for text in axis.get_legend().get_texts()]
    assert labels == ["AU 12 lip corner puller", "not in the label: AU 4"]
    assert axis.lines[0].get_xdata()[[0, -1]].tolist() == [20, 29]
    assert [text.get_text() for text in axis.texts] == ["onset", "apex", "offset"]
    plt.close(figure)


def test_a_long_video_is_shown_event_by_event():
    events = (
        TrueEvent("micro", 11, 16, 25, (11, 16, 25), "1+2", "surprise"),
        TrueEvent("blink", 31, 34, 40),
        TrueEvent("macro", 51, 60, 90, (52, 60, 90), "12", "happiness"),
    )
    names = tuple(f"{side}{unit}" for unit in (1, 12, 26, 45) for side in "LR")
    intensity = torch.zeros(100, 8)
    intensity[50:90, 2:4] = 0.5
    truth = LongTruth(50, events, names, intensity, torch.zeros(100, 5), torch.zeros(100, 2))
    figure = data.long_timeline(truth)
    bars = figure.axes[0].patches
    assert [(bar.get_x(), round(bar.get_width(), 2)) for bar in bars] == [(0.2, 0.28), (0.6, 0.18), (1.0, 0.78)]
    assert [text.get_text() for text in figure.axes[0].texts] == ["1+2", "12"]
    assert [line.get_label() for line in figure.axes[2].lines] == ["AU 12 lip corner puller"]
    assert not figure.axes[1].lines
    assert [len(axes.patches) for axes in figure.axes[1:]] == [2, 2, 2, 2]  # labelled expressions alone are shaded
    assert figure.axes[-1].get_xlim() == (0, 2)
    plt.close(figure)


def test_nuisances_are_shown_as_what_they_change():
    """The difference is drawn five times as strong, an error that a nuisance makes larger as a positive number."""
    grey = torch.full((3, 16, 16), 0.5)
    brighter, errors = grey + 0.04, {"everything": torch.full((16, 16), 0.3), "noise": torch.full((16, 16), 0.2)}
    figure = data.nuisance_panels(grey, {"everything": brighter, "noise": grey}, errors)
    assert [ax.get_title() for ax in figure.axes] == [
        "everything",
        "− onset, × 5",
        "0.300 px",
        "noise",
        "",
        "+0.100 px",
    ]
    for place in (1, 4):
        np.testing.assert_allclose(np.asarray(figure.axes[place].images[0].get_array()), 0.5 + 2.5 * 0.04, atol=1e-6)
    change = figure.axes[5].images[0]
    np.testing.assert_allclose(np.asarray(change.get_array()), 0.1, atol=1e-6)
    assert change.get_clim()[0] == -change.get_clim()[1], "purple and orange mean the same"
    plt.close(figure)


def test_a_film_strip_names_its_frames_and_leaves_the_rest_blank():
    shown = {name: np.full((4, 4, 3), value, np.uint8) for value, name in enumerate(("at rest", "blink", "micro"))}
    figure = data.film_strip(shown, columns=2)
    assert [ax.get_title() for ax in figure.axes] == ["at rest", "blink", "micro", ""]
    assert [ax.axison for ax in figure.axes] == [True, True, True, False]
    plt.close(figure)


def test_images_stand_in_named_rows():
    grey = torch.full((3, 4, 4), 0.5)
    figure = motion.image_rows({"a smile": [grey, grey], "a frown": [grey, grey]}, titles=["onset", "apex"])
    assert [ax.get_title() for ax in figure.axes] == ["onset", "apex", "", ""]
    assert [ax.get_ylabel() for ax in figure.axes] == ["a smile", "", "a frown", ""]
    assert all(len(ax.images) == 1 for ax in figure.axes)
    plt.close(figure)


def test_a_point_is_followed_back_and_its_motion_is_drawn_forwards():
    """The point is at (5, 3) in the apex; the flow there says that it came from (4, 7)."""
    flow = torch.zeros(2, 12, 10)
    flow[:, 3, 5] = torch.tensor([-1.0, 4.0])
    figure = motion.follow_point(torch.rand(3, 12, 10), torch.rand(3, 12, 10), flow, at=(5, 3))
    marked = [[tuple(line.get_xydata()[0]) for line in ax.lines] for ax in figure.axes]
    assert marked == [[(5, 3)], [(5, 3), (4, 7)], [(5, 3), (4, 7)]]
    back, forth = (ax.texts[0] for ax in figure.axes[1:])
    assert (back.xyann, back.xy) == ((5, 3), (4, 7)) and (forth.xyann, forth.xy) == ((4, 7), (5, 3))
    plt.close(figure)


@pytest.mark.parametrize("name", ["plus", "printed"])
def test_the_paper_in_one_figure_shows_every_form_that_has_keypoints(name):
    y, x = torch.meshgrid(torch.arange(128.0), torch.arange(128.0), indexing="ij")
    onset, apex = (
        torch.exp(-((x - 60 - step) ** 2 + (y - 70) ** 2) / 400).expand(3, -1, -1).contiguous() for step in (0, 1)
    )
    figure = show_pipeline(load_estimator(SHIPPED_FORMS[name]), onset, apex)
    assert len(figure.axes) >= 10 and "keypoints" in figure.axes[2].get_title()
    weights = np.asarray(figure.axes[3].images[-1].get_array())
    assert weights.min() >= 0 and weights.max() <= 1
    plt.close(figure)


def test_a_method_is_shown_beside_the_truth_on_the_truths_scale():
    """Half the true length is drawn half as strong; the difference between the frames five times as strong."""
    onset, truth = torch.full((1, 3, 8, 8), 0.5), whole(2, 0)[None]
    figure = data.found_motions(onset, onset + 0.04, truth, truth / 2, method="TV-L1")
    assert [ax.get_title() for ax in figure.axes[:5]] == ["onset", "apex", "apex − onset, × 5", "true motion", "TV-L1"]
    shown = [np.asarray(ax.images[0].get_array()) for ax in figure.axes[2:5]]
    np.testing.assert_allclose(shown[0], 0.6, atol=1e-6)
    np.testing.assert_allclose(shown[1], style.flow_to_rgb(-whole(2, 0), 2.0).permute(1, 2, 0), atol=1e-5)
    np.testing.assert_allclose(shown[2], style.flow_to_rgb(-whole(1, 0), 2.0).permute(1, 2, 0), atol=1e-5)
    plt.close(figure)


def test_recordings_carry_what_was_detected_and_stand_above_their_crops():
    points = np.array([[1.0, 2], [3, 4], [5, 6], [7, 8], [9, 10]])
    recordings, crops = [np.zeros((12, 12, 3), np.uint8)] * 2, [np.full((4, 4, 3), 255, np.uint8)] * 2
    figure = data.aligned_faces(recordings, [points, points + 1], crops)
    np.testing.assert_array_equal(figure.axes[1].collections[0].get_offsets(), points + 1)
    assert [ax.images[0].get_array().mean() for ax in figure.axes] == [0, 0, 255, 255]
    plt.close(figure)


def test_contact_sheets_keep_their_proportions():
    figure = data.contact_sheets({"": np.zeros((10, 40, 3), np.uint8), "world other": np.zeros((20, 40, 3), np.uint8)})
    assert [ax.get_title() for ax in figure.axes] == ["", "world other"]
    assert figure.get_figheight() == pytest.approx(style.WIDTH * 30 / 40 + style.HEADER)
    plt.close(figure)
