"""`selfme slides`: a notebook as slides, one page that needs no network.

Headings make slides. A slide shows what can be taken in at a glance: the first sentence of each paragraph and list item,
formulas, tables, printed lines; every picture has a slide of its own. The whole text is in the speaker's notes, as are solutions
and what is expected of an exercise. The code stays folded. A cell's `slideshow` metadata overrules that: `skip`, `notes`, and
with `slide`, `subslide`, `fragment` or `-` the cell is shown whole.
"""

import base64
import html
import importlib.resources
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from jinja2 import Environment, FileSystemLoader
from markdown_it import MarkdownIt
from markdown_it.token import Token
from mdit_py_plugins.dollarmath import dollarmath_plugin
from nbformat import NotebookNode

from selfme_lib.runtime.errors import DataError
from selfme_lib.runtime.files import atomic_path

from .chapters import read_notebook
from .exercises import GIVEN, is_solution

TEMPLATES = Path(__file__).parent / "templates"
PICTURES = {"image/png": "png", "image/jpeg": "jpeg", "image/webp": "webp"}
FULL = 11  # lines on a slide
LEAD = 2  # lines that fit above a picture
ROWS = 14  # of a table
LETTERS = 80  # in a line
_SENTENCE = re.compile(r"(?<=[.!?])[*_)]*\s+(?=[A-Z*`$\[“\"(])")


@dataclass
class Slide:
    """One slide: a title, and pieces of HTML.

    Attributes:
        kind: `title`, `text` or `picture`.
        notes: for the speaker.
        code: of the cells whose output is shown.
    """

    title: str
    kind: str = "text"
    body: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    code: list[str] = field(default_factory=list)
    lines: float = 0


def write_slides(source: Path, out: Path) -> tuple[Path, int]:
    """Write the slides of a notebook.

    Args:
        source: the notebook, with the outputs that are to be shown.
        out: the page.

    Returns:
        The page, and how many slides it has.

    Raises:
        DataError: `source` is not a notebook, or there is nothing in it to show.
    """
    notebook = read_notebook(source, remedy="give an .ipynb file")
    deck = Deck(source.parent)
    for cell in notebook.cells:
        deck.add(cell)
    slides = [slide for slide in deck.slides if slide.body or slide.kind == "title"]
    if not slides:
        raise DataError(f"{source}: has no text and no output, so nothing to make slides of")
    page = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=False).get_template("slides.html.j2")
    body = "".join("".join((*slide.body, *slide.notes)) for slide in slides)
    text = page.render(
        title=html.escape(re.sub(r"<[^>]+>", "", slides[0].title) or source.stem),
        slides=slides,
        script=(TEMPLATES / "slides.js").read_text(encoding="utf-8"),
        mathjax=_mathjax() if r"\(" in body or r"\[" in body else "",
    )
    with atomic_path(out) as temporary:
        temporary.write_text(text + "\n", encoding="utf-8")
    return out, len(slides)


class Deck:
    """Slides as they grow, cell by cell.

    Args:
        home: folder of the notebook, whose pictures are embedded.
    """

    def __init__(self, home: Path):
        self.home = home
        self.slides: list[Slide] = []
        self._markdown = MarkdownIt("commonmark", {"html": True}).enable("table")
        dollarmath_plugin(self._markdown, double_inline=True, renderer=_formula)

    def add(self, cell: NotebookNode) -> None:
        """Add what a cell has to show."""
        wanted = cell.metadata.get("slideshow", {}).get("slide_type", "")
        tags = cell.metadata.get("tags", [])
        if wanted == "skip" or {"parameters", "injected-parameters"} & set(tags):
            return
        if wanted == "notes":
            self._note(self._markdown.render(cell.source) if cell.cell_type == "markdown" else _code(cell.source))
        elif cell.cell_type == "markdown":
            self._add_text(cell.source, wanted)
        elif is_solution(cell):
            self._note(f"<p>A solution:</p>{_code(cell.source)}")
        elif cell.cell_type == "code" and not cell.source.startswith(GIVEN):
            self._add_code(cell, whole=bool(wanted))

    @property
    def _last(self) -> Slide:
        if not self.slides:
            self.slides.append(Slide(""))
        return self.slides[-1]

    def _note(self, text: str) -> None:
        self._last.notes.append(self._finished(text))

    def _show(self, text: str, lines: float) -> None:
        """Put something on the last slide, or on another one of the same title if that is full."""
        last = self._last
        if last.kind == "picture" or (last.body and last.lines + lines > FULL):
            self.slides.append(Slide(last.title if last.kind != "title" else ""))
        self._last.body.append(self._finished(text))
        self._last.lines += lines

    def _add_text(self, source: str, wanted: str) -> None:
        if wanted in ("slide", "subslide"):
            self.slides.append(Slide("" if wanted == "slide" else self._last.title))
        for block in _blocks(self._markdown.parse(source)):
            first = block[0]
            inline = block[1].content if len(block) > 1 and block[1].type == "inline" else ""
            if first.type == "heading_open":
                title = self._finished(self._markdown.renderInline(inline))
                if wanted in ("slide", "subslide") and not self._last.body:
                    self._last.title = title
                else:
                    self.slides.append(Slide(title, kind="title" if first.tag == "h1" else "text"))
                continue
            whole = self._markdown.renderer.render(block, self._markdown.options, {})
            heading = re.fullmatch(r"\*\*([^*]+)\*\*", inline)
            if not wanted and heading and first.type == "paragraph_open":
                self.slides.append(Slide(heading[1]))
            elif not wanted and first.type == "table_open" and self._last.kind == "title":
                self._note(whole)  # which sections, how long it takes
            elif wanted:
                self._show(whole, _lines(block))
            elif first.type == "html_block" or first.type == "hr":
                continue
            elif inline.startswith("*Expected"):
                self._note(whole)
            elif first.type == "paragraph_open" and not re.fullmatch(r"!\[[^\]]*\]\([^)]*\)", inline):
                start, rest = first_sentence(inline)
                self._show(f"<p>{self._markdown.renderInline(start)}</p>", 1 + len(start) // LETTERS)
                if rest:
                    self._note(whole)
            elif first.type in ("bullet_list_open", "ordered_list_open"):
                self._add_list(block, whole)
            else:
                self._show(whole, 7 if "<img" in whole else _lines(block))

    def _add_list(self, block: list[Token], whole: str) -> None:
        """The first sentence of each item; what is left out of any goes to the notes."""
        shortened, lines = False, 0.0
        for token in block:
            if token.type == "inline" and token.level <= 3:
                start, rest = first_sentence(token.content)
                lines += 1 + len(start) // LETTERS
                if rest:
                    shortened = True
                    (again,) = self._markdown.parseInline(start)
                    token.content, token.children = start, again.children
        self._show(self._markdown.renderer.render(block, self._markdown.options, {}), lines)
        if shortened:
            self._note(whole)

    def _add_code(self, cell: NotebookNode, *, whole: bool) -> None:
        outputs = list(self._outputs(cell))
        imports = sum(bool(re.match(r"(from|import|\)|    \w+,$)", line)) for line in cell.source.splitlines())
        setting_up = imports > len(cell.source.splitlines()) / 2
        if whole:
            self._show(_code(cell.source), 1 + cell.source.count("\n"))
        code = "" if whole or setting_up else _code(cell.source)
        title = re.sub(r"^\d+\s*[·.]\s*", "", self._last.title)
        for kind, text, lines in outputs:
            if kind == "picture":
                if self._last.kind == "text" and self._last.body and self._last.lines <= LEAD:
                    self._last.kind = "picture"  # a sentence or two lead to it
                else:
                    self.slides.append(Slide(self._last.title if self._last.kind != "title" else title, kind="picture"))
                self._last.body.append(text)
            elif kind == "caption" and self._last.kind == "picture" and self._last.body[-1].startswith("<img"):
                start, rest = first_sentence(text)
                self._last.body.append(f"<p class='caption'>{self._finished(self._markdown.renderInline(start))}</p>")
                if rest:
                    self._note(self._markdown.render(text))
            elif kind == "caption":
                self._show(self._markdown.render(text), lines)
            elif not setting_up:
                self._show(text, lines)
            if code and code not in self._last.code:
                self._last.code.append(code)
                code = ""
        if code:
            self._last.code.append(code)

    def _outputs(self, cell: NotebookNode) -> Iterator[tuple[str, str, float]]:
        """What a cell shows: `picture`, `caption` (Markdown) or `text`; and how many lines it takes."""
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            picture = next((kind for kind in PICTURES if kind in data), None)
            if picture:
                alt = " ".join(output.metadata.get(picture, {}).get("alt", "").split())
                encoded = "".join(data[picture].split())
                address = f"data:{picture};base64,{encoded}"
                yield "picture", f'<img src="{address}" alt="{html.escape(alt, quote=True)}">', FULL
            elif "text/markdown" in data:
                yield "caption", data["text/markdown"], 1 + len(data["text/markdown"]) / LETTERS
            elif "<table" in data.get("text/html", ""):
                table, rows = _table(data["text/html"])
                yield "text", table, rows
            elif output.get("name") == "stdout" and output.text.strip():
                lines = output.text.strip().splitlines()
                shown = lines[:ROWS] + (["…"] if len(lines) > ROWS else [])
                yield "text", f"<pre class='printed'>{html.escape(chr(10).join(shown))}</pre>", 0.8 * len(shown)

    def _finished(self, text: str) -> str:
        """HTML with pictures inside, and without links into the project."""

        def embedded(match: re.Match) -> str:
            path = self.home / match[1]
            if re.match(r"data:|https?:", match[1]) or not path.is_file():
                return match[0] if match[1].startswith("data:") else 'src=""'
            kind = path.suffix.removeprefix(".").replace("jpg", "jpeg")
            return f'src="data:image/{kind};base64,{base64.b64encode(path.read_bytes()).decode()}"'

        text = re.sub(r'<a href="(?!https?:)[^"]*">(.*?)</a>', r"\1", text, flags=re.DOTALL)
        text = re.sub(r'src="([^"]*)"', embedded, text)
        return re.sub(r'<img src=""[^>]*>', "", text)


def first_sentence(text: str) -> tuple[str, str]:
    """The first sentence of a Markdown paragraph, two if the first is short, and the rest."""
    for match in _SENTENCE.finditer(text):
        start = text[: match.end()].rstrip()
        closed = all(start.count(mark) % 2 == 0 for mark in ("$", "`", "*", "**")) and start.count("[") == start.count(
            "]"
        )
        short = len(re.sub(r"\]\([^)]*\)", "", start)) < 40 or re.search(r"\b(Eqs?|Fig|e\.g|i\.e|al|vs)\.$", start)
        if closed and not short:
            return start, text[match.end() :]
    return text, ""


def _blocks(tokens: list[Token]) -> Iterator[list[Token]]:
    """Top-level blocks of a text."""
    block: list[Token] = []
    for token in tokens:
        block.append(token)
        if token.level == 0 and token.nesting <= 0:
            yield block
            block = []


def _lines(block: list[Token]) -> float:
    """About how many lines a block takes on a slide."""
    if block[0].type == "math_block":
        return 2 + block[0].content.count(r"\\")
    if block[0].type == "table_open":
        return sum(token.type == "tr_open" for token in block) * 1.3
    if block[0].type in ("fence", "code_block"):
        return 1 + block[0].content.count("\n")
    return sum(1 + len(token.content) // LETTERS for token in block if token.type == "inline")


def _formula(content: str, options: dict[str, bool]) -> str:
    mark = "[]" if options["display_mode"] else "()"
    return rf"\{mark[0]}{html.escape(content)}\{mark[1]}"


def _code(source: str) -> str:
    return f"<pre><code>{html.escape(source)}</code></pre>"


def _table(text: str) -> tuple[str, float]:
    """A table with its first rows, and how many lines it takes."""
    found = re.search(r"<table.*?</table>", text, flags=re.DOTALL)
    assert found is not None
    rows = re.findall(r"<tr.*?</tr>", found[0], flags=re.DOTALL)
    more = f"<tr><td>… {len(rows) - ROWS} more</td></tr>" if len(rows) > ROWS + 1 else ""
    kept = rows[:ROWS] if more else rows
    return f"<div class='scroll'><table>{''.join(kept)}{more}</table></div>", 0.9 * len(kept)


def _mathjax() -> str:
    path = importlib.resources.files("sphinx-mathjax-offline") / "static/mathjax/tex-svg-full.js"
    return path.read_text(encoding="utf-8").replace("</script", r"<\/script")
