import re

import nbformat
import paper_map
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from paper_map import BEGIN, END, EQUATION_MAP, PLACES, Place, ledger_map, update

from selfme_lib.runtime.errors import DataError
from selfme_lib.runtime.paths import PROJECT


def test_the_maps_of_equations_and_ledger_are_current():
    """If this fails, something has moved: run `make map`."""
    for name, table in ((EQUATION_MAP, paper_map.paper_map()), ("LEDGER.md", ledger_map())):
        text = (PROJECT / name).read_text(encoding="utf-8")
        assert text.split(BEGIN)[1].split(END)[0].strip() == table, f"{name} is out of date: make map"


def test_every_equation_has_a_place():
    numbers = [number for place in PLACES for number in range(place.equations[0], place.equations[1] + 1)]
    assert numbers == list(range(1, 19))


def test_every_link_of_the_maps_leads_to_a_file():
    for folder, table in (("docs", paper_map.paper_map()), (".", ledger_map())):
        targets = {target for target in re.findall(r"\]\(([^)#]+)\)", table)}
        assert len(targets) > 10
        assert [target for target in targets if not (PROJECT / folder / target).exists()] == []


def test_every_row_of_the_ledger_has_code_and_is_on_the_map():
    rows = re.findall(r'(?m)^\| <a id="(l-[\w-]+)"', (PROJECT / "LEDGER.md").read_text(encoding="utf-8"))
    mapped = re.findall(r"(?m)^\| \[[^\]]+\]\(#(l-[\w-]+)\) \| \[`", ledger_map())
    assert mapped == rows


@pytest.fixture
def project(tmp_path, monkeypatch):
    for folder in ("selfme_lib", "tests", "notebooks", "docs"):
        (tmp_path / folder).mkdir()
    (tmp_path / "selfme_lib" / "part.py").write_text('def solve():\n    """Eq 2 to 4."""\n')
    (tmp_path / "tests" / "test_part.py").write_text("def test_solve():\n    pass\n")
    cells = [new_markdown_cell("# 00 · A\n\n| paper | Eq 1-4 |"), new_code_cell("from selfme_lib.part import solve")]
    cells += [new_markdown_cell("## Solving\n\n[x](../LEDGER.md#l-x)"), new_code_cell("solve()")]
    nbformat.write(new_notebook(cells=cells), tmp_path / "notebooks" / "00_a.ipynb")
    (tmp_path / EQUATION_MAP).write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    row = '| <a id="l-x"></a>x | Eq 3 | words | trouble | reading | `part.solve` | `tests/test_part.py::test_solve` |'
    (tmp_path / "LEDGER.md").write_text(f"{row}\n\n{BEGIN}\n{END}\n")
    monkeypatch.setattr(paper_map, "PLACES", (Place((3, 3), "it", "part.py:solve", "test_part.py:test_solve"),))
    return tmp_path


def test_the_cell_is_the_first_that_uses_the_function_and_not_the_one_that_imports_it(project):
    assert update(project) == [project / EQUATION_MAP, project / "LEDGER.md"]
    page = (project / EQUATION_MAP).read_text()
    assert page.startswith("before\n") and page.endswith("\nafter\n") and "old" not in page
    assert "| [00, cell 2](../notebooks/00_a.ipynb): Solving |" in page
    assert (
        "| [x](#l-x) | [`part.solve`](selfme_lib/part.py) | [test_part](tests/test_part.py) | [00]"
        in (project / "LEDGER.md").read_text()
    )
    assert update(project) == [], "a second update changes nothing"


@pytest.mark.parametrize(
    ("place", "words"),
    [
        (Place((5, 5), "it", "part.py:solve", "test_part.py:test_solve"), "does not mention Eq 5"),
        (Place((3, 3), "it", "part.py:gone", "test_part.py:test_solve"), "gone does not mention Eq 3"),
        (Place((3, 3), "it", "part.py:solve", "test_part.py:test_gone"), "has no test_gone"),
        (Place((3, 3), "it", "part.py:solve", "test_part.py:test_solve", "unseen"), "uses unseen"),
    ],
)
def test_what_does_not_exist_is_an_error(project, monkeypatch, place, words):
    monkeypatch.setattr(paper_map, "PLACES", (place,))
    with pytest.raises(DataError, match=words):
        update(project)
    assert "old" in (project / EQUATION_MAP).read_text()
