from html.parser import HTMLParser

import pandas as pd
import pytest
from matplotlib.figure import Figure

from selfme_lib.app.page import clock, decimals_of, show, table
from selfme_lib.app.report import render, write_report
from selfme_lib.app.training_curves import classifier_curves
from selfme_lib.runtime.errors import DataError
from selfme_lib.runtime.files import write_json
from selfme_lib.runtime.kept import write_record
from selfme_lib.study import profiles
from selfme_lib.study.cells import written
from selfme_lib.study.results import Result, loso_record, metrics_record, read_results
from selfme_lib.study.rows import Row
from selfme_lib.study.run_folder import RunFolder

SETTINGS = profiles.to_dict(profiles.load("quick"))


@pytest.fixture
def run(tmp_path):
    run = RunFolder(tmp_path / "quick")
    write_json(run.profile, SETTINGS)
    table = pd.DataFrame({"method": ["tvl1", "<b>ours</b>"], "epe": [0.21, 12.3456], "clips": [7, 144]})
    run.save_table("03_epe", table, title="Motion error", caption="In pixels.", place="headline")
    run.save_figure("05_confusion", Figure(figsize=(1, 1)), title="Confusion", caption="Rows: truth.", alt="a matrix")
    run.save_values("05_counts", {"clips": 144, "mirror": True}, title="Counts")
    run.save_table("06_paper", pd.DataFrame({"row": ["SC"], "paper": [0.8903]}), title="Table 1", place="paper")
    return run


class Page(HTMLParser):
    """Tags, text, and every address that a browser would fetch."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.addresses, self.text, self.open = [], [], "", []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        if tag not in ("meta", "img", "link", "br"):
            self.open.append(tag)
        self.addresses += [value for name, value in attributes if name in ("src", "href", "action")]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag, f"{tag} closes something else"

    def handle_data(self, data):
        self.text += data


def test_the_page_stands_alone(run):
    page = Page(write_report(run).read_text())
    assert page.open == []
    assert not {"link", "iframe"} & set(page.tags)
    assert "default-src 'none'" in run.report.read_text(), "its script may run, and ask for nothing"
    assert all(address.startswith(("#", "data:image/png;base64,")) for address in page.addresses)
    assert sum(address.startswith("data:") for address in page.addresses) == 1


def test_every_result_is_on_the_page_in_its_place(run):
    text = Page(render(run)).text
    places = [text.index(part) for part in ("Results in brief", "Motion error", "Confusion", "Counts", "Table 1")]
    assert places == sorted(places)
    assert text.index("Table 1") > text.index("The paper beside ours", text.index("Counts"))
    for part in ("In pixels.", "<b>ours</b>", "0.21", "12.35", "144", "0.890", "The faces are rendered, not real."):
        assert part in text


def test_what_may_not_be_concluded_depends_on_the_data(run):
    data = {"dataset": "smic", "apex_rule": "middle"}
    write_json(run.profile, profiles.to_dict(profiles.load("paper", data=data)))
    assert "Transductive" not in Page(render(run)).text  # rendered faces are nobody's who is evaluated
    write_json(run.profile, profiles.to_dict(profiles.load("paper", data=data, motion={"frames": "clips"})))
    text = Page(render(run)).text
    assert "The faces are rendered" not in text
    assert "smaller networks" not in text
    for part in ("--dataset smic --root DIR", "The apex is a guess", "Transductive"):
        assert part in text


def test_a_failed_notebook_is_named_at_the_top(run):
    timing = {"seconds": 75.0, "peak_memory_mb": 500, "key": "", "message": ""}
    failed = {**timing, "status": "failed", "message": "cell 3 raised ValueError"}
    notebooks = {"03_motion": {**timing, "status": "done"}, "05_x": failed}
    write_json(run.timings, {"profile": "quick", "notebooks": notebooks})
    text = Page(render(run)).text
    assert text.index("This run is not complete") < text.index("A micro-expression is")
    assert "05_x: cell 3 raised ValueError" in text
    assert "2:30 min" in text  # together


def test_a_folder_without_a_run_is_refused(tmp_path):
    with pytest.raises(DataError, match="no such folder"):
        write_report(RunFolder(tmp_path / "nothing"))
    with pytest.raises(DataError, match="not a run with results"):
        write_report(RunFolder(tmp_path))
    assert list(tmp_path.iterdir()) == []


def test_every_row_of_the_metrics_is_listed_with_its_confusion_matrix(run):
    labels = [0] * 5 + [1] * 3 + [2] * 2
    predictions = pd.DataFrame({"subject": ["01", "02"] * 5, "clip": list("abcdefghij"), "label": labels})
    row = loso_record(
        "TV-L1+ViT", predictions.assign(prediction=[0] * 6 + [1] * 2 + [2] * 2), seed=7, settings={}, classes=3
    )
    results = [Result(Row("TV-L1+ViT"), (row,), ({},))]
    data = {"name": "synthme", "fingerprint": "f00d"}
    write_json(run.metrics, metrics_record(profiles.load("quick"), data, results))
    text = Page(render(run)).text.replace("\N{NO-BREAK SPACE}", " ")
    for part in (
        "Every score",
        "TV-L1+ViT",
        "5 0 0 | 1 2 0 | 0 0 2",
        written(*results[0].score("uf1")),
        written(*results[0].score("uar")),
        "f00d",
        "2 subjects",
    ):
        assert part in text


def test_a_run_opens_with_its_verdict(run):
    row = {"difference": "SC on learned motion", "compared": "A − B", "in": "UF1", "paper": "+0.0432"}
    told = [{**row, "ours [95 %]": "+0.0521 [+0.0120, +0.0911]", "p, Holm": "0.012", "verdict": "confirmed"}]
    told.append({**told[0], "difference": "SC on TV-L1", "p, Holm": "0.249", "verdict": "undecided"})
    run.save_table("05_differences", pd.DataFrame(told), title="What was tested", place="headline")
    text = Page(render(run)).text
    start = text.index("The verdict", text.index("Do it again"))
    assert start < text.index("A micro-expression is")
    said = text[start:]
    assert "1 of 2 comparisons in UF1 passes" in said and "none: SC on TV-L1." in said
    assert "(A − B): UF1 +0.0521 [+0.0120, +0.0911], Holm-corrected p 0.012: the paper's trend appears" in said


def test_a_run_without_scores_or_tests_says_so(run):
    assert "says nothing about recognition" in Page(render(run)).text


def test_curves_are_shown_where_the_run_has_them(run):
    assert "Training curves" not in render(run)
    run.checkpoints.mkdir()
    write_record(run.checkpoints / "motion-1.json", [{"step": 0, "dense": 2.0}, {"step": 40, "dense": 0.5}])
    write_record(run.checkpoints / "other.json", {"no": "curve"})
    (run.checkpoints / "tcae-1.json").write_text("{")  # damaged; it is made anew when it is needed
    page = Page(render(run))
    assert "Motion learner, fine-tuned: 40 steps" in page.text and "TCAE" not in page.text
    assert sum(address.startswith("data:") for address in page.addresses) == 2


def test_the_curve_of_every_row_is_shown_that_has_one(run):
    frame = pd.DataFrame({"subject": ["01", "02"] * 3, "clip": list("abcdef"), "label": [0, 1, 2] * 2})
    frame = frame.assign(prediction=[0, 1, 2] * 2)

    def result(name, *curves, protocol="loso"):
        common = {"settings": {"protocol": protocol}, "classes": 3, "bootstrap": 5}
        records = [loso_record(name, frame, seed=seed, **common) | {"curve": one} for seed, one in enumerate(curves)]
        return Result(Row(name), tuple(records), ({},) * len(records), protocol=protocol)

    falling = {"loss": [2.0, 1.0, 0.5], "cross_entropy": [1.5, 0.75, 0.25]}
    results = [
        result("A <i>b</i> $c$", falling, {"loss": [4.0, 2.0, 0.7], "cross_entropy": [1.5, 0.75, 0.25]}),
        result("A <i>b</i> $c$", falling, protocol="fresh"),
        result("linear", {}),
        result("one epoch", {"loss": [1.0]}),
    ]
    write_json(run.metrics, metrics_record(profiles.load("quick"), {"name": "synthme", "fingerprint": "f"}, results))
    told = [(curve["title"], curve["alt"]) for curve in classifier_curves(read_results(run.read_metrics()))]
    assert told == [
        ("A <i>b</i> $c$", "Losses by epoch of A <i>b</i> $c$: loss from 3 to 0.6, cross-entropy from 1.5 to 0.25."),
        (
            "A <i>b</i> $c$ (fresh)",
            "Losses by epoch of A <i>b</i> $c$ (fresh): loss from 2 to 0.5, cross-entropy from 1.5 to 0.25.",
        ),
    ]
    page = Page(render(run))
    assert "Classifiers: 2 rows" in page.text and "A <i>b</i> $c$ (fresh)" in page.text and page.open == []
    assert sum(address.startswith("data:") for address in page.addresses) == 1 + 2


def test_scores_have_four_digits_and_cells_know_what_they_are_sorted_by():
    shown = table(
        ["method", "UF1", "seconds", "EPE [95 %]"], [["a", 0.5, 3.25, "0.1 [0.0, 0.2]"], ["b", None, 30.0, None]]
    )
    assert [[cell["text"] for cell in row] for row in shown["rows"]] == [
        ["a", "0.5000", "3.25", "0.1\xa0[0.0,\xa00.2]"],
        ["b", "–", "30.00", "–"],
    ]
    assert [[cell["by"] for cell in row] for row in shown["rows"]] == [[None, 0.5, 3.25, 0.1], [None, None, 30, None]]
    assert shown["numeric"] == [False, True, True, True]


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"a": 0.5, "b": [1]}, "a: 0.500, b: 1"),
        (None, "–"),
        (True, "✓"),
        (False, "–"),
        (0.12345, "0.123"),
        (-2.5, "-2.500"),
        (12, "12"),
        ([1, 0.5], "1, 0.500"),
    ],
)
def test_how_values_read(value, text):
    assert show(value) == text


@pytest.mark.parametrize(
    ("values", "decimals"),
    [([2.0, 1.0, None], 0), ([0.5, 3.0], 3), ([12.5, 0.1], 2), ([260.25, 0.1], 1), ([1, 144], 0), (["a", True], 0)],
)
def test_decimals_of_a_column(values, decimals):
    assert decimals_of(values) == decimals


@pytest.mark.parametrize(("seconds", "text"), [(3.21, "3.2 s"), (75.2, "1:15 min"), (3700, "1:01:40 h")])
def test_how_times_read(seconds, text):
    assert clock(seconds) == text
