"""The exercises of a notebook: text, stub, solution; and what a student gets instead of the solution.

Which names an answer has follows from its solution: those that it binds and then asserts something about. Where the asserts are
about something else, the solution's metadata may name them: `"answers": ["wrong"]`. A name that the notebook has used before
becomes `my_NAME`, so that an old value is not taken for an answer.
"""

import ast
import base64
import json
import re
import textwrap
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nbformat import NotebookNode

SOLUTION = "solution"  # tag of a cell
CHECK = "check"
GIVEN = "# your turn"  # how a stub begins
WIDTH = 84  # of a line of the sealed solution
SCHEMA = 3  # of nbgrader's metadata


def is_solution(cell: "NotebookNode") -> bool:
    """Whether the cell is the solution of an exercise."""
    return SOLUTION in cell.metadata.get("tags", [])


@dataclass(frozen=True)
class Exercise:
    """One exercise.

    Attributes:
        name: chapter and number in it, `02-1`.
        place: of the solution among the notebook's cells.
        expected: what the answer should look like, from the text above the stub.
        answers: names that a student gives to what was asked for; empty if there is nothing that a program could check.
        solution: code, with the names of `answers`.
    """

    name: str
    place: int
    expected: str
    answers: tuple[str, ...]
    solution: str

    def hand_out(self, notebook: "NotebookNode", *, nbgrader: bool) -> None:
        """Put stub and check into a copy of the notebook."""
        check = notebook.cells[self.place]
        stub = notebook.cells[self.place - 1] if self.place else check
        if not stub.source.startswith(GIVEN):
            stub = check
        check.source = self._check(strict=nbgrader)
        check.metadata = type(check.metadata)(jupyter={"source_hidden": True}, tags=[CHECK])
        if stub is check:
            return
        if self.answers:
            names = " and ".join(f"`{name}`" for name in self.answers)
            blanks = "\n".join(f"{name} = ..." for name in self.answers)
            stub.source += (
                f"\n# name your answer {names}: the next cell checks {'them' if self.answers[1:] else 'it'}\n{blanks}"
            )
        if nbgrader:
            by_hand = not self.answers
            stub.source += f"\n### BEGIN SOLUTION\n{self.solution}\n### END SOLUTION"
            stub.metadata["nbgrader"] = _graded(self.name, solution=True, grade=by_hand, locked=False)
            check.metadata["nbgrader"] = _graded(f"{self.name}-check", solution=False, grade=not by_hand, locked=True)

    def _check(self, *, strict: bool) -> str:
        facts = {
            "exercise": self.name,
            "expected": self.expected,
            "answers": self.answers,
            "solution": self.solution,
        }
        sealed = "\n".join(f'    "{line}"' for line in textwrap.wrap(seal(facts), WIDTH))
        options = ",\n    strict=True,\n" if strict else "\n"
        return (
            "# Right or wrong? Run this cell.\nfrom selfme_lib.app.self_check import check\n\n"
            f"check(\n    globals(),\n{sealed}{options})"
        )


def exercises_of(notebook: "NotebookNode", chapter: str) -> list[Exercise]:
    """The exercises of a notebook, in order."""
    found: list[Exercise] = []
    known: set[str] = set()
    for place, cell in enumerate(notebook.cells):
        if cell.cell_type != "code":
            continue
        if not is_solution(cell):
            known |= _bound(ast.parse(_python(cell.source)))
            continue
        tree = ast.parse(_python(cell.source))
        answers = cell.metadata.get("answers")
        answers = _answers(tree) if answers is None else list(answers)
        mine = {name: f"my_{name}" if name in known else name for name in answers}
        renamed = any(old != new for old, new in mine.items())
        solution = ast.unparse(_Renamed(mine).visit(tree)) if renamed else cell.source
        text = "\n".join(one.source for one in notebook.cells[max(0, place - 2) : place] if one.cell_type == "markdown")
        name = f"{chapter}-{len(found) + 1}"
        found.append(Exercise(name, place, _expected(text), tuple(mine.values()), solution))
    return found


def seal(facts: dict[str, Any]) -> str:
    """Facts as text that nobody reads by accident."""
    return base64.b64encode(zlib.compress(json.dumps(facts, ensure_ascii=False).encode(), 9)).decode()


def unseal(text: str) -> dict[str, Any]:
    """The facts behind `seal`'s text."""
    return json.loads(zlib.decompress(base64.b64decode(text)))


def _graded(name: str, *, solution: bool, grade: bool, locked: bool) -> dict[str, Any]:
    """Metadata of one cell as nbgrader's schema, version 3, wants it."""
    metadata = {"schema_version": SCHEMA, "grade_id": name, "grade": grade, "solution": solution, "locked": locked}
    return metadata | {"task": False} | ({"points": 1} if grade else {})


def _python(source: str) -> str:
    return re.sub(r"(?m)^\s*[%!].*", "", source)  # without IPython's magics


def _expected(text: str) -> str:
    """What follows *Expected: in a text, last first, without its links."""
    said = re.findall(r"\*Expected:\s+(.+?)\*(?!\*)", text, flags=re.DOTALL)
    return re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", " ".join(said[-1].split())) if said else ""


def asserted(tree: ast.AST) -> Iterator[ast.stmt]:
    """Statements that check something: `assert`, and calls such as `torch.testing.assert_close`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assert):
            yield node
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
            called = ast.unparse(node.value.func).rpartition(".")[2]
            if called.startswith("assert_"):
                yield node


def _answers(tree: ast.Module) -> list[str]:
    """Names that a solution binds without having read them before, and asserts something about; in the order of binding."""
    read: set[str] = set()
    fresh: list[str] = []
    for statement in tree.body:
        read |= _read(statement)
        fresh += [name for name in sorted(_bound(statement)) if name not in read and name not in fresh]
    wanted = {node.id for one in asserted(tree) for node in ast.walk(one) if isinstance(node, ast.Name)}
    return [name for name in fresh if name in wanted]


def _read(statement: ast.stmt) -> set[str]:
    """Names whose value a statement needs from before."""
    if isinstance(statement, ast.AugAssign):
        statement = ast.parse(f"({ast.unparse(statement.target)}, {ast.unparse(statement.value)})").body[0]
    loaded = {node.id for node in ast.walk(statement) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load)}
    return loaded if isinstance(statement, ast.Assign | ast.Expr) else loaded - _bound(statement)


def _bound(tree: ast.AST) -> set[str]:
    """Names that code binds by assignments and definitions; not those of loops, imports or within comprehensions."""
    found: set[str] = set()
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
            continue  # what is bound inside is its own
        if isinstance(node, ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp | ast.Lambda):
            continue
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        children = ast.iter_child_nodes(node)
        waiting += [child for child in children if not (isinstance(node, ast.For) and child is node.target)]
    return found


class _Renamed(ast.NodeTransformer):
    """Names as a mapping has them."""

    def __init__(self, names: dict[str, str]):
        self.names = names

    def visit_Name(self, node: ast.Name) -> ast.AST:
        node.id = self.names.get(node.id, node.id)
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.name = self.names.get(node.name, node.name)
        return self.generic_visit(node)
