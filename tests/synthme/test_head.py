from pathlib import Path

import numpy as np
import pytest

import selfme_lib.synthme
from selfme_lib.synthme.head import PARTS, load_head, smoothstep


def test_the_asset_is_small():
    assert (Path(selfme_lib.synthme.__file__).parent / "head.npz").stat().st_size < 4e6


def test_eyes_teeth_and_tongue_are_mirror_images():
    head = load_head()
    for part in ("eye", "teeth", "tongue"):
        points = head.vertices[head.of_part(part)]
        mirrored = points * [-1, 1, 1]
        distance = np.linalg.norm(points[:, None] - mirrored[None], axis=-1).min(1)
        assert distance.max() < 0.02


def test_displacement_is_linear_in_the_weights():
    head = load_head()
    a, b = "nose/nose-hump-incr", "unit/jawOpen"
    both = head.displacement({a: 0.5, b: -0.25})
    assert np.allclose(both, 0.5 * head.displacement({a: 1.0}) - 0.25 * head.displacement({b: 1.0}))
    assert not head.displacement({}).any()


def test_an_unknown_target_is_an_error():
    with pytest.raises(KeyError):
        load_head().displacement({"nose/second-nose": 1.0})


def test_face_units_leave_hair_and_the_back_of_the_head_alone():
    head = load_head()
    for name in head.names("unit"):
        reach = head.reach(name)
        assert not reach[head.of_part("hair")].any()
        assert not reach[(head.vertices[:, 2] < 0) & (head.vertices[:, 1] > 7)].any()


def test_the_mouth_is_dark_and_the_nose_is_open():
    head = load_head()
    assert head.openness[np.argmax(head.vertices[:, 2])] > 0.9
    assert head.openness[head.vertex_part == PARTS.index("tongue")].mean() < 0.05


def test_smoothstep_runs_both_ways():
    x = np.linspace(-1, 2, 31)
    assert np.allclose(smoothstep(0, 1, x) + smoothstep(1, 0, x), 1)
    assert smoothstep(0, 1, np.array([-3.0, 0.5, 7.0])).tolist() == [0, 0.5, 1]
