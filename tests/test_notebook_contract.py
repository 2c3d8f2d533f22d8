"""What every notebook owes its reader, checked in the committed files; nothing is executed here."""

import ast
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

import nbformat
import pytest

from selfme_lib.app.chapters import find_appendices, find_notebooks, machine_paths
from selfme_lib.app.student import GIVEN, SOLUTION, is_solution
from selfme_lib.runtime.files import read_yaml
from selfme_lib.runtime.paths import PROJECT
from selfme_lib.runtime.settings import from_plain
from selfme_lib.study.captions import Caption

NOTEBOOKS = [*find_notebooks(), *find_appendices()]
WARNINGS = ("LEAKING", "transductive")  # printed by the package itself, in cells that provoke them
LINES = 100  # of output per cell
MINUTES = {"less than a minute": 1, "about a minute": 1, "a minute": 1, "a quarter of an hour": 15}
WORDS = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"]
NUMBERS = dict(zip(WORDS, range(1, 11))) | {"twenty-five": 25}
LAST_EQUATION, LAST_TABLE, LAST_FIGURE = 18, 4, 5  # of the paper
SECTIONS = {
    "1",
    "2",
    "3",
    "4",
    "5",
    "6",
    *(f"{part}.{n}" for part, last in ((2, 2), (3, 3), (4, 8)) for n in range(1, last + 1)),
}
FOREIGN_ROOTS = re.compile(r"(?<![\w.:/-])(?:/home/|/Users/|/root/|/tmp/|/mnt/|/work/|[A-Z]:\\\\Users)[\w./-]+")

every_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def read(path: Path) -> nbformat.NotebookNode:
    return nbformat.read(path, as_version=4)


def code_of(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def words_of(notebook):
    return "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")


def prose(text):
    """The text without code, where a number is just a number."""
    return re.sub(r"```.*?```|`[^`]*`", "", text, flags=re.DOTALL)


def numbers(first: str, last: str | None) -> range:
    return range(int(first), int(last or first) + 1)


@every_notebook
def test_it_opens_with_a_title_a_picture_and_what_it_covers(path):
    first = read(path).cells[0].source
    assert re.match(rf"# {path.stem[:2]} · \w", first)
    assert re.search(r"!\[.+\]\(\.\./figures/[\w.]+\)", first)
    assert re.search(r"\| paper \| .+ \|", first) and "| takes |" in first


@every_notebook
def test_its_goals_are_numbered_and_its_prerequisites_are_stated(path):
    second = read(path).cells[1].source
    assert "**After this notebook you can**" in second
    assert 3 <= len(re.findall(r"(?m)^\d\. ", second)) <= 6
    assert "**Prerequisites:**" in second


@every_notebook
def test_names_of_the_setup_keep_their_meaning(path):
    """Names from the cell that opens the study are used throughout a notebook, so no later cell may rebind them."""
    trees = [ast.parse(cell.source) for cell in read(path).cells if cell.cell_type == "code"]
    (setup,) = (number for number, tree in enumerate(trees) if "open_chapter" in ast.unparse(tree))
    later = set().union(*map(assigned, trees[setup + 1 :]))
    assert not assigned(trees[setup]) & later


def assigned(tree: ast.Module) -> set[str]:
    """Names that a cell binds by assignments and loops."""
    targets = [target for node in ast.walk(tree) if isinstance(node, ast.Assign) for target in node.targets]
    targets += [node.target for node in ast.walk(tree) if isinstance(node, ast.For)]
    return {name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)}


@every_notebook
def test_it_took_no_longer_than_stated(path):
    notebook = read(path)
    said = re.search(r"\| takes \| (.+?) \|", notebook.cells[0].source)[1]
    published = notebook.metadata.get("selfme", {})
    if published.get("profile") != "quick":
        pytest.skip("not published from the quick profile yet")
    assert published["seconds"] <= 1.2 * 60 * stated_minutes(said), said


def stated_minutes(said: str) -> float:
    said = re.split(r"[;,]", said)[0]  # the time alone comes first
    for words, minutes in MINUTES.items():
        if words in said:
            return minutes
    found = re.search(r"(\d+|" + "|".join(NUMBERS) + r") minutes", said)
    assert found, f"{said!r} does not state a time"
    return NUMBERS.get(found[1]) or int(found[1])


def test_times_in_words_are_understood():
    assert stated_minutes("less than a minute on two CPU cores") == 1
    assert stated_minutes("about two minutes on a CPU, seconds afterwards") == 2
    assert stated_minutes("about 25 minutes") == stated_minutes("about twenty-five minutes") == 25


@every_notebook
def test_its_parameters_are_plain_typed_and_the_same_in_every_notebook(path):
    tagged = [cell for cell in code_of(read(path)) if "parameters" in cell.metadata.get("tags", [])]
    assert len(tagged) == 1
    assignments = ast.parse(tagged[0].source).body
    assert all(isinstance(node, ast.AnnAssign) for node in assignments), "name: type = value, nothing derived"
    values = {node.target.id: ast.literal_eval(node.value) for node in assignments}
    sections = {"data": {}, "motion": {}, "classifier": {}, "evaluation": {}}
    common = {"profile": "quick", "run_dir": "../runs/lab", **sections, "seed": 0}
    assert {name: values[name] for name in common} == common, "a chapter may have more"


@every_notebook
def test_cells_were_executed_in_order(path):
    """A cell edited since has neither output nor number; every other cell has the number of its position."""
    for place, cell in enumerate(code_of(read(path)), start=1):
        assert cell.execution_count in (None, place)
        assert cell.execution_count or not cell.outputs


@every_notebook
def test_outputs_are_short_and_free_of_errors_and_debris(path):
    for cell in code_of(read(path)):
        lines = 0
        for output in cell.outputs:
            assert output.output_type != "error", cell.source
            text = output.get("text", "") or output.get("data", {}).get("text/plain", "")
            lines += text.count("\n")
            assert output.get("name") != "stderr" or text.startswith(WARNINGS), f"debris: {text[:200]}"
            assert "\r" not in text and "\x1b" not in text, "a progress bar or a colour"
        assert lines <= LINES, cell.source


@every_notebook
def test_it_contains_no_path_of_any_machine(path):
    notebook = read(path)
    assert machine_paths(notebook) == []
    for cell in notebook.cells:
        texts = [cell.source]
        for output in cell.get("outputs", []):
            texts += [output.get("text", ""), *(v for k, v in output.get("data", {}).items() if k.startswith("text/"))]
        assert FOREIGN_ROOTS.findall("\n".join(texts)) == []


def test_every_import_is_used():
    command = [sys.executable, "-m", "ruff", "check", "--select", "F401,F811", "--no-cache", *map(str, NOTEBOOKS)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=PROJECT)
    assert done.returncode == 0, done.stdout


@every_notebook
def test_it_refers_only_to_what_the_paper_has(path):
    text = prose(words_of(read(path)))
    equations = re.findall(r"Eqs?\.? (\d+)(?:\s?(?:[-–]|to|and|,)\s?(\d+))?", text) + re.findall(
        r"\\tag\{(\d+)\}()", text
    )
    for first, last in equations:
        assert all(1 <= number <= LAST_EQUATION for number in numbers(first, last)), f"Eq {first}-{last}"
    for name, count in (("Tables?", LAST_TABLE), ("(?:Figures?|Fig\\.?)", LAST_FIGURE)):
        for number in re.findall(rf"{name} (\d+)", text):
            assert 1 <= int(number) <= count, f"{name} {number}"
    for section in re.findall(r"§(\d(?:\.\d)?)", text):
        assert section in SECTIONS, f"§{section}"


def test_every_equation_of_the_paper_is_covered_somewhere():
    covered = set()
    for path in NOTEBOOKS:
        text = prose(words_of(read(path)))
        for first, last in re.findall(r"Eq (\d+)(?:[-–](\d+))?", text):
            covered |= set(numbers(first, last))
    assert set(range(1, LAST_EQUATION + 1)) <= covered


@every_notebook
def test_its_links_lead_somewhere(path):
    text = words_of(read(path))
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"https?:|mailto:|attachment:", target):
            continue
        file, _, anchor = unquote(target).partition("#")
        place = (path.parent / file).resolve() if file else path
        if place.parent == PROJECT / "figures" and "selfme" not in read(path).metadata:
            continue  # the picture comes with the first publication
        assert place.exists() and PROJECT in place.parents, target
        if anchor and place.suffix == ".md":
            assert f'id="{anchor}"' in place.read_text(encoding="utf-8"), target


@every_notebook
def test_its_pictures_are_described(path):
    """Those in the text by alt text, those that code makes by `alt` in the captions."""
    notebook = read(path)
    assert all(alt.strip() for alt in re.findall(r"!\[(.*?)\]\(", words_of(notebook)))
    for cell in code_of(notebook):
        pictures = [output for output in cell.outputs if {"image/png", "image/jpeg"} & set(output.get("data", {}))]
        draws = any(re.search(r"\.?(panels|subplots)$", ast.unparse(call.func)) for call in calls_of(cell))
        if draws or pictures:
            assert shown_by(cell), f"show it with run.show: {cell.source[:80]}"


def calls_of(cell) -> list[ast.Call]:
    return [node for node in ast.walk(ast.parse(cell.source)) if isinstance(node, ast.Call)]


def shown_by(cell) -> list[str]:
    """Names of what a cell shows by `run.show`."""
    return [call.args[0].value for call in calls_of(cell) if ast.unparse(call.func) == "run.show"]


@every_notebook
def test_captions_and_what_is_shown_are_the_same_names(path):
    """Every name is there, none is left over; what a picture shows is said for those who cannot see it."""
    shown = [name for cell in code_of(read(path)) for name in shown_by(cell)]
    captions = read_yaml(path.parent / "captions" / f"{path.stem}.yaml")
    assert set(shown) == set(captions) and all(name[:2] == path.stem[:2] for name in captions)
    for caption in captions.values():
        from_plain(Caption, caption)
        assert caption.get("alt", "-").strip()


@every_notebook
def test_its_code_is_about_its_subject(path):
    """Setting up, drawing and laying out take at most 15 % of the lines; no line is wider than what fits beside its output."""
    plumbing = lines = 0
    for cell in code_of(read(path)):
        assert max(map(len, cell.source.splitlines()), default=0) <= 88, cell.source
        if "parameters" in cell.metadata.get("tags", []):
            continue
        lines += sum(bool(re.match(r"\s*[^#\s]", line)) for line in cell.source.splitlines())
        statements = [node for node in ast.walk(ast.parse(cell.source)) if isinstance(node, ast.Expr | ast.Assign)]
        plumbing += sum(plumbing_lines(one) for one in statements)
    assert plumbing <= 0.15 * lines, f"{plumbing} of {lines} lines"


def plumbing_lines(statement: ast.Expr | ast.Assign) -> int:
    """Lines that set up, draw or lay out; a result is shown in one line, and only what goes beyond it counts."""
    lines = statement.end_lineno - statement.lineno + 1
    if not isinstance(statement.value, ast.Call):
        return 0
    if ast.unparse(statement.value.func) == "run.show":
        return lines - 1
    root = statement.value.func
    while isinstance(root, ast.Attribute | ast.Subscript | ast.Call):
        root = root.func if isinstance(root, ast.Call) else root.value
    named = isinstance(root, ast.Name) and root.id
    return lines if named in {"ax", "axes", "figure", "plt", "style", "open_chapter", "display"} else 0


@every_notebook
def test_its_exercises_have_a_stub_and_a_folded_solution(path):
    cells = read(path).cells
    solutions = [place for place, cell in enumerate(cells) if is_solution(cell)]
    assert (1 if path in find_appendices() else 2) <= len(solutions) <= 6
    for place in solutions:
        assert cells[place - 1].source.startswith(GIVEN), "the stub comes before its solution"
        assert "*Expected:" in cells[place - 2].source, "the text says what the answer looks like"
        assert cells[place].metadata.get("jupyter", {}).get("source_hidden"), "a solution is folded"
        assert SOLUTION in cells[place].metadata.tags


@every_notebook
def test_it_ends_with_paper_and_ours_a_summary_and_references(path):
    text = words_of(read(path))
    for heading in ("Exercises", "Paper and ours", "Summary"):
        assert re.search(rf"(?m)^## (?:\d · )?{heading}", text), heading
    assert re.search(r"conclude|may", text[text.index("Paper and ours") :]) and "**References" in text
