"""Hair: painted on the scalp, and locks that stand out from it, as ribbons that face the camera and end in a point.

Locks go with the head, as spectacles do. They shine where light, strand and eye allow it (Kajiya & Kay, Rendering fur with three
dimensional textures, SIGGRAPH 1989), so highlights lie across them in bands.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from .head import AXIS_Z, load_head, smoothstep
from .identity import Identity
from .texture import PAINTED, TILE, cover_with, noise, streaks, unrolled
from .traits import LONG, Style, Traits
from .worn import Worn

CENTRE = np.array([0.0, 7.35, 0.2])  # of the skull
CROWN = np.array([0.0, 8.5, -0.3])
EYES = 7.284  # height of the eyes of the base mesh
# the front edge of long hair: from the parting over the temples, behind the cheek, and forwards over the shoulder
EDGE_HEIGHTS, EDGE_ANGLES = (8.35, 8.1, 7.85, 7.6, 7.2, 6.6, 5.3), (3, 14, 30, 44, 54, 57, 46)
CURTAIN = 26  # locks on either side
VOLUME: dict[Style, float] = {"long": 0.10, "wavy": 0.20}  # decimetres away from the head
HIGHEST_ROOT = 8.35  # what grows above is never in the picture


@dataclass(frozen=True)
class Cut:
    """Locks of a style: how many, of what length and width, how far they lift from the scalp, and how far they hang over the
    hairline, decimetres; waves in a lock."""

    count: int
    length: float
    width: float
    lift: float
    over: float = 0.02
    wave: float = 0.0
    points: int = 4


CUTS: dict[Style, Cut] = {
    "bald": Cut(0, 0.1, 0.02, 0.02),
    "cropped": Cut(240, 0.07, 0.014, 0.012, 0.02, 0.3, 3),
    "short": Cut(330, 0.24, 0.024, 0.040, 0.07, 0.25),
    "swept": Cut(330, 0.42, 0.026, 0.060, 0.05, 0.15),
    "fringe": Cut(340, 0.60, 0.026, 0.045, 0.30, 0.12, 5),
    "curly": Cut(380, 0.20, 0.030, 0.070, 0.06, 1.4, 5),
    "long": Cut(70, 0.5, 0.030, 0.035, 0.03, 0.08),
    "wavy": Cut(80, 0.5, 0.032, 0.05, 0.06, 0.3, 5),
    "tied": Cut(200, 0.5, 0.024, 0.015, 0.01, 0.08),
}


def paint_scalp(generator: np.random.Generator, identity: Identity, traits: Traits, canvas: np.ndarray) -> None:
    """Hair on the unrolled head (PAINTED, PAINTED, 4), thinner and finer towards the hairline."""
    look = identity.appearance
    rows, at = unrolled().band(6.6, 8.6)
    fine = streaks(generator, at.angle.shape, across=0.8, along=8)
    fine /= fine.std()
    locks = streaks(generator, at.angle.shape, across=3.5, along=22)
    locks /= locks.std()
    ragged = noise(generator, PAINTED, (9, 0.035), (24, 0.03), (70, 0.02))[rows]
    begins = look.hair_begins(at.angle) - traits.widow * np.exp(-((at.angle / 0.12) ** 2))
    within = at.height - begins + ragged + 0.03 * locks
    # single hairs at the border, closed cover further in
    cover = np.clip(smoothstep(-0.07, 0.16, within) * 1.5 - 0.35 + 0.22 * fine * smoothstep(-0.09, 0.0, within), 0, 1)
    if traits.style in ("cropped", "bald"):
        dots = generator.standard_normal(at.angle.shape, dtype=np.float32)
        cover = np.clip(cover * (0.72 + 0.16 * dots + 0.08 * fine), 0, 1)
    cover *= look.hair_density * smoothstep(-0.1, 0.03, within)
    shade = 1 + traits.hair_tone * (0.7 * fine + 0.7 * locks)
    colour = np.maximum(look.hair_colour[:, None, None] * shade * 0.85, 0.004)
    cover_with(canvas[rows, :, :3], np.moveaxis(colour, 0, -1), 0.97 * cover)
    cover_with(canvas[rows, :, 3:], np.clip(0.5 + 0.3 * fine, 0, 1)[..., None], cover)


def paint_locks(generator: np.random.Generator, identity: Identity, traits: Traits) -> np.ndarray:
    """The tile of the locks, (TILE, 2 TILE, 4): strands that run downwards."""
    fine = streaks(generator, (TILE, 2 * TILE), across=0.7, along=28)
    broad = streaks(generator, (TILE, 2 * TILE), across=6, along=60)
    shade = 1 + traits.hair_tone * (0.9 * fine / fine.std() + 0.9 * broad / broad.std())
    colour = np.clip(identity.appearance.hair_colour * shade[..., None], 0.003, 1)
    gloss = np.clip(1 + 0.5 * fine / fine.std(), 0.1, 3)[..., None]
    return np.concatenate([colour, gloss], axis=2).astype(np.float32)


class Scalp:
    """The face and the scalp without ears, as a distance from the centre of the skull in each direction."""

    def __init__(self, identity: Identity):
        head = load_head()
        kept = (head.vertex_part == 0) & (head.reach(*head.names("ears")) < 0.002) & (head.openness > 0.25)
        kept &= head.vertices[:, 1] > 6.6
        self.height, self.angle = head.vertices[kept, 1], head.angle()[kept]
        away = identity.vertices[kept] - CENTRE
        self.radius = np.linalg.norm(away, axis=1)
        self.tree = cKDTree(away / self.radius[:, None])

    def on(self, points: np.ndarray, lift: np.ndarray) -> np.ndarray:
        """Points (n, 3) moved to where they lie `lift` (n,) above the scalp."""
        way = points - CENTRE
        way = way / np.linalg.norm(way, axis=1, keepdims=True)
        distance, index = self.tree.query(way, k=4)
        weight = 1 / (distance + 0.02) ** 2
        radius = (self.radius[index] * weight).sum(1) / weight.sum(1)
        return CENTRE + way * (radius + lift)[:, None]

    def place(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Angle and height on the base mesh of points (n, 3): (n,) each."""
        way = points - CENTRE
        distance, index = self.tree.query(way / np.linalg.norm(way, axis=1, keepdims=True), k=3)
        weight = 1 / (distance + 0.01)
        weight /= weight.sum(1, keepdims=True)
        return (self.angle[index] * weight).sum(1), (self.height[index] * weight).sum(1)


def grow_locks(identity: Identity, traits: Traits) -> Worn | None:
    """The locks of a person; None if there are none."""
    generator, cut = np.random.default_rng((*identity.key, 10)), CUTS[traits.style]
    if not cut.count:
        return None
    roots, front = _roots(generator, identity, traits, cut.count)
    comb = _comb(traits)
    scalp = Scalp(identity)
    length = cut.length * np.exp(generator.normal(0, 0.25, len(roots)))
    if traits.style not in LONG:
        length *= 0.45 + 0.55 * front  # sides are cut shorter
    t = np.linspace(0, 1, cut.points)
    lift = cut.lift * generator.uniform(0.4, 1.2, len(roots))
    turn = generator.normal(0, 0.35 + 0.3 * traits.curl, len(roots))
    phase, pace = generator.uniform(0, 2 * np.pi, len(roots)), generator.uniform(4, 8, len(roots))
    path = [scalp.on(roots, 0.2 * lift)]
    for step in range(1, cut.points):
        here = path[-1]
        normal = (here - CENTRE) / np.linalg.norm(here - CENTRE, axis=1, keepdims=True)
        way = comb(here, front)
        way -= (way * normal).sum(1, keepdims=True) * normal
        way /= np.maximum(np.linalg.norm(way, axis=1, keepdims=True), 1e-6)
        aside = np.cross(normal, way)
        swing = turn + (cut.wave * (0.4 + traits.curl)) * np.sin(phase + pace * t[step] * (1 + traits.curl))
        way = way * np.cos(swing)[:, None] + aside * np.sin(swing)[:, None]
        there = here + way * (length / (cut.points - 1))[:, None]
        bulge = 0.2 + 0.8 * np.sin(np.pi * min(t[step], 0.75) ** 0.8)
        path.append(scalp.on(there, lift * bulge))
    paths = _trimmed(np.stack(path, 1), scalp, identity, cut.over * generator.uniform(0.5, 1.2, len(roots)))
    locks = _ribbons(generator, paths, cut.width * np.exp(generator.normal(0, 0.3, len(roots))), dark=0.0)
    if traits.style in LONG:
        locks = _joined([_curtains(generator, identity, traits), locks])
    return locks


def _trimmed(paths: np.ndarray, scalp: Scalp, identity: Identity, over: np.ndarray) -> np.ndarray:
    """Paths (n, k, 3), cut where they hang further over the hairline than `over` (n,)."""
    n, k, _ = paths.shape
    angle, height = scalp.place(paths.reshape(-1, 3))
    below = (identity.appearance.hair_begins(angle) - height).reshape(n, k)
    kept = np.maximum(np.where((below > over[:, None]).any(1), (below > over[:, None]).argmax(1) - 0.5, k - 1), 0.6)
    at = np.linspace(0, 1, k) * kept[:, None]
    left = np.minimum(at.astype(int), k - 2)
    share = (at - left)[..., None]
    line = np.arange(n)[:, None]
    return paths[line, left] * (1 - share) + paths[line, left + 1] * share


def _roots(
    generator: np.random.Generator, identity: Identity, traits: Traits, count: int
) -> tuple[np.ndarray, np.ndarray]:
    """Points on the scalp where locks grow, (n, 3), and how far in front they are, 1 above the forehead, 0 at the sides."""
    head = load_head()
    skin = head.triangles[head.part == 0]
    base, angle = head.vertices, head.angle()
    begins = identity.appearance.hair_begins(angle) - traits.widow * np.exp(-((angle / 0.12) ** 2))
    cover = smoothstep(-0.02, 0.05, base[:, 1] - begins)
    cover *= (head.reach(*head.names("ears")) < 0.002) & (head.openness > 0.25)
    cover *= (base[:, 1] < HIGHEST_ROOT) & (base[:, 1] > 6.9) & (base[:, 2] > -0.15)
    corners = identity.vertices[skin]
    area = np.linalg.norm(np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]), axis=1)
    if traits.style in LONG:  # the sides are covered by what hangs there
        cover *= np.abs(angle) < 0.6
    near = np.exp(-np.maximum(base[:, 1] - begins, 0) / 0.2)  # more at the hairline, where they show
    share = area * (cover * (0.15 + near))[skin].min(1)
    chosen = generator.choice(len(skin), count, p=share / share.sum())
    place = generator.dirichlet([1, 1, 1], count)
    roots = (corners[chosen] * place[..., None]).sum(1)
    front = smoothstep(0.95, 0.45, np.abs((angle[skin[chosen]] * place).sum(1)))
    return roots, front


def _comb(traits: Traits) -> Callable[[np.ndarray, np.ndarray], np.ndarray]:
    """The direction in which hair is combed, as a function of points (n, 3) and of how far in front they are (n,)."""
    parting = 0.45 * traits.parting

    def from_crown(points: np.ndarray, front: np.ndarray) -> np.ndarray:
        away = points - CROWN
        return away / np.linalg.norm(away, axis=1, keepdims=True) + np.array([0, -0.35, 0.25])

    def from_parting(points: np.ndarray, front: np.ndarray) -> np.ndarray:
        aside = np.clip((points[:, 0] - parting) / 0.08, -1, 1)
        zero = np.zeros(len(points))
        return np.stack([aside * (0.3 + 0.9 * front), zero - 0.8 + 0.35 * front, zero - 0.15], axis=1)

    def swept(points: np.ndarray, front: np.ndarray) -> np.ndarray:
        aside = np.full(len(points), -np.sign(parting or 1.0)) * front
        return np.stack([aside, -0.9 + 1.25 * front, 0.25 - 0.65 * front], axis=1)

    def backwards(points: np.ndarray, front: np.ndarray) -> np.ndarray:
        return np.array([0.0, 8.0, -1.4]) - points

    ways = {"swept": swept, "tied": backwards, "long": from_parting, "wavy": from_parting}
    return ways.get(traits.style, from_crown)


def _curtains(generator: np.random.Generator, identity: Identity, traits: Traits) -> Worn:
    """Long hair that hangs at both sides of the face and behind the neck."""
    head = load_head()
    kept = (head.vertex_part == 0) & (head.openness > 0.2) & (head.vertices[:, 1] > 6.9)
    x, y, z = identity.vertices[kept].T
    angle, radius = np.arctan2(x, z - AXIS_Z), np.hypot(x, z - AXIS_Z)
    tree = cKDTree(np.stack([np.abs(angle), y], axis=1))
    lower = identity.vertices[head.of_part("eye"), 1].mean() - EYES
    steps = np.array([8.35, 8.15, 7.95, 7.75, 7.5, 7.2, 6.8, 6.3, 5.8, 5.2])
    heights = steps + lower

    def hang(side: int, share: np.ndarray, lift: np.ndarray) -> np.ndarray:
        """Paths (n, k, 3) that begin a share (n,) of the way from the front edge of the hair to the back."""
        edge = np.deg2rad(np.interp(steps, EDGE_HEIGHTS[::-1], EDGE_ANGLES[::-1])) + opening[side]
        edge = np.maximum(edge + side * 0.5 * traits.parting * smoothstep(7.7, 8.3, steps), 0.02)
        turned = edge + share[:, None] * (1.35 - edge)
        above = np.maximum(heights, 7.1 + lower)
        far = radius[tree.query(np.stack(np.broadcast_arrays(turned, above), axis=-1), k=5)[1]].max(-1) + lift[:, None]
        x, z = far * np.sin(turned), AXIS_Z + far * np.cos(turned)  # over the head
        front = radius[tree.query(np.stack([edge, above], axis=-1), k=5)[1]].max(-1)
        free_x = 0.93 * np.maximum.accumulate(np.where(steps < 7.9, front * np.sin(edge), 0)) + lift[:, None]
        free_x = free_x + (0.30 + VOLUME[traits.style]) * share[:, None]  # and hanging freely beside it
        free_z = AXIS_Z + front * np.cos(edge) - 0.9 * share[:, None]
        free = smoothstep(8.0, 7.4, steps)
        x, z = x + free * (free_x - x), z + free * (free_z - z)
        return np.stack([side * x, np.broadcast_to(heights, x.shape), z], axis=-1)

    opening = {side: generator.normal(0, 0.07) for side in (-1, 1)}
    fall = np.linspace(0, 1, len(steps))
    parts = []
    for side in (-1, 1):
        share = np.linspace(0.02, 1, 9)
        sheet = hang(side, share, 0.02 + 0.02 * np.sin(9 * share))
        parts.append(_sheet(sheet[::side], dark=0.2))
        path = hang(side, generator.random(CURTAIN) ** 2.2, generator.uniform(0.03, 0.10, CURTAIN))
        bend = generator.uniform(0, 2 * np.pi, CURTAIN)[:, None] + 8 * fall
        amount = (0.010 + 0.045 * (traits.style == "wavy")) * (0.2 + fall)
        path[..., 0] += amount * np.sin(bend) + 0.04 * generator.normal(0, 1, (CURTAIN, 1)) * fall
        path[..., 2] += amount * np.cos(bend)
        path[..., 1] += generator.normal(0, 0.04, (CURTAIN, 1))
        parts.append(_ribbons(generator, path, generator.uniform(0.02, 0.05, CURTAIN), dark=0.1))
    behind = []
    for side in (-1, 1):  # what is behind the neck itself is never seen
        reach = np.sort(side * np.linspace(0.34, 0.88, 3))
        across, down = np.meshgrid(reach, np.linspace(7.95, 4.9, 5), indexing="ij")
        narrowed = across * (1 - 0.25 * smoothstep(7.2, 7.9, down))
        behind.append(_sheet(np.stack([narrowed, down + lower, -0.35 - 0.3 * (1 - across**2)], axis=-1), dark=0.6))
    return _joined([*behind, *parts])


def _sheet(grid: np.ndarray, *, dark: float) -> Worn:
    """A surface through paths (n, k, 3) that run downwards, from left to right in the picture."""
    n, k, _ = grid.shape
    corner = np.arange(n * k).reshape(n, k)
    a, b, c, d = (part.ravel() for part in (corner[:-1, :-1], corner[:-1, 1:], corner[1:, 1:], corner[1:, :-1]))
    triangles = np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)])
    u = np.broadcast_to(np.linspace(10, 2 * TILE - 10, n)[:, None], (n, k))
    v = np.broadcast_to(np.linspace(8, TILE - 8, k), (n, k))
    return _hair(grid.reshape(-1, 3), triangles, u.ravel(), v.ravel(), np.gradient(grid, axis=1).reshape(-1, 3), dark)


def _ribbons(generator: np.random.Generator, path: np.ndarray, width: np.ndarray, *, dark: float) -> Worn:
    """Ribbons along paths (n, k, 3), which face the camera; `dark` at their roots."""
    n, k, _ = path.shape
    t = np.linspace(0, 1, k)
    along = np.gradient(path, axis=1)
    along /= np.maximum(np.linalg.norm(along, axis=-1, keepdims=True), 1e-9)
    aside = np.cross(along, [0.0, 0.0, 1.0])
    aside /= np.maximum(np.linalg.norm(aside, axis=-1, keepdims=True), 0.2)
    half = (width[:, None] / 2 * np.sqrt(np.clip(1.15 - t, 0, 1)) * (1 - t**4))[..., None]
    vertices = np.stack([path + half * aside, path - half * aside], axis=2)  # (n, k, 2, 3)
    corner = np.arange(n * k * 2).reshape(n, k, 2)
    a, b, c, d = (x.ravel() for x in (corner[:, :-1, 0], corner[:, 1:, 0], corner[:, 1:, 1], corner[:, :-1, 1]))
    triangles = np.concatenate([np.stack([a, b, c], 1), np.stack([a, c, d], 1)])
    u = generator.uniform(6, 2 * TILE - 18, (n, 1, 1)) + np.array([0.0, 9.0])
    v = generator.uniform(4, 0.3 * TILE, (n, 1, 1)) + 0.65 * TILE * t[:, None]
    shape = (n, k, 2)
    tangents = np.broadcast_to(along[:, :, None], (*shape, 3)).reshape(-1, 3)
    shade = np.broadcast_to((dark * (1 - t))[:, None] * generator.uniform(0.5, 1.2, (n, 1, 1)), shape).ravel()
    return _hair(
        vertices.reshape(-1, 3),
        triangles,
        np.broadcast_to(u, shape).ravel(),
        np.broadcast_to(v, shape).ravel(),
        tangents,
        shade,
    )


def _hair(
    vertices: np.ndarray,
    triangles: np.ndarray,
    u: np.ndarray,
    v: np.ndarray,
    tangents: np.ndarray,
    dark: np.ndarray | float,
) -> Worn:
    normals = vertices - CENTRE - np.array([0, -0.5, 0]) * (vertices[:, 1:2] < 7)
    normals = normals / np.linalg.norm(normals, axis=1, keepdims=True)
    n = len(vertices)
    light = np.broadcast_to(1 - np.asarray(dark), n)
    return Worn(
        vertices=vertices,
        triangles=triangles,
        normals=normals,
        texel=np.stack([2 * TILE + u, PAINTED + v], axis=1),
        tint=np.tile(light[:, None], (1, 3)),
        gloss=0.14 * light,
        openness=0.85 * light,
        strands=tangents / np.maximum(np.linalg.norm(tangents, axis=1, keepdims=True), 1e-9),
    )


def _joined(parts: list[Worn]) -> Worn:
    starts = np.cumsum([0, *(len(part.vertices) for part in parts[:-1])])
    names = ("vertices", "normals", "texel", "tint", "gloss", "openness", "strands")
    arrays = {name: np.concatenate([getattr(part, name) for part in parts]) for name in names}
    return Worn(triangles=np.concatenate([part.triangles + start for part, start in zip(parts, starts)]), **arrays)
