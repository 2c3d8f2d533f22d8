"""The motion of a face over time, and the head's part in it."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from selfme_lib.spotting.signal import SIDE, FaceMotion, SignalConfig, measure, stride_of, without_head


def similarity_flow(shift, growth, turn, side=SIDE):
    y, x = np.mgrid[:side, :side] + 0.5 - side / 2
    return np.stack([shift[0] + growth * x - turn * y, shift[1] + growth * y + turn * x])[None]


@settings(max_examples=20, deadline=None)
@given(shift=st.tuples(*[st.floats(-5, 5)] * 2), growth=st.floats(-0.05, 0.05), turn=st.floats(-0.05, 0.05))
def test_a_moving_head_leaves_nothing(shift, growth, turn):
    left, head = without_head(torch.from_numpy(similarity_flow(shift, growth, turn)).float())
    assert left.abs().max() < 1e-3
    assert head[0].tolist() == pytest.approx([*shift, growth, turn], abs=1e-4)


def test_a_mouth_that_moves_is_not_the_head():
    flow = torch.from_numpy(similarity_flow((1.0, -0.5), 0.01, 0.02)).float()
    flow[:, 1, 90:120, 40:90] += 3.0
    left, _ = without_head(flow)
    assert left[:, 1, 95:115, 45:85].mean() == pytest.approx(3.0, abs=0.01)
    assert left[:, :, :80].abs().max() < 0.01


def test_a_nose_that_wrinkles_hardly_changes_the_head():
    flow = torch.zeros(1, 2, SIDE, SIDE)
    flow[:, 1, 62:80, 58:70] = -2.0  # half of the nose goes up
    _, head = without_head(flow)
    assert head[0, :2].norm() < 0.3


def numbers(onset, apex):
    """A motion method that says which two frames it was given: their grey values, as x and y."""
    values = torch.stack([onset[:, 0, 0, 0], apex[:, 0, 0, 0]], 1)[..., None, None] * 255
    flow = values.expand(-1, 2, SIDE, SIDE).clone()
    flow[:, :, : SIDE - 16] = 0  # so that forehead and nose stand still
    return flow


@pytest.mark.parametrize(("fps", "stride", "lag"), [(30, 1, 6), (25, 1, 5), (200, 6, 7), (100, 3, 7), (60, 2, 6)])
def test_pairs_are_a_lag_apart_at_any_frame_rate(fps, stride, lag):
    assert stride_of(fps, SignalConfig().rate) == stride
    frames = [(number, np.full((SIDE, SIDE, 3), number, np.uint8)) for number in range(0, 100)]
    found = measure(iter(frames), fps=fps, motion=numbers)
    assert found.frames.tolist() == list(range(0, 100, stride))
    bottom = found.cells[:, :, -1, 0]
    now, before = np.round(bottom[:, 1]), np.round(bottom[:, 0])
    assert np.allclose(now, found.frames, atol=0.5)
    assert np.allclose(before, np.maximum(found.frames - lag * stride, 0), atol=0.5)


def test_no_more_than_a_lag_and_a_batch_of_frames_are_read_ahead():
    read = []

    def frames():
        for number in range(200):
            read.append(number)
            yield number, np.zeros((SIDE, SIDE, 3), np.uint8)

    seen = []

    def motion(onset, apex):
        seen.append(len(read))
        return torch.zeros(len(onset), 2, SIDE, SIDE)

    measure(frames(), fps=30, motion=motion)
    assert seen == [min(16 * (k + 1), 200) for k in range(len(seen))]


def test_a_video_without_frames_has_no_motion():
    found = measure(iter(()), fps=30, motion=numbers)
    assert isinstance(found, FaceMotion) and len(found) == 0
