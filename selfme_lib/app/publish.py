"""`selfme report runs/NAME --publish`: bring a run's pictures and outputs into the repository.

The committed notebooks show the results of one real run. The tables of `docs/results.md` (between `<!-- table NAME -->` and
`<!-- end -->`), the figures on all pages and the notebooks' title pictures show the same run; none of them is ever edited by
hand. The numbers are kept in `notebooks/published.json`, for `selfme verify`; the README's animation is made again.
"""

import base64
import io
import re
from pathlib import Path

import nbformat
import numpy as np
from PIL import Image

from selfme_lib.runtime.errors import DataError
from selfme_lib.runtime.files import atomic_path
from selfme_lib.runtime.paths import NOTEBOOKS, PROJECT
from selfme_lib.study.exports import in_words, markdown
from selfme_lib.study.run_folder import RunFolder
from selfme_lib.study.shown import palette_png

from .chapters import BEYOND, RESTORE, find_appendices, find_notebooks, machine_paths, read_notebook
from .verify import write_published

WIDGET = "application/vnd.jupyter.widget-view+json"
PUBLISHED_QUALITY = 75  # of a JPEG
RESULTS = "docs/results.md"
ANIMATION = "figures/00_amplification.webp"  # that the README may show


def publish(run: RunFolder, *, notebooks: Path = NOTEBOOKS, project: Path = PROJECT) -> list[Path]:
    """Put a run's outputs into the committed notebooks, its tables into `docs/results.md`, and what is shown into `figures/`.

    Appendices are published only if the run has them. Nothing is written unless everything can be.

    Returns:
        The files that were written.

    Raises:
        DataError: a notebook is missing in the run, failed, was changed since, or shows a path of this machine.
    """
    finished = run.read_timings()["notebooks"]
    appendices = [path for path in find_appendices(notebooks) if finished.get(path.stem, {}).get("status") == "done"]
    sources = [*find_notebooks(notebooks), *appendices]
    published = [(source, _with_outputs(source, run)) for source in sources]  # all must pass before any is written
    pages = [project / "README.md", *sorted((project / "docs").glob("*.md"))]
    wanted = _wanted_figures(pages, sources)
    figures = [(_figure(name, run), project / "figures" / name) for name in wanted]
    results = project / RESULTS
    text = _with_tables(results.read_text(encoding="utf-8"), run)
    for source, notebook in published:
        with atomic_path(source) as temporary:
            nbformat.write(notebook, temporary)
    for figure, target in figures:
        with atomic_path(target) as temporary:
            temporary.write_bytes(figure)
    with atomic_path(results) as temporary:
        temporary.write_text(text, encoding="utf-8")
    others = [target for _, target in figures]
    if run.metrics.exists():
        others.append(write_published(run, notebooks / "published.json"))
    if ANIMATION in pages[0].read_text(encoding="utf-8"):
        others.append(write_amplification(project / ANIMATION))
    return [results, *sources, *others]


def write_amplification(path: Path) -> Path:
    """The README's animation: two rendered people, amplified with SelfME+ as it comes with the package."""
    from selfme_lib.motion.checkpoint import PLUS, load_estimator
    from selfme_lib.plots.animation import amplification_frames, save_animation
    from selfme_lib.study.examples import micro_expressions

    save_animation(path, amplification_frames(load_estimator(PLUS), micro_expressions(192)))
    return path


def _with_outputs(source: Path, run: RunFolder) -> nbformat.NotebookNode:
    """A committed notebook with the outputs of its executed twin, without papermill's own cell and metadata."""
    executed = run.notebooks / source.name
    timings = run.read_timings()
    timing = timings["notebooks"].get(source.stem, {})
    if timing.get("status") != "done" or not executed.exists():
        raise DataError(f"{executed}: not finished in this run; run `selfme reproduce` again before publishing")
    twin = read_notebook(executed, remedy=run.remedy)
    cells = [cell for cell in twin.cells if "injected-parameters" not in cell.metadata.get("tags", [])]
    notebook = read_notebook(source, remedy=RESTORE)
    if [cell.source for cell in cells] != [cell.source for cell in notebook.cells]:
        raise DataError(f"{source}: changed since the run; run `selfme reproduce` again before publishing")
    count = 0
    for cell, done in zip(notebook.cells, cells):
        if cell.cell_type == "code":
            count += 1
            cell.execution_count = count
            cell.outputs = [_small(_without_kernel(output)) for output in done.outputs]
            for output in cell.outputs:
                if output.output_type == "execute_result":
                    output.execution_count = count
    notebook.metadata.pop("widgets", None)
    notebook.metadata["selfme"] = {"profile": timings.get("profile", ""), "seconds": timing["seconds"]}
    if found := machine_paths(notebook):
        raise DataError(f"{executed}: shows a path of this machine ({found[0]}); change the cell that prints it")
    return notebook


def _without_kernel(output: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """An output as readers without a kernel can see it: of a widget its picture. Its state would be megabytes of frames."""
    if WIDGET in output.get("data", {}):
        output.data.pop(WIDGET)
        output.data.setdefault("text/plain", "a widget: run the cell")
    return output


def _small(output: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """An output whose JPEG, if it has one, takes about half of the bytes."""
    if found := output.get("data", {}).get("image/jpeg"):
        file = io.BytesIO()
        with Image.open(io.BytesIO(base64.b64decode(found))) as picture:
            picture.save(file, format="jpeg", quality=PUBLISHED_QUALITY, optimize=True)
        output.data["image/jpeg"] = min(base64.b64encode(file.getvalue()).decode(), "".join(found.split()), key=len)
    return output


def _with_tables(text: str, run: RunFolder) -> str:
    """A page with every marked table taken from the run; those of an appendix that the run lacks stay as they are."""
    saved = {record["name"] for record in run.items()}

    def filled(match: re.Match) -> str:
        if match[1][:2] >= BEYOND and match[1] not in saved:
            return match[0]
        table = run.load(match[1])
        body = "\n".join(markdown(table["columns"], [list(map(in_words, row)) for row in table["rows"]]))
        return f"<!-- table {match[1]} -->\n{body}\n\n{table['caption']}\n<!-- end -->"

    return re.sub(r"<!-- table (\w+) -->.*?<!-- end -->", filled, text, flags=re.DOTALL)


def _wanted_figures(pages: list[Path], notebooks: list[Path]) -> list[str]:
    """Names of the pictures that pages show as `figures/NAME.png` and notebooks as `(../figures/NAME.png)`."""
    names: set[str] = set()
    for page in pages:
        names.update(re.findall(r"figures/([\w-]+\.png)", page.read_text(encoding="utf-8")))
    for notebook in notebooks:
        names.update(re.findall(r"\(\.\./figures/([\w-]+\.png)\)", notebook.read_text(encoding="utf-8")))
    return sorted(names)


def _figure(name: str, run: RunFolder) -> bytes:
    """A figure of the run with few colours, since every publication adds all of them to the repository's history."""
    path = run.figures / name
    if not path.exists():
        raise DataError(f"a page or a notebook shows figures/{name}, which {run.path} does not have")
    with Image.open(path) as picture:
        return palette_png(np.asarray(picture.convert("RGB")))
