"""A person before a camera: from action units, gaze and pose to a picture.

Once per person: paint the atlas, tint the vertices, cast the shadows. Per frame: move the vertices, light them, find what each
pixel of a lattice twice as fine sees, look its colour up, and average down; furrows, lamps that sway and a shutter that stays
open for a while are settings of a frame.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from typing import Any

import cv2
import numpy as np

from .action_units import ActionUnits
from .camera import FRONTAL, Pose
from .furrows import Furrows, draw_furrows
from .head import PARTS, load_head
from .identity import Identity
from .looks import LOOKS
from .material import inside_mouth
from .optics import View, strand_gloss
from .raster import Surface, rasterise
from .shading import Light, adjoining, gloss, irradiance, soft_visibility, vertex_normals
from .texture import EYE_RADIUS, PAINTED
from .worn import Worn

SUPERSAMPLING = 2
WIDTH = 512  # of the image that OpenCV is given for a list of positions
SNAP = 2.0**20  # coordinates and depths are multiples of 1 / SNAP, in pixels of a lattice and decimetres
MOUTH_LIGHT = 0.4  # share of the light that reaches the teeth
LID_GAP = 0.008  # decimetres between eyeball and lid
LIDS_FOLLOW = 1.2  # intensity of the eyes-up and eyes-down units per radian of gaze
SWAY = 0.1  # radians: how far a lamp is swayed to see how shadows move


@dataclass(frozen=True)
class Expression:
    """The state of a face: action unit -> (left, right) intensity; gaze in radians, to the picture's right and up."""

    action_units: ActionUnits = field(default_factory=dict)
    gaze: tuple[float, float] = (0.0, 0.0)


NEUTRAL = Expression()


@dataclass(frozen=True)
class Shot:
    """What a frame has besides face and head.

    Attributes:
        gain: scales the lamps.
        furrows: how dark lines in the skin become (1: as deep as `furrows` draws them).
        sway: radians by which the lamps are turned, to the picture's right and up.
    """

    gain: float = 1.0
    furrows: float = 0.0
    sway: tuple[float, float] = (0.0, 0.0)


STILL = Shot()


@dataclass(frozen=True)
class Posed:
    """A state of face and head, moved and projected: vertices (n, 3) before the pose, pixel coordinates (n, 2) and depth (n,) on
    the fine lattice."""

    expression: Expression
    pose: Pose
    vertices: np.ndarray
    points: np.ndarray
    depth: np.ndarray


class Renderer:
    """One person, one camera and one set of lamps; renders any expression and pose.

    Args:
        identity: who.
        size: of the frame in pixels; texture detail is matched to it.
        light: the lamps. The neutral face casts their shadows, which then move with the skin.
        backdrop: linear RGB of the wall, (3,), or a picture of it on the fine lattice, (side, side, 3).
    """

    def __init__(self, identity: Identity, *, size: int, light: Light, backdrop: np.ndarray):
        head = load_head()
        self.identity, self.size, self.light = identity, size, light
        self.camera = identity.camera(size)
        look = LOOKS[identity.world]
        # a product of two numbers of single precision is exact in double precision, so that sums of them are the same whether a
        # processor rounds products or not
        self._sums = np.float32 if identity.world == "synthme-1" else np.float64
        flowing = look.hair_mesh and identity.appearance.long_hair
        self.triangles = head.triangles if flowing else head.triangles[head.part != PARTS.index("hair")]
        self._atlas = look.paint(identity, min(4 * size, PAINTED))
        self._tint, self._gloss = look.material(head, identity.appearance)
        # closed lips hide the mouth from every lamp; some light gets in as soon as they part
        self._in_mouth = MOUTH_LIGHT * inside_mouth(head)
        self._openness = np.maximum(head.openness**look.depth, self._in_mouth)
        self._skin_triangles, self._meeting = self.triangles, adjoining(self.triangles, len(head.vertices))
        self._worn, self._worn_normals, self._strands = np.zeros((0, 3)), np.zeros((0, 3)), np.zeros((0, 3))
        for thing in look.worn(identity):
            self._put_on(thing)
        # column after column, as `rasterise` and `vertex_normals` read them
        self.triangles, self._skin_triangles = map(np.asfortranarray, (self.triangles, self._skin_triangles))
        self._optics, self._tone = look.optics(identity), look.tone
        self._lit = self._shadows(light.directions)
        side = size * SUPERSAMPLING
        fade = (1.06 - 0.2 * np.linspace(0, 1, side))[:, None, None] if np.ndim(backdrop) == 1 else 1.0
        self._backdrop = np.broadcast_to(backdrop * fade, (side, side, 3)).astype(np.float32)

    def _put_on(self, thing: Worn) -> None:
        self.triangles = np.concatenate([self.triangles, thing.triangles + len(self._tint)])
        texel = thing.texel * (self._atlas.colour.shape[1] / PAINTED)
        position = np.concatenate([self._atlas.position, texel.astype(np.float32)])
        self._atlas = replace(self._atlas, position=position)
        self._tint = np.concatenate([self._tint, thing.tint])
        self._gloss = np.concatenate([self._gloss, thing.gloss])
        self._in_mouth = np.concatenate([self._in_mouth, np.zeros(len(thing.vertices))])
        self._openness = np.concatenate([self._openness, thing.openness])
        self._worn = np.concatenate([self._worn, thing.vertices])
        self._worn_normals = np.concatenate([self._worn_normals, thing.normals])
        self._strands = np.concatenate([self._strands, thing.strands])

    def _shadows(self, directions: np.ndarray) -> np.ndarray:
        """How much of each lamp each vertex sees: (2, n)."""
        neutral = np.concatenate([self.identity.vertices, self._worn]) if len(self._worn) else self.identity.vertices
        return np.maximum([soft_visibility(neutral, self.triangles, way) for way in directions], self._in_mouth)

    @cached_property
    def _swayed(self) -> tuple[np.ndarray, np.ndarray]:
        """How the shadows change per radian, when the lamps are turned to the right and up."""
        changes = [self._shadows(self.light.swayed(*way).directions) - self._lit for way in ((SWAY, 0.0), (0.0, SWAY))]
        return changes[0] / SWAY, changes[1] / SWAY

    @cached_property
    def _likely(self) -> np.ndarray:
        """Which triangles are seen at rest, more or less, or have to be drawn since nothing surely hides them: (t,) bool."""
        points, depth = self.project(self.vertices(NEUTRAL), FRONTAL, supersampling=SUPERSAMPLING)
        used = np.zeros(len(points), bool)
        used[rasterise(points, depth, self.triangles, self.size * SUPERSAMPLING).used] = True
        likely = used[self.triangles].all(1)
        likely[rasterise(points, depth, self.triangles, self.size * SUPERSAMPLING, likely).drawn] = True
        return likely

    @cached_property
    def _furrows(self) -> Furrows:
        return draw_furrows(self.identity, self._atlas.colour.shape[1])

    def vertices(self, expression: Expression) -> np.ndarray:
        """The head with an expression, and what it wears, before it is posed: (n, 3)."""
        across, up = expression.gaze
        units = dict(expression.action_units)
        for unit, amount in ((63, LIDS_FOLLOW * max(up, 0)), (64, LIDS_FOLLOW * max(-up, 0))):
            if amount:
                units[unit] = (amount, amount)
        vertices = self.identity.vertices + self.identity.displacement(units)
        for eye, lids in _eyes():
            low, high = vertices[eye].min(0), vertices[eye].max(0)
            centre, radius = (low + high) / 2, (high[0] - low[0]) / 2
            if across or up:
                vertices[eye] = (vertices[eye] - centre) @ Pose(pitch=-up, yaw=across).rotation().T + centre
            offset = vertices[lids] - centre  # lids slide over the eyeball, never through
            distance = np.linalg.norm(offset, axis=1, keepdims=True)
            vertices[lids] = centre + offset * np.maximum(1, (radius + LID_GAP) / distance)
        return np.concatenate([vertices, self._worn]) if len(self._worn) else vertices

    def project(self, vertices: np.ndarray, pose: Pose, *, supersampling: int = 1) -> tuple[np.ndarray, np.ndarray]:
        """Pixel coordinates (n, 2) and depth (n,) of vertices on a lattice so many times as fine."""
        points, depth = self.camera.supersampled(supersampling).project(vertices, pose)
        if self.identity.world == "synthme-1":
            return points, depth
        # where surfaces touch, the last bit decides which is seen, and it depends on the processor
        return np.round(points * SNAP) / SNAP, np.round(depth * SNAP) / SNAP

    def surface(self, vertices: np.ndarray, pose: Pose, *, supersampling: int = 1) -> Surface:
        """What each pixel sees; with `supersampling` 1, exactly at the pixel centres of the picture."""
        points, depth = self.project(vertices, pose, supersampling=supersampling)
        return rasterise(points, depth, self.triangles, self.size * supersampling, self._likely)

    def posed(self, expression: Expression = NEUTRAL, pose: Pose = FRONTAL) -> Posed:
        """A state, ready for `render_posed`."""
        vertices = self.vertices(expression)
        return Posed(expression, pose, vertices, *self.project(vertices, pose, supersampling=SUPERSAMPLING))

    def render(self, expression: Expression = NEUTRAL, pose: Pose = FRONTAL, *, shot: Shot = STILL) -> np.ndarray:
        """A noiseless picture: (size, size, 3) float32, encoded RGB in [0, 1]."""
        return self.render_posed(self.posed(expression, pose), shot)

    def render_posed(self, state: Posed, shot: Shot = STILL, path: np.ndarray | None = None) -> np.ndarray:
        """The picture of a state; `path` (n, 2) is how far each vertex moves on the fine lattice while the shutter is open."""
        lamps = self.light.swayed(*shot.sway) if any(shot.sway) else self.light
        surface = rasterise(state.points, state.depth, self.triangles, self.size * SUPERSAMPLING, self._likely)
        picture = self._backdrop.copy()
        moved = self._draw(picture, surface, state, lamps, shot, path) if len(surface.pixel) else None
        linear = shot.gain * cv2.resize(picture, (self.size, self.size), interpolation=cv2.INTER_AREA)
        if moved is not None:
            linear = _exposed(
                linear, [cv2.resize(part, (self.size, self.size), interpolation=cv2.INTER_AREA) for part in moved]
            )
        return self._tone(linear)

    def _draw(
        self, picture: np.ndarray, surface: Surface, state: Posed, lamps: Light, shot: Shot, path: np.ndarray | None
    ) -> np.ndarray | None:
        """Draw the head, of which something is seen, into the picture; gives how far each pixel moves if there is a `path`."""
        at_used = self._shaded(state, surface.used, lamps, self._lit_by(shot.sway, surface.used))
        if path is not None:
            at_used = np.column_stack([at_used, (path.take(surface.used, axis=0) / SUPERSAMPLING).astype(np.float32)])
        # (6, k), or (8, k) with the path: NumPy is slow along a last axis of three
        seen = cv2.transpose((surface.weights_of_used @ at_used.astype(self._sums)).astype(np.float32))
        texel, gleam = _positions(seen[:2]), seen[5]
        *channels, shine = _look_up(self._atlas.colour, texel, len(gleam)).T
        if len(channels) == 3:  # the fourth is how much a texel shines
            gleam = shine * gleam
        else:
            channels.append(shine)
        dark = None
        if shot.furrows and (lines := self._furrows.darkening(state.expression.action_units)) is not None:
            dark = 1 - np.float32(shot.furrows) * _look_up(lines, texel, len(gleam))[:, 0]
        for channel, (colour, light) in enumerate(zip(channels, seen[2:5])):
            colour = (colour if dark is None else colour * dark) * light
            colour += gleam
            picture.reshape(-1, 3)[:, channel][surface.pixel] = colour
        if self._optics:
            view = self._view(state, surface, seen[:2], lamps)
            for reflect in self._optics:
                reflect(picture, view)
        return None if path is None else surface.image(seen[6:].T)

    def _lit_by(self, sway: tuple[float, float], used: np.ndarray) -> np.ndarray:
        """How much of each swayed lamp the `used` vertices (u,) see: (2, u)."""
        lit = self._lit.take(used, axis=1)
        if not any(sway):
            return lit
        return np.clip(lit + sum(turn * change.take(used, axis=1) for turn, change in zip(sway, self._swayed)), 0, 1)

    def _shaded(self, state: Posed, used: np.ndarray, lamps: Light, lit: np.ndarray) -> np.ndarray:
        """Texel, tinted light and gloss of the `used` vertices (u,): (u, 6) float32."""
        n = len(state.vertices) - len(self._worn)
        normals = vertex_normals(state.vertices[:n], self._skin_triangles, self._meeting)
        normals = np.concatenate([normals, self._worn_normals]) @ state.pose.rotation().T
        normals, openness, strength = normals.take(used, axis=0), self._openness.take(used), self._gloss.take(used)
        shine = gloss(normals, lamps, lit, strength * openness)
        if len(self._strands):  # hair is worn first
            hair = np.flatnonzero((used >= n) & (used < n + len(self._strands)))
            strands = self._strands.take(used.take(hair) - n, axis=0) @ state.pose.rotation().T
            shine[hair] = strand_gloss(strands, lamps, lit.take(hair, axis=1), strength.take(hair))
        light = irradiance(normals, lamps, openness, lit) * self._tint.take(used, axis=0)
        return np.column_stack(
            [self._atlas.position.take(used, axis=0), light.astype(np.float32), shine.astype(np.float32)]
        )

    def _view(self, state: Posed, surface: Surface, texel: np.ndarray, lamps: Light) -> View:
        """What reflections depend on."""
        return View(
            camera=self.camera.supersampled(SUPERSAMPLING),
            surface=surface,
            texel=texel * np.float32(PAINTED / self._atlas.colour.shape[1]),
            vertices=state.vertices,
            points=state.points,
            pose=state.pose,
            gaze=state.expression.gaze,
            lamps=lamps,
        )


def _exposed(picture: np.ndarray, path: Sequence[np.ndarray]) -> np.ndarray:
    """The mean of a picture (h, w, 3) over an exposure in whose middle it was taken; `path`, x and y, how far its pixels move."""
    longest = max(float(np.abs(part).max()) for part in path)
    if longest < 0.05:
        return picture
    instants = 2 * int(np.clip(np.ceil(longest / 2), 1, 6)) + 1  # two pixels of a blink in a step, at most
    picture = picture.astype(np.float32)  # of double precision, OpenCV 5 makes the border black
    row, column = _lattice(*picture.shape[:2])
    total = np.zeros_like(picture)
    for moment in (np.arange(instants) + 0.5) / instants - 0.5:
        if moment:
            x, y = (lattice - np.float32(moment) * part for lattice, part in zip((column, row), path))
            total += cv2.remap(picture, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
        else:  # in the middle nothing has moved yet
            total += picture
    return np.maximum(total / instants, 0)


@lru_cache(maxsize=4)
def _lattice(height: int, width: int) -> np.ndarray:
    """Row and column of each pixel: (2, height, width) float32."""
    return np.mgrid[:height, :width].astype(np.float32)


def _positions(texel: np.ndarray) -> np.ndarray:
    """Texel coordinates (2, k) as OpenCV takes them, in rows of an image: (ceil(k / WIDTH), WIDTH, 2) float32."""
    k = texel.shape[1]
    positions = np.zeros((-(-k // WIDTH) * WIDTH, 2), np.float32)
    for axis in (0, 1):  # faster than pairs of numbers
        positions[:k, axis] = texel[axis]
    return positions.reshape(-1, WIDTH, 2)


def _look_up(image: np.ndarray, positions: np.ndarray, k: int) -> np.ndarray:
    """Bilinear samples of an image (h, w, c) or (h, w) at the first k of the positions: (k, c), or (k, 1)."""
    no_second_map: Any = None  # x and y share the first; OpenCV's stubs do not know
    samples = cv2.remap(image, positions, no_second_map, cv2.INTER_LINEAR)
    return samples.reshape(positions.size // 2, -1)[:k]


@lru_cache(maxsize=1)
def _eyes() -> tuple[tuple[np.ndarray, np.ndarray], ...]:
    """Vertex numbers of the eyeball and of the lids in front of it, for the left and the right eye."""
    head = load_head()
    pairs = []
    for ball, centre in head.eyes:
        offset = head.vertices - centre
        near = (np.linalg.norm(offset, axis=1) < 1.8 * EYE_RADIUS) & (offset[:, 2] > 0.02)
        pairs.append((ball, np.flatnonzero(near & (head.vertex_part == PARTS.index("skin")))))
    return tuple(pairs)
