"""`selfme site`: the project as static pages that any web server can serve, and that work from a folder, too.

The site has the repository's layout: `notebooks/04_scvit.ipynb` becomes `notebooks/04_scvit.html`, `LEDGER.md` becomes
`LEDGER.html`, and whatever they link to (a module, a test, a folder) gets a page as well. So relative links only change
their endings. Formulas become MathML and pictures lie beside the pages: nothing is loaded from anywhere else.
"""

import html
import os
import re
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import jinja2
import mistune
import nbformat
from latex2mathml.converter import convert as to_mathml
from nbconvert import HTMLExporter
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonLexer, TextLexer

from selfme_lib.runtime.errors import DataError
from selfme_lib.runtime.files import atomic_path
from selfme_lib.runtime.paths import NOTEBOOKS, PROJECT
from selfme_lib.study.run_folder import RunFolder

from .chapters import find_appendices, find_notebooks
from .publish import describe_pictures
from .student import is_solution

TEMPLATES = Path(__file__).parent / "templates"
PAGES = ("README.md", "LEDGER.md")  # besides the notebooks; what they link to follows
WIDGET = "application/vnd.jupyter.widget-view+json"


def write_site(out: Path, run: RunFolder | None = None, *, project: Path = PROJECT) -> Path:
    """Write the site; returns its front page.

    Args:
        out: folder; pages of an earlier site are replaced.
        run: whose executed notebooks and report are shown; None: the notebooks as they are published. Appendices that it has
            not run are shown as published, too.
        project: where README, notebooks and modules are.

    Raises:
        DataError: a notebook is not in the run, or a page links to something that does not exist.
    """
    return _Site(out, project, run).write()


@dataclass
class _Site:
    out: Path
    project: Path
    run: RunFolder | None
    waiting: list[Path] = field(default_factory=list)  # files and folders that need a page still
    done: set[Path] = field(default_factory=set)

    def write(self) -> Path:
        folder = self.project / NOTEBOOKS.name
        notebooks = [*find_notebooks(folder), *find_appendices(folder)]
        self.chapters = {path: _first_heading(nbformat.read(path, as_version=4)) for path in notebooks}
        self.waiting = [*(self.project / name for name in PAGES), *notebooks]
        while self.waiting:
            source = self.waiting.pop(0)
            if source not in self.done:
                self.done.add(source)
                self._write_page(source)
        css = (TEMPLATES / "site.css").read_text(encoding="utf-8") + HtmlFormatter().get_style_defs(".highlight")
        self._write(self.out / "site.css", css)
        if self.run is not None and self.run.report.exists():
            with atomic_path(self.out / "report.html") as temporary:
                shutil.copyfile(self.run.report, temporary)
        return self.out / "index.html"

    def _write_page(self, source: Path) -> None:
        """The page of a file or a folder; a picture is copied."""
        if source.suffix in (".png", ".webp", ".gif"):
            with atomic_path(self.out / source.relative_to(self.project)) as temporary:
                shutil.copyfile(source, temporary)
            return
        if source.suffix == ".ipynb":
            title, body = self.chapters[source], self._notebook(source)
        elif source.suffix == ".md":
            text = source.read_text(encoding="utf-8")
            title, body = _first_line(text), _to_html(text)
        elif source.is_dir():
            inside = sorted(
                path for path in source.iterdir() if path.suffix in (".py", ".md", ".yaml") or _has_code(path)
            )
            lines = [f"- [{path.name}]({path.name})" for path in inside]
            title = source.name
            body = _to_html("\n".join([f"# {source.relative_to(self.project).as_posix()}", *lines]))
        else:
            title = source.relative_to(self.project).as_posix()
            lexer = PythonLexer() if source.suffix == ".py" else TextLexer()
            text = source.read_text(encoding="utf-8")
            body = f"<h1>{html.escape(title)}</h1>" + highlight(text, lexer, HtmlFormatter())
        page = self._page_of(source)
        body = self._relinked(body, source if source.is_dir() else source.parent, page)
        chapters = [
            {"address": self._from(page, self._page_of(path)), "title": name, "here": path == source}
            for path, name in self.chapters.items()
        ]
        environment = jinja2.Environment(loader=jinja2.FileSystemLoader(TEMPLATES), undefined=jinja2.StrictUndefined)
        text = environment.get_template("site.html.j2").render(
            title=html.escape(title),
            body=body,
            chapters=chapters,
            root=self._from(page, self.out / "index.html").removesuffix("index.html"),
            report=self.run is not None and self.run.report.exists(),
        )
        self._write(page, text)

    def _notebook(self, source: Path) -> str:
        run = self.run
        path = source if run is None else run.notebooks / source.name
        if not path.exists() and source in find_appendices(source.parent):
            run, path = None, source
        if not path.exists():
            raise DataError(
                f"{path}: not in this run; run `selfme reproduce --only {source.stem[:2]}` or leave out --run"
            )
        notebook = nbformat.read(path, as_version=4)
        notebook.cells = [c for c in notebook.cells if "injected-parameters" not in c.metadata.get("tags", [])]
        notebook.metadata.pop("widgets", None)
        for cell in notebook.cells:
            if cell.cell_type == "code" and run is not None:
                describe_pictures(cell, run)
            for output in cell.get("outputs", []):
                if WIDGET in output.get("data", {}):
                    output["data"] = _static_twin(output["data"])
        exporter = HTMLExporter(template_file="site_notebook.html.j2", extra_template_paths=[str(TEMPLATES)])
        exporter.register_filter("markdown2html", _to_html)
        exporter.register_filter("is_solution", is_solution)
        body, _ = exporter.from_notebook_node(notebook)
        return body

    def _page_of(self, source: Path) -> Path:
        """Where the page of a file, of a folder or a picture lies."""
        place = self.out / source.relative_to(self.project)
        if source == self.project / "README.md":
            return self.out / "index.html"
        if source.is_dir():
            return place / "index.html"
        if source.suffix in (".md", ".ipynb"):
            return place.with_suffix(".html")
        return place if source.suffix in (".png", ".webp", ".gif") else place.with_name(place.name + ".html")

    def _relinked(self, body: str, folder: Path, page: Path) -> str:
        """Links between files of the project become links between their pages, which are written later."""

        def moved(match: re.Match) -> str:
            address = html.unescape(match[2])
            if re.match(r"[a-z]+:|#", address):
                return match[0]
            file, mark, anchor = unquote(address).partition("#")
            target = (folder / file).resolve()
            if target.parent == (self.project / "figures").resolve() and not target.exists():
                return match[0]  # the first publication of a new notebook brings it
            if not target.exists() or self.project.resolve() not in target.parents:
                raise DataError(f"{page}: links to {address}, which does not exist in {self.project}")
            self.waiting.append(target)
            return f'{match[1]}="{html.escape(self._from(page, self._page_of(target)) + mark + anchor)}"'

        return re.sub(r'\b(href|src)="([^"]+)"', moved, body)

    def _from(self, page: Path, other: Path) -> str:
        return Path(os.path.relpath(other, page.parent)).as_posix()

    def _write(self, path: Path, text: str) -> None:
        with atomic_path(path) as temporary:
            temporary.write_text(text, encoding="utf-8")


def _static_twin(data: dict[str, Any]) -> dict[str, Any]:
    """What a page without a kernel shows of a widget: its picture, or where to find it."""
    if "image/jpeg" in data:
        return {"image/jpeg": data["image/jpeg"]}
    return {"text/html": "<p class='widget'>A widget: it needs a running notebook. A figure nearby shows the same.</p>"}


def _to_html(text: str) -> str:
    """Markdown with formulas; headings get anchors as Jupyter makes them."""
    formulas: list[str] = []

    def keep(match: re.Match) -> str:
        if match[1] is not None:  # code keeps its dollars
            return match[0]
        formulas.append(_formula(match[2] or match[3], block=match[2] is not None))
        return f"\x02{len(formulas) - 1}\x03"

    text = re.sub(r"(```.*?```|`[^`\n]+`)|\$\$(.+?)\$\$|\$([^$\n]+?)\$", keep, text, flags=re.DOTALL)
    page = mistune.create_markdown(escape=False, plugins=["table", "strikethrough", "url"])(text)
    page = re.sub(r"<h([1-6])>(.*?)</h\1>", _with_anchor, page)
    return re.sub(r"\x02(\d+)\x03", lambda match: formulas[int(match[1])], page)


def _formula(latex: str, *, block: bool) -> str:
    """MathML; a `\\tag` stands beside the formula, as its number."""
    tag = re.search(r"\\tag\{(.+?)\}", latex)
    latex = re.sub(r"\\tag\{.+?\}", "", latex).replace("\\|", "|").strip()
    mathml = to_mathml(latex, display="block" if block else "inline")
    number = f"<span class='tag'>({tag[1]})</span>" if tag else ""
    return f"<span class='formula'>{mathml}{number}</span>" if block else mathml


def _with_anchor(match: re.Match) -> str:
    words = html.unescape(re.sub(r"<[^>]+>|\x02\d+\x03", "", match[2])).strip()
    anchor = html.escape(words.replace(" ", "-"))
    return f'<h{match[1]} id="{anchor}">{match[2]}</h{match[1]}>'


def _first_line(text: str) -> str:
    return next(line.lstrip("# ") for line in text.splitlines() if line.startswith("#"))


def _first_heading(notebook: nbformat.NotebookNode) -> str:
    return _first_line("\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown"))


def _has_code(path: Path) -> bool:
    return path.is_dir() and any(path.glob("*.py"))
