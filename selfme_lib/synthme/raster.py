r"""Which triangle is seen at each pixel, and where in it: a z-buffer in plain NumPy.

Written here because the exact flow needs each pixel's barycentric coordinates, identical on every machine and without a GPU.

A triangle is the intersection of three half planes $a_i x + b_i y + c_i \ge 0$. On a row of pixels each of them bounds
$x$ from one side, so a triangle becomes *spans*, one per row, and a span becomes *fragments*, one per pixel; both steps are
one `np.repeat`. Inverse depth $1/z$ is linear on the screen, so the nearest fragment is the one with the largest.
The half-plane functions, divided by their sum, are the barycentric coordinates; perspective turns them into
$\beta_i \propto \lambda_i / z_i$ on the surface.
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache, reduce

import numpy as np
from scipy.sparse import csr_matrix

CELLS = (2, 3, 4, 5, 6)  # powers of two, pixels: sides of the cells whose least depth is known
EDGE_TOLERANCE = 1e-7  # pixels; neighbours then never leave a crack between them, and the z-buffer settles overlaps


@dataclass(frozen=True)
class Surface:
    """What a camera sees in a frame of `size` x `size` pixels, k of which show something.

    Attributes:
        pixel: (k,) flat numbers (row * size + column), each once, ascending; inverse_depth: (k,).
        owner: (k,) which of the s triangles that were drawn is seen; drawn: (s,) their numbers; corners: (s, 3) their vertices,
            of `vertices` in all.
        planes: (3, 3, s) the coefficients a, b, c of what each corner contributes to the inverse depth, linear on the screen.
    """

    pixel: np.ndarray
    inverse_depth: np.ndarray
    size: int
    owner: np.ndarray
    drawn: np.ndarray
    corners: np.ndarray
    vertices: int
    planes: np.ndarray

    @cached_property
    def weights(self) -> csr_matrix:
        """(k, vertices) sparse, three barycentric coordinates per row: `weights @ values` interpolates values at vertices."""
        return self._weights(self.corners, self.vertices)

    @cached_property
    def weights_of_used(self) -> csr_matrix:
        """The same of the u vertices that are `used` alone, which is quicker: (k, u)."""
        place = np.zeros(self.vertices, np.int32)
        place[self.used] = np.arange(len(self.used))
        return self._weights(place.take(self.corners), len(self.used))

    def _weights(self, corners: np.ndarray, vertices: int) -> csr_matrix:
        row, column = (along.take(self.pixel) for along in _lattice(self.size))
        barycentric = np.empty((len(self.pixel), 3), np.float32)
        for corner, (a, b, c) in enumerate(self.planes.swapaxes(0, 1)):
            numerator = _linear(a, b, c, self.owner, column, row)
            barycentric[:, corner] = np.divide(numerator, self.inverse_depth, out=numerator)
        start_of_row = np.arange(0, 3 * len(self.pixel) + 1, 3, dtype=np.int32)
        corners = corners.astype(np.int32).take(self.owner, axis=0)
        return csr_matrix((barycentric.ravel(), corners.ravel(), start_of_row), shape=(len(self.pixel), vertices))

    @cached_property
    def used(self) -> np.ndarray:
        """The vertices of all triangles that are seen, ascending."""
        seen = np.flatnonzero(np.bincount(self.owner, minlength=len(self.corners)))
        return np.flatnonzero(np.bincount(self.corners.T.take(seen, axis=1).ravel(), minlength=self.vertices))

    def image(self, values: np.ndarray, background: float = 0.0) -> np.ndarray:
        """Values at the k pixels, (k,) or (k, c) -> image (size, size) or (c, size, size) of the same type."""
        image = np.full((*values.shape[1:], self.size * self.size), background, values.dtype)
        for channel, one in zip(np.atleast_2d(image), np.atleast_2d(values.T)):  # quicker than all channels at once
            channel[self.pixel] = one
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
        return Surface(row * size + column, inverse_depth, size, owner, self.drawn, self.corners, self.vertices, planes)


def rasterise(
    points: np.ndarray, depth: np.ndarray, triangles: np.ndarray, size: int, likely: np.ndarray | None = None
) -> Surface:
    """Draw triangles (t, 3) into a square frame; those that face away and slivers without area are left out.

    The vertices have pixel coordinates `points` (n, 2) and positive distances `depth` (n,). Of two triangles equally near, the
    later one is seen. Which are `likely` to be seen, (t,) bool, changes nothing but the time it takes: they are drawn first, and
    of the others only those that are not behind all of what is drawn by then.
    """
    # arrays over corners are kept as (3, t), since NumPy is slow along a last axis of three; indices are of its own width
    x, y = (np.ascontiguousarray(along).take(triangles.T) for along in points.T)
    area = (x[2] - x[0]) * (y[1] - y[0]) - (x[1] - x[0]) * (y[2] - y[0])
    low, high = np.stack([x.min(0), y.min(0)]), np.stack([x.max(0), y.max(0)])
    first, last = _centres(low, high, size)
    drawable = (area > 1e-9) & (last[0] >= first[0]) & (last[1] >= first[1])
    nearest = np.zeros(size * size)  # inverse depth
    if likely is None:
        drawn = [_draw(points, depth, triangles, np.flatnonzero(drawable), first[1], last[1], nearest, size)]
    else:
        chosen = np.flatnonzero(drawable & likely)
        drawn = [_draw(points, depth, triangles, chosen, first[1], last[1], nearest, size)]
        rest = np.flatnonzero(drawable & ~likely)
        # thin ones are drawn in any case, since their depth cannot be bounded by that of their corners
        thick = area.take(rest) > np.maximum(0.1 * (high - low).sum(0).take(rest), 0.01)
        near = (1 + 1e-5) / depth.take(triangles.T.take(rest, axis=1)).min(0)
        hidden = thick & (near < _least(nearest, size, first.take(rest, axis=1), last.take(rest, axis=1)))
        drawn.append(_draw(points, depth, triangles, rest[~hidden], first[1], last[1], nearest, size))

    seen = np.full(size * size, -1)
    for one in drawn:
        won = np.flatnonzero(one.inverse_depth == nearest.take(one.pixel))
        np.maximum.at(seen, one.pixel.take(won), one.owner.take(one.span.take(won)))
    pixel = np.flatnonzero(seen >= 0)
    triangle = np.concatenate([one.triangle for one in drawn])
    place = np.empty(len(triangles), np.intp)
    place[triangle] = np.arange(len(triangle))
    return Surface(
        pixel=pixel,
        inverse_depth=nearest.take(pixel),
        size=size,
        owner=place.take(seen.take(pixel)),
        drawn=triangle,
        corners=triangles.T.take(triangle, axis=1).T,
        vertices=len(points),
        planes=np.concatenate([one.planes for one in drawn], axis=2),
    )


@dataclass(frozen=True)
class _Fragments:
    """What some triangles (s,) contribute: their numbers and `planes`; the triangle's number of each of r spans; span, pixel and
    inverse depth of each of f fragments."""

    triangle: np.ndarray
    planes: np.ndarray
    owner: np.ndarray
    span: np.ndarray
    pixel: np.ndarray
    inverse_depth: np.ndarray


def _draw(
    points: np.ndarray,
    depth: np.ndarray,
    triangles: np.ndarray,
    chosen: np.ndarray,
    first: np.ndarray,
    last: np.ndarray,
    nearest: np.ndarray,
    size: int,
) -> _Fragments:
    """The fragments of the `chosen` triangles, whose rows are `first` to `last`; the z-buffer `nearest` is brought up to date."""
    planes = _planes(points, depth, triangles.T.take(chosen, axis=1).T)
    first, rows = first.take(chosen), (last - first + 1).take(chosen)

    # spans: one per row of each triangle, between two left and two right edges (one of them twice)
    owner = np.repeat(np.arange(len(chosen)), rows)
    row = np.arange(len(owner)) + (first - (np.cumsum(rows) - rows)).take(owner)
    y = row.astype(float)
    left, right = (
        limit(*(_line(slope, at_0, owner, y) for slope, at_0 in edges))
        for limit, edges in zip((np.maximum, np.minimum), _sides(*planes))
    )
    start, stop = _centres(left, right, size)
    length = np.maximum(stop - start + 1, 0)

    # fragments: one per pixel of each span. What the corners contribute to 1/z is linear on the screen
    a, b, c = planes.sum(1)
    start -= np.cumsum(length) - length
    span = np.repeat(np.arange(len(row)), length)  # quicker than to repeat what belongs to the spans
    column = np.arange(len(span))
    pixel = (start + row * size).take(span)
    pixel += column
    column += start.take(span)
    inverse_depth = a.take(owner).take(span)
    inverse_depth *= column
    inverse_depth += _line(b, c, owner, y).take(span)
    np.maximum.at(nearest, pixel, inverse_depth)
    return _Fragments(chosen, planes, chosen.take(owner), span, pixel, inverse_depth)


def _least(nearest: np.ndarray, size: int, first: np.ndarray, last: np.ndarray) -> np.ndarray:
    """A lower bound of the z-buffer over boxes, `first` to `last` (2, s), columns and rows: (s,); 0 for boxes too large for it.

    The least of square cells is kept for cells of several sizes, and a box is in four cells of its own size.
    """
    side = size + -size % 2 ** CELLS[-1]
    cells = nearest.reshape(size, size)
    if side > size:
        cells = np.pad(cells, (0, side - size), constant_values=np.inf)
    starts, pyramid = [], [np.zeros(1)]
    for before, cell in zip((0, *CELLS), CELLS):
        factor = 2 ** (cell - before)
        cells = reduce(np.minimum, (cells[i::factor] for i in range(factor)))
        cells = reduce(np.minimum, (cells[:, i::factor] for i in range(factor)))
        starts.append(sum(map(len, pyramid)))
        pyramid.append(cells.ravel())
    level = np.searchsorted(2 ** np.array(CELLS), np.maximum(*(last - first)) + 1)
    fits = level < len(CELLS)
    level = level * fits
    cell, start, width = (np.array(values).take(level) for values in (CELLS, starts, [side >> n for n in CELLS]))
    (left, top), (right, bottom) = first >> cell, last >> cell
    corners = [start + row * width + column for row in (top, bottom) for column in (left, right)]
    return np.minimum.reduce(np.concatenate(pyramid).take(corners)) * fits


def _planes(points: np.ndarray, depth: np.ndarray, corners: np.ndarray) -> np.ndarray:
    """What the corners of triangles (s, 3) add to the inverse depth at (x, y), a x + b y + c: (3, 3, s), coefficients first."""
    x, y = (np.ascontiguousarray(along).take(corners.T) for along in points.T)
    planes = np.empty((3, *x.shape))
    a, b, c = planes  # the half plane of the edge opposite each corner; c adds up to the area
    for corner, (following, last) in enumerate(((1, 2), (2, 0), (0, 1))):
        np.subtract(y[last], y[following], out=a[corner])
        np.subtract(x[following], x[last], out=b[corner])
        np.subtract(x[last] * y[following], x[following] * y[last], out=c[corner])
    planes /= c.sum(0)
    planes *= 1 / depth.take(corners.T)
    return planes


@lru_cache(maxsize=4)
def _lattice(size: int) -> tuple[np.ndarray, np.ndarray]:
    """Row and column of each pixel of a frame, as floating-point numbers: (size * size,) each."""
    row, column = np.indices((size, size), float).reshape(2, -1)
    return row, column


def _line(slope: np.ndarray, at_0: np.ndarray, owner: np.ndarray, y: np.ndarray) -> np.ndarray:
    """slope y + at_0 with the coefficients (s,) of the `owner` (k,) of each point: (k,)."""
    total = slope.take(owner)
    total *= y
    total += at_0.take(owner)
    return total


def _linear(a: np.ndarray, b: np.ndarray, c: np.ndarray, owner: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """a x + b y + c with the coefficients (s,) of the `owner` (k,) of each point: (k,); in place, since that is quicker."""
    total, part = a.take(owner), b.take(owner)
    total *= x
    part *= y
    total += part
    total += c.take(owner)
    return total


def _centres(low: np.ndarray, high: np.ndarray, size: int) -> tuple[np.ndarray, np.ndarray]:
    """The first and the last pixel centre in an interval of a row or column; the last is before the first if there is none."""
    first, last = low - EDGE_TOLERANCE, high + EDGE_TOLERANCE
    np.clip(np.ceil(first, out=first), 0, size, out=first)
    np.clip(np.floor(last, out=last), -1, size - 1, out=last)
    return first.astype(np.intp), last.astype(np.intp)


def _sides(a: np.ndarray, b: np.ndarray, c: np.ndarray) -> tuple[list, list]:
    """The edges that bound triangles on the left and on the right, two each: lines x = slope y + at_0 as pairs of (s,)."""
    a = np.where(np.abs(a) < 1e-12 * np.abs(b), 0, a)  # level edges bound neither side
    with np.errstate(divide="ignore", invalid="ignore"):
        slope, at_0 = -b / a, -c / a
    highest, lowest, triangles = _first(np.greater, a), _first(np.less, a), a.shape[1]
    order = np.stack([highest, 3 - highest - lowest, lowest]) * triangles + np.arange(triangles)  # in the flat arrays
    left, middle, right = zip(slope.take(order), at_0.take(order))
    sign = a.take(order[1])
    second_left = [np.where(sign > 0, one, other) for one, other in zip(middle, left)]
    second_right = [np.where(sign < 0, one, other) for one, other in zip(middle, right)]
    return [left, second_left], [right, second_right]


def _first(beats: np.ufunc, values: np.ndarray) -> np.ndarray:
    """Which of three values (3, s) is the greatest or the least, the first of equal ones: (s,). Much quicker than `argmax`."""
    found = beats(values[1], values[0]).astype(np.intp)
    found[beats(values[2], np.where(found, values[1], values[0]))] = 2
    return found
