"""`selfme site`: the project as web pages, by Sphinx with MyST-NB and the book theme.

README, `docs/`, ledger, notebooks (as published or those of a run), the library's API from its docstrings, and every other
file that these link to. The pages work from a folder as from any web server and load nothing from elsewhere. Notebooks are
never executed: widgets are stills, except for the amplification explorer, which a browser plays without Python.

Sphinx reads a source tree that is made for it in a temporary folder. The tree has the repository's layout, except that
`README.md` becomes `index.md` and the modules of the package become `api/MODULE.rst`; links are rewritten accordingly.
"""

import base64
import importlib.resources
import itertools
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import myst_nb  # noqa: F401  these two are only named in the configuration: a missing one shows here
import nbformat
import sphinx_book_theme  # noqa: F401
from sphinx.application import Sphinx
from sphinx.errors import SphinxError
from tqdm import tqdm

from selfme_lib import widgets
from selfme_lib.runtime.errors import DataError
from selfme_lib.runtime.files import atomic_path
from selfme_lib.runtime.paths import NOTEBOOKS, PACKAGE, PROJECT
from selfme_lib.runtime.processes import process_pool
from selfme_lib.study.exports import literal
from selfme_lib.study.run_folder import RunFolder
from selfme_lib.widgets.static_explorer import write_script

from .chapters import RESTORE, find_appendices, find_notebooks, read_notebook
from .publish import WIDGET
from .student import is_solution

MATHJAX = str(importlib.resources.files("sphinx-mathjax-offline") / "static/mathjax/tex-svg-full.js")
STYLE, SCRIPT = (str(Path(__file__).parent / "templates" / f"site.{kind}") for kind in ("css", "js"))
EXPLORER = "explorer.js"  # that SCRIPT loads
PICTURES = (".png", ".webp", ".gif")
STILL = "*This is a widget. To play with it, run the notebook: `make lab`.*"
PLAYED = "*Here it plays the people that come with the package; in the running notebook (`make lab`), those of this chapter.*"
LATER = "```{{container}} selfme-later\n{}\n```"  # the place of an explorer, and what stands there until it is loaded
TRY_IT = f"""
## Try it

{LATER.format("The explorer is on its way, and needs JavaScript.")}

Turn γ, draw the divider of the wipe across the face, show the true motion. Keys are listed below the pictures.

"""
CONFIGURATION: dict[str, Any] = {
    "project": "SelfME, step by step",
    "html_title": "SelfME, step by step",
    "extensions": [
        "myst_nb",
        "sphinx.ext.autodoc",
        "sphinx.ext.autosummary",
        "sphinx.ext.napoleon",
        "sphinx.ext.viewcode",
        "sphinx.ext.mathjax",
    ],
    "myst_enable_extensions": ["attrs_inline", "dollarmath", "strikethrough"],
    "myst_heading_anchors": 4,
    "nb_execution_mode": "off",
    "nb_merge_streams": True,
    "nb_render_markdown_format": "myst",
    "nb_ipywidgets_js": {},  # scripts of a server elsewhere
    "html_css_files": [Path(STYLE).name],
    "html_js_files": [(Path(SCRIPT).name, {"defer": "defer"})],
    "html_context": {"default_mode": "auto"},  # light or dark, as the reader's system has it
    "mathjax_path": Path(MATHJAX).name,
    "default_role": "py:obj",
    "add_module_names": False,
    "autosummary_generate": False,
    "viewcode_follow_imported_members": False,
    "autodoc_member_order": "bysource",
    "autodoc_preserve_defaults": True,
    "python_maximum_signature_line_length": 88,
    "html_theme": "sphinx_book_theme",
    "html_theme_options": {
        "use_download_button": False,
        "home_page_in_toc": True,
        "show_navbar_depth": 1,
        "max_navbar_depth": 2,
        "footer_content_items": [],  # it has no author to name
    },
    "html_copy_source": False,
    "html_show_copyright": False,
    "html_show_search_summary": False,  # a page opened from a folder may not fetch another
}


def write_site(out: Path, run: RunFolder | None = None, *, project: Path = PROJECT) -> Path:
    """Write the site; returns its front page.

    Args:
        out: folder; pages of an earlier site are replaced.
        run: whose executed notebooks and report are shown; None: the notebooks as published. Appendices that the run lacks
            are shown as published, too.
        project: where README, notebooks and modules are.

    Raises:
        DataError: a notebook is not in the run, or a page links to something that does not exist.
    """
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "source")
        _SourceTree(source, project, run).write()
        with process_pool(1) as pool:  # a process of its own: autodoc imports this package a second time
            pool.submit(_build, source, out.resolve(), Path(folder, "doctrees")).result()
    if run is not None and run.report.exists():
        with atomic_path(out / "report.html") as temporary:
            shutil.copyfile(run.report, temporary)
    return out / "index.html"


def _build(source: Path, out: Path, doctrees: Path) -> None:
    """Let Sphinx write the pages, in a process of its own."""
    streams: dict[str, Any] = {"status": None, "warning": sys.stderr}
    configuration = CONFIGURATION | {"html_static_path": [MATHJAX, STYLE, SCRIPT, str(source / EXPLORER)]}
    try:
        with tqdm(desc="web pages", unit="page", delay=2, disable=None) as bar:
            sphinx = Sphinx(source, None, out, doctrees, "html", configuration, **streams)
            sphinx.connect("autodoc-process-docstring", _markdown_to_rst, priority=400)  # before napoleon
            _follow(sphinx, bar)
            sphinx.build()
    except SphinxError as error:
        raise DataError(f"{out}: Sphinx failed ({error}); install the versions in constraints.txt") from None


def _follow(sphinx: Sphinx, bar: "tqdm[Any]") -> None:
    """Let a bar say how far Sphinx is: it reads each page, and then writes each."""
    sphinx.connect("env-before-read-docs", lambda app, env, names: bar.reset(total=2 * len(names)))
    for event in ("doctree-read", "doctree-resolved"):
        sphinx.connect(event, lambda *_: bar.update())


@dataclass
class _SourceTree:
    """The tree that Sphinx reads, made page by page; each page adds what it links to."""

    root: Path
    project: Path
    run: RunFolder | None
    waiting: list[Path] = field(default_factory=list)
    done: set[Path] = field(default_factory=set)

    def write(self) -> None:
        folder = self.project / NOTEBOOKS.name
        contents = {
            "The paper": find_notebooks(folder),
            "Beyond the paper": find_appendices(folder),
            "Guides": sorted((self.project / "docs").glob("*.md")),
            "Reference": [self.project / "LEDGER.md"],
        }
        self.waiting = [self.project / "README.md", *itertools.chain(*contents.values())]
        while self.waiting:
            path = self.waiting.pop(0)
            if path not in self.done:
                self.done.add(path)
                self._write_page(path)
        entries = {caption: [self._page_of(path) for path in paths] for caption, paths in contents.items() if paths}
        for name, path in self._modules():
            self._write(f"api/{name}.rst", _module_page(name, path))
            if name == PACKAGE.name:
                entries["Reference"].append(f"api/{name}.rst")
        write_script(self.root / EXPLORER)
        if self.run is not None and self.run.report.exists():
            link = f'<a href="report.html">The report</a> of {literal(self.run.name)}.'
            self._write("run.md", f"# Report of the run\n\n{link}\n")
            entries["Reference"].append("run.md")
        with (self.root / "index.md").open("a", encoding="utf-8") as index:
            for caption, pages in entries.items():
                index.write("\n".join(["\n```{toctree}", ":hidden:", f":caption: {caption}", "", *pages, "```\n"]))

    def _modules(self) -> Iterator[tuple[str, Path]]:
        """Every module of the package, by its full name."""
        for path in sorted((self.project / PACKAGE.name).rglob("*.py")):
            parts = path.relative_to(self.project).with_suffix("").parts
            yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path

    def _page_of(self, path: Path) -> str:
        """The source of the page of a file or a folder, seen from the tree's root; of a picture, its own place."""
        place = path.relative_to(self.project)
        if place.as_posix() == "README.md":
            return "index.md"
        if place.parts[0] == PACKAGE.name and (path.suffix == ".py" or path.is_dir()):
            return f"api/{'.'.join(place.with_suffix('').parts).removesuffix('.__init__')}.rst"
        if path.is_dir():
            return (place / "index.md").as_posix()
        return place.as_posix() if path.suffix in (".md", ".ipynb", *PICTURES) else f"{place.as_posix()}.md"

    def _write_page(self, path: Path) -> None:
        page, place = self._page_of(path), path.relative_to(self.project)
        beside = f"---\norphan: true\n---\n\n# {place.as_posix()}\n\n"  # not in the table of contents
        if page.startswith("api/"):
            return  # written with all the others
        if path.suffix == ".ipynb":
            self._write(page, nbformat.writes(self._notebook(path)))
        elif path.suffix == ".md":
            text = self._relinked(path.read_text(encoding="utf-8"), path)
            if page == "index.md":
                start, heading, rest = text.partition("\n## ")
                text = f"{start}{TRY_IT}{heading}{rest}"
            listed = place.as_posix() in ("README.md", "LEDGER.md") or place.parts[0] == "docs"
            self._write(page, text if listed else f"---\norphan: true\n---\n\n{text}")
        elif path.is_dir():
            inside = [item.name for item in sorted(path.iterdir()) if item.suffix in (".py", ".md", ".yaml")]
            self._write(page, beside + self._relinked("\n".join(f"- [{name}]({name})" for name in inside), path))
        elif path.suffix in PICTURES:
            (self.root / place).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, self.root / place)
        else:
            language = {".py": "python", ".yaml": "yaml"}.get(path.suffix, "text")
            self._write(page, f"{beside}````{language}\n{path.read_text(encoding='utf-8')}\n````\n")

    def _notebook(self, source: Path) -> nbformat.NotebookNode:
        """A notebook as MyST-NB should read it: solutions folded, widgets as pictures, pictures with descriptions."""
        run = self.run
        path = source if run is None else run.notebooks / source.name
        if not path.exists() and source in find_appendices(source.parent):
            run, path = None, source
        if not path.exists():
            remedy = f"run `selfme reproduce --only {source.stem[:2]}` or leave out --run"
            raise DataError(f"{path}: not in this run; {remedy}")
        notebook = read_notebook(path, remedy=RESTORE if run is None else run.remedy)
        notebook.cells = [c for c in notebook.cells if "injected-parameters" not in c.metadata.get("tags", [])]
        notebook.metadata.pop("widgets", None)
        outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
        playing = next((output for output in outputs if _widget(output) == "AmplificationExplorer"), None)
        for number, cell in enumerate(notebook.cells):
            if cell.cell_type != "code":
                cell.source = self._relinked(cell.source, source)
                continue
            if is_solution(cell):
                cell.metadata.tags.append("hide-cell")
                cell.metadata["mystnb"] = {"code_prompt_show": "A solution", "code_prompt_hide": "Hide the solution"}
            for position, output in enumerate(cell.outputs):
                self._make_static(output, f"{source.stem}-{number}-{position}", plays=output is playing)
        return notebook

    def _make_static(self, output: nbformat.NotebookNode, name: str, *, plays: bool) -> None:
        """Turn an output into what a page without a kernel shows. A picture becomes Markdown, which keeps its description."""
        data, text = output.get("data", {}), ""
        kind = next((kind for kind in ("image/png", "image/jpeg") if kind in data), None)
        if kind:
            picture = self.root / "pictures" / f"{name}.{kind.removeprefix('image/')}"
            picture.parent.mkdir(exist_ok=True)
            picture.write_bytes(base64.b64decode(data[kind]))
            alt = " ".join(output.metadata.get(kind, {}).get("alt", "").split())
            alt = re.sub(r"([\\\[\]*_`<&$])", r"\\\1", alt)
            text = f"![{alt}](/pictures/{picture.name})"
        if _widget(output):
            text = f"{LATER.format(text)}\n\n{PLAYED}" if plays else f"{text}\n\n{STILL}"
        if text:
            output.data = {"text/markdown": text}

    def _relinked(self, text: str, source: Path) -> str:
        """Markdown whose links between files of the project lead to their pages, which are written later."""
        folder = source if source.is_dir() else source.parent

        def moved(match: re.Match) -> str:
            file, mark, anchor = match[1].partition("#")
            if not file or re.match(r"[a-z]+:", file):
                return match[0]
            target = (folder / file).resolve()
            if target.parent == (self.project / "figures").resolve() and not target.exists():
                return match[0]  # the first publication of a new notebook brings it
            if not target.exists() or self.project.resolve() not in target.parents:
                raise DataError(f"{source}: links to {file}, which does not exist in {self.project}")
            self.waiting.append(target)
            return f"](/{self._page_of(target)}{mark}{anchor})"

        text = re.sub(r'<a id="([\w-]+)"></a>', r"[]{#\1}", text)
        return re.sub(r"\]\(([^)\s]+)\)", moved, text)

    def _write(self, page: str, text: str) -> None:
        (self.root / page).parent.mkdir(parents=True, exist_ok=True)
        (self.root / page).write_text(text, encoding="utf-8")


def _widget(output: nbformat.NotebookNode) -> str:
    """Which explorer an output shows; "" if none. A published one has lost its kernel's part, and keeps its name and picture."""
    data = output.get("data", {})
    name = data.get("text/plain", "").partition("(")[0]
    return name if WIDGET in data or name in widgets.__all__ else ""


def _module_page(name: str, path: Path) -> str:
    """The page of a module; that of a package lists its modules.

    Only the package and its rooms are in the contents beside each page: Sphinx builds these anew for every page, and with all
    modules that takes longer than everything else.
    """
    parent, _, _ = name.rpartition(".")
    title = name.partition(".")[2] or name
    lines = [] if name.count(".") < 2 else [":orphan:", ""]
    lines += [title, "=" * len(title), "", *([f"In :py:mod:`{parent}`.", ""] if parent else [])]
    lines += [f".. automodule:: {name}", "   :members:", "   :ignore-module-all:", ""]
    if path.name == "__init__.py":
        found = (item for item in sorted(path.parent.iterdir()) if item != path)
        names = [item.stem for item in found if item.suffix == ".py" or (item / "__init__.py").exists()]
        lines += [".. autosummary::", "", *(f"   {item}" for item in names), ""]
        if not parent:
            lines += [".. toctree::", "   :hidden:", "", *(f"   {name}.{item}" for item in names)]
    return "\n".join(lines) + "\n"


def _markdown_to_rst(app: Sphinx, what: str, name: str, obj: object, options: object, lines: list[str]) -> None:
    """Docstrings are written in Markdown; autodoc wants formulas, tables and indented blocks marked in its own way."""

    def literal(block: re.Match) -> str:
        return "::\n\n" + re.sub(r"(?m)^", "    ", block[0]) + "\n"

    text = "\n".join(lines)
    text = re.sub(r"(?m)(?<=\n\n)(?: {4}.*\n)+", literal, text)
    text = re.sub(r"(?m)(?:^\|.*\n)+", literal, text)
    text = re.sub(r"\$\$(.+?)\$\$", lambda m: f"\n\n.. math:: {' '.join(m[1].split())}\n\n", text, flags=re.DOTALL)
    text = re.sub(r"(?<!\\)\$([^$\n]+)\$", r":math:`\1`", text)
    lines[:] = text.splitlines()
