"""What the checks of a student's notebook run: the solution, in secret, with the student's answers in it.

Wherever the solution has computed an answer, the student's takes its place, and the solution's own asserts decide. Beyond that,
numbers and arrays are compared with the solution's. Nothing of the solution is shown.
"""

import ast
import numbers
import sys
import textwrap
from collections.abc import Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np

from .exercises import asserted, unseal

NEAR = 0.01  # of the value: another order of sums, another way to average
FILLING = ("add", "append", "extend", "insert", "setdefault", "update")
WIDTH = 96  # characters of a line
_SWAP = "__answer_of_the_student__"


def check(namespace: Mapping[str, Any], sealed: str, *, strict: bool = False) -> None:
    """Say whether an exercise is solved.

    Args:
        namespace: of the notebook, `globals()`.
        sealed: the exercise, as `exercises.seal` writes it.
        strict: raise what is wrong instead of printing it, for nbgrader.

    Raises:
        AssertionError: it is not solved, if `strict`.
    """
    facts = unseal(sealed)
    right, words = verdict(namespace, **{name: facts[name] for name in ("answers", "solution", "expected")})
    sign = {True: "✓", False: "✗", None: "?"}[right]
    if strict and right is False:
        raise AssertionError(f"exercise {facts['exercise']}: {words}")
    line = f"{sign} Exercise {facts['exercise']}: {words}"  # JupyterLab breaks longer lines within words
    print(textwrap.fill(line, WIDTH, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False))


def verdict(
    namespace: Mapping[str, Any], *, answers: list[str], solution: str, expected: str
) -> tuple[bool | None, str]:
    """Whether the answers in `namespace` are right (None: nobody but a person can tell), and a sentence."""
    hint = f" Expected: {expected}" if expected else ""
    if not answers:
        return None, f"nothing that a program could check.{hint or ' Compare with your neighbours.'}"
    missing = [name for name in answers if namespace.get(name, ...) is ...]
    if missing:
        return False, f"there is no {_listed(missing)} yet.{hint}"
    mine = {name: namespace[name] for name in answers}
    said = "; ".join(f"`{name}` is {_short(value)}" for name, value in mine.items())
    tree = ast.parse(solution)
    strong = any(True for _ in asserted(tree))
    ours: dict[str, Any] = {}

    def swap(name: str, value: Any) -> Any:
        ours[name] = value
        return mine[name]

    program = ast.fix_missing_locations(_Swapped(answers).visit(tree))
    with _quiet():
        try:
            exec(compile(program, "<solution>", "exec"), {**namespace, _SWAP: swap})
        except AssertionError as error:
            reason = str(error).splitlines()[0] if str(error).strip() and not str(error).startswith("Tensor") else ""
            return False, f"not yet: {said}.{f' {reason[0].upper()}{reason[1:]}.' if reason else ''}{hint}"
        except Exception as error:
            if ours:  # the notebook was as it should be; what the student has put in is not
                return False, f"{said}, which is not the kind of thing that was asked for.{hint}"
            return False, f"the notebook is not as it was ({type(error).__name__}: {error}); run it from the top."
    if "rand" in solution:
        return True, "right."
    agree = {name: alike(mine[name], ours[name]) for name in answers if name in ours}
    others = [name for name, one in agree.items() if one is False]
    if not others:
        return (True, "right.") if strong or True in agree.values() else (None, f"{said}.{hint}")
    if strong:
        return (
            True,
            f"what was expected holds, but {_listed(others)} differs from ours. Do you mean the same by it?{hint}",
        )
    return False, f"not yet: {said}, and ours is another.{hint}"


def alike(mine: Any, ours: Any) -> bool | None:
    """Whether two answers are the same but for rounding; None if they are nothing that can be compared."""
    if isinstance(ours, Mapping):
        if not isinstance(mine, Mapping) or mine.keys() != ours.keys():
            return False
        return _all(alike(mine[key], ours[key]) for key in ours)
    if isinstance(ours, str | bool | set | frozenset):
        return type(mine) is type(ours) and mine == ours
    if isinstance(ours, numbers.Number) or hasattr(ours, "shape"):
        try:
            one, other = (np.asarray(value, dtype=float) for value in (mine, ours))
        except (TypeError, ValueError):
            return False
        return one.shape == other.shape and bool(np.allclose(one, other, rtol=NEAR, atol=1e-6, equal_nan=True))
    if isinstance(ours, list | tuple):
        if not hasattr(mine, "__len__") or len(mine) != len(ours):
            return False
        return _all(alike(one, other) for one, other in zip(mine, ours))
    return None


def _all(found: Any) -> bool | None:
    found = list(found)
    return False if False in found else (True if True in found or not found else None)


def _listed(names: list[str]) -> str:
    return " and ".join(f"`{name}`" for name in names)


def _short(value: Any) -> str:
    """A value in a few words."""
    shape = getattr(value, "shape", None)
    if shape:
        return f"{type(value).__name__} of {' x '.join(map(str, shape))}"
    if callable(value):
        return "a function"
    if isinstance(value, numbers.Real) and not isinstance(value, bool):
        return f"{float(value):.4g}"
    if hasattr(value, "item"):
        return f"{value.item():.4g}"
    text = repr(value)
    return (
        text
        if len(text) <= 60
        else f"{type(value).__name__} of {len(value)}"
        if hasattr(value, "__len__")
        else text[:60]
    )


class _Swapped(ast.NodeTransformer):
    """A solution in which, wherever an answer has been computed outside of loops, the student's takes its place.

    What is computed anew in every turn of a loop is noted, and only compared. What a loop fills is swapped once it is full.
    """

    def __init__(self, answers: list[str]):
        self.answers = answers

    def generic_visit(self, node: ast.AST) -> ast.AST:
        for name in ("body", "orelse", "finalbody"):
            body = getattr(node, name, None)
            if isinstance(body, list) and not isinstance(node, ast.FunctionDef | ast.ClassDef):
                looped = isinstance(node, ast.For | ast.While)
                filled = [_filled(one) for one in body]
                later = [set().union(*filled[place + 1 :]) for place in range(len(body))]
                lines = [line for one, names in zip(body, later) for line in self._followed(one, looped, names)]
                setattr(node, name, lines)
        return node

    def _followed(self, statement: ast.stmt, looped: bool, later: set[str]) -> list[ast.stmt]:
        """The statement and what follows from it; `later` names what is not full yet."""
        keep = looped or isinstance(self, _Looped)
        bound, filled = _bound(statement), _filled(statement)
        if isinstance(statement, ast.For | ast.While | ast.With | ast.If | ast.Try):
            _Swapped.generic_visit(_Looped(self.answers) if looped else self, statement)
            if keep or not isinstance(statement, ast.For | ast.While):
                return [statement]
            bound = filled - bound
        elif not keep:
            bound |= filled
        if not keep:
            bound -= later
        lines = [
            f"{_SWAP}({name!r}, {name})" if keep else f"{name} = {_SWAP}({name!r}, {name})"
            for name in self.answers
            if name in bound
        ]
        return [statement, *ast.parse("\n".join(lines)).body]


def _bound(statement: ast.stmt) -> set[str]:
    """Names that get a value."""
    if isinstance(statement, ast.FunctionDef):
        return {statement.name}
    return {node.id for node in ast.walk(statement) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}


def _filled(statement: ast.stmt) -> set[str]:
    """Names of containers that get another content: `found[key] = …`, `found.append(…)`."""
    every = list(ast.walk(statement))
    called = [node.func for node in every if isinstance(node, ast.Call)]
    stored = [node.value for node in every if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store)]
    stored += [node.value for node in called if isinstance(node, ast.Attribute) and node.attr in FILLING]
    return {node.id for node in stored if isinstance(node, ast.Name)}


class _Looped(_Swapped):
    """The same inside a loop: nothing takes the place of anything."""


@contextmanager
def _quiet():
    """Nothing that the solution prints, shows or draws is seen."""
    from IPython.utils.capture import capture_output

    plots = sys.modules.get("matplotlib.pyplot")
    open_before = set(plots.get_fignums()) if plots else set()
    with capture_output():
        try:
            yield
        finally:
            if plots:
                for number in set(plots.get_fignums()) - open_before:
                    plots.close(number)
