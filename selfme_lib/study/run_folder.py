"""The folder of one run: where notebooks leave what they found, and where the report finds it.

    runs/NAME/
        profile.json      the settings of the run
        notebooks/        executed notebooks
        results/          tables and values, one JSON file each        (`RunFolder.show`, `save_table`, `save_values`)
        figures/          PNG pictures, each with its caption in JSON  (`RunFolder.show`, `save_figure`)
        fields/ folds/    what was expensive to compute, by a hash of everything that determines it
        checkpoints/      trained networks
        timings.json      seconds and peak memory of every notebook
        metrics.json      the numbers, for machines
        report.html       all of it, for people
        shared.json       of a point of a sweep: the folder that has `fields`, `folds` and `checkpoints` for all points

Names begin with the number of the notebook that saves them (`05_loso`): the report sorts by name.
"""

import math
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from selfme_lib.runtime.errors import DataError, UsageError
from selfme_lib.runtime.files import atomic_path, finished, write_json
from selfme_lib.runtime.fingerprint import file_hash
from selfme_lib.runtime.kept import checksum_of
from selfme_lib.runtime.settings import read_shaped

from .captions import Place, caption_of

if TYPE_CHECKING:  # both take a moment to import, and the command line needs neither to say what it can do
    import pandas as pd
    from matplotlib.figure import Figure

SHARED = "shared.json"


class RunFolder:
    """The folder of one run, `runs/NAME`, and the places in it. It need not exist."""

    def __init__(self, path: Path | str):
        self.path = Path(path)
        self.name = self.path.resolve().name
        self.notebooks = self.path / "notebooks"
        self.results = self.path / "results"
        self.figures = self.path / "figures"
        self.shared = self.path / SHARED
        place = self.path / read_shaped(self.shared, str, remedy="delete it") if self.shared.exists() else self.path
        self.fields = place / "fields"
        self.folds = place / "folds"
        self.progress = self.folds / "progress.json"
        self.checkpoints = place / "checkpoints"
        self.metrics = self.path / "metrics.json"
        self.timings = self.path / "timings.json"
        self.profile = self.path / "profile.json"
        self.report = self.path / "report.html"
        self.remedy = f"`selfme reproduce --out {self.path}` with the run's other options makes it anew"

    def show(self, name: str, what: Any, /, **values: Any) -> None:
        """Show something in the notebook with its caption, and save it for the report.

        Args:
            name: number of the chapter and a short name, whose caption stands in `notebooks/captions` (see `captions`).
            what: a figure, a table (`DataFrame`), values (a mapping), or a widget, which is shown alone; as are the others if
                their caption has no title.
            values: for what stands in braces in the caption.

        Raises:
            UsageError: the caption is missing, or asks for another value.
        """
        import matplotlib.pyplot as plt
        import pandas as pd
        from IPython.display import display
        from matplotlib.figure import Figure

        from .shown import html_table, picture, show_caption

        said = caption_of(name, **values)
        words: dict[str, Any] = {"title": said.title, "caption": said.caption, "place": said.place}
        if isinstance(what, Figure):
            if said.title:
                self.save_figure(name, what, alt=said.alt, dpi=said.dpi, **words)
            display(picture(what, alt=said.alt))
            plt.close(what)  # or the notebook would show it again
        elif isinstance(what, pd.DataFrame):
            if said.title:
                self.save_table(name, what, **words)
            display(html_table(what, digits=said.digits))
        elif isinstance(what, dict):
            if said.title:
                self.save_values(name, what, **words)
            facts = pd.DataFrame({"": what.keys(), "value": [str(value) for value in what.values()]})
            display(html_table(facts))
        else:
            display(what, metadata={kind: {"alt": said.alt} for kind in ("image/png", "image/jpeg")})
        show_caption(said)

    def say(self, *sentences: str) -> None:
        """Show sentences that follow from the numbers: one as a paragraph, several as a list."""
        from IPython.display import Markdown, display

        display(Markdown(sentences[0] if len(sentences) == 1 else "\n".join(f"- {one}" for one in sentences)))

    def save_table(
        self, name: str, table: "pd.DataFrame", *, title: str, caption: str = "", place: Place = "chapter"
    ) -> None:
        """Save a table for the report.

        Args:
            name: notebook number and a short name, as in `05_loso`.
            table: its columns as they should read; numbers as numbers, missing ones as NaN. The index is left out.
            title: one line above the table.
            caption: what the reader should see in it, and what it does not prove.
            place: `headline` shows it at the top of the report, `paper` in the chapter that sets the paper beside
                ours, `chapter` under its notebook.
        """
        rows = [[_plain(value) for value in row] for row in table.itertuples(index=False, name=None)]
        record = {"columns": [str(column) for column in table.columns], "rows": rows}
        self._save(self.results, name, {"kind": "table", **record}, title, caption, place)

    def save_values(
        self, name: str, values: dict[str, Any], *, title: str, caption: str = "", place: Place = "chapter"
    ) -> None:
        """Save a few named values for the report. Arguments as in `save_table`."""
        record = {"kind": "values", "values": {str(key): _plain(value) for key, value in values.items()}}
        self._save(self.results, name, record, title, caption, place)

    def save_figure(
        self,
        name: str,
        figure: "Figure",
        *,
        title: str,
        caption: str,
        alt: str,
        place: Place = "chapter",
        dpi: int = 110,
    ) -> None:
        """Save a matplotlib figure and its caption for the report. Arguments as in `save_table`.

        Args:
            alt: what is in the picture, for those who cannot see it.
        """
        _check_name(name)
        picture = self.figures / f"{name}.png"
        with atomic_path(picture) as temporary:
            figure.savefig(temporary, dpi=dpi, bbox_inches="tight", facecolor="white", metadata={"Software": None})
        record = {"kind": "figure", "alt": alt, "picture": file_hash(picture)}
        self._save(self.figures, name, record, title, caption, place)

    def load(self, name: str) -> dict[str, Any]:
        """The record of a table, of values or of a figure.

        Raises:
            UsageError: nothing was saved under this name.
        """
        for folder in (self.results, self.figures):
            if (folder / f"{name}.json").exists():
                return self._read(folder / f"{name}.json")
        raise UsageError(f"{self.path}: no result {name!r}; the notebook that saves it has not been run")

    def items(self) -> list[dict[str, Any]]:
        """Every record, in the order of the notebooks and, within one, in the order in which they were saved."""
        records = [self._read(path) for folder in (self.results, self.figures) for path in finished(folder, "*_*.json")]
        return sorted(records, key=lambda record: (record["name"][:2], record["order"], record["name"]))

    def read_settings(self) -> dict[str, Any]:
        """What `profile.json` holds. This and the next two raise a DataError if the file is damaged."""
        from .records import Settings

        return read_shaped(self.profile, Settings, remedy=self.remedy)

    def read_timings(self) -> dict[str, Any]:
        """What `timings.json` holds; no notebooks if it is not there."""
        from .records import Timings

        if not self.timings.exists():
            return {"notebooks": {}}
        return read_shaped(self.timings, Timings, remedy=self.remedy)

    def read_metrics(self) -> dict[str, Any]:
        """What `metrics.json` holds (see `results`)."""
        from .records import Metrics

        return read_shaped(self.metrics, Metrics, remedy=self.remedy)

    def picture(self, name: str) -> Path:
        """The file of a figure; a DataError if it is not there."""
        path = self.figures / f"{name}.png"
        if not path.is_file():
            raise DataError(f"{path}: no such picture beside its .json; {self.remedy}")
        return path

    def saved(self, number: str) -> list[str]:
        """What one notebook (`05`) has saved and is as it was saved, whenever that was: `results/05_scores`, `figures/05_gap`."""
        files = [path for folder in (self.results, self.figures) for path in finished(folder, f"{number}_*.json")]
        sound = (path for path in files if self._is_as_saved(path))
        return sorted(path.relative_to(self.path).with_suffix("").as_posix() for path in sound)

    def _is_as_saved(self, path: Path) -> bool:
        try:
            record = self._read(path)
        except DataError:
            return False
        checksum, picture = record.pop("sha256", None), self.figures / f"{path.stem}.png"
        if record["kind"] == "figure" and not (picture.is_file() and file_hash(picture) == record.get("picture")):
            return False
        return checksum == checksum_of(path.name, record)

    def forget(self, number: str = "") -> None:
        """Remove tables, values and figures of one notebook (`05`), or of all. What was expensive stays."""
        for folder in (self.results, self.figures):
            for path in folder.glob(f"{number}*"):
                path.unlink()

    def _read(self, path: Path) -> dict[str, Any]:
        from .records import read_item

        return read_item(path, remedy=self.remedy)

    def _save(self, folder: Path, name: str, record: dict, title: str, caption: str, place: str) -> None:
        _check_name(name)
        if place not in get_args(Place):
            raise UsageError(f"place of {name!r}: expected one of {', '.join(get_args(Place))}, got {place!r}")
        orders = {item["name"]: item["order"] for item in self.items() if item["name"][:2] == name[:2]}
        order = orders.get(name, max(orders.values(), default=-1) + 1)  # saved again, it keeps its place
        described = {"name": name, "order": order, "title": title, "caption": caption, "place": place}
        record = described | record
        write_json(folder / f"{name}.json", record | {"sha256": checksum_of(f"{name}.json", record)})


def _check_name(name: str) -> None:
    if not re.fullmatch(r"(\d\d|A\d)_[a-z0-9_]+", name):
        raise UsageError(f"result name {name!r}: expected the notebook's number and a short name, as in 05_loso")


def _plain(value: Any) -> Any:
    """A value as JSON knows it: NumPy scalars to Python's, NaN to null."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)
