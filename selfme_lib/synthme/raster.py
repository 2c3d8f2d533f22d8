r"""Which triangle is seen at each pixel, and where in it: a z-buffer in plain NumPy.

Written here because the exact flow needs each pixel's barycentric coordinates, identical on every machine and without a GPU.

A triangle is the intersection of three half planes $a_i x + b_i y + c_i \ge 0$. On a row of pixels each of them bounds
$x$ from one side, so a triangle becomes *spans*, one per row, and a span becomes *fragments*, one per pixel; both steps are
one `np.repeat`. Inverse depth $1/z$ is linear on the screen, so the nearest fragment is the one with the largest.
The half-plane functions, divided by their sum, are the barycentric coordinates; perspective turns them into
$\beta_i \propto \lambda_i / z_i$ on the surface.
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from scipy.sparse import csr_matrix

EDGE_TOLERANCE = 1e-7  # pixels; neighbours then never leave a crack between them, and the z-buffer settles overlaps


@dataclass(frozen=True)
class Surface:
    """What a camera sees in a frame of `size` x `size` pixels, k of which show something.

    Attributes:
        pixel: (k,) flat numbers (row * size + column), each once, ascending; inverse_depth: (k,).
        owner: (k,) which of the s triangles that were drawn is seen; corners: (s, 3) their vertices, of `vertices` in all.
        planes: (3, 3, s) the coefficients a, b, c of what each corner contributes to the inverse depth, linear on the screen.
    """

    pixel: np.ndarray
    inverse_depth: np.ndarray
    size: int
    owner: np.ndarray
    corners: np.ndarray
    vertices: int
    planes: np.ndarray

    @cached_property
    def weights(self) -> csr_matrix:
        """(k, vertices) sparse, three barycentric coordinates per row: `weights @ values` interpolates values at vertices."""
        row, column = (along.take(self.pixel) for along in _lattice(self.size))
        barycentric = np.empty((len(self.pixel), 3), np.float32)
        for corner, (a, b, c) in enumerate(self.planes.swapaxes(0, 1)):
            numerator = _linear(a, b, c, self.owner, column, row)
            barycentric[:, corner] = np.divide(numerator, self.inverse_depth, out=numerator)
        start_of_row = np.arange(0, 3 * len(self.pixel) + 1, 3, dtype=np.int32)
        corners = self.corners.astype(np.int32).take(self.owner, axis=0)
        return csr_matrix((barycentric.ravel(), corners.ravel(), start_of_row), shape=(len(self.pixel), self.vertices))

    @property
    def used(self) -> np.ndarray:
        """The vertices of all triangles that are seen, ascending."""
        corners = self.corners[np.bincount(self.owner, minlength=len(self.corners)) > 0]
        return np.flatnonzero(np.bincount(corners.ravel(), minlength=self.vertices))

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

    def coarser(self, factor: int, points: np.ndarray, depth: np.ndarray) -> "Surface":
        """What is seen on a lattice that is an odd `factor` as coarse, whose pixel centres are some of these; there the vertices
        have the coordinates `points` (n, 2)."""
        row, column = np.divmod(self.pixel, self.size)
        kept = np.flatnonzero((row % factor == factor // 2) & (column % factor == factor // 2))
        row, column, owner, size = row[kept] // factor, column[kept] // factor, self.owner[kept], self.size // factor
        planes = _planes(points, depth, self.corners)
        a, b, c = planes.sum(1)
        inverse_depth = (b.take(owner) * row + c.take(owner)) + a.take(owner) * column
        return Surface(row * size + column, inverse_depth, size, owner, self.corners, self.vertices, planes)


def rasterise(points: np.ndarray, depth: np.ndarray, triangles: np.ndarray, size: int) -> Surface:
    """Draw triangles (t, 3) into a square frame; those that face away and slivers without area are left out.

    The vertices have pixel coordinates `points` (n, 2) and positive distances `depth` (n,).
    """
    # arrays over corners are kept as (3, t), since NumPy is slow along a last axis of three; indices are of its own width
    x, y = (np.ascontiguousarray(along).take(triangles.T) for along in points.T)
    area = (x[2] - x[0]) * (y[1] - y[0]) - (x[1] - x[0]) * (y[2] - y[0])
    (left, right), (first, last) = (_centres(v.min(0), v.max(0), size) for v in (x, y))
    seen = np.flatnonzero((area > 1e-9) & (right >= left) & (last >= first))
    corners, first, rows = triangles[seen], first[seen], (last - first + 1)[seen]
    planes = _planes(points, depth, corners)

    # spans: one per row of each triangle, between two left and two right edges (one of them twice)
    owner = np.repeat(np.arange(len(seen)), rows)
    row = np.arange(len(owner)) + np.repeat(first - (np.cumsum(rows) - rows), rows)
    left, right = (
        limit(*(slope.take(owner) * row + at_0.take(owner) for slope, at_0 in edges))
        for limit, edges in zip((np.maximum, np.minimum), _sides(*planes))
    )
    start, stop = _centres(left, right, size)

    # fragments: one per pixel of each span. What the corners contribute to 1/z is linear on the screen
    a, b, c = planes.sum(1)
    length = np.maximum(stop - start + 1, 0)
    span = np.repeat(np.arange(len(row)), length)
    column = np.arange(len(span)) + (start - (np.cumsum(length) - length)).take(span)
    pixel = (row * size).take(span) + column
    inverse_depth = (b.take(owner) * row + c.take(owner)).take(span) + a.take(owner).take(span) * column

    nearest = np.full(size * size, -1)
    nearest[pixel] = np.arange(len(pixel))  # the last written wins at first
    nearer = np.flatnonzero(inverse_depth > inverse_depth.take(nearest.take(pixel)))
    while len(nearer):
        nearest[pixel[nearer]] = nearer
        nearer = nearer[inverse_depth[nearer] > inverse_depth[nearest[pixel[nearer]]]]
    pixel = np.flatnonzero(nearest >= 0)
    fragment = nearest[pixel]
    return Surface(
        pixel=pixel,
        inverse_depth=inverse_depth[fragment],
        size=size,
        owner=owner[span[fragment]],
        corners=corners,
        vertices=len(points),
        planes=planes,
    )


def _planes(points: np.ndarray, depth: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """What the corners of triangles (s, 3) add to the inverse depth at (x, y), a x + b y + c: (3, 3, s), coefficients first."""
    x, y = (np.ascontiguousarray(along).take(corners.T) for along in points.T)
    x1, x2, y1, y2 = x[[1, 2, 0]], x[[2, 0, 1]], y[[1, 2, 0]], y[[2, 0, 1]]
    a, b, c = (
        y2 - y1,
        x1 - x2,
        x2 * y1 - x1 * y2,
    )  # the half plane of the edge opposite each corner; c adds up to the area
    return np.stack([a, b, c]) / c.sum(0) * (1 / depth.take(corners.T))


@lru_cache(maxsize=4)
def _lattice(size: int) -> tuple[np.ndarray, np.ndarray]:
    """Row and column of each pixel of a frame, as floating-point numbers: (size * size,) each."""
    row, column = np.indices((size, size), float).reshape(2, -1)
    return row, column


def _linear(
    a: np.ndarray, b: np.ndarray, c: np.ndarray, owner: np.ndarray, x: np.ndarray, y: np.ndarray
) -> np.ndarray:
    """a x + b y + c with the coefficients (s,) of the `owner` (k,) of each point: (k,); in place, since that is quicker."""
    total, part = a.take(owner), b.take(owner)
    total *= x
    part *= y
    total += part
    total += c.take(owner)
    return total


def _centres(low: np.ndarray, high: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """The first and the last pixel centre in an interval of a row or column; the last is before the first if there is none."""
    first = np.clip(np.ceil(low - EDGE_TOLERANCE), 0, size)
    last = np.clip(np.floor(high + EDGE_TOLERANCE), -1, size - 1)
    return first.astype(np.intp), last.astype(np.intp)


def _sides(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> tuple[list, list]:
    """The edges that bound triangles on the left and on the right, two each: lines x = slope y + at_0 as pairs of (s,)."""
    a = np.where(np.abs(a) < 1e-12 * np.abs(b), 0, a)  # level edges bound neither side
    with np.errstate(divide="ignore", invalid="ignore"):
        slope, at_0 = -b / a, -c / a
    highest, lowest, columns = a.argmax(0), a.argmin(0), np.arange(a.shape[1])
    between = 3 - highest - lowest
    left, middle, right = ((slope[corner, columns], at_0[corner, columns]) for corner in (highest, between, lowest))
    sign = a[between, columns]
    second_left = [np.where(sign > 0, one, other) for one, other in zip(middle, left)]
    second_right = [np.where(sign < 0, one, other) for one, other in zip(middle, right)]
    return [left, second_left], [right, second_right]
