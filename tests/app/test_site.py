import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from selfme_lib.app import cli
from selfme_lib.app.site import _to_html, write_site
from selfme_lib.runtime.errors import DataError
from selfme_lib.runtime.paths import PROJECT
from selfme_lib.study.run_folder import RunFolder

JPEG = "/9j/4AAQSkZJRg=="


class Page(HTMLParser):
    def __init__(self, path):
        super().__init__()
        self.links, self.ids, self.alts, self.tags = [], set(), [], []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.tags.append(tag)
        self.links += [attributes[name] for name in ("href", "src") if attributes.get(name)]
        self.ids |= {attributes["id"]} if "id" in attributes else set()
        if tag == "img":
            self.alts.append(attributes.get("alt"))


@pytest.fixture
def project(tmp_path):
    """A project with a README, a ledger, a module, a figure and two notebooks."""
    root = tmp_path / "project"
    (root / "notebooks").mkdir(parents=True)
    (root / "figures").mkdir()
    (root / "package").mkdir()
    (root / "figures" / "a.png").write_bytes(b"picture")
    (root / "package" / "module.py").write_text("x = 1 < 2\n")
    (root / "README.md").write_text(
        "# Project\n\n![a face](figures/a.png) [one](notebooks/00_one.ipynb) [code](package) [ledger](LEDGER.md#l-x)\n"
    )
    (root / "LEDGER.md").write_text('# Ledger\n\n| a | b |\n|---|---|\n| <a id="l-x"></a>x | $\\gamma$ |\n')
    pictured = new_output("display_data", {"image/png": "aGk=", "text/plain": "F"})
    pictured.metadata["image/png"] = {"alt": "what is seen"}
    view = {"application/vnd.jupyter.widget-view+json": {"model_id": "1"}, "text/plain": "Explorer()"}
    cells = [
        new_markdown_cell("# 00 · One\n\n$$E = mc^2 \\tag{9}$$\n\nsee [two](01_two.ipynb) and [x](../LEDGER.md#l-x)"),
        new_code_cell("print('<hello>')", outputs=[new_output("stream", text="<hello>\n")]),
        new_code_cell("figure", outputs=[pictured]),
        new_code_cell("widget", outputs=[new_output("display_data", {**view, "image/jpeg": JPEG})]),
        new_code_cell("old_widget", outputs=[new_output("display_data", view)]),
        new_code_cell("answer = 42", metadata={"tags": ["solution"]}),
    ]
    nbformat.write(new_notebook(cells=cells), root / "notebooks" / "00_one.ipynb")
    two = new_notebook(cells=[new_markdown_cell("# 01 · Two\n\n[code](../package/module.py)")])
    nbformat.write(two, root / "notebooks" / "01_two.ipynb")
    return root


def test_every_link_of_every_page_leads_to_a_page(project, tmp_path):
    front = write_site(tmp_path / "site", project=project)
    assert front == tmp_path / "site" / "index.html"
    pages = {path: Page(path) for path in (tmp_path / "site").rglob("*.html")}
    names = {path.relative_to(tmp_path / "site").as_posix() for path in pages}
    assert names == {
        "index.html",
        "LEDGER.html",
        "notebooks/00_one.html",
        "notebooks/01_two.html",
        "package/index.html",
        "package/module.py.html",
    }
    for path, page in pages.items():
        for link in page.links:
            if link.startswith("data:"):
                continue
            file, _, anchor = unquote(link).partition("#")
            target = (path.parent / file).resolve()
            assert target.is_file(), (path, link)
            assert not anchor or anchor in pages[target].ids, (path, link)


def test_nothing_is_loaded_from_elsewhere_and_formulas_are_mathml(project, tmp_path):
    write_site(tmp_path / "site", project=project)
    page = Page(tmp_path / "site" / "notebooks" / "00_one.html")
    assert not any(re.match("https?:|//", link) for link in page.links) and "script" not in page.tags
    assert "math" in page.tags
    text = (tmp_path / "site" / "notebooks" / "00_one.html").read_text()
    assert '<span class="tag">(9)</span>' in text and "$" not in text


def test_outputs_are_shown_as_a_reader_needs_them(project, tmp_path):
    write_site(tmp_path / "site", project=project)
    text = (tmp_path / "site" / "notebooks" / "00_one.html").read_text()
    assert "&lt;hello&gt;" in text
    assert 'alt="what is seen"' in text
    assert f"data:image/jpeg;base64,{JPEG}" in text, "a widget is shown as its picture"
    assert "needs a running notebook" in text and "Explorer()" not in text
    assert re.search(r"<details[^>]*>.*?answer.*?</details>", text, re.DOTALL), "solutions are folded"


def test_a_run_is_shown_in_place_of_what_is_published(project, tmp_path):
    run = RunFolder(tmp_path / "run")
    run.notebooks.mkdir(parents=True)
    cells = [new_markdown_cell("# 00 · One"), new_code_cell("1", outputs=[new_output("stream", text="from the run")])]
    injected = new_code_cell("run_dir = 1", metadata={"tags": ["injected-parameters"]})
    nbformat.write(new_notebook(cells=[*cells, injected]), run.notebooks / "00_one.ipynb")
    with pytest.raises(DataError, match=r"01_two\.ipynb: not in this run"):
        write_site(tmp_path / "site", run, project=project)
    nbformat.write(new_notebook(cells=[new_markdown_cell("# 01 · Two")]), run.notebooks / "01_two.ipynb")
    appendix = new_notebook(cells=[new_markdown_cell("# A1 · More"), new_code_cell("2")])
    nbformat.write(appendix, project / "notebooks" / "A1_more.ipynb")
    run.report.write_text("<title>report</title>")
    write_site(tmp_path / "site", run, project=project)
    text = (tmp_path / "site" / "notebooks" / "00_one.html").read_text()
    assert "from the run" in text and "run_dir" not in text and "../report.html" in text
    assert "A1 · More" in (tmp_path / "site" / "notebooks" / "A1_more.html").read_text(), "as published"
    assert (tmp_path / "site" / "report.html").read_text() == "<title>report</title>"


def test_a_dead_link_is_an_error_with_its_place(project, tmp_path):
    (project / "LEDGER.md").write_text("# Ledger\n\n[gone](gone.md)")
    with pytest.raises(DataError, match=r"LEDGER\.html: links to gone\.md, which does not exist"):
        write_site(tmp_path / "site", project=project)


def test_dollars_in_code_are_no_formulas():
    assert "<code>$HOME and $PATH</code>" in _to_html("`$HOME and $PATH`")
    assert "<math" not in _to_html("```bash\necho $A $B\n```")


def test_the_project_itself_becomes_a_site(tmp_path, capfd):
    assert cli.run(["site", str(tmp_path / "site")]) == 0
    assert capfd.readouterr().err.strip() == str(Path(tmp_path, "site", "index.html"))
    pages = {path.resolve(): Page(path) for path in (tmp_path / "site").rglob("*.html")}
    assert len(pages) > 20
    for path, page in pages.items():
        assert not {"script", "iframe"} & set(page.tags)
        for link in page.links:
            if not re.match(r"[a-z]+:", link):
                file, _, anchor = unquote(link).partition("#")
                target = (path.parent / file).resolve() if file else path
                new = target.parent.name == "figures" and not (PROJECT / "figures" / target.name).exists()
                assert new or target.is_file(), (path, link)
                if anchor and target.name == "LEDGER.html":
                    assert anchor in pages[target].ids, (path, link)
