"""Pages of a small site in Chromium: on a phone, in the dark, without a network; and the explorer that needs no Python."""

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

pytest.importorskip("sphinx", reason="no Sphinx: pip install -e .[docs]")
pytest.importorskip("playwright", reason="no playwright: pip install -e .[dev]")

from browser import PATIENCE, find_browser, watch_console
from selfme_lib.app.site import write_site

pytestmark = [
    pytest.mark.skipif(find_browser() is None, reason="no browser: apt-get install chromium"),
    pytest.mark.filterwarnings("ignore:.*Check CHANGES for Sphinx"),
]
PYTHON = {"language_info": {"name": "python"}}
PHONE, DESK = {"width": 390, "height": 844}, {"width": 1280, "height": 900}
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII="
LONG = "unusually_long = " + " + ".join(f"term_{number}" for number in range(30))
WIDE = f"| {'| '.join('column' + str(n) for n in range(14))} |\n|{'---|' * 14}\n| {'| '.join(['0.123_45'] * 14)} |"
GUIDE = f"""# A guide

Body with `code`, a [link](../README.md), $x^2$ and **bold** words about heliotropes.

{WIDE}

|  |  |
|---|---|
| takes | a minute |

```python
{LONG}  # a comment
def function(argument: str = "text") -> float:
    return 1.0 if argument else None
```

```{{note}}
Mind the gap.
```

$${" + ".join(f"x_{{{n}}}^{{{n}}}" for n in range(40))}$$

## An unusually long heading with_a_name_that_nobody_could_ever_hope_to_break_anywhere_at_all
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    root = tmp_path_factory.mktemp("project")
    for folder in ("notebooks", "docs", "selfme_lib"):
        (root / folder).mkdir()
    (root / "README.md").write_text("# Project\n\nIt moves.\n\n## Start\n\nAnd [more](docs/guide.md).\n")
    (root / "LEDGER.md").write_text("# Ledger\n")
    (root / "docs" / "guide.md").write_text(GUIDE)
    alt = {"image/png": {"alt": "a face"}}
    names = ("AmplificationExplorer()", "KeypointViewer()")
    stills = [new_output("display_data", {"text/plain": name, "image/png": PIXEL}, metadata=alt) for name in names]
    table = '<table class="dataframe"><tr><th>UF1</th></tr><tr><td>1</td></tr></table>'
    long = new_output("stream", text="x" * 300)
    shown = {LONG: long, "table": new_output("display_data", {"text/html": table})}
    text = new_markdown_cell("\n\n".join(["Some text."] * 60))  # so that what is below is not near the window
    cells = [new_code_cell(source, outputs=[output]) for source, output in shown.items()]
    cells += [text, *(new_code_cell("widget", outputs=[still]) for still in stills)]
    for name, title in (
        ("00_one", "00 · One"),
        ("07_two", "07 · Two"),
        ("08_more", "08 · More"),
        ("A1_last", "A1 · Last"),
    ):
        notebook = new_notebook(metadata=PYTHON, cells=[new_markdown_cell(f"# {title}\n\nText."), *cells])
        nbformat.write(notebook, root / "notebooks" / f"{name}.ipynb")
    return write_site(root / "site", project=root).parent


@pytest.fixture
def show(browser, site):
    """Opens a page of the site: name, window, light or dark. Nothing may fail on it or come from elsewhere."""
    opened = []

    def open_page(name, window=DESK, scheme="light"):
        page = browser.new_page(viewport=window, color_scheme=scheme)
        page.set_default_timeout(PATIENCE)
        asked = []
        page.on("request", lambda request: asked.append(request.url))
        opened.append((page, watch_console(page), asked))
        page.goto((site / f"{name}.html").as_uri())
        return page

    yield open_page
    for page, errors, asked in opened:
        page.close()
        assert errors == [] and [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []


@pytest.mark.parametrize("name", ["index", "docs/guide", "notebooks/00_one"])
def test_a_phone_scrolls_what_is_wide_and_never_the_page(show, name):
    page = show(name, PHONE)
    if name != "docs/guide":
        page.locator(".selfme-later, .selfme-here").scroll_into_view_if_needed()
        page.wait_for_selector(".selfme[data-drawn]")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    if name == "docs/guide":
        page.wait_for_selector("div.math mjx-container svg", state="attached")
        wide = "one => one.scrollWidth > one.clientWidth && one.getBoundingClientRect().right <= 390"
        for box in ("table", ".highlight pre", "div.math mjx-container"):
            assert page.locator(f".bd-content {box}").first.evaluate(wide), f"{box} has a box of its own"
        assert page.locator("thead").nth(1).is_hidden(), "a head without a word"


CONTRASTS = """() => {
    const parse = (text) => { const [r, g, b, a = 1] = text.match(/[\\d.]+/g).map(Number); return { rgb: [r, g, b], a }; };
    const ground = (node) => {
        for (let one = node; one; one = one.parentElement) {
            const { rgb, a } = parse(getComputedStyle(one).backgroundColor);
            if (a > 0.99) return rgb;
        }
        return [255, 255, 255];
    };
    const light = (rgb) => rgb.map((v) => v / 255).map((v) => (v > 0.04045 ? ((v + 0.055) / 1.055) ** 2.4 : v / 12.92))
        .reduce((sum, v, at) => sum + v * [0.2126, 0.7152, 0.0722][at], 0);
    const found = {}, walker = document.createTreeWalker(document.querySelector('.bd-content article'), NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
        const node = walker.currentNode.parentElement, box = node.getBoundingClientRect();
        if (!walker.currentNode.data.trim() || !box.width || node.closest('.headerlink, script, style')) continue;
        const [one, other] = [parse(getComputedStyle(node).color).rgb, ground(node)].map(light).sort((a, b) => b - a);
        const kind = node.closest('pre, table, .admonition, code')?.tagName.toLowerCase() || 'text';
        found[kind] = Math.min(found[kind] ?? 21, (one + 0.05) / (other + 0.05));
    }
    return found;
}"""


@pytest.mark.parametrize("scheme", ["dark", "light"])
def test_text_can_be_read_against_its_ground(show, scheme):
    guide, notebook = (show(name, scheme=scheme).evaluate(CONTRASTS) for name in ("docs/guide", "notebooks/00_one"))
    assert {"text", "pre", "table", "code", "div"} <= set(guide) and {"text", "pre", "table"} <= set(notebook)
    assert min(*guide.values(), *notebook.values()) >= 4.5, (guide, notebook)


def test_figures_lie_on_white_in_the_dark(show):
    image = show("notebooks/00_one", scheme="dark").locator(".bd-content img[alt='a face']").last
    style = image.evaluate(
        "one => { const { backgroundColor, filter } = getComputedStyle(one); return [backgroundColor, filter]; }"
    )
    assert style == ["rgb(255, 255, 255)", "none"]


@pytest.mark.parametrize("name", ["index", "notebooks/00_one"])
def test_the_explorer_moves_without_python(show, name):
    page = show(name)
    loaded = page.locator("script[src$='/explorer.js']").count()
    assert loaded == 0 or name == "index", "not before its place is near"
    page.locator(".selfme-later, .selfme-here").scroll_into_view_if_needed()
    page.wait_for_selector(".selfme[data-drawn]")
    canvas = page.locator(".selfme-canvas").nth(1)
    page.wait_for_function("Number(document.querySelector('.selfme').dataset.moment) > 1")  # it plays
    page.get_by_role("button", name="Pause").click()
    page.locator(".selfme-stage").focus()
    page.keyboard.press("a")
    before = canvas.evaluate("one => one.toDataURL()")
    page.get_by_role("slider", name="γ", exact=True).press("ArrowRight")
    assert canvas.evaluate("one => one.toDataURL()") != before
    assert canvas.get_attribute("aria-label") and page.get_by_role("radio", name="show truth").is_enabled()


def test_a_widget_is_a_still_that_says_how_to_try_it(show):
    page = show("notebooks/00_one")
    assert page.get_by_text("This is a widget").count() == 1 and page.get_by_text("make lab").count() == 2
    assert page.locator(".bd-content img[alt='a face']").count() >= 1


def test_chapters_lead_on_to_appendices_and_back(show):
    page = show("notebooks/07_two")
    page.locator(".prev-next-area .right-next").click()
    assert page.url.endswith("08_more.html")
    page.locator(".prev-next-area .left-prev").click()
    assert page.url.endswith("07_two.html")


def test_a_word_is_found(show):
    page = show("index", PHONE)
    page.locator(".search-button").first.click()
    page.keyboard.type("heliotropes")
    page.keyboard.press("Enter")
    assert page.locator("#search-results a").first.get_attribute("href").endswith("guide.html")
