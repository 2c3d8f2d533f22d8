import itertools

import numpy as np
import pytest

from selfme_lib.synthme import create_identity
from selfme_lib.synthme.camera import FRONTAL
from selfme_lib.synthme.head import load_head
from selfme_lib.synthme.identity import EYE_ROW, MOUTH_ROW


@pytest.fixture(scope="module")
def people():
    return [create_identity(seed) for seed in range(40)]


def test_a_seed_is_a_person():
    a, b = create_identity((5, 6)), create_identity((5, 6))
    assert np.array_equal(a.vertices, b.vertices)
    assert np.array_equal(a.appearance.hair_colour, b.appearance.hair_colour)
    assert a.style == b.style


def test_forty_people_differ_in_shape(people):
    camera = people[0].camera(256)
    face = load_head().openness > 0.3
    shapes = [person.camera(256).project(person.vertices[face], FRONTAL)[0] for person in people]
    assert camera.size == 256
    for a, b in itertools.combinations(shapes, 2):
        assert np.linalg.norm(a - b, axis=1).mean() > 2  # pixels, after the crop has taken out position and size


def test_people_are_of_many_kinds(people):
    assert 8 < sum(person.sex > 0.5 for person in people) < 32
    assert {int(person.ancestry.argmax()) for person in people} == {0, 1, 2}
    assert np.ptp([person.age for person in people]) > 0.4
    assert np.ptp([person.appearance.melanin for person in people]) > 0.5


def test_populations_have_nobody_in_common():
    evaluation = [create_identity(seed).vertices for seed in range(5)]
    for seed in range(5):
        for vertices in evaluation:
            assert np.abs(create_identity(seed, "pretraining").vertices - vertices).max() > 0.05


def test_the_crop_puts_eyes_and_mouth_in_their_rows(people):
    head = load_head()
    mouth = head.reach("mouth/mouth-upperlip-volume-incr") > 0.02
    for person in people[:10]:
        camera = person.camera(200)
        eyes, _ = camera.project(person.vertices[head.of_part("eye")], FRONTAL)
        lips, _ = camera.project(person.vertices[mouth], FRONTAL)
        assert eyes[:, 1].mean() == pytest.approx(EYE_ROW * 200, abs=6)
        assert lips[:, 1].mean() == pytest.approx(MOUTH_ROW * 200, abs=6)
