import itertools
from dataclasses import replace

import numpy as np
import pytest

from portraits import portrait
from selfme_lib.synthme import Expression, Pose, Shot, create_identity, set_up
from selfme_lib.synthme.head import load_head
from selfme_lib.synthme.identity import Person, make_face
from selfme_lib.synthme.texture import lip_cover, paint, skin_tone


def test_the_face_fills_the_frame_and_values_are_in_range(renderer):
    picture = renderer.render()
    assert picture.shape == (96, 96, 3)
    assert picture.dtype == np.float32
    assert picture.min() >= 0
    assert picture.max() <= 1
    seen = renderer.surface(renderer.vertices(Expression()), Pose())
    assert 0.5 < len(seen.pixel) / 96**2 <= 1


def test_a_head_outside_the_frame_leaves_the_wall(renderer):
    away = renderer.render(pose=Pose(shift_x=2000.0))
    assert np.array_equal(away, renderer.render(pose=Pose(shift_y=-2000.0)))
    assert away.std() < renderer.render().std()


def test_the_same_call_gives_the_same_picture(renderer):
    assert np.array_equal(renderer.render(), renderer.render())


def test_people_do_not_look_alike():
    faces = [portrait(person, 48).astype(float) for person in (1, 2, 3)]
    assert all(np.abs(a - b).mean() > 8 for a, b in itertools.pairwise(faces))


def test_left_units_change_the_right_half_of_the_picture(renderer):
    change = np.abs(renderer.render(Expression({12: (0.3, 0.0)})) - renderer.render()).sum(-1)
    assert change[:, 54:].sum() > 20 * change[:, :42].sum()


def test_light_gain_brightens(renderer):
    assert renderer.render(shot=Shot(gain=1.2)).mean() > renderer.render().mean() + 0.01


def test_gaze_moves_the_iris_only(renderer):
    head = load_head()
    resting, looking = renderer.vertices(Expression()), renderer.vertices(Expression(gaze=(0.1, 0.0)))
    moved = np.abs(looking - resting).max(1) > 1e-6
    assert set(np.flatnonzero(moved)) <= set(head.of_part("eye"))
    front = head.of_part("eye")[np.argmax(resting[head.of_part("eye"), 2])]
    assert looking[front, 0] - resting[front, 0] == pytest.approx(0.1 * 0.138, rel=0.15)


@pytest.mark.parametrize("blink", [0.0, 0.3, 0.6, 1.0])
def test_lids_never_cut_into_the_eyeball(renderer, blink):
    head = load_head()
    vertices = renderer.vertices(Expression({45: (blink, blink)}))
    for side in (1, -1):
        eye = head.of_part("eye")
        eye = eye[head.vertices[eye, 0] * side > 0]
        centre = (vertices[eye].max(0) + vertices[eye].min(0)) / 2
        radius = np.ptp(vertices[eye, 0]) / 2
        skin = vertices[(head.vertex_part == 0) & (head.openness > 0.3)]
        assert np.linalg.norm(skin - centre, axis=1).min() > radius


def test_action_units_and_pose_change_the_picture(renderer):
    neutral, smile = renderer.render(), renderer.render(Expression({12: (0.5, 0.5)}))
    turned = renderer.render(pose=Pose(yaw=0.1))
    assert 255 * np.abs(smile - neutral).mean() > 0.3
    assert 255 * np.abs(turned - neutral).mean() > 1


def test_the_same_person_at_two_sizes_looks_the_same():
    large = set_up(create_identity(3), 192).render()
    small = set_up(create_identity(3), 96).render()
    assert np.abs(large.reshape(96, 2, 96, 2, 3).mean((1, 3)) - small).mean() < 0.01


def test_the_atlas_is_painted_by_seed():
    a, b, other = (paint(create_identity(seed)).colour for seed in (3, 3, 4))
    assert np.array_equal(a, b)
    assert np.abs(a - other).mean() > 0.01
    assert a.min() >= 0


def test_skin_darkens_with_melanin():
    tones = np.array([skin_tone(melanin) for melanin in np.linspace(0, 1, 11)])
    assert (np.diff(tones, axis=0) < 0).all()


def test_lips_are_where_the_mouth_is():
    assert lip_cover(np.array([0.0]), np.array([6.65]))[0] > 0.9
    assert lip_cover(np.array([0.0, 0.3]), np.array([6.9, 6.61])).max() == 0


def test_the_last_bit_of_a_coordinate_decides_nothing():
    """Rims and bridge of glasses touch: which of two surfaces at one depth is seen must not depend on a processor's rounding."""
    person = Person((0, 3), "choice", glasses=1.0, world="home")
    renderer, again = set_up(make_face(person), 64), set_up(make_face(person), 64)
    noise = 1 + np.random.default_rng(0).uniform(-1e-15, 1e-15, renderer.identity.vertices.shape)
    again.identity = replace(renderer.identity, vertices=renderer.identity.vertices * noise)
    again._worn = renderer._worn * (1 + 1e-15)
    for pose in (Pose(), Pose(0.01, 0.02, -0.01, 1.5, 0.7)):
        one, other = (some.surface(some.vertices(Expression()), pose, supersampling=2) for some in (renderer, again))
        assert (one.corners[one.owner] == other.corners[other.owner]).all()
        assert (one.weights != other.weights).nnz == 0
        assert np.abs(renderer.render(pose=pose) - again.render(pose=pose)).max() < 1e-6
