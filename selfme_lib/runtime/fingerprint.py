"""One name for a result: a hash of everything that determines it.

Whatever is expensive is kept under `fingerprint(...)` of the code that computes it, the settings, the data and the device. If
any of them changes, so does the name, and nothing old is taken.

Code counts as Python sees it: of the modules named, and of every module of this package that they import, directly or through
others, the syntax tree without docstrings. So a comment costs nothing, while a changed constant in the renderer, in a reader of
frames or in the B-spline gives another name. Of other packages that these modules import, the version counts.
"""

import ast
import hashlib
import importlib.metadata
import inspect
import json
import sys
import threading
from collections.abc import Iterator
from dataclasses import asdict, is_dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from .paths import PACKAGE

DISTRIBUTIONS = {
    "captum": "captum",
    "cv2": "opencv-contrib-python-headless",
    "kornia": "kornia",
    "numpy": "numpy",
    "PIL": "pillow",
    "scipy": "scipy",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "timm": "timm",
    "torch": "torch",
    "torchvision": "torchvision",
}
"""Packages whose version can change a number, by the name they are imported under."""


def fingerprint(*, code: Any, **cause: Any) -> str:
    """A hash of 16 hexadecimal digits.

    Args:
        code: what computes the result: a function, class or module, a module's name, or a list of these. Outside this package its
            own file counts (in a notebook, its own source), and the modules of this package that it uses.
        cause: everything else that determines it, by name: settings (plain values or dataclasses), arrays and tensors, files (a
            `Path` counts with its content, not its place).

    Raises:
        TypeError: a value that is none of these, or code whose source cannot be read.
    """
    roots = [_root(root) for root in (code if isinstance(code, list | tuple) else [code])]
    names = sorted({name for _, names in roots for name in names})
    own = sorted(text for text, _ in roots)
    text = json.dumps({"code": [own, code_hash(*names)], "cause": _plain(cause)}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def code_hash(*modules: str) -> str:
    """Hash of modules, given by their full names, of all that they build on within this package, and of the versions beneath."""
    found, packages = _walk(modules)
    tree = [(name, _module(path, path.stat().st_mtime_ns)[0]) for name, path in sorted(found.items())]
    return hashlib.sha256(json.dumps([tree, {name: _version(name) for name in sorted(packages)}]).encode()).hexdigest()


def file_hash(path: Path | str) -> str:
    """SHA-256 of a file's content."""
    return _sha256(Path(path).read_bytes())


def array_hash(values: np.ndarray) -> str:
    """SHA-256 of an array's type, shape and content."""
    values = np.ascontiguousarray(values)
    head = f"{values.dtype.str} {values.shape} ".encode()
    return _sha256(head + values.tobytes())


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _plain(value: Any) -> Any:
    """A cause as JSON can say it."""
    if is_dataclass(value) and not isinstance(value, type):
        return _plain(asdict(value))
    if isinstance(value, Path):
        return {"file": file_hash(value)}
    if isinstance(value, np.ndarray):
        return {"array": array_hash(value)}
    if hasattr(value, "detach"):  # a tensor
        return {"array": array_hash(value.detach().cpu().numpy())}
    if isinstance(value, dict):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, list | tuple | range):
        return [_plain(item) for item in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"expected settings, arrays or files as the cause of a result, got {type(value).__name__}")


def _root(code: Any) -> tuple[str, list[str]]:
    """What tells this piece of code from others in its module, and the modules to begin with."""
    if isinstance(code, str):
        return "", [code]
    if isinstance(code, ModuleType):
        return "", [code.__name__]
    if not hasattr(code, "__qualname__"):
        raise TypeError(f"expected functions, classes or modules as code, got {type(code).__name__}")
    if _source(code.__module__):
        return code.__qualname__, [code.__module__]
    try:
        text = inspect.getsource(code)  # a cell of a notebook
    except OSError:
        raise TypeError(f"the source of {code.__qualname__} cannot be read, so nothing can be named after it") from None
    used = inspect.getclosurevars(code).globals.values() if inspect.isfunction(code) else ()
    modules = {value.__name__ if isinstance(value, ModuleType) else getattr(value, "__module__", "") for value in used}
    return text, sorted(name for name in modules if str(name).startswith(f"{PACKAGE.name}."))


def _walk(modules: tuple[str, ...]) -> tuple[dict[str, Path], set[str]]:
    """Files of these modules and of all that they import within the package, and the other packages that any of them imports."""
    found: dict[str, Path] = {}
    packages: set[str] = set()
    waiting = list(modules)
    while waiting:
        name = waiting.pop()
        path = _source(name)
        if name in found or path is None:
            continue
        found[name] = path
        for imported in _module(path, path.stat().st_mtime_ns)[1]:
            if imported.startswith(PACKAGE.name + "."):
                waiting.append(imported)
            elif (top := imported.partition(".")[0]) in DISTRIBUTIONS:
                packages.add(top)
    return found, packages


def _source(name: str) -> Path | None:
    """The file of a module of this package, or of another one that has been imported; None if there is none."""
    top, *parts = name.split(".")
    if top == PACKAGE.name:
        place = PACKAGE.joinpath(*parts)
        return next((path for path in (place.with_suffix(".py"), place / "__init__.py") if path.is_file()), None)
    file = getattr(sys.modules.get(name), "__file__", None) or ""
    return Path(file) if file.endswith(".py") else None


_parsing = threading.Lock()  # `ast.parse` is not safe in threads before Python 3.11.8 (gh-106905)


@cache
def _module(path: Path, _modified: int) -> tuple[str, tuple[str, ...]]:
    """Hash of a module's syntax tree without docstrings, and the full names of whatever it imports, anywhere in it."""
    with _parsing:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    package = [PACKAGE.name, *path.parent.relative_to(PACKAGE).parts] if path.is_relative_to(PACKAGE) else []
    imported = tuple(sorted(set(_imports(tree, package))))
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if (
            isinstance(body, list)
            and body
            and isinstance(body[0], ast.Expr)
            and isinstance(body[0].value, ast.Constant)
        ):
            del body[0]
    return _sha256(ast.dump(tree).encode()), imported


def _imports(tree: ast.AST, package: list[str]) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)  # each may be a module


@cache
def _version(name: str) -> str:
    try:
        return importlib.metadata.version(DISTRIBUTIONS[name])
    except importlib.metadata.PackageNotFoundError:  # another wheel of the same package
        return str(getattr(__import__(name), "__version__", ""))
