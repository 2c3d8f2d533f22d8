r"""Which triangle is seen at each pixel, and where in it: a z-buffer in plain NumPy.

Written here because the exact flow needs each pixel's barycentric coordinates, identical on every machine and without a GPU.

A triangle is the intersection of three half planes $a_i x + b_i y + c_i \ge 0$. On a row of pixels each of them bounds
$x$ from one side, so a triangle becomes *spans*, one per row, and a span becomes *fragments*, one per pixel; both steps are
one `np.repeat`. Inverse depth $1/z$ is linear on the screen, so the nearest fragment is the one with the largest.
The half-plane functions, divided by their sum, are the barycentric coordinates; perspective turns them into
$\beta_i \propto \lambda_i / z_i$ on the surface.
"""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix

EDGE_TOLERANCE = 1e-7  # pixels; neighbours then never leave a crack between them, and the z-buffer settles overlaps


@dataclass(frozen=True)
class Surface:
    """What a camera sees in a frame of `size` x `size` pixels, k of which show something.

    Attributes:
        pixel: (k,) flat numbers (row * size + column), each once, ascending; inverse_depth: (k,).
        weights: (k, n) sparse, three barycentric coordinates per row: `weights @ values` interpolates values at vertices.
    """

    pixel: np.ndarray
    weights: csr_matrix
    inverse_depth: np.ndarray
    size: int

    def image(self, values: np.ndarray, background: float = 0.0) -> np.ndarray:
        """Values at the k pixels, (k,) or (k, c) -> image (size, size) or (c, size, size) of the same type."""
        image = np.full((*values.shape[1:], self.size * self.size), background, values.dtype)
        image[..., self.pixel] = values.T
        return image.reshape(*values.shape[1:], self.size, self.size)

    def depth_at(self, points: np.ndarray, background: float) -> np.ndarray:
        """Depth of what is seen at the pixels nearest to points (n, 2); `background` where there is nothing: (n,)."""
        nearest = self.image(1 / self.inverse_depth, background)
        column, row = np.round(points).astype(int).T
        inside = (np.minimum(column, row) >= 0) & (np.maximum(column, row) < self.size)
        return np.where(inside, nearest[row * inside, column * inside], background)


def rasterise(points: np.ndarray, depth: np.ndarray, triangles: np.ndarray, size: int) -> Surface:
    """Draw triangles (t, 3) into a square frame; those that face away and slivers without area are left out.

    The vertices have pixel coordinates `points` (n, 2) and positive distances `depth` (n,).
    """
    # arrays over corners are kept as (3, t): NumPy is slow along a last axis of three
    x, y = points[triangles.T, 0], points[triangles.T, 1]
    x1, x2, y1, y2 = np.roll(x, -1, 0), np.roll(x, -2, 0), np.roll(y, -1, 0), np.roll(y, -2, 0)
    a, b, c = y2 - y1, x1 - x2, x2 * y1 - x1 * y2  # the half plane of the edge opposite each corner
    area = c.sum(0)
    first = np.maximum(np.ceil(y.min(0) - EDGE_TOLERANCE), 0).astype(np.int32)
    last = np.minimum(np.floor(y.max(0) + EDGE_TOLERANCE), size - 1).astype(np.int32)
    seen = np.flatnonzero((area > 1e-9) & (last >= first) & (x.max(0) >= 0) & (x.min(0) <= size - 1))
    inverse = 1 / depth[triangles[seen].T]
    order = np.argsort(inverse.sum(0), kind="stable")  # far to near: few fragments then need correcting
    seen, inverse = seen[order], inverse[:, order]
    first, last = first[seen], last[seen]
    a, b, c = (edge[:, seen] / area[seen] for edge in (a, b, c))

    # spans: one per row of each triangle
    rows = last - first + 1
    owner = np.repeat(np.arange(len(seen), dtype=np.int32), rows)
    row = np.repeat(first, rows) + _counters(rows)
    left, right = np.full(len(row), -1.0), np.full(len(row), float(size))
    for corner in range(3):
        slope = a[corner][owner]
        with np.errstate(divide="ignore", invalid="ignore"):
            bound = (b[corner][owner] * -row - c[corner][owner]) / slope
        np.maximum(left, bound, out=left, where=slope > 0)
        np.minimum(right, bound, out=right, where=slope < 0)
    start = np.maximum(np.ceil(left - EDGE_TOLERANCE), 0).astype(np.int32)
    stop = np.minimum(np.floor(right + EDGE_TOLERANCE), size - 1).astype(np.int32)
    crossed = stop >= start
    owner, row, start, stop = owner[crossed], row[crossed], start[crossed], stop[crossed]

    # fragments: one per pixel of each span. Numerators of the barycentric coordinates sum to 1/z
    a, b, c = a * inverse, b * inverse, c * inverse
    length = stop - start + 1
    column = np.repeat(start, length) + _counters(length)
    pixel = np.repeat(row * size, length) + column
    at_row = b.sum(0)[owner] * row + c.sum(0)[owner]
    inverse_depth = np.repeat(at_row, length) + np.repeat(a.sum(0)[owner], length) * column
    owner = np.repeat(owner, length)

    nearest = np.full(size * size, -1, np.int32)
    nearest[pixel] = np.arange(len(pixel), dtype=np.int32)  # the last written wins, and is nearly always the nearest
    while len(nearer := np.flatnonzero(inverse_depth > inverse_depth[nearest[pixel]])):
        nearest[pixel[nearer]] = nearer
    fragment = nearest[nearest >= 0]

    owner, pixel, inverse_depth = owner[fragment], pixel[fragment], inverse_depth[fragment]
    column, row = pixel % size, pixel // size
    barycentric = np.empty((len(pixel), 3), np.float32)
    for corner in range(3):
        numerator = a[corner][owner] * column + b[corner][owner] * row + c[corner][owner]
        barycentric[:, corner] = numerator / inverse_depth
    corners = triangles.astype(np.int32).take(seen[owner], axis=0)
    start_of_row = np.arange(0, 3 * len(pixel) + 1, 3, dtype=np.int32)
    weights = csr_matrix((barycentric.ravel(), corners.ravel(), start_of_row), shape=(len(pixel), len(points)))
    return Surface(pixel=pixel, weights=weights, inverse_depth=inverse_depth, size=size)


def _counters(lengths: np.ndarray) -> np.ndarray:
    """[3, 2] -> [0, 1, 2, 0, 1]."""
    starts = (np.cumsum(lengths) - lengths).astype(np.int32)
    return np.arange(lengths.sum(), dtype=np.int32) - np.repeat(starts, lengths)
