import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from selfme_lib.synthme.raster import rasterise

SQUARE = np.array([[1.0, 1.0], [1.0, 6.0], [6.0, 6.0], [6.0, 1.0]])
HALVES = np.array([[0, 1, 2], [0, 2, 3]])


def orient(points, triangles):
    """Turn all triangles so that they face the camera."""
    a, b, c = (points[triangles[:, i]] for i in range(3))
    area = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])
    return np.where((area < 0)[:, None], triangles, triangles[:, ::-1])


def test_a_square_covers_its_pixels_once():
    seen = rasterise(SQUARE, np.ones(4), orient(SQUARE, HALVES), 8)
    image = seen.image(seen.weights @ np.ones(4, np.float32))
    expected = np.zeros((8, 8))
    expected[1:7, 1:7] = 1
    assert np.array_equal(image > 0, expected > 0)
    assert len(np.unique(seen.pixel)) == len(seen.pixel)


def test_weights_reproduce_positions_on_a_flat_surface():
    seen = rasterise(SQUARE, np.ones(4), orient(SQUARE, HALVES), 8)
    back = seen.weights @ SQUARE
    assert np.allclose(back, np.stack([seen.pixel % 8, seen.pixel // 8], axis=1), atol=1e-5)


def test_perspective_is_exact_on_a_tilted_plane():
    # four corners of a tilted plane in space, seen by a pinhole: x = X / Z
    space = np.array([[-1.0, -1, 2], [-1.0, 1, 3], [1.0, 1, 4], [1.0, -1, 3]])
    screen = 8 + 14 * space[:, :2] / space[:, 2:]
    seen = rasterise(screen, space[:, 2], orient(screen, HALVES), 16)
    point = seen.weights @ space
    again = 8 + 14 * point[:, :2] / point[:, 2:]
    assert np.allclose(again, np.stack([seen.pixel % 16, seen.pixel // 16], axis=1), atol=1e-4)
    assert np.allclose(1 / seen.inverse_depth, point[:, 2], rtol=1e-5)


def test_depth_is_that_of_the_nearest_pixel():
    seen = rasterise(SQUARE, np.full(4, 5.0), orient(SQUARE, HALVES), 8)
    points = np.array([[3.0, 3.0], [5.6, 1.4], [0.4, 3.0], [3.0, 7.2], [3.0, 9.0], [-2.0, 3.0]])
    assert np.allclose(seen.depth_at(points, background=-1), [5, 5, -1, -1, -1, -1])


def test_back_faces_and_triangles_off_the_frame_are_left_out():
    front = orient(SQUARE, HALVES)
    assert len(rasterise(SQUARE, np.ones(4), front[:, ::-1], 8).pixel) == 0
    assert len(rasterise(SQUARE + 100, np.ones(4), front, 8).pixel) == 0


@settings(deadline=None, max_examples=30)
@given(arrays(float, (12, 2), elements=st.floats(-4, 20)), arrays(float, 12, elements=st.floats(1, 9)))
def test_the_nearest_triangle_is_seen(points, depth):
    triangles = orient(points, np.arange(12).reshape(4, 3))
    seen = rasterise(points, depth, triangles, 16)
    alone = [rasterise(points, depth, triangles[i : i + 1], 16) for i in range(4)]
    nearest = np.zeros(256)
    for one in alone:
        nearest[one.pixel] = np.maximum(nearest[one.pixel], one.inverse_depth)
    assert np.array_equal(np.flatnonzero(nearest), seen.pixel)
    assert np.allclose(nearest[seen.pixel], seen.inverse_depth)


@settings(deadline=None, max_examples=20)
@given(arrays(float, (2,), elements=st.floats(3.0, 12.0)))
def test_no_cracks_between_neighbours(middle):
    corners = np.array([[0.0, 0.0], [0.0, 15.0], [15.0, 15.0], [15.0, 0.0]])
    points = np.concatenate([corners, middle[None]])
    fan = orient(points, np.array([[0, 1, 4], [1, 2, 4], [2, 3, 4], [3, 0, 4]]))
    assert len(rasterise(points, np.ones(5), fan, 16).pixel) == 256


def brute_force(points, depth, triangles, size):
    """Inverse depth of the nearest triangle at each pixel by testing all pixels against all half planes."""
    row, column = np.mgrid[:size, :size]
    nearest = np.zeros((size, size))
    for corners in triangles:
        (x, y), z = points[corners].T, depth[corners]
        shares = []
        for i, j in ((1, 2), (2, 0), (0, 1)):
            shares.append((column - x[i]) * (y[j] - y[i]) - (row - y[i]) * (x[j] - x[i]))
        area = sum(shares)
        if (area > 1e-9).all():
            inside = np.min(shares, axis=0) >= 0
            inverse = sum(share / z for share, z in zip(shares, z)) / area
            nearest = np.where(inside, np.maximum(nearest, inverse), nearest)
    return nearest


def test_all_pixels_against_all_half_planes(generator):
    points, depth = generator.uniform(-5, 30, (60, 2)), generator.uniform(1, 9, 60)
    points[:20] = points[:20].round()  # level and upright edges, and corners on pixel centres
    points[1::4, 1] = points[::4, 1]
    triangles = orient(points, generator.permutation(60).reshape(20, 3))
    seen = rasterise(points, depth, triangles, 24)
    assert np.allclose(seen.image(seen.inverse_depth), brute_force(points, depth, triangles, 24))


def test_a_finer_lattice_knows_what_a_coarser_one_sees(generator):
    points, depth = generator.uniform(-2, 18, (30, 2)), generator.uniform(1, 9, 30)
    triangles = orient(points, np.arange(30).reshape(10, 3))
    fine = rasterise((points + 0.5) * 3 - 0.5, depth, triangles, 48)
    found, expected = fine.coarser(3, points, depth), rasterise(points, depth, triangles, 16)
    assert np.array_equal(found.pixel, expected.pixel) and len(found.pixel) > 100
    assert np.array_equal(found.inverse_depth, expected.inverse_depth)
    assert np.array_equal(found.weights.toarray(), expected.weights.toarray())


@pytest.mark.parametrize("seed", range(4))
def test_what_is_likely_to_be_seen_changes_nothing(seed):
    generator = np.random.default_rng(seed)
    size, n = 96, 400
    centre, reach = generator.uniform(-10, size + 10, (n, 1, 2)), generator.choice([0.5, 3, 12, 60], (n, 1, 1))
    points = (centre + reach * generator.normal(0, 1, (n, 3, 2))).reshape(-1, 2)
    points[::7] = np.round(points[::7])  # corners and edges at pixel centres
    depth = np.repeat(generator.choice([2.0, 3.0, 3.0005], n), 3) + generator.choice([0, 0.2], 3 * n)
    triangles = orient(points, np.arange(3 * n).reshape(n, 3))
    triangles[n // 2 :: 5] = triangles[: len(triangles[n // 2 :: 5])]  # the same once more: equally near
    plain = rasterise(points, depth, triangles, size)
    for likely in (np.arange(n) % 2 == 0, depth[triangles].min(1) < 2.5, np.zeros(n, bool), np.ones(n, bool)):
        seen = rasterise(points, depth, triangles, size, likely)
        np.testing.assert_array_equal(seen.pixel, plain.pixel)
        np.testing.assert_array_equal(seen.inverse_depth, plain.inverse_depth)
        np.testing.assert_array_equal(seen.corners[seen.owner], plain.corners[plain.owner])
        np.testing.assert_array_equal(seen.weights.toarray(), plain.weights.toarray())


def test_vertices_that_are_used_are_enough(generator):
    points, depth = generator.uniform(-2, 30, (60, 2)), generator.uniform(1, 9, 60)
    triangles = orient(points, np.arange(60).reshape(20, 3))
    seen = rasterise(points, depth, triangles, 24, np.arange(20) % 3 == 0)
    values = generator.normal(size=(60, 4))
    assert set(seen.used) == set(triangles[seen.drawn[seen.owner]].ravel()) and 0 < len(seen.used) < 60
    np.testing.assert_array_equal(seen.weights_of_used @ values[seen.used], seen.weights @ values)
    np.testing.assert_array_equal(seen.corners, triangles[seen.drawn])


def test_hidden_triangles_are_not_drawn():
    """Else what is likely to be seen would save nothing."""
    generator = np.random.default_rng(0)
    wall = np.array([[-1.0, -1.0], [64.0, -1.0], [-1.0, 64.0], [64.0, 64.0]])
    small = (generator.uniform(4, 28, (50, 1, 2)) + np.array([[0.0, 0.0], [3.0, 0.0], [0.0, 3.0]])).reshape(-1, 2)
    points, depth = np.concatenate([wall, small]), np.concatenate([np.ones(4), np.full(150, 2.0)])
    triangles = orient(points, np.concatenate([[[0, 1, 2], [1, 3, 2]], np.arange(4, 154).reshape(50, 3)]))
    assert len(rasterise(points, depth, triangles, 32, np.arange(52) < 2).corners) == 2
