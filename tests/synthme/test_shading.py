import numpy as np
import pytest

from selfme_lib.synthme.head import load_head
from selfme_lib.synthme.shading import Light, draw_light, irradiance, vertex_normals, visibility

UP = np.array([0.0, 1.0, 0.0])


def test_normals_of_an_eyeball_point_outwards():
    head = load_head()
    normals = vertex_normals(head.vertices, head.triangles)
    eye = head.of_part("eye")
    eye = eye[head.vertices[eye, 0] > 0]
    outward = head.vertices[eye] - (head.vertices[eye].max(0) + head.vertices[eye].min(0)) / 2
    cosine = (normals[eye] * outward).sum(1) / np.linalg.norm(outward, axis=1)
    assert cosine.min() > 0.9


def test_light_from_the_front_reaches_the_nose_and_not_the_nape():
    head = load_head()
    reached = visibility(head.vertices, head.triangles[head.part == 0], np.array([0.0, 0.0, 1.0]))
    assert reached[np.argmax(head.vertices[:, 2])]
    nape = (head.vertices[:, 2] < 0) & (head.vertex_part == 0)
    assert reached[nape].mean() < 0.1


def test_irradiance_adds_up(generator):
    light = draw_light(generator)
    normals = np.array([[0.0, 0.0, 1.0], [0.0, 0.0, -1.0]])
    dark = irradiance(normals, light, np.zeros(2), np.zeros((2, 2)))
    assert not dark.any()
    lit = irradiance(normals, light, np.ones(2), np.ones((2, 2)))
    assert (lit[0] > lit[1]).all()
    twice = Light(light.ambient * 2, light.directions, light.colours * 2)
    assert np.allclose(irradiance(normals, twice, np.ones(2), np.ones((2, 2))), 2 * lit)


def test_lamps_are_unit_vectors_in_front(generator):
    directions = draw_light(generator).directions
    assert np.linalg.norm(directions, axis=1) == pytest.approx(1)
    assert (directions[:, 2] > 0).all()
