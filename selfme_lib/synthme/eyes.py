"""Eyes: ball, lids and lashes as they are painted, and what is wet on them as it reflects.

The cornea bulges from the ball (radius 7.8 mm on 12), so a lamp's image in it hardly moves while the iris turns: it stays with
the lamps, the head and the camera. A film of tears along the lower lid reflects the same lamps as a line.
"""

from functools import lru_cache

import cv2
import numpy as np

from .camera import Pose
from .head import PARTS, load_head, smoothstep
from .identity import Identity
from .optics import View, axes_of_lamp
from .texture import EYE_RADIUS, MARGIN, PAINTED, TILE, cover_with, vertex_positions
from .traits import Traits

CORNEA = 0.65 * EYE_RADIUS  # its radius
LIMBUS = 0.068  # where it meets the white
LAMP = (0.22, 0.30)  # half width and half height of a lamp, radians
BRIGHT = 1.3


@lru_cache(maxsize=1)
def lid_edges() -> tuple[tuple[np.ndarray, np.ndarray], ...]:
    """Vertex numbers along the edge of the upper and of the lower lid, sorted by x, for the left and the right eye."""
    head = load_head()
    edges = []
    for _, centre in head.eyes:
        offset = head.vertices - centre
        near = (np.linalg.norm(offset, axis=1) < EYE_RADIUS + 0.012) & (offset[:, 2] > 0.05)
        ring = np.flatnonzero(near & (head.vertex_part == PARTS.index("skin")))
        ring = ring[np.argsort(head.vertices[ring, 0])]
        x, y = head.vertices[ring, 0], head.vertices[ring, 1]
        corners = np.interp(x, x[[0, -1]], y[[0, -1]])
        ends = ring[[0, -1]]
        upper, lower = ring[1:-1][y[1:-1] > corners[1:-1]], ring[1:-1][y[1:-1] < corners[1:-1]]
        edges.append((np.r_[ends[:1], upper, ends[1:]], np.r_[ends[:1], lower, ends[1:]]))
    return tuple(edges)


def paint_eye(generator: np.random.Generator, traits: Traits, iris_colour: np.ndarray) -> np.ndarray:
    """The ball seen from in front, (TILE, TILE, 4): sclera with veins, iris with fibres and rings, pupil; then gloss."""
    row, column = np.mgrid[0:TILE, 0:TILE].astype(np.float32)
    x = ((column + 0.5) / TILE * 2 - 1) * MARGIN * EYE_RADIUS
    y = (1 - (row + 0.5) / TILE * 2) * MARGIN * EYE_RADIUS
    radius, angle = np.hypot(x, y), np.arctan2(y, x)
    side = smoothstep(0.06, 0.125, np.abs(x))
    white = np.array([0.80, 0.765, 0.74]) * (1 - 0.10 * smoothstep(0.07, 0.13, radius))[..., None]
    white = white * (1 - side[..., None] * np.array([0.06, 0.22, 0.22]))
    veins = np.zeros((TILE, TILE), np.float32)
    for _ in range(26):
        turn = generator.choice([0.0, np.pi]) + generator.normal(0, 0.5)
        r = np.linspace(0.135, generator.uniform(0.075, 0.11), 8)
        turn = turn + generator.normal(0, 0.05, 8).cumsum()
        points = np.stack([r * np.cos(turn), -r * np.sin(turn)], 1) / (MARGIN * EYE_RADIUS)
        points = np.round((points + 1) / 2 * TILE * 16).astype(np.int32)
        cv2.polylines(veins, [points], False, float(generator.uniform(0.3, 0.9)), 1, cv2.LINE_AA, 4)
    white = white * (1 - 0.16 * cv2.GaussianBlur(veins, (0, 0), 0.8)[..., None] * np.array([0.3, 1, 1]))

    edge, pupil_edge = traits.iris_radius, traits.pupil_radius
    rays = np.convolve(np.tile(generator.standard_normal(360), 3), np.hanning(7), mode="same")[360:720]
    coarse = np.convolve(np.tile(generator.standard_normal(360), 3), np.hanning(31), mode="same")[360:720]
    rays = rays / rays.std() + 0.6 * coarse / coarse.std()
    fibres = rays[((angle + np.pi) / (2 * np.pi) * 359).astype(int)]
    reach = np.clip((radius - pupil_edge) / (edge - pupil_edge), 0, 1)
    collarette = np.exp(-(((reach - 0.30 - 0.03 * fibres) / 0.14) ** 2))
    shade = 0.85 + 0.13 * fibres + 0.30 * collarette + 0.30 * np.clip(-y / edge, 0, 1) - 0.25 * np.clip(y / edge, 0, 1)
    iris = iris_colour * shade[..., None] + collarette[..., None] * np.array([0.035, 0.018, 0.004])
    iris = iris * (1 - traits.ring * smoothstep(0.72, 1.0, reach))[..., None]
    inside = smoothstep(edge + 0.0035, edge - 0.0045, radius)[..., None]
    pupil = smoothstep(pupil_edge + 0.0015, pupil_edge - 0.0025, radius)[..., None]
    eye = (white * (1 - inside) + iris * inside) * (1 - pupil) + 0.008 * pupil
    gloss = np.full((TILE, TILE, 1), 0.25)
    return np.concatenate([np.maximum(eye, 0.004), gloss], axis=2).astype(np.float32)


def paint_lids(generator: np.random.Generator, traits: Traits, melanin: float, canvas: np.ndarray) -> None:
    """Lids, lashes, the wet line of the lower lid and the caruncle, on the unrolled head (PAINTED, PAINTED, 4)."""
    position = vertex_positions()
    for upper, lower in lid_edges():
        above, below = position[upper], position[lower]
        ring = np.concatenate([above, below[::-1]])
        left, top = np.floor(ring.min(0)).astype(int) - 44
        right, bottom = np.ceil(ring.max(0)).astype(int) + 44
        part = canvas[top:bottom, left:right]
        hole = np.ones(part.shape[:2], np.uint8)
        cv2.fillPoly(hole, [np.round((ring - [left, top]) * 16).astype(np.int32)], 0, cv2.LINE_8, 4)
        far = cv2.distanceTransform(hole, cv2.DIST_L2, 5)
        row, column = np.mgrid[top:bottom, left:right].astype(np.float32)
        inner = above[np.argmin(np.abs(above[:, 0] - PAINTED / 2))]
        outer = above[np.argmax(np.abs(above[:, 0] - PAINTED / 2))]
        middle = np.interp(column[0], *np.array(sorted([tuple(inner), tuple(outer)])).T)
        up = smoothstep(2.0, -2.0, row - middle[None])
        along = np.clip((column - inner[0]) / (outer[0] - inner[0]), -0.2, 1.2)  # 0 at the nose, 1 at the temple
        ends = smoothstep(-0.15, 0.1, along) * smoothstep(1.2, 0.95, along)
        unit = PAINTED / 3.0  # texels per decimetre
        crease = traits.crease_at * unit * (0.55 + 0.6 * np.sin(np.pi * np.clip(along, 0, 1)))
        fold = np.exp(-(((far - crease) / 2.2) ** 2)) + 0.35 * np.exp(-(((far - 1.6 * crease) / 6) ** 2))
        lash_line = np.exp(-((far / 2.4) ** 2))
        dark = up * ends * (0.45 * traits.crease * fold + 0.16 * (far < 1.5 * crease)) + 0.10 * (
            1 - up
        ) * ends * np.exp(-(((far - 15) / 5) ** 2))
        part[..., :3] *= 1 - np.clip(dark, 0, 0.8)[..., None] * np.array([0.8, 1, 1], np.float32)
        rim = (1 - up) * np.exp(-((far / 1.6) ** 2)) * ends  # the edge of the lower lid, wet and pink
        pink = np.minimum(part[..., :3] * np.array([1.12, 0.88, 0.90]) + np.array([0.03, 0.012, 0.012]), 0.8)
        cover_with(part[..., :3], pink, 0.7 * rim)
        cover_with(part[..., 3:], np.full_like(part[..., 3:], 5.0), 0.6 * rim)
        caruncle = np.exp(-(((column - inner[0]) / 4.5) ** 2) - ((row - inner[1]) / 4.0) ** 2)
        flesh = np.array([0.52, 0.25, 0.22]) * (1 - 0.35 * melanin)
        cover_with(part[..., :3], flesh * np.ones_like(part[..., :3]), 0.6 * caruncle)
        ink = np.array([0.02, 0.015, 0.013])
        strong = (0.55 + 0.4 * max(traits.lashes, traits.liner)) * lash_line * up * smoothstep(-0.02, 0.12, along)
        weak = (0.12 + 0.35 * traits.liner) * np.exp(-(((far - 2.5) / 2) ** 2)) * (1 - up) * smoothstep(0.3, 0.8, along)
        cover_with(part[..., :3], ink * np.ones_like(part[..., :3]), np.clip((strong + weak) * ends, 0, 0.95))
        _lashes(generator, traits, above, below, canvas, (slice(top, bottom), slice(left, right)))


def _lashes(generator, traits, above, below, canvas, window) -> None:
    hairs = np.zeros((PAINTED, PAINTED), np.float32)
    for edge, count, length, way in ((above, 46, 0.050, 1), (below, 26, 0.024, -1)):
        path = np.cumsum(np.r_[0, np.hypot(*np.diff(edge, axis=0).T)])
        outwards = np.sign(edge[:, 0].mean() - PAINTED / 2)
        for place in generator.uniform(0.06, 0.97, count):
            x, y = (np.interp(place * path[-1], path, edge[:, axis]) for axis in (0, 1))
            share = place if outwards > 0 else 1 - place  # 0 at the nose
            size = (
                length
                * (0.55 + 0.6 * share)
                * generator.uniform(0.7, 1.1)
                * PAINTED
                / 3.0
                * (0.6 + 0.5 * traits.lashes)
            )
            lean = outwards * np.deg2rad(-15 + 75 * share + generator.normal(0, 8))
            points = np.array([[x, y], [x + size * np.sin(lean), y - way * size * np.cos(lean)]])
            cv2.polylines(
                hairs, [np.round(points * 16).astype(np.int32)], False, float(0.5 + 0.3 * way), 1, cv2.LINE_AA, 4
            )
    part = canvas[window]
    cover = np.clip(cv2.GaussianBlur(hairs[window], (0, 0), 0.6), 0, 1) * (0.35 + 0.6 * traits.lashes)
    cover_with(part[..., :3], np.full_like(part[..., :3], 0.012), cover)


class WetEyes:
    """Reflections on a person's eyes; called once per frame, it changes the linear picture in place."""

    def __init__(self, identity: Identity):
        generator = np.random.default_rng((*identity.key, 8))
        self.size = np.array(LAMP) * generator.uniform(0.7, 1.3, 2)  # of the lamps' images
        self.window = bool(generator.random() < 0.3)  # a window has a bar

    def __call__(self, picture: np.ndarray, view: View) -> None:
        texel_x, texel_y = view.texel
        chosen = np.flatnonzero((texel_y >= PAINTED - 0.5) & (texel_x < TILE))
        if not len(chosen):
            return
        pixel, side = view.surface.pixel[chosen], view.surface.size
        row, column = np.divmod(pixel, side)
        local = (view.texel.take(chosen, axis=1).T - [0, PAINTED]) / TILE * 2 - 1
        local *= np.array([1, -1]) * MARGIN * EYE_RADIUS
        reflected = self._reflected(local, view)
        bright = sum(
            colour * self._image(reflected, way)[:, None]
            for way, colour in zip(view.lamps.directions, view.lamps.colours)
        )
        shade, tears = self._lids(row, column, view)
        flat = picture.reshape(-1, 3)
        lamps = view.lamps.colours.sum(0)
        flat[pixel] = (
            flat[pixel] * shade[:, None] + BRIGHT * bright * (0.4 + 0.6 * shade[:, None]) + tears[:, None] * lamps
        )

    def _reflected(self, local: np.ndarray, view: View) -> np.ndarray:
        """Where each pixel's reflected ray goes, (k, 3), for a camera on the z axis."""
        radius = np.hypot(*local.T)
        on_ball = smoothstep(LIMBUS - 0.006, LIMBUS + 0.008, radius)
        normal = np.empty((len(local), 3))
        normal[:, :2] = local * (on_ball / EYE_RADIUS + (1 - on_ball) / CORNEA)[:, None]
        normal[:, 2] = np.sqrt(np.maximum(1 - (normal[:, :2] ** 2).sum(1), 0))
        across, up = view.gaze
        normal = normal @ (view.pose.rotation() @ Pose(pitch=-up, yaw=across).rotation()).T
        return 2 * normal[:, 2:] * normal - np.array([0.0, 0.0, 1.0])

    def _image(self, reflected: np.ndarray, way: np.ndarray) -> np.ndarray:
        """How much of a lamp each ray meets: (k,) in [0, 1]."""
        x, y = (reflected @ axis for axis in axes_of_lamp(way))
        width, height = self.size
        seen = smoothstep(width + 0.1, width - 0.06, np.abs(x)) * smoothstep(height + 0.1, height - 0.06, np.abs(y))
        if self.window:
            seen = seen * smoothstep(0.02, 0.07, np.abs(x))
        return seen * (reflected @ way > 0)

    def _lids(self, row: np.ndarray, column: np.ndarray, view: View) -> tuple[np.ndarray, np.ndarray]:
        """The shadow of the upper lid, as a factor, and the light of the tears along the lower one: (k,) each."""
        shade, tears = np.ones(len(row)), np.zeros(len(row))
        middles = [view.points[upper, 0].mean() for upper, _ in lid_edges()]
        left = np.abs(column - middles[0]) < np.abs(column - middles[1])
        for here, (upper, lower) in zip((left, ~left), lid_edges()):
            above, below = (_distance(row[here], column[here], view.points[lid]) for lid in (upper, lower))
            scale = view.camera.scale
            shade[here] = (
                1 - 0.62 * np.exp(-((above / (0.045 * scale)) ** 2)) - 0.12 * np.exp(-((below / (0.03 * scale)) ** 2))
            )
            tears[here] = 0.16 * np.exp(-(((below - 0.006 * scale) / (0.007 * scale)) ** 2))
        return shade, tears


def _distance(row: np.ndarray, column: np.ndarray, edge: np.ndarray) -> np.ndarray:
    """Vertical distance of pixels from the edge of a lid, whose points (m, 2) are sorted: (k,)."""
    return np.abs(row - np.interp(column, edge[:, 0], edge[:, 1]))
