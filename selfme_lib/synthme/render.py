"""A person before a camera: from action units, gaze and pose to a picture.

Once per person: paint the atlas, tint the vertices, cast the shadows. Per frame: move the vertices, light them, find what each
pixel of a lattice twice as fine sees, look its colour up, and average down.
"""

from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import cv2
import numpy as np

from .action_units import ActionUnits, displacement
from .camera import FRONTAL, Pose
from .head import PARTS, Head, load_head, smoothstep
from .identity import Appearance, Identity
from .raster import Surface, rasterise
from .shading import Light, gloss, irradiance, soft_visibility, vertex_normals
from .texture import EYE_RADIUS, PAINTED, lip_cover, paint

SUPERSAMPLING = 2
MOUTH_LIGHT = 0.4  # share of the light that reaches the teeth
LID_GAP = 0.008  # decimetres between eyeball and lid
LIDS_FOLLOW = 1.2  # intensity of the eyes-up and eyes-down units per radian of gaze
ENCODING_GAMMA = 1 / 1.8


@dataclass(frozen=True)
class Expression:
    """The state of a face: action unit -> (left, right) intensity; gaze in radians, to the picture's right and up."""

    action_units: ActionUnits = field(default_factory=dict)
    gaze: tuple[float, float] = (0.0, 0.0)


NEUTRAL = Expression()


class Renderer:
    """One person, one camera and one set of lamps; renders any expression and pose.

    Args:
        identity: who.
        size: of the frame in pixels; texture detail is matched to it.
        light: the lamps. The neutral face casts their shadows, which then move with the skin.
        backdrop: linear RGB of the wall, (3,).
    """

    def __init__(self, identity: Identity, *, size: int, light: Light, backdrop: np.ndarray):
        head = load_head()
        self.identity, self.size, self.light = identity, size, light
        self.camera = identity.camera(size)
        worn = identity.appearance.long_hair
        self.triangles = head.triangles if worn else head.triangles[head.part != PARTS.index("hair")]
        self._atlas = paint(identity, side=min(4 * size, PAINTED))
        self._tint, self._gloss = _vertex_material(head, identity.appearance)
        # closed lips hide the mouth from every lamp; some light gets in as soon as they part
        in_mouth = MOUTH_LIGHT * _inside_mouth(head)
        self._openness = np.maximum(head.openness**0.8, in_mouth)
        shadows = [soft_visibility(identity.vertices, self.triangles, direction) for direction in light.directions]
        self._lit = np.maximum(shadows, in_mouth)
        side = size * SUPERSAMPLING
        fade = 1.06 - 0.2 * np.linspace(0, 1, side)
        self._backdrop = np.broadcast_to(backdrop * fade[:, None, None], (side, side, 3)).astype(np.float32)

    def vertices(self, expression: Expression) -> np.ndarray:
        """The head with an expression, before it is posed: (n, 3)."""
        across, up = expression.gaze
        units = dict(expression.action_units)
        for unit, amount in ((63, LIDS_FOLLOW * max(up, 0)), (64, LIDS_FOLLOW * max(-up, 0))):
            if amount:
                units[unit] = (amount, amount)
        vertices = self.identity.vertices + displacement(units)
        for eye, lids in _eyes():
            low, high = vertices[eye].min(0), vertices[eye].max(0)
            centre, radius = (low + high) / 2, (high[0] - low[0]) / 2
            if across or up:
                vertices[eye] = (vertices[eye] - centre) @ Pose(pitch=-up, yaw=across).rotation().T + centre
            offset = vertices[lids] - centre  # lids slide over the eyeball, never through
            distance = np.linalg.norm(offset, axis=1, keepdims=True)
            vertices[lids] = centre + offset * np.maximum(1, (radius + LID_GAP) / distance)
        return vertices

    def surface(self, vertices: np.ndarray, pose: Pose, *, supersampling: int = 1) -> Surface:
        """What each pixel sees; with `supersampling` 1, exactly at the pixel centres of the picture."""
        camera = self.camera.supersampled(supersampling)
        points, depth = camera.project(vertices, pose)
        return rasterise(points, depth, self.triangles, camera.size)

    def render(self, expression: Expression = NEUTRAL, pose: Pose = FRONTAL, *, gain: float = 1.0) -> np.ndarray:
        """A noiseless picture: (size, size, 3) float32, encoded RGB in [0, 1]. `gain` scales the lamps."""
        vertices = self.vertices(expression)
        normals = vertex_normals(vertices, self.triangles) @ pose.rotation().T
        shine = gloss(normals, self.light, self._lit, self._gloss * self._openness)
        light = irradiance(normals, self.light, self._openness, self._lit) * self._tint
        at_vertices = np.column_stack([self._atlas.position, light, shine]).astype(np.float32)

        surface = self.surface(vertices, pose, supersampling=SUPERSAMPLING)
        seen = surface.weights @ at_vertices  # (k, 6)
        colour = _look_up(self._atlas.colour, seen[:, :2])
        picture = self._backdrop.copy()
        picture.reshape(-1, 3)[surface.pixel] = colour * seen[:, 2:5] + seen[:, 5:]
        linear = gain * cv2.resize(picture, (self.size, self.size), interpolation=cv2.INTER_AREA)
        response = linear * 1.05 / (1 + 0.18 * linear)  # highlights roll off softly
        return np.clip(response, 0, 1) ** np.float32(ENCODING_GAMMA)


def _look_up(image: np.ndarray, position: np.ndarray) -> np.ndarray:
    """Bilinear samples of an image (h, w, 3) at texel coordinates (k, 2): (k, 3)."""
    width = 512  # OpenCV takes the list of positions as an image
    rows = -(-len(position) // width)
    positions = np.zeros((rows * width, 2), np.float32)
    positions[: len(position)] = position
    no_second_map: Any = None  # x and y share the first; OpenCV's stubs do not know
    samples = cv2.remap(image, positions.reshape(rows, width, 2), no_second_map, cv2.INTER_LINEAR)
    return samples.reshape(-1, 3)[: len(position)]


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


def _lid_margin(head: Head) -> np.ndarray:
    """Where the lashes grow, on the edges of the lids: (n,) in [0, 1], weaker on the lower lid."""
    cover = np.zeros(len(head.vertices))
    for _, centre in head.eyes:
        offset = head.vertices - centre
        distance = np.linalg.norm(offset, axis=1)
        edge = smoothstep(EYE_RADIUS + 0.022, EYE_RADIUS + 0.008, distance) * (offset[:, 2] > 0)
        cover = np.maximum(cover, edge * np.where(offset[:, 1] > 0, 1.0, 0.45))
    return cover * (head.vertex_part == PARTS.index("skin"))


def _inside_mouth(head: Head) -> np.ndarray:
    """How much light an open mouth lets in: 1 for teeth, less for the tongue and the skin behind the lips, 0 elsewhere."""
    x, y, z = head.vertices.T
    skin = head.vertex_part == PARTS.index("skin")
    cavity = skin & (head.openness < 0.3) & (np.abs(x) < 0.4) & (y > 6.2) & (y < 6.85) & (z < 1.53)
    share = 0.35 * smoothstep(0.9, 1.4, z) * cavity
    share[head.of_part("tongue")] = 0.5
    teeth = head.of_part("teeth")
    share[teeth] = smoothstep(0.28, 0.15, np.abs(x[teeth]))  # dark towards the corners
    return share


def _vertex_material(head: Head, look: Appearance) -> tuple[np.ndarray, np.ndarray]:
    """Tint (n, 3), which multiplies the atlas, and strength of highlights (n,)."""
    tint = np.ones((len(head.vertices), 3))
    x, y, z = head.vertices.T
    lips = lip_cover(head.angle(), y) * (z > 1.3)
    tint *= 1 - (0.85 * look.lashes * _lid_margin(head))[:, None]
    inside = _inside_mouth(head) > 0
    tint[inside] = [0.45, 0.16, 0.14]
    tint[head.of_part("teeth")] = [0.72, 0.66, 0.56]
    tint[head.of_part("tongue")] = [0.42, 0.16, 0.15]
    forehead = np.exp(-((x / 0.25) ** 2)) * (y > 6.9)
    shine = 0.10 * look.oiliness * (1 + 0.8 * forehead) + 0.20 * lips
    shine[head.of_part("eye")] = 0.15
    shine[inside] = 0.3
    shine[head.of_part("hair")] = 0.1
    shine *= 1 - 0.6 * (y > look.hair_begins(head.angle()))
    return tint, shine
