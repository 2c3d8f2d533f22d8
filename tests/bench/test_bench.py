import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from known_motion import bump, write_known_motion
from selfme_lib.app import cli
from selfme_lib.baselines import tcae
from selfme_lib.bench import bench_motion, errors_per_clip, inverse_inconsistency, statistics
from selfme_lib.bench.nuisances import ON_FRAMES
from selfme_lib.bench.output import condition_tables, write_report
from selfme_lib.bench.pairs import every_nth, known_clips, load_pairs
from selfme_lib.grids import end_point_error
from selfme_lib.motion import checkpoint
from selfme_lib.motion.learner import MotionLearner
from selfme_lib.motion.settings import LearnerConfig
from selfme_lib.runtime.errors import DataError, UsageError
from selfme_lib.synthme import SynthConfig, fingerprint, write_dataset

SIZE = 48
TINY = LearnerConfig(size=32, keypoints=3, width=8, depth=2, max_width=16, generator_width=4)


def constant(x, y):
    return torch.tensor([float(x), float(y)]).view(1, 2, 1, 1).expand(1, 2, 16, 16)


def test_the_error_of_zero_motion_is_the_length_of_the_truth():
    truth = bump(32, 0.5, 0.5, 0.6, -0.8)
    errors = errors_per_clip(torch.zeros_like(truth), truth, truth)
    length = truth.norm(dim=1)
    assert errors["epe"].item() == pytest.approx(length.mean().item())
    assert errors["epe_moving"].item() == pytest.approx(length[length >= length.max() / 2].mean().item())
    assert errors["folding"].item() == 0


def test_the_error_on_the_action_does_not_depend_on_how_the_head_is_split_off():
    action, head = bump(32, 0.3, 0.5, 1.0, 0.0), bump(32, 0.8, 0.8, 0.0, 3.0)
    flow = torch.randn(1, 2, 32, 32)
    where = action.norm(dim=1) >= action.norm(dim=1).max() / 2
    by_hand = end_point_error(flow - head, action)[where].mean()
    assert errors_per_clip(flow, action + head, action)["epe_action"].item() == pytest.approx(by_hand.item())


def test_another_motion_can_mark_what_moves():
    truth, moving = bump(32, 0.3, 0.5, 1.0, 0.0), bump(32, 0.8, 0.8, 0.0, 1.0)
    errors = errors_per_clip(torch.zeros_like(truth), truth, truth, moving=moving)
    assert errors["epe_moving"] < 0.05 < errors["epe_action"]


def test_a_translation_and_its_opposite_return_to_the_start():
    assert inverse_inconsistency(constant(1.3, -0.4), constant(-1.3, 0.4)).item() == pytest.approx(0, abs=1e-6)
    assert inverse_inconsistency(constant(3, 4), constant(0, 0)).item() == pytest.approx(5)
    assert inverse_inconsistency(constant(1, 0), constant(1, 0)).item() == pytest.approx(2), (
        "both in the same direction"
    )


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return write_known_motion(tmp_path_factory.mktemp("bench") / "known", size=SIZE)


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A small motion learner."""
    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("learner") / "small.safetensors"
    checkpoint.save(MotionLearner(TINY), path)
    return path


def oracle(root):
    """A method that knows the true motion under every nuisance, but finds nothing from apex to onset."""
    clips, _ = known_clips(root)
    known = {}
    for nuisance in (lambda pairs: pairs, *ON_FRAMES.values()):
        pairs = nuisance(load_pairs(root, clips, SIZE))
        for onset, apex, truth in zip(pairs.onset, pairs.apex, pairs.truth):
            known[onset.numpy().tobytes(), apex.numpy().tobytes()] = truth
            known.setdefault((apex.numpy().tobytes(), onset.numpy().tobytes()), torch.zeros_like(truth))
    return lambda onset, apex: torch.stack(
        [known[o.numpy().tobytes(), a.numpy().tobytes()] for o, a in zip(onset, apex)]
    )


@pytest.fixture(scope="module")
def report(root, small):
    return bench_motion(
        root, checkpoint_path=small, also={"oracle": oracle(root)}, nuisances=list(ON_FRAMES), every=2, progress=False
    )


def test_the_truth_has_no_error_under_any_nuisance(report):
    found = report["methods"]["oracle"]
    for measure in ("epe", "epe_moving", "epe_action", "angular", "folding"):
        assert found[measure] == pytest.approx(0, abs=0.03 if measure == "angular" else 0)
    assert found["epe_over_tvl1"] == 0 and found["epe_over_farneback_interval"] == [0, 0]
    assert list(report["conditions"]) == ["clean", "light", "noise", "jpeg", "grey", "drift"]
    for condition in report["conditions"].values():
        for measure in ("epe", "epe_moving", "epe_action"):
            assert condition["methods"]["oracle"][measure] == 0
            assert condition["methods"]["oracle"][f"{measure}_degradation"] == 0


def test_zero_motion_has_the_truths_length_as_error_and_only_drift_increases_it(root, report):
    pairs = load_pairs(root, known_clips(root)[0], SIZE)
    found = report["methods"]["zero"]
    assert found["epe"] == pytest.approx(pairs.truth.norm(dim=1).mean().item(), rel=1e-5)
    assert (found["inverse_consistency"], report["methods"]["oracle"]["inverse_consistency"] > 0) == (0, True)
    for name, condition in report["conditions"].items():
        rise = condition["methods"]["zero"]["epe_degradation"]
        assert rise > 0.1 if name == "drift" else rise == 0


def test_the_report_counts_pairs_and_people_and_compares_with_tvl1_and_farneback(report):
    assert (report["size"], report["n_pairs"], report["n_subjects"], report["threads"]) == (SIZE, 6, 2, 1)
    assert set(report["methods"]) == {
        *("zero", "tvl1", "tvl1_tuned", "farneback", "farneback_tuned", "dis", "dis_tuned", "lucas_kanade"),
        *("printed", "selfme", "oracle"),
    }
    for name, found in report["methods"].items():
        for reference in ("tvl1", "farneback", "tvl1_tuned", "farneback_tuned", "dis_tuned", "lucas_kanade"):
            for measure in ("epe", "epe_moving"):
                ratio = found[measure] / report["methods"][reference][measure]
                assert found[f"{measure}_over_{reference}"] == pytest.approx(ratio)
                low, high = found[f"{measure}_over_{reference}_interval"]
                assert low <= high and (name != reference or (low, high) == (1, 1))
        assert found["ms_per_pair_median"] > 0 and found["ms_per_pair"] > 0
    ranges = [(group["from"], group["to"], group["n_pairs"]) for group in report["amplitudes"]]
    assert ranges == [(0.5, 1.0, 2), (1.0, 2.0, 4)]  # peaks are about .6, 1.1 and 1.6 px
    mean = sum(group["n_pairs"] * group["methods"]["tvl1"]["epe"] for group in report["amplitudes"]) / 6
    assert report["methods"]["tvl1"]["epe"] == pytest.approx(mean)
    assert {group["n_pairs"] for group in report["conditions"].values()} == {4}, "clips 1 and 3 of both subjects"


def test_the_same_run_gives_the_same_errors(root, report, small):
    again = bench_motion(root, checkpoint_path=small, nuisances=["noise", "drift"], every=2, progress=False)
    for name in ("noise", "drift"):
        for method, found in again["conditions"][name]["methods"].items():
            assert found == report["conditions"][name]["methods"][method]


def test_every_nth_clip_leaves_no_subject_out(root):
    clips, _ = known_clips(root)
    assert [clip.key for clip in every_nth(2, clips)] == ["01/s1_po_01", "01/s1_po_03", "02/s2_po_01", "02/s2_po_03"]
    assert every_nth(1, clips) == clips
    assert {clip.subject for clip in every_nth(99, clips)} == {"01", "02"}


def test_intervals_come_from_resampling_people():
    """Errors of unequal people spread; a ratio that is the same for everybody does not."""
    table = pd.DataFrame(
        {"method": ["tvl1"] * 4 + ["b"] * 4, "subject": list("abcd") * 2, "epe": [1.0, 2, 3, 4, 2, 4, 6, 8]}
    )
    found = statistics.summarise(table, ["epe"])
    low, high = found["tvl1"]["epe_interval"]
    assert 1 <= low < found["tvl1"]["epe"] == 2.5 < high <= 4
    assert (found["b"]["epe_over_tvl1"], found["b"]["epe_over_tvl1_interval"]) == (2, [2, 2])
    perfect = statistics.summarise(table.assign(epe=0.0), ["epe"])
    assert perfect["b"]["epe_over_tvl1"] is None, "no ratio to an error of zero"


def test_files_hold_the_report(report, tmp_path):
    write_report(tmp_path / "out", report)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        *("bench.csv", "bench.json", "bench.md", "bench.png")
    ]
    assert json.loads((tmp_path / "out" / "bench.json").read_text()) == report
    table = pd.read_csv(tmp_path / "out" / "bench.csv", keep_default_na=False)
    row = table[(table["group"] == "drift") & (table["method"] == "dis") & (table["measure"] == "epe_degradation")]
    expected = report["conditions"]["drift"]["methods"]["dis"]["epe_degradation"]
    assert float(row["value"].item()) == pytest.approx(expected)
    text = (tmp_path / "out" / "bench.md").read_text()
    assert "6 pairs of 2 people" in text and "| oracle | 0.000 [0.000, 0.000] |" in text
    for group in ("conditions", "amplitudes"):
        write_report(tmp_path / "less", {**report, "conditions": {}, group: type(report[group])()})


def test_either_error_has_a_table_of_methods_and_conditions(report):
    tables = condition_tables(report)
    assert list(tables) == ["EPE, px", "EPE moving, px"]
    assert tables["EPE moving, px"].loc["dis", "drift"] == report["conditions"]["drift"]["methods"]["dis"]["epe_moving"]
    assert list(tables["EPE, px"]) == ["clean", *ON_FRAMES] and condition_tables({"conditions": {}}) == {}


def test_fewer_methods_give_the_same_figures(root, small, report):
    some = bench_motion(
        root, checkpoint_path=small, methods=["farneback", "tvl1"], size=SIZE, both_ways=False, progress=False
    )
    assert list(some["methods"]) == ["farneback", "tvl1"]
    assert some["methods"]["farneback"]["epe_over_tvl1"] == report["methods"]["farneback"]["epe_over_tvl1"]


def test_unknown_duplicate_and_broken_methods_and_nuisances_are_refused(root, small):
    with pytest.raises(UsageError, match="there is a method 'tvl1' already"):
        bench_motion(root, checkpoint_path=small, also={"tvl1": lambda onset, apex: onset[:, :2]}, progress=False)
    with pytest.raises(UsageError, match="'tvl2' is not one of zero"):
        bench_motion(root, checkpoint_path=small, methods=["tvl2"], progress=False)
    with pytest.raises(UsageError, match="tvl1 and farneback are what every method is compared with"):
        bench_motion(root, checkpoint_path=small, methods=["zero", "selfme"], progress=False)
    for unknown in ("rain", "yaw0", "yaw46", "yaw-5", "yaw1.5", "yaws"):
        with pytest.raises(UsageError, match=f"'{unknown}' is not one of light.* or yaw1 to yaw45"):
            bench_motion(root, checkpoint_path=small, nuisances=[unknown], progress=False)
    with pytest.raises(DataError, match=r"cannot be rendered again.*; leave yaw out"):
        bench_motion(root, checkpoint_path=small, nuisances=["yaw"], progress=False)
    with pytest.raises(DataError, match="broken: its motion is not a number"):
        bench_motion(root, checkpoint_path=small, also={"broken": lambda o, a: o[:, :2] * torch.nan}, progress=False)


def test_a_turned_head_is_rendered_once_and_kept_beside_the_data(small, tmp_path):
    folder = write_dataset(tmp_path / "data", SynthConfig(subjects=1, clips=1, size=SIZE), workers=1)
    before = sorted(folder.rglob("*"))
    report = bench_motion(folder, checkpoint_path=small, nuisances=["yaw"], progress=False)
    kept = list(tmp_path.glob("synthme-*-excerpts/sub01/*.npz"))
    assert len(kept) == 1 and sorted(folder.rglob("*")) == before
    clean, turned = (report["conditions"][name]["methods"]["zero"] for name in ("clean", "yaw"))
    assert turned["epe"] == pytest.approx(clean["epe"], rel=0.5), "the same movement"
    assert turned["epe_degradation"] == pytest.approx(turned["epe"] - clean["epe"])
    assert turned["epe_degradation"] != 0, "seen from another side"
    written = kept[0].stat().st_mtime_ns
    again = bench_motion(folder, checkpoint_path=small, nuisances=["yaw"], progress=False)
    assert again["conditions"] == report["conditions"] and kept[0].stat().st_mtime_ns == written


def test_heads_are_turned_by_as_many_degrees_as_are_asked_for(small, tmp_path, capfd):
    config = SynthConfig(subjects=2, clips=1, size=SIZE)
    folder = write_dataset(tmp_path / "data", config, workers=1)
    wanted = ["--nuisances", "none", "--yaw", "0,10,40", "--every", "1"]
    assert cli.run(["bench", "motion", "--root", str(folder), "--checkpoint", str(small), *wanted, "--json"]) == 0
    conditions = json.loads(capfd.readouterr().out)["conditions"]
    assert list(conditions) == ["clean", "yaw10", "yaw40"]
    errors = [conditions[name]["methods"]["zero"]["epe"] for name in conditions]
    assert len(set(errors)) == 3, "the same movement, seen from three sides"
    low, high = conditions["yaw40"]["methods"]["lucas_kanade"]["epe_moving_interval"]
    assert 0 < low <= high
    turned = {name: replace(config, yaw=degrees) for name, degrees in (("yaw10", 10.0), ("yaw40", 40.0))}
    for one in turned.values():
        assert len(list((tmp_path / f"synthme-{fingerprint(one)}-excerpts").glob("sub*/*.npz"))) == 2


def remove_truth(folder: Path) -> None:
    next((folder / "truth" / "sub01").iterdir()).unlink()


def change_truth(folder: Path, **changes) -> None:
    path = next((folder / "truth" / "sub01").iterdir())
    arrays = {
        name: value for name, value in np.load(path, allow_pickle=False).items() if changes.get(name, 0) is not None
    }
    np.savez(path, **{**arrays, **{name: value for name, value in changes.items() if value is not None}})


def replace_truth(content: bytes):
    return lambda folder: next((folder / "truth" / "sub01").iterdir()).write_bytes(content)


DAMAGE = {
    "no such truth": remove_truth,
    "unreadable truth (no array 'au_flow_backward')": lambda f: change_truth(f, au_flow_backward=None),
    "is not finite everywhere": lambda f: change_truth(f, au_flow_backward=np.full((2, SIZE, SIZE), np.nan)),
    "has the shape (2, 5, 5)": lambda f: change_truth(f, head_flow_forward=np.zeros((2, 5, 5))),
    "apex 99 is none of the clip's frames": lambda f: change_truth(f, apex=99),
    "unreadable truth (File is not a zip file)": replace_truth(b""),
    "unreadable truth (": replace_truth(b"PK\x03\x04 half a file"),
    "no synthme.json": lambda f: (f / "synthme.json").unlink(),
}


@pytest.mark.parametrize("words", DAMAGE)
def test_a_damaged_folder_gives_one_line_and_exit_code_1(words, small, tmp_path, capfd):
    folder = write_known_motion(tmp_path / "data", subjects=1, clips=1, size=SIZE)
    DAMAGE[words](folder)
    code = cli.run(["bench", "motion", "--root", str(folder), "--checkpoint", str(small)])
    out, err = capfd.readouterr()
    assert (code, out) == (1, "")
    assert words in err and len(err.strip().splitlines()) == 1


def test_the_command_writes_all_files_and_takes_other_checkpoints(root, small, tmp_path, capfd):
    common = ["bench", "motion", "--root", str(root), "--checkpoint", str(small)]
    tcae.save(tcae.TCAE(tcae.TCAEConfig(size=32, width=1 / 16)).eval(), tmp_path / "tcae.safetensors")
    both = ["--also", f"mine={small}", "--also", f"tcae={tmp_path / 'tcae.safetensors'}"]
    code = cli.run([*common, *both, "--nuisances", "grey", "--out", str(tmp_path / "o"), "--json"])
    measured = json.loads(capfd.readouterr().out)
    assert code == 0 and len(list((tmp_path / "o").iterdir())) == 4
    assert list(measured["conditions"]) == ["clean", "grey"]
    for measure in ("epe", "epe_moving", "inverse_consistency"):
        assert measured["methods"]["mine"][measure] == measured["methods"]["selfme"][measure]
    assert measured["methods"]["mine_raw"]["epe"] > 0
    assert measured["methods"]["tcae"]["epe"] > 0 and "tcae_raw" not in measured["methods"]
    (tmp_path / "file").touch()
    for wrong, code, words in (
        (["--also", "mine"], 2, "--also mine: expected NAME=FILE"),
        (["--also", f"selfme={small}"], 2, "there is a method 'selfme' already"),
        (["--also", "mine=missing.safetensors"], 1, "missing.safetensors: no such checkpoint"),
        (["--also", f"mine={__file__}"], 1, "not a checkpoint"),
        (["--nuisances", "rain"], 2, "--nuisances rain: unknown; there are light, noise"),
        (["--out", str(tmp_path / "file")], 1, "file"),
    ):
        assert cli.run([*common, *wrong]) == code
        out, err = capfd.readouterr()
        assert out == "" and words in err and len(err.strip().splitlines()) == 1


def test_a_size_is_measured_or_refused_in_one_line(root, small, capfd):
    """Whether a learner takes 100 px is up to the learner."""
    code = cli.run(
        ["bench", "motion", "--root", str(root), "--checkpoint", str(small), "--size", "100", "--nuisances", "none"]
    )
    out, err = capfd.readouterr()
    refused = code == 2 and out == "" and "frames of 100 x 100 pixels" in err and len(err.strip().splitlines()) == 1
    assert refused or (code == 0 and "6 pairs at 100 px" in out)


def test_a_one_way_benchmark_reports_nothing_on_there_and_back(root, small, tmp_path):
    report = bench_motion(root, checkpoint_path=small, both_ways=False, progress=False)
    assert "inverse_consistency" not in report["methods"]["tvl1"]
    write_report(tmp_path / "out", report)
    text = (tmp_path / "out" / "bench.md").read_text()
    assert "| there and back, px |" not in text and "| EPE, px |" in text
