r"""Which triangle is seen at each pixel, and where in it: a z-buffer in plain NumPy.

A triangle is the intersection of three half planes $a_i x + b_i y + c_i \ge 0$. On a row of pixels each of them bounds
$x$ from one side, so a triangle becomes *spans*, one a row, and a span becomes *fragments*, one a pixel; both steps are one
`np.repeat`. Inverse depth $1/z$ is linear on the screen, so the nearest fragment is the one with the largest.
The half-plane functions, divided by their sum, are the barycentric coordinates; perspective turns them into
$\beta_i \propto \lambda_i / z_i$ on the surface.
"""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix

EDGE_TOLERANCE = 1e-7  # pixels; neighbours then never leave a crack between them, and the z-buffer settles overlaps


@dataclass(frozen=True)
class Surface:
    """What a camera sees, pixel by pixel; k pixels show something.

    Attributes:
        pixel: (k,) flat numbers (row * size + column), each once, ascending.
        triangle: (k,) the triangle seen.
        weights: (k, n) sparse, three barycentric coordinates a row: `weights @ values` carries anything that is known
            at vertices to pixels.
        inverse_depth: (k,)
        size: of the frame.
    """

    pixel: np.ndarray
    triangle: np.ndarray
    weights: csr_matrix
    inverse_depth: np.ndarray
    size: int

    def paint(self, values: np.ndarray, background: float = 0.0) -> np.ndarray:
        """Values at vertices (n,) or (n, c) -> image (size, size) or (size, size, c) of the same type."""
        image = np.full((self.size * self.size, *values.shape[1:]), background, values.dtype)
        image[self.pixel] = self.weights @ values
        return image.reshape(self.size, self.size, *values.shape[1:])


def rasterise(points: np.ndarray, depth: np.ndarray, triangles: np.ndarray, size: int) -> Surface:
    """Draw triangles into a square frame.

    Args:
        points: (n, 2) pixel coordinates of vertices.
        depth: (n,) positive distances.
        triangles: (t, 3); those that turn their back to the camera are left out, as are slivers without area.
        size: of the frame.
    """
    corner = points[triangles]  # (t, 3, 2)
    x, y = corner[..., 0], corner[..., 1]
    x1, x2, y1, y2 = np.roll(x, -1, 1), np.roll(x, -2, 1), np.roll(y, -1, 1), np.roll(y, -2, 1)
    # half plane i belongs to the edge opposite corner i; y points down, so a front face has negative area
    a, b, c = y2 - y1, x1 - x2, x2 * y1 - x1 * y2
    area = c.sum(1)
    first = np.maximum(np.ceil(y.min(1) - EDGE_TOLERANCE), 0).astype(np.int64)
    last = np.minimum(np.floor(y.max(1) + EDGE_TOLERANCE), size - 1).astype(np.int64)
    seen = np.flatnonzero((area > 1e-9) & (last >= first) & (x.max(1) >= 0) & (x.min(1) <= size - 1))
    corner_inverse = 1 / depth[triangles]
    seen = seen[
        np.argsort(corner_inverse[seen].sum(1), kind="stable")
    ]  # far to near: few fragments then need a second look
    a, b, c = (edge[seen] / area[seen, None] for edge in (a, b, c))
    corner_inverse = corner_inverse[seen]
    plane_x, plane_y, plane_0 = ((edge * corner_inverse).sum(1) for edge in (a, b, c))

    # spans: one for each row of each triangle
    rows = last[seen] - first[seen] + 1
    owner = np.repeat(np.arange(len(seen)), rows)
    row = first[seen][owner] + _counters(rows)
    offset = b[owner] * row[:, None] + c[owner]
    slope = a[owner]
    with np.errstate(divide="ignore", invalid="ignore"):
        bound = -offset / slope
    left = np.where(slope > 0, bound, -np.inf).max(1)
    right = np.where(slope < 0, bound, np.inf).min(1)
    start = np.maximum(np.ceil(left - EDGE_TOLERANCE), 0).astype(np.int64)
    stop = np.minimum(np.floor(right + EDGE_TOLERANCE), size - 1).astype(np.int64)

    # fragments: one for each pixel of each span
    length = np.maximum(stop - start + 1, 0)
    span = np.repeat(np.arange(len(length)), length)
    column = start[span] + _counters(length)
    pixel = row[span] * size + column
    owner = owner[span]
    inverse_depth = (plane_y * 1.0)[owner] * row[span] + plane_x[owner] * column + plane_0[owner]

    nearest = np.full(size * size, -1)
    nearest[pixel] = np.arange(len(pixel))  # the last one written wins, and the last is nearly always the nearest
    while True:
        nearer = np.flatnonzero(inverse_depth > inverse_depth[nearest[pixel]])
        if not len(nearer):
            break
        nearest[pixel[nearer]] = nearer
    fragment = nearest[nearest >= 0]

    owner, inverse = owner[fragment], inverse_depth[fragment]
    flat = pixel[fragment]
    barycentric = a[owner] * (flat % size)[:, None] + b[owner] * (flat // size)[:, None] + c[owner]
    barycentric *= corner_inverse[owner] / inverse[:, None]
    triangle = seen[owner]
    weights = csr_matrix(
        (barycentric.astype(np.float32).ravel(), triangles[triangle].astype(np.int32).ravel(),
         np.arange(0, 3 * len(flat) + 1, 3, dtype=np.int32)),
        shape=(len(flat), len(points)),
    )  # fmt: skip
    return Surface(pixel=flat, triangle=triangle, weights=weights, inverse_depth=inverse, size=size)


def _counters(lengths: np.ndarray) -> np.ndarray:
    """[3, 2] -> [0, 1, 2, 0, 1]."""
    return np.arange(lengths.sum()) - np.repeat(np.cumsum(lengths) - lengths, lengths)
