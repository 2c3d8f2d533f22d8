import copy
from dataclasses import replace

import numpy as np
import pytest
import torch

from selfme_lib.grids import identity_grid, warp
from selfme_lib.synthme import Expression, Pose
from selfme_lib.synthme.ground_truth import exact_flow
from selfme_lib.synthme.render import NEUTRAL
from selfme_lib.synthme.timeline import scaled_to


def as_batch(picture):
    return torch.from_numpy(picture).permute(2, 0, 1)[None]


def test_nothing_moves_when_nothing_changes(renderer):
    flow = exact_flow(renderer, (NEUTRAL, Pose(yaw=0.1)), (NEUTRAL, Pose(yaw=0.1)))
    assert np.abs(flow.total).max() < 1e-3
    assert flow.visible.sum() > 0.99 * flow.surface.sum()


def test_a_shift_is_a_constant_flow(renderer):
    flow = exact_flow(renderer, (NEUTRAL, Pose(shift_x=8.0, shift_y=-4.0)), (NEUTRAL, Pose()))
    expected = np.array([-8.0, 4.0]) * 96 / 256  # pixels of this lattice; backward
    assert np.allclose(flow.total[:, flow.surface], expected[:, None], atol=1e-3)
    assert not flow.total[:, ~flow.surface].any()
    assert not flow.action_unit.any()


def test_a_roll_about_the_optical_axis_is_a_rotation_of_the_picture(renderer):
    """Every depth turns alike, so the flow is R u - u in closed form."""
    on_axis, angle = copy.copy(renderer), 0.03
    on_axis.camera = replace(renderer.camera, pivot=renderer.camera.centre)
    flow = exact_flow(on_axis, (NEUTRAL, Pose()), (NEUTRAL, Pose(roll=angle)))
    x, y = identity_grid(96, 96, dtype=torch.float64).numpy() - 95 / 2
    # counter-clockwise with y up is clockwise with y down
    turned = np.stack([np.cos(angle) * x + np.sin(angle) * y, -np.sin(angle) * x + np.cos(angle) * y])
    assert np.abs(turned - [x, y] - flow.total)[:, flow.surface].max() < 1e-3


def test_the_parts_separate_face_and_head(renderer):
    smile = Expression(scaled_to(renderer.identity, {12: (1.0, 1.0)}, 4.0))
    turn = Pose(yaw=0.01)
    face_only = exact_flow(renderer, (smile, Pose()), (NEUTRAL, Pose()))
    head_only = exact_flow(renderer, (NEUTRAL, turn), (NEUTRAL, Pose()))
    assert not np.abs(face_only.head).max() > 1e-3
    assert not head_only.action_unit.any()
    both = exact_flow(renderer, (smile, turn), (NEUTRAL, Pose()))
    assert np.allclose(both.total, both.action_unit + both.head)
    common = both.visible & face_only.visible
    assert np.abs(both.action_unit - face_only.action_unit)[:, common].mean() < 0.05


def test_the_peak_is_the_one_asked_for(renderer):
    for peak in (0.5, 2.0):
        smile = Expression(scaled_to(renderer.identity, {6: (0.7, 0.7), 12: (1.0, 1.0)}, peak))
        flow = exact_flow(renderer, (smile, Pose()), (NEUTRAL, Pose()))
        longest = np.linalg.norm(flow.total, axis=0)[flow.visible].max() * 256 / 96
        assert longest == pytest.approx(peak, rel=0.15)


def test_a_left_unit_moves_only_the_left_of_the_face(renderer):
    units = scaled_to(renderer.identity, {12: (1.0, 0.0)}, 4.0)
    flow = exact_flow(renderer, (Expression(units), Pose()), (NEUTRAL, Pose()))
    length = np.linalg.norm(flow.total, axis=0)
    assert length[:, 50:].max() > 1.2
    assert length[:, :44].max() < 0.1  # the subject's right is on the left of the picture


def test_warping_the_onset_by_the_truth_gives_the_apex(renderer):
    units = scaled_to(renderer.identity, {1: (1.0, 1.0), 2: (1.0, 0.8), 12: (0.8, 1.0)}, 5.0)
    onset, apex = (NEUTRAL, Pose()), (Expression(units), Pose(yaw=0.01, shift_x=2.0))
    flow = exact_flow(renderer, apex, onset)
    before, after = renderer.render(*onset), renderer.render(*apex)
    warped = warp(as_batch(before), torch.from_numpy(flow.total)[None])[0].permute(1, 2, 0).numpy()
    seen = flow.visible
    assert np.abs(warped - after)[seen].mean() < 0.25 * np.abs(before - after)[seen].mean()
    reverse = warp(as_batch(before), torch.from_numpy(-flow.total)[None])[0].permute(1, 2, 0).numpy()
    assert np.abs(reverse - after)[seen].mean() > np.abs(before - after)[seen].mean()


def test_there_and_back_again(renderer):
    units = scaled_to(renderer.identity, {4: (1.0, 1.0), 17: (1.0, 1.0)}, 4.0)
    onset, apex = (NEUTRAL, Pose()), (Expression(units), Pose(pitch=0.01))
    backward, forward = exact_flow(renderer, apex, onset), exact_flow(renderer, onset, apex)
    looked_up = warp(torch.from_numpy(forward.total)[None], torch.from_numpy(backward.total)[None])[0].numpy()
    residual = np.linalg.norm(backward.total + looked_up, axis=0)[backward.visible]
    assert np.median(residual) < 0.01
    assert (residual > 0.2).mean() < 0.03  # at the edges of lids, lips and silhouette


def test_what_turns_away_is_not_visible(renderer):
    flow = exact_flow(renderer, (NEUTRAL, Pose()), (NEUTRAL, Pose(yaw=0.5)))
    assert 0.03 < 1 - flow.visible.sum() / flow.surface.sum() < 0.6
