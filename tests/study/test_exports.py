import json

import pandas as pd
import pytest

from selfme_lib.evaluation.metrics import read_predictions, score
from selfme_lib.runtime.files import write_json
from selfme_lib.runtime.sheets import disarm, restore
from selfme_lib.study import profiles
from selfme_lib.study.exports import export, markdown, write_table
from selfme_lib.study.results import Result, loso_record, metrics_record
from selfme_lib.study.rows import Row
from selfme_lib.study.run_folder import RunFolder

CLIPS = pd.DataFrame(
    {"subject": ["01", "01", "02"], "clip": list("abc"), "label": [0, 1, 2], "prediction": [0, 1, 1], "p0": 1.0}
)


def test_a_run_is_written_for_others_to_score(tmp_path):
    run = RunFolder(tmp_path / "run")
    rows = [loso_record("TV-L1+ViT", CLIPS, seed=seed, settings={}, classes=3, bootstrap=5) for seed in (0, 1)]
    result = Result(Row("TV-L1+ViT"), tuple(rows), ({"01": 1.0, "02": 1.0},) * 2)
    data = {"name": "casme2", "fingerprint": "f"}
    write_json(run.metrics, metrics_record(profiles.load("quick"), data, [result]))
    table = pd.DataFrame({"method": ["a & b"], "UF1": [0.75], "γ": [None]})
    run.save_table("05_scores", table, title="Scores")
    run.save_values("05_luck", {"x": 1}, title="Luck")
    names = sorted(path.relative_to(run.path / "exports").as_posix() for path in export(run))
    predictions = [f"predictions/TV-L1-ViT-seed{seed}.csv" for seed in (0, 1)]
    assert names == [*(f"05_scores.{kind}" for kind in ("csv", "json", "md", "tex")), *predictions]
    again = run.path / "exports" / predictions[0]
    assert again.read_text().splitlines()[:2] == ["dataset,subject,clip,label,prediction", "casme2,01,a,0,0"]
    assert score(read_predictions(again)) == score(CLIPS)


def test_a_table_in_three_forms(tmp_path):
    table = pd.DataFrame({"method": ["a|b_c", "ω"], "UF1": [0.75, float("nan")], "clips": [3, 4]})
    csv, _, markdown, latex = (path.read_text() for path in write_table(tmp_path / "t", table, title="50 %"))
    assert csv.splitlines()[1] == "a|b_c,0.75,3"
    assert markdown.splitlines()[2:] == ["| a\\|b_c | 0.7500 | 3 |", "| ω | – | 4 |"]
    assert r"a|b\_c & 0.7500 & 3 \\" in latex and r"$\omega$ & -- & 4 \\" in latex and r"\caption{50 \%.}" in latex
    assert latex.count(r"\begin") == latex.count(r"\end") == 2


def test_no_character_of_a_user_means_something_to_markdown_or_html(tmp_path):
    hostile = "<img src=x onerror=alert(1)>|&lt;b&gt;\n\n<script>"
    (line,) = write_table(tmp_path / "t", pd.DataFrame({"a": [hostile]}))[2].read_text().splitlines()[2:]
    assert line == "| &lt;img src=x onerror=alert(1)>\\|&amp;lt;b&amp;gt;  &lt;script> |"
    assert markdown(["p < 0.05"], [["R&D"]])[0::2] == ["| p < 0.05 |", "| R&D |"], "what is harmless stays readable"


def test_a_run_without_results_exports_nothing(tmp_path):
    assert export(RunFolder(tmp_path)) == []


def test_no_character_of_a_user_means_something_to_latex(tmp_path):
    special = "&%$#_{}~^\\"
    table = pd.DataFrame({special: [special]})
    latex = write_table(tmp_path / "t", table, caption=special)[3].read_text()
    escaped = r"\&\%\$\#\_\{\}\textasciitilde{}\textasciicircum{}\textbackslash{}"
    assert latex.count(escaped) == 3
    assert r"\caption{" + escaped + ".}" in latex


HOSTILE = [
    '=HYPERLINK("http://x","y")', "=cmd|' /C calc'!A0", "@SUM(1)", "+cmd", "-2+3+cmd|'x'!A0", "\t=1", " =1+1", "＝1", "'=1",
    "''@x",
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
def test_what_a_spreadsheet_would_run_is_disarmed_and_read_back(tmp_path, text):
    run = RunFolder(tmp_path / "run")
    clips = CLIPS.assign(clip=[f"{text} {name}" for name in "abc"])
    write_json(
        run.metrics,
        {
            "dataset": {"name": "features"},
            "rows": [loso_record("m", clips, seed=0, settings={}, classes=3, bootstrap=5)],
        },
    )
    run.save_table("05_scores", pd.DataFrame({text: [text, "+0.009", "-0.03 [-0.06, +0.01]"]}), title="Scores")
    for path in export(run):
        if path.suffix == ".csv":
            cells = pd.read_csv(path, header=None, dtype=str).to_numpy().ravel()
            assert not any(cell.lstrip()[0] in "=@＝" or ("cmd" in cell and cell[0] in "+-") for cell in cells)
        if path.parent.name == "predictions":
            assert read_predictions(path)["clip"].tolist() == [clip.strip() for clip in clips["clip"]]
    assert pd.read_csv(tmp_path / "run/exports/05_scores.csv").iloc[1:, 0].tolist() == [
        "+0.009",
        "-0.03 [-0.06, +0.01]",
    ]


@pytest.mark.parametrize("text", [*HOSTILE, "plain", "'quoted'", "-1", "-", "", "a=b", "–"])
def test_disarming_can_be_undone(text):
    assert restore(disarm(text)) == text
    assert (disarm(text) == text) == (text not in HOSTILE)


def test_methods_whose_names_differ_in_signs_only_get_files_of_their_own(tmp_path):
    run = RunFolder(tmp_path)
    rows = [loso_record(name, CLIPS, seed=0, settings={}, classes=3, bootstrap=5) for name in ("a+b", "a b", "../a/b")]
    write_json(run.metrics, {"dataset": {"name": "casme2"}, "rows": rows})
    assert len({path.resolve() for path in export(run)}) == 3
    assert {path.parent for path in tmp_path.rglob("*.csv")} == {tmp_path / "exports/predictions"}


SCORES = pd.DataFrame(
    {
        "method": ["majority class", "ViT", "SCViT", "true motion+ViT"],
        "UF1 [95 %]": ["0.2510 [0.1000, 0.3000]", "0.5 ± 0.0120 [0.4, 0.6]", "0.6125 [0.5, nan]", "0.9000 [0.8, 1.0]"],
        "UF1 paper": [None, 0.8903, 0.8915, None],
        "EPE, px": ["–", "0.120 [0.1, 0.2]", "0.095 [0.05, 0.10]", "0.000 [0.000, 0.000]"],
    }
)


def test_value_and_ends_of_an_interval_have_columns_of_their_own(tmp_path):
    csv, as_json, *_ = write_table(tmp_path / "05_scores", SCORES, title="Scores", caption="On average")
    table = pd.read_csv(csv)
    parts = ["UF1", "UF1 sd", "UF1 low", "UF1 high"]
    assert list(table) == ["method", *parts, "UF1 paper", "EPE, px", "EPE, px low", "EPE, px high"]
    assert table["UF1"].tolist() == [0.251, 0.5, 0.6125, 0.9] and table["UF1 low"].tolist() == [0.1, 0.4, 0.5, 0.8]
    assert table["UF1 sd"].dropna().tolist() == [0.012] and table["UF1 high"].isna().tolist() == [
        False,
        False,
        True,
        False,
    ]
    assert table["EPE, px high"].isna().tolist() == [True, False, False, False]
    record = json.loads(as_json.read_text())
    again = pd.DataFrame(record["rows"], columns=record["columns"])
    assert (record["title"], record["caption"]) == ("Scores", "On average")
    pd.testing.assert_frame_equal(again.convert_dtypes(), table.convert_dtypes())


def test_latex_can_be_referred_to_and_has_the_best_method_in_bold(tmp_path):
    text = write_table(tmp_path / "05_scores", SCORES, title="Scores", caption="UF1.")[3].read_text()
    assert r"\label{tab:05_scores}" in text and r"\caption{Scores. UF1.}" in text
    for rule in (r"\toprule", r"\midrule", r"\bottomrule", r"\begin{tabular}{lrrrrrrrr}"):
        assert rule in text
    bold = [line.split(" & ")[0] for line in text.splitlines() if r"\textbf" in line]
    assert bold == ["SCViT"] and text.count(r"\textbf") == 3
    for cell in (r"\textbf{0.6125}", r"\textbf{0.8915}", r"\textbf{0.095}", "0.8903", "0.9000 & -- & 0.8"):
        assert cell in text


@pytest.mark.parametrize("column", ["subject", "protocol", "difference"])
def test_a_table_of_something_else_than_methods_has_no_best(tmp_path, column):
    table = SCORES.rename(columns={"method": column})
    assert r"\textbf" not in write_table(tmp_path / "t", table)[3].read_text()
