import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
import torch
from test_runner import write_notebook
from typer.main import get_command

from selfme_lib.app import cli
from selfme_lib.app.chapters import find_notebooks
from selfme_lib.app.commands.output import print_table
from selfme_lib.app.commands.runs import _with_scores
from selfme_lib.app.site import write_site
from selfme_lib.data import read_frame
from selfme_lib.flow import CLASSICAL
from selfme_lib.motion import checkpoint
from selfme_lib.motion.diffeo import diffeomorphic_motion
from selfme_lib.motion.learner import MotionLearner
from selfme_lib.motion.settings import LearnerConfig
from selfme_lib.runtime.errors import UsageError
from selfme_lib.runtime.paths import NOTEBOOKS
from selfme_lib.study import profiles
from selfme_lib.study.profiles import SECTIONS
from selfme_lib.synthme import SynthConfig


def call(capfd, *arguments):
    """Exit code, standard output, standard error."""
    code = cli.run(list(map(str, arguments)))
    captured = capfd.readouterr()
    return code, captured.out, captured.err


def test_the_help_lists_every_command_and_imports_nothing_slow():
    """It takes a third of a second, most of it Python's and typer's own start; a command imports what only it needs."""
    code = (
        "import sys; from selfme_lib.app import cli; cli.run(['--help']);"
        "slow = {'torch', 'pandas', 'numpy', 'cv2', 'papermill', 'nbformat', 'matplotlib', 'pydantic', 'rich'};"
        "print(*sorted(slow & set(sys.modules)), 'end')"
    )
    environment = {**os.environ, "COLUMNS": "200"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    for command in (
        "analyse",
        "amplify",
        "synth",
        "doctor",
        "reproduce",
        "motion",
        "features",
        "score",
        "bench",
        "report",
        "pretrain",
        "explore",
        "student",
        "slides",
        "quiz",
        "site",
        "verify",
    ):
        assert command in done.stdout
    assert done.stdout.splitlines()[-1].strip() == "end"


def commands(group, path=()):
    """Every command, with the words that lead to it; groups first."""
    yield path, group
    for name, command in getattr(group, "commands", {}).items():
        yield from commands(command, (*path, name))


COMMANDS = dict(commands(get_command(cli.app)))


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_help_has_an_example_and_nothing_is_cut_off(capfd, monkeypatch, path):
    monkeypatch.setenv("COLUMNS", "80")
    code, out, _ = call(capfd, *path, "--help")
    assert code == 0 and max(map(len, out.splitlines())) <= 80
    assert "..." not in out.partition("\n\n")[2], "the usage alone may say that there can be more of something"
    assert "[more]" not in out and " range>" not in out, "names that nobody but the code knows"
    words = " ".join(out.split()).partition("Example: ")[2].split()
    assert words[: 1 + len(path)] == ["selfme", *path]
    COMMANDS[path].make_context("selfme", words[1 + len(path) :])  # every argument and option exists


def test_the_version(capfd):
    code, out, _ = call(capfd, "--version")
    assert code == 0
    assert out.startswith("selfme 0.")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["synht"], "selfme has no command synht; did you mean synth?"),
        (["train"], "did you mean pretrain?"),
        (["run"], "did you mean reproduce?"),
        (["analyze", "me.mp4"], "did you mean analyse?"),
        (["bench", "recogniton"], "selfme bench has no command recogniton; did you mean recognition?"),
        (["xyzzy"], "see selfme --help"),
        (["synth"], "missing argument 'out'; see selfme synth --help"),
        (["reproduce", "--profil", "smoke"], "selfme reproduce has no option --profil; did you mean --profile?"),
        (["synth", "--out", "x"], "selfme synth has no option --out; give OUT without it, see selfme synth --help"),
        (["slides", "03", "--out", "x.html"], "selfme slides has no option --out; give OUT without it"),
        (["reproduce", "--xyzzy"], "no option --xyzzy; see selfme reproduce --help"),
        (["synth", "x", "--layout", "casm2"], "--layout casm2: unknown; did you mean casme2? There are casme2, smic,"),
        (
            ["bench", "motion", "--world", "home", "--nuisances", "lihgt"],
            "--nuisances lihgt: unknown; did you mean light?",
        ),
        (["bench", "recognition", "--rows", "liner"], "--rows liner: unknown; did you mean linear?"),
        (["bench", "spotting", "--root", ".", "--methods", "diference"], "did you mean difference?"),
        (["bench", "difficulty", "--nuisances", "lamp"], "did you mean lamps?"),
        (["bench", "tune", "--out", "t", "--methods", "farnebak"], "did you mean farneback?"),
        (["bench", "synth", "--world", "hom"], "--world hom: unknown; did you mean home?"),
        (["doctor", "--dataset", "smick", "--root", "."], "--dataset smick: unknown; did you mean smic?"),
        (["features", "out", "--root", ".", "--method", "tvl"], "--method tvl: unknown; did you mean tvl1?"),
        (["analyse", "me.mp4", "--out", "page.html"], "--out page.html: is a folder with several files in it"),
        (["synth", "people.zip"], "OUT people.zip: is a folder"),
        (["reproduce", "--out", "report.html"], "leave out .html"),
        (["bench", "motion", "--world", "home", "--out", "bench.csv"], "leave out .csv"),
        (["synth", "x", "--subject", 3], "--subject"),
        (["synth", "x", "--subjects", "many"], "--subjects"),
        (["synth", "x", "--layout", "mmew"], "--layout"),
        (["reproduce", "--profile", "quik"], "did you mean quick?"),
        (["reproduce", "--profile", "mine.yaml"], "mine.yaml: no such file"),
        (["reproduce", "05"], "did you mean --only 05?"),
        (["reproduce", "3", "A2"], "did you mean --only 3 A2?"),
        (["reproduce", "smoke"], "did you mean --profile smoke?"),
        (["reproduce", "casme2"], "did you mean --dataset casme2?"),
        (["reproduce", "everything"], "unexpected argument 'everything'; see selfme reproduce --help"),
        (["reproduce", "--profile", "SMOKE"], "did you mean smoke?"),
        (["reproduce", "--profile", "xyz"], "profile xyz is unknown; there are gpu"),
        (["reproduce", "--dataset", "smick"], "did you mean smic?"),
        (["reproduce", "--dataset", "casme2"], "--root DIR"),
        (["reproduce", "--apex", "peak"], "--apex peak: expected label, middle, largest or a CSV file"),
        (["doctor", "--dataset", "smic", "--root", ".", "--classes", 5], "smic in 5 classes"),
        (["reproduce", "--only", "77"], "--only 77: no such notebook"),
        (["reproduce", "--only", "05,78"], "--only 78: no such notebook"),
        (["doctor", "--dataset", "casme4", "--root", "."], "casme4"),
        (["pretrain", "out", "--size", 100], "size 100 of a motion learner"),
        (["pretrain", "out", "--size", 32, "--batch", 1], "use --batch 2 or more"),
        (["pretrain", "out", "--form", "plus", "--devices", 2], "learned in closed form, on one CPU"),
        (["pretrain", "out", "--form", "plus", "--batch", 4], "--batch 4: SelfME+ takes"),
        (["pretrain", "out", "--perceptual", "vgg19"], "add --form printed"),
        (["pretrain", "out", "--form", "plus", "--precision", "bf16-mixed"], "leave out devices and precision"),
    ],
)
def test_wrong_usage_is_one_line_and_exit_code_2(capfd, tmp_path, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    code, out, err = call(capfd, *arguments)
    assert (code, out) == (2, "")
    assert words in err
    assert len(err.strip().splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["score", "missing.csv"], "missing.csv: no such file"),
        (["score", "columns.csv"], "no column prediction"),
        (["score", "picture.png"], "picture.png"),
        (["score", "."], "cannot be read"),
        (["reproduce", "--root", "missing"], "missing: no such folder"),
        (["synth", "picture.png"], "picture.png"),
        (["synth", "picture.png/deeper"], "picture.png"),
        (["report", "missing"], "missing: no such folder"),
        (["report", "."], "not a run with results"),
        (["motion", "missing.png", "picture.png", "--out", "flow.npy"], "missing.png"),
        (["motion", "picture.png", "picture.png", "--out", "flow.npy"], "picture.png"),
        (["bench", "motion", "--root", "missing", "--json"], "missing"),
    ],
)
def test_bad_data_is_one_line_and_exit_code_1(capfd, tmp_path, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "columns.csv").write_text("subject,clip,label\n1,a,0\n")
    (tmp_path / "picture.png").write_bytes(b"\x89PNG\r\n\x1a\nnot really\xff")
    before = sorted(tmp_path.rglob("*"))
    code, out, err = call(capfd, *arguments)
    assert (code, out) == (1, "")
    assert words in err
    assert len(err.strip().splitlines()) == 1
    assert sorted(tmp_path.rglob("*")) == before


@pytest.fixture
def faces(tmp_path, monkeypatch):
    """Two pictures of noise, 48 pixels high and 40 wide, and an untrained motion learner."""
    monkeypatch.chdir(tmp_path)
    noise = np.random.default_rng(0).integers(0, 256, (48, 41, 3), dtype=np.uint8)
    cv2.imwrite("onset.png", noise[:, :-1])
    cv2.imwrite("apex.png", noise[:, 1:])
    cv2.imwrite("wide.png", noise)
    sizes = LearnerConfig(size=32, keypoints=3, width=8, depth=2, max_width=16, generator_width=4)
    checkpoint.save(MotionLearner(sizes), "learner.safetensors")
    return ["--checkpoint", "learner.safetensors"]


def test_motion_is_in_pixels_of_the_picture_and_amplified_by_gamma(capfd, faces):
    code, out, err = call(capfd, "motion", "onset.png", "apex.png", "--out", "one.npy", "--raw", *faces)
    assert (code, out) == (0, "")
    assert "2 x 48 x 40" in err
    one = np.load("one.npy", allow_pickle=False)
    assert (one.shape, one.dtype) == ((2, 48, 40), np.float32)
    assert call(capfd, "motion", "onset.png", "apex.png", "--out", "b/two.npy", "--gamma", 2, "--raw", *faces)[0] == 0
    np.testing.assert_allclose(np.load("b/two.npy", allow_pickle=False), 2 * one, rtol=1e-4, atol=1e-6)
    code, *_ = call(capfd, "motion", "onset.png", "apex.png", "--out", "smooth.npy", "--png", "flow.png", *faces)
    assert code == 0
    assert not np.allclose(np.load("smooth.npy", allow_pickle=False), one)
    assert cv2.imread("flow.png").shape == (48, 40, 3)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["onset.png", "wide.png", "--out", "a.npy"], 1, "wide.png: not the size of onset.png"),
        (["onset.png", "apex.png", "--out", "a.npy", "--png", "a.jpg"], 2, "ends in .png"),
        (["onset.png", "apex.png", "--out", "a.flo"], 2, "--out a.flo: expected a name that ends in .npy"),
        (["onset.png", "apex.png", "--out", "onset.png/a.npy"], 1, "onset.png"),
        (["onset.png", "apex.png", "--out", "a.npy", "--checkpoint", "onset.png"], 1, "not a checkpoint"),
        (
            ["onset.png", "apex.png", "--out", "a.npy", "--form", "printed"],
            2,
            "has a form of its own; leave out --form",
        ),
        (["onset.png", "apex.png", "--out", "a.npy", "--form", "lucas-kanade"], 2, "leave out --checkpoint and --raw"),
        (["onset.png", "apex.png", "--out", "a.npy", "--form", "affine"], 2, "--form"),
    ],
)
def test_motion_says_what_is_wrong(capfd, faces, arguments, code, words):
    given = ["--checkpoint", "learner.safetensors"] if "--checkpoint" not in arguments else []
    found, out, err = call(capfd, "motion", *arguments, *given)
    assert (found, out) == (code, "")
    assert words in err
    assert len(err.strip().splitlines()) == 1
    assert not Path("a.npy").exists()


def test_motion_has_three_forms(capfd, faces):
    """Each is the method of that name in the benchmark; SelfME+ is the default."""
    pair = [read_frame(Path(f"{name}.png"))[None] for name in ("onset", "apex")]
    found = {}
    for form in ("plus", "printed", "lucas-kanade"):
        code, out, _ = call(
            capfd, "motion", "onset.png", "apex.png", "--out", f"{form}.npy", "--form", form, "--gamma", 2
        )
        assert (code, out) == (0, "")
        found[form] = torch.from_numpy(np.load(f"{form}.npy", allow_pickle=False))
    torch.testing.assert_close(found["lucas-kanade"], 2 * CLASSICAL["lucas_kanade"](*pair)[0])
    for form, path in (("plus", checkpoint.PLUS), ("printed", checkpoint.PRINTED)):
        wanted = diffeomorphic_motion(checkpoint.load_estimator(path).dense_motion(*pair), (48, 40), gamma=2)[0]
        torch.testing.assert_close(found[form], wanted)
    assert call(capfd, "motion", "onset.png", "apex.png", "--out", "default.npy", "--gamma", 2)[0] == 0
    assert np.array_equal(np.load("default.npy", allow_pickle=False), found["plus"])


def test_bench_prints_json_alone(capfd, tmp_path, faces):
    assert call(capfd, "synth", "data", "--subjects", 2, "--clips", 2, "--size", 32)[0] == 0
    code, out, _ = call(capfd, "bench", "motion", "--root", "data", "--checkpoint", "learner.safetensors", "--json")
    measured = json.loads(out)
    assert (code, measured["size"], measured["n_pairs"]) == (0, 32, 4)
    assert list(measured["methods"]) == [
        *(
            "zero",
            "tvl1",
            "tvl1_tuned",
            "farneback",
            "farneback_tuned",
            "dis",
            "dis_tuned",
            "lucas_kanade",
            "printed",
            "selfme",
        )
    ]
    for method in measured["methods"].values():
        assert {"epe", "epe_moving", "ms_per_pair"} <= set(method)
    code, out, _ = call(capfd, "bench", "motion", "--root", "data", "--checkpoint", "learner.safetensors")
    assert code == 0
    assert "tvl1" in out and "{" not in out


@pytest.mark.notebooks
def test_reproduce_runs_what_it_can_and_reports(capfd, tmp_path, monkeypatch):
    folder = tmp_path / "notebooks"
    folder.mkdir()
    declared = [f"{name} = None" for name in ("profile", "seed", "run_dir", *SECTIONS)]
    saving = (
        "from selfme_lib.study.run_folder import RunFolder\n"
        "RunFolder(run_dir).save_values('01_answer', {'seed': seed, 'epochs': classifier['epochs']}, title='Answer')"
    )
    write_notebook(folder / "00_broken.ipynb", "int('x')", declared=declared)
    write_notebook(folder / "01_sound.ipynb", saving, declared=declared)
    monkeypatch.setattr("selfme_lib.runtime.paths.NOTEBOOKS", folder)
    monkeypatch.chdir(tmp_path)

    code, out, err = call(capfd, "reproduce", "--profile", "smoke", "--out", "runs/a")
    assert (code, out) == (1, "")
    assert "1 of 2 notebooks failed: 00_broken" in err.splitlines()[-1]
    assert "ValueError" in err
    page = Path("runs/a/report.html").read_text()
    assert "Answer" in page and "This run is not complete" in page

    write_notebook(folder / "00_broken.ipynb", "int('1')", declared=declared)
    code, _, err = call(capfd, "reproduce", "--profile", "smoke", "--out", "runs/a", "--only", "0", "1")
    assert code == 0
    assert "01_sound … finished earlier" in err
    assert "This run is not complete" not in Path("runs/a/report.html").read_text()
    assert call(capfd, "report", "runs/a")[0] == 0

    code, _, err = call(capfd, "reproduce", "--profile", "quick", "--out", "runs/a", "--only", "1")
    assert code == 2 and "other settings" in err
    write_notebook(folder / "01_sound.ipynb", saving)
    code, _, err = call(capfd, "reproduce", "--profile", "smoke", "--out", "runs/b")
    assert code == 2 and "01_sound.ipynb has no parameter" in err
    assert not Path("runs/b").exists()


def test_doctor_shows_every_fault_and_fails(capfd, tmp_path):
    code, out, err = call(capfd, "doctor", "--dataset", "casme2", "--root", tmp_path / "missing")
    assert code == 1
    assert out.splitlines()[1].startswith("error")
    assert "1 error in the lines above" in err


def test_score_prints_json_alone(capfd, tmp_path):
    """STSTNet's published confusion matrix on CASME II is an oracle: its pooled UF1 and UAR are known."""
    confusion = [[83, 5, 0], [12, 19, 1], [2, 0, 23]]
    rows = [
        (label, prediction)
        for label in range(3)
        for prediction in range(3)
        for _ in range(confusion[label][prediction])
    ]
    lines = [f"{i % 24:02},clip{i},{label},{prediction}" for i, (label, prediction) in enumerate(rows)]
    path = tmp_path / "predictions.csv"
    path.write_text("\n".join(["subject,clip,label,prediction", *lines]))
    code, out, err = call(capfd, "score", path)
    score = json.loads(out)
    assert code == 0
    ends = {name: "[{:.4f}, {:.4f}]".format(*score["pooled"].pop(f"{name}_interval")) for name in ("uf1", "uar")}
    assert err == f"UF1 0.8382 {ends['uf1']}, UAR 0.8190 {ends['uar']}: 145 clips of 24 subjects\n"
    low, high = score["pooled"]["accuracy_interval"]
    assert low < score["pooled"]["accuracy"] < high
    assert set(score) == {"pooled", "fold_mean", "confusion", "n_clips", "n_subjects"}
    assert score["confusion"] == confusion
    assert (round(score["pooled"]["uf1"], 4), round(score["pooled"]["uar"], 4)) == (0.8382, 0.8190)
    assert (score["n_clips"], score["n_subjects"]) == (145, 24)
    path.write_text("subject,clip,label,prediction\n01,a,4,4\n01,b,0,3\n")
    assert call(capfd, "score", path)[2].strip().endswith("label 4 is not a class; expected whole numbers 0 to 2")
    assert json.loads(call(capfd, "score", path, "--classes", 5)[1])["pooled"]["uar"] == 1 / 5


def test_scores_of_a_sweep_have_four_digits_and_intervals():
    point = {"classifier.omega": 0.1, "method": "SCViT", "seeds": 2}
    scores = {"uf1": 0.57604, "uf1_sd": 0.01, "uf1_low": 0.5, "uf1_high": 0.65}
    columns, rows = _with_scores(pd.DataFrame([point | scores]))
    assert columns == ["classifier.omega", "method", "seeds", "uf1 [95 %]"]
    assert rows == [[0.1, "SCViT", 2, "0.5760 [0.5000, 0.6500]"]]


def test_settings_that_pydantic_refuses_are_one_line_and_exit_code_2(capfd, monkeypatch):
    monkeypatch.setattr("selfme_lib.evaluation.metrics.read_predictions", lambda *_, **__: SynthConfig(subjects=-1))
    code, out, err = call(capfd, "score", "predictions.csv")
    assert (code, out) == (2, "")
    assert err.startswith("selfme: subjects: ") and "got -1" in err and err.count("\n") == 1
    monkeypatch.setattr("selfme_lib.evaluation.metrics.read_predictions", lambda *_, **__: int("x"))
    with pytest.raises(ValueError, match="invalid literal"):
        call(capfd, "score", "predictions.csv")


@pytest.mark.parametrize(
    ("cluster", "warned"), [("tcp://there:8786", True), ("tls://there:8786", False), ("local", False)]
)
def test_a_cluster_that_anybody_may_use_is_warned_of(cluster, warned, capfd, monkeypatch, tmp_path):
    def stop(*_):
        raise UsageError("reached")

    monkeypatch.setattr("selfme_lib.runtime.processes.worker_pool", stop)
    (tmp_path / "grid.yaml").write_text("seed: [1, 2]")
    grid = [NOTEBOOKS / "05_loso_evaluation.ipynb", tmp_path / "grid.yaml", "--out", tmp_path / "out"]
    code, out, err = call(capfd, "sweep", *grid, "--cluster", cluster)
    assert (code, out) == (2, "") and "reached" in err
    assert ("can run code as you" in err) == warned


@pytest.mark.parametrize("encoding", ["gbk", "cp1252", "cp850", "ascii", "utf-8"])
def test_a_terminal_of_any_encoding_gets_what_it_can_show(monkeypatch, encoding):
    """CAS(ME)³, an ellipsis, a Chinese path, and a file name that is not text."""

    def speak(_):
        print("CAS(ME)³ … γ ± 脸 \udcff")
        print("脸…", file=sys.stderr)
        return 0

    streams = {name: io.TextIOWrapper(io.BytesIO(), encoding=encoding) for name in ("stdout", "stderr")}
    for name, stream in streams.items():
        monkeypatch.setattr(sys, name, stream)
    monkeypatch.setattr(cli, "run", speak)
    with pytest.raises(SystemExit):
        cli.main()
    said = {}
    for name, stream in streams.items():
        stream.flush()
        said[name] = stream.buffer.getvalue().decode(encoding)
    assert said["stdout"].startswith("CAS(ME)") and "\\udcff" in said["stdout"] and said["stderr"].strip()
    if encoding == "ascii":
        assert said["stdout"].startswith("CAS(ME)3 ... gamma +/- \\u8138")
    if encoding in ("gbk", "utf-8"):
        assert said["stderr"].strip() == "脸…"


def test_what_needs_a_clone_says_so_where_the_package_alone_is_installed(capfd, monkeypatch, tmp_path):
    (tmp_path / "mine.yaml").write_text("profile: quick\n")
    nothing = tmp_path / "site-packages/notebooks"
    for call_ in (
        lambda: profiles.load("quick", folder=nothing),
        lambda: profiles.load(str(tmp_path / "mine.yaml"), folder=nothing),
        lambda: find_notebooks(nothing),
        lambda: write_site(tmp_path / "pages", project=nothing),
    ):
        with pytest.raises(UsageError, match="run selfme from a clone of the project: git clone") as error:
            call_()
        assert "unknown" not in str(error.value)
    monkeypatch.setattr("selfme_lib.runtime.paths.NOTEBOOKS", nothing)
    assert "run selfme from a clone of the project" in call(capfd, "verify", tmp_path)[2]


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_table_fits_the_terminal_and_is_plain_elsewhere(monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    columns, rows = ["method", "epe"], [["[b]tvl1[/b] " + "long " * 20, 0.12345], ["ours", 10.0], ["", None]]
    plain, terminal = io.StringIO(), Terminal()
    monkeypatch.setattr(sys, "stdout", plain)
    print_table(columns, rows)
    lines = plain.getvalue().splitlines()
    assert len(lines) == 4 and len({len(line.rstrip()) for line in lines[:3]}) == 1, "numbers end in one column"
    assert lines[1].startswith("[b]tvl1[/b] long") and lines[1].rstrip().endswith(" 0.123") and lines[3].strip() == ""
    monkeypatch.setattr(sys, "stdout", terminal)
    print_table(columns, rows)
    text = re.sub(r"\x1b\[[\d;]*m", "", terminal.getvalue())
    assert max(map(len, text.splitlines())) <= 40 and "0.123" in text


def test_an_interrupt_is_quiet(capfd, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("selfme_lib.evaluation.metrics.read_predictions", interrupted)
    code, out, err = call(capfd, "score", "predictions.csv")
    assert (code, out, err) == (130, "", "")


def test_a_backend_of_matplotlib_that_is_not_installed_stops_no_command():
    """Left in the environment by a notebook, or misspelt: no command opens a window."""
    code = (
        "import sys; from selfme_lib.app import cli; cli.run(['--version']); import matplotlib.pyplot as p; p.figure()"
    )
    for backend in ("nonsense", "module://not.installed"):
        environment = {**os.environ, "MPLBACKEND": backend}
        done = subprocess.run(
            [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stderr) == (0, "")


def test_a_cv2_that_cannot_be_imported_is_one_line(monkeypatch, capfd):
    """`opencv-python` where the system has no libGL."""

    def broken(*_, **__):
        raise ImportError("libGL.so.1: cannot open shared object file", name="cv2")

    monkeypatch.setattr(cli, "app", broken)
    code, _, words = call(capfd, "doctor")
    assert code == 1 and words.startswith("selfme: cv2 cannot be imported (libGL.so.1") and "headless" in words
