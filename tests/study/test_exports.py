import pandas as pd

from selfme_lib.evaluation.metrics import read_predictions, score
from selfme_lib.runtime.files import write_json
from selfme_lib.study.exports import export, write_table
from selfme_lib.study.results import loso_record
from selfme_lib.study.run_folder import RunFolder

CLIPS = pd.DataFrame(
    {"subject": ["01", "01", "02"], "clip": list("abc"), "label": [0, 1, 2], "prediction": [0, 1, 1], "p0": 1.0}
)


def test_a_run_is_written_for_others_to_score(tmp_path):
    run = RunFolder(tmp_path / "run")
    rows = [loso_record("TV-L1+ViT", CLIPS, seed=seed, settings={}, classes=3, bootstrap=5) for seed in (0, 1)]
    write_json(run.metrics, {"dataset": {"name": "casme2"}, "rows": rows})
    table = pd.DataFrame({"method": ["a & b"], "UF1": [0.75], "γ": [None]})
    run.save_table("05_scores", table, title="Scores")
    run.save_values("05_luck", {"x": 1}, title="Luck")
    names = sorted(path.relative_to(run.path / "exports").as_posix() for path in export(run))
    predictions = [f"predictions/TV-L1-ViT-seed{seed}.csv" for seed in (0, 1)]
    assert names == ["05_scores.csv", "05_scores.md", "05_scores.tex", *predictions]
    again = run.path / "exports" / predictions[0]
    assert again.read_text().splitlines()[:2] == ["dataset,subject,clip,label,prediction", "casme2,01,a,0,0"]
    assert score(read_predictions(again)) == score(CLIPS)


def test_a_table_in_three_forms(tmp_path):
    table = pd.DataFrame({"method": ["a|b_c", "ω"], "UF1": [0.75, float("nan")], "clips": [3, 4]})
    csv, markdown, latex = (path.read_text() for path in write_table(tmp_path / "t", table, caption="50 %"))
    assert csv.splitlines()[1] == "a|b_c,0.75,3"
    assert markdown.splitlines()[2:] == ["| a\\|b_c | 0.750 | 3 |", "| ω | – | 4 |"]
    assert r"a|b\_c & 0.750 & 3 \\" in latex and r"$\omega$ & -- & 4 \\" in latex and r"\caption{50 \%}" in latex
    assert latex.count(r"\begin") == latex.count(r"\end") == 2


def test_a_run_without_results_exports_nothing(tmp_path):
    assert export(RunFolder(tmp_path)) == []


def test_no_character_of_a_user_means_something_to_latex(tmp_path):
    special = "&%$#_{}~^\\"
    table = pd.DataFrame({special: [special]})
    latex = write_table(tmp_path / "t", table, caption=special)[2].read_text()
    escaped = r"\&\%\$\#\_\{\}\textasciitilde{}\textasciicircum{}\textbackslash{}"
    assert latex.count(escaped) == 3
    assert r"\caption{" + escaped + "}" in latex
