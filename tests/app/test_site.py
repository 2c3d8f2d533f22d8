import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

pytest.importorskip("sphinx", reason="no Sphinx: pip install -e .[docs]")

from selfme_lib.app import cli
from selfme_lib.app.site import write_site
from selfme_lib.runtime.errors import DataError
from selfme_lib.runtime.paths import PROJECT
from selfme_lib.study.run_folder import RunFolder

PYTHON = {"language_info": {"name": "python"}}
pytestmark = pytest.mark.filterwarnings("ignore:.*Check CHANGES for Sphinx")  # of extensions, about one another
JPEG = "/9j/4AAQSkZJRg=="
PAGES_OF_SPHINX = {"search.html", "genindex.html"}
FRONT = ["index", *(f"docs/{path.stem}" for path in sorted((PROJECT / "docs").glob("*.md")))]


class Page(HTMLParser):
    def __init__(self, path):
        super().__init__()
        self.links, self.loaded, self.ids, self.alts = [], [], set(), []
        self.text = path.read_text(encoding="utf-8")
        self.feed(self.text)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        addresses = [attributes[name] for name in ("href", "src") if attributes.get(name)]
        (self.links if tag == "a" else self.loaded).extend(addresses)
        self.ids |= {attributes["id"]} if "id" in attributes else set()
        if tag == "img":
            self.alts.append(attributes.get("alt"))


def read_pages(folder):
    pages = {path.resolve(): Page(path) for path in folder.rglob("*.html")}
    return {path: page for path, page in pages.items() if "_static" not in path.parts}


def check_links(pages, known=lambda target: False):
    """Every link leads to a file and, within a page, to a place; and no page loads anything from elsewhere."""
    for path, page in pages.items():
        for link in page.loaded:
            assert not re.match(r"(?:[a-z]+:)?//", link), (path, link)
        for link in [*page.links, *page.loaded]:
            if re.match(r"[a-z]+:", link):
                continue
            file, _, anchor = unquote(link).partition("#")
            target = (path.parent / file.partition("?")[0]).resolve() if file else path
            assert target.is_file() or known(target), (path, link)
            assert not anchor or target not in pages or anchor in pages[target].ids, (path, link)


@pytest.fixture
def project(tmp_path):
    """A project with a README, a guide, a ledger, a module, a figure and two notebooks."""
    root = tmp_path / "project"
    for folder in ("notebooks", "figures", "package", "docs"):
        (root / folder).mkdir(parents=True)
    (root / "figures" / "a.png").write_bytes(b"picture")
    (root / "package" / "module.py").write_text("x = 1 < 2\n")
    (root / "CONTRIBUTING.md").write_text("# Contributing\n")
    (root / "README.md").write_text(
        "# Project\n\n![a face](figures/a.png) [one](notebooks/00_one.ipynb) [code](package)\n"
        "[how](CONTRIBUTING.md) [ledger](LEDGER.md#l-x) [guide](docs/guide.md#part-two-and-three)\n"
    )
    (root / "docs" / "guide.md").write_text(
        "# Guide\n\n![a face](../figures/a.png) [home](../README.md)\n\n## Part two, and `three`\n\n"
        "[two](../notebooks/01_two.ipynb) [here](#guide)\n"
    )
    (root / "LEDGER.md").write_text('# Ledger\n\n| a | b |\n|---|---|\n| <a id="l-x"></a>x | $\\gamma$, `$HOME` |\n')
    pictured = new_output("display_data", {"image/png": "aGk=", "text/plain": "F"})
    pictured.metadata["image/png"] = {"alt": "what is *seen* [here]"}
    view = {"application/vnd.jupyter.widget-view+json": {"model_id": "1"}, "text/plain": "Explorer()"}
    cells = [
        new_markdown_cell("# 00 · One\n\n$$E = mc^2 \\tag{9}$$\n\nsee [two](01_two.ipynb) and [x](../LEDGER.md#l-x)"),
        new_code_cell("print('<hello>')", outputs=[new_output("stream", text="<hello>\n")]),
        new_code_cell("figure", outputs=[pictured]),
        new_code_cell("widget", outputs=[new_output("display_data", {**view, "image/jpeg": JPEG})]),
        new_code_cell("old_widget", outputs=[new_output("display_data", view)]),
        new_code_cell(
            "published", outputs=[new_output("display_data", {"text/plain": "KeypointViewer()", "image/jpeg": JPEG})]
        ),
        new_code_cell("raise SystemExit('executed')"),
        new_code_cell("answer = 42", metadata={"tags": ["solution"]}),
    ]
    nbformat.write(new_notebook(metadata=PYTHON, cells=cells), root / "notebooks" / "00_one.ipynb")
    two = new_notebook(metadata=PYTHON, cells=[new_markdown_cell("# 01 · Two\n\n[code](../package/module.py)")])
    nbformat.write(two, root / "notebooks" / "01_two.ipynb")
    return root


def test_every_link_of_every_page_leads_to_a_page(project, tmp_path, capfd):
    front = write_site(tmp_path / "site", project=project)
    assert capfd.readouterr().err == "", "Sphinx has nothing to warn of"
    assert front == tmp_path / "site" / "index.html"
    pages = read_pages(tmp_path / "site")
    names = {path.relative_to(tmp_path / "site").as_posix() for path in pages} - PAGES_OF_SPHINX
    assert names == {
        "index.html",
        "LEDGER.html",
        "CONTRIBUTING.html",
        "docs/guide.html",
        "notebooks/00_one.html",
        "notebooks/01_two.html",
        "package/index.html",
        "package/module.py.html",
    }
    check_links(pages)
    links = "\n".join(pages[tmp_path / "site" / "notebooks" / "00_one.html"].links)
    assert "../LEDGER.html#l-x" in links and "01_two.html" in links and "../docs/guide.html" in links, "in the contents"


def test_a_notebook_reads_as_without_a_kernel(project, tmp_path):
    write_site(tmp_path / "site", project=project)
    page = Page(tmp_path / "site" / "notebooks" / "00_one.html")
    assert "E = mc^2 \\tag{9}" in page.text and "$$" not in page.text
    assert "&lt;hello&gt;" in page.text
    assert "what is *seen* [here]" in page.alts
    assert any(link.endswith(".jpeg") for link in page.loaded), "a widget is shown as its picture"
    assert page.text.count("This is a widget") == 3 and "Explorer()" not in page.text
    assert re.search(r"<details[^>]*>\s*<summary[^>]*>.*?A solution.*?answer.*?</details>", page.text, re.DOTALL)
    ledger = Page(tmp_path / "site" / "LEDGER.html")
    assert "$HOME" in ledger.text, "dollars in code are no formula"
    assert "\\(\\gamma\\)" in ledger.text


def test_a_run_is_shown_in_place_of_what_is_published(project, tmp_path):
    run = RunFolder(tmp_path / "run")
    run.notebooks.mkdir(parents=True)
    cells = [new_markdown_cell("# 00 · One"), new_code_cell("1", outputs=[new_output("stream", text="from the run")])]
    injected = new_code_cell("run_dir = 1", metadata={"tags": ["injected-parameters"]})
    nbformat.write(new_notebook(metadata=PYTHON, cells=[*cells, injected]), run.notebooks / "00_one.ipynb")
    with pytest.raises(DataError, match=r"01_two\.ipynb: not in this run"):
        write_site(tmp_path / "site", run, project=project)
    nbformat.write(
        new_notebook(metadata=PYTHON, cells=[new_markdown_cell("# 01 · Two")]), run.notebooks / "01_two.ipynb"
    )
    appendix = new_notebook(metadata=PYTHON, cells=[new_markdown_cell("# A1 · More"), new_code_cell("2")])
    nbformat.write(appendix, project / "notebooks" / "A1_more.ipynb")
    run.report.write_text("<title>report</title>")
    write_site(tmp_path / "site", run, project=project)
    text = (tmp_path / "site" / "notebooks" / "00_one.html").read_text()
    assert "from the run" in text and "run_dir" not in text
    assert "A1 · More" in (tmp_path / "site" / "notebooks" / "A1_more.html").read_text(), "as published"
    assert (tmp_path / "site" / "report.html").read_text() == "<title>report</title>"
    pages = read_pages(tmp_path / "site")
    check_links(pages)
    assert "run.html" in pages[tmp_path / "site" / "index.html"].links
    assert "report.html" in pages[tmp_path / "site" / "run.html"].links


def test_a_dead_link_is_an_error_with_its_place(project, tmp_path):
    (project / "LEDGER.md").write_text("# Ledger\n\n[gone](gone.md)")
    with pytest.raises(DataError, match=r"LEDGER\.md: links to gone\.md, which does not exist"):
        write_site(tmp_path / "site", project=project)
    assert not (tmp_path / "site").exists()


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The project's own site."""
    folder = tmp_path_factory.mktemp("site") / "site"
    assert cli.run(["site", str(folder)]) == 0
    return folder


def test_the_project_itself_becomes_a_site_with_its_api(site):
    pages = read_pages(site)
    check_links(
        pages, lambda target: target.parent.name == "figures" and not (PROJECT / "figures" / target.name).exists()
    )
    contents = pages[site / "index.html"].links
    assert len(FRONT) > 7 and {f"{name}.html" for name in FRONT[1:]} <= set(contents), "every guide is in the contents"
    rooms = {path.parent.name for path in Path(PROJECT, "selfme_lib").glob("*/__init__.py")}
    assert rooms and all(site / "api" / f"selfme_lib.{room}.html" in pages for room in rooms)
    losses = pages[site / "api" / "selfme_lib.classifier.symmetry.html"]
    assert "selfme_lib.classifier.symmetry.symmetric_contrastive_loss" in losses.ids
    assert (
        "Float" in losses.text
        and "Parameters" in losses.text
        and "$" not in re.sub(r"(?s)<script.*?</script>", "", losses.text)
    )


def test_pages_work_in_a_browser_without_a_network(site):
    browser = pytest.importorskip("browser", reason="no playwright: pip install -e .[dev]")
    if browser.find_browser() is None:
        pytest.skip("no browser: apt-get install chromium")
    asked = []
    with browser.open_browser() as chromium:
        page = chromium.new_page(viewport={"width": 390, "height": 844}, color_scheme="dark")
        page.set_default_timeout(browser.PATIENCE)
        page.on("request", lambda request: asked.append(request.url))
        for name in (*FRONT, "LEDGER", "notebooks/04_scvit", "api/selfme_lib.classifier.symmetry"):
            page.goto((site / f"{name}.html").as_uri())
            page.wait_for_load_state()
            assert page.evaluate("document.documentElement.scrollWidth") <= 390, f"{name} is wider than a phone"
        page.wait_for_selector("mjx-container svg", state="attached")
        assert page.locator("mjx-merror").count() == 0
        assert page.evaluate("document.documentElement.dataset.theme") == "dark"
        colours = page.evaluate("getComputedStyle(document.body).backgroundColor").strip("rgb()").split(", ")
        assert max(map(int, colours)) < 60
        page.goto((site / "search.html").as_uri() + "?q=keypoints")
        page.wait_for_selector("#search-results a")
        assert page.locator("#search-results a[href*='02_motion_learning']").count()
        page.close()
    assert asked and all(address.startswith(("file:", "data:")) for address in asked)
