"""The package is a row of rooms: imports point from right to left in the order of CONTRIBUTING.md's table."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from selfme_lib.runtime.paths import PACKAGE, PROJECT

TABLE = (PROJECT / "CONTRIBUTING.md").read_text(encoding="utf-8").split("## The rooms")[1]
ORDER = re.findall(r"`selfme_lib/(\w+)(?:\.py)?`", TABLE.split("Each room")[0])


def imports_of(path: Path) -> Iterator[tuple[int, str, bool]]:
    """Line, module and whether it is relative, of everything that a file imports from the package, wherever in the file."""
    package = [PACKAGE.name, *path.relative_to(PACKAGE).parts[:-1]]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            found = [f"{module}.{alias.name}" for alias in node.names] if module == PACKAGE.name else [module]
        else:
            continue
        relative = isinstance(node, ast.ImportFrom) and node.level > 0
        yield from ((node.lineno, name, relative) for name in found if name.startswith(f"{PACKAGE.name}."))


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


@pytest.mark.parametrize("room", ORDER)
def test_a_room_imports_only_rooms_before_it(room):
    allowed = {room, *ORDER[: ORDER.index(room)]} - ({"classifier"} if room == "evaluation" else set())
    paths = [path for path in sorted(PACKAGE.rglob("*.py")) if room_of(path) == room]
    assert paths
    for path in paths:
        for line, module, relative in imports_of(path):
            other = module.split(".")[1]
            place = f"{path.relative_to(PROJECT)}:{line}"
            assert other in allowed, f"{place} imports {module}: {other} comes after {room}"
            assert not relative or other == room, f"{place}: imports across rooms are absolute"


def test_late_relative_and_plain_imports_are_noticed(tmp_path, monkeypatch):
    package = tmp_path / PACKAGE.name
    (package / "room").mkdir(parents=True)
    file = package / "room" / "part.py"
    file.write_text(
        "import selfme_lib.a.b\nfrom selfme_lib import c\nfrom selfme_lib.d import e\nimport numpy\n"
        "def late():\n    from .f import g\n    from . import h\n    from ..i import j\n"
    )
    monkeypatch.setattr("test_rooms.PACKAGE", package)
    assert set(imports_of(file)) == {
        (1, "selfme_lib.a.b", False),
        (2, "selfme_lib.c", False),
        (3, "selfme_lib.d", False),
        (6, "selfme_lib.room.f", True),
        (7, "selfme_lib.room", True),
        (8, "selfme_lib.i", True),
    }
