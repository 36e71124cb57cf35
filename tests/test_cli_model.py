"""``sotlab model`` as people and scripts meet it."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from sotlab.cli import main


@pytest.fixture
def model(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def call(*arguments):
        with pytest.raises(SystemExit) as ended:
            main(["model", *map(str, arguments)])
        captured = capsys.readouterr()
        return ended.value.code, captured.out, captured.err

    return call


def settings(**values):
    return [word for name, value in values.items() for word in ("--set", f"{name}={value}")]


def test_the_inverse_edelstein_length_as_json(model):
    code, out, _ = model("iree", *settings(x=0.15, bilayers=6, divisions=10, points=5), "--json")
    told = json.loads(out)
    assert code == 0
    assert told["results"]["lambda_E_F"]["unit"] == "m"
    assert 0 < told["results"]["lambda_E_F"]["value"] < 1e-9
    assert told["results"]["lambda_E_F_top"]["value"] == pytest.approx(2 * told["results"]["lambda_E_F"]["value"])
    assert told["arrays"]["lambda"]["axes"] == ["energy"]
    assert told["arrays"]["lambda"]["values"][2] == pytest.approx(told["results"]["lambda_E_F"]["value"])
    assert told["settings"]["gamma_pp"] == -0.6


def test_a_map_goes_into_files(model, tmp_path):
    code, out, _ = model(
        "bisb-map", *settings(bilayers=2, points=9, divisions=4, energy="20meV"), "--out", "maps", "--json"
    )
    told = json.loads(out)
    assert code == 0
    assert "arrays" not in told
    described_in, arrays_in = told["files"]
    with np.load(arrays_in) as arrays:
        assert arrays["spin_y"].shape == (9, 9)
        assert arrays["spin_y"] == pytest.approx(-arrays["spin_y"][:, ::-1], abs=1e-9)
    described = json.loads((tmp_path / described_in).read_text())
    assert described["arrays"]["dos"] == {"unit": "1/eV", "axes": ["ky", "kx"]}
    assert described["settings"]["energy"] == pytest.approx(0.02)


def test_what_is_kept_for_the_same_settings_is_not_computed_again(model, tmp_path, monkeypatch):
    from sotlab.analysis.models import bisb_models

    given = settings(bilayers=2, points=5, divisions=4)
    first = model("iree", *given, "--out", "kept", "--json")[1]
    other = model("iree", *given, *settings(x=0.2), "--out", "kept", "--json")[1]
    assert json.loads(other)["results"] != json.loads(first)["results"]
    monkeypatch.setattr(bisb_models, "slab_states", lambda *_: pytest.fail("computed again"))
    assert model("iree", *given, "--out", "kept", "--json")[1] == first
    assert model("iree", *given, *settings(x=0.2), "--out", "kept", "--json")[1] == other
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    (tmp_path / json.loads(first)["files"][1]).write_bytes(b"torn")
    assert model("iree", *given, "--out", "kept", "--json")[1] == first


@pytest.mark.parametrize(
    ("name", "given", "wanted"),
    [
        ("bisb-bands", {"bilayers": 2, "points": 3, "divisions": 4}, ["fermi_level", "energy"]),
        ("iree-series", {"x": "0.1,0.2", "bilayers": "1,2", "divisions": 4, "points": 2}, ["lambda_E_F", "2x2"]),
        ("mixing-conductance", {"points": 50}, ["re_g", "ratio"]),
        ("mixing-conductance", {"exchange": "0.1,0.5", "hopping_difference": "0,1,2"}, ["2x3"]),
        ("sharvin", {"density": "1e26 1/m**3"}, ["1.27135e+13", "note:"]),
        ("work-function", {}, ["4.529 eV"]),
        ("drift-diffusion", {"thickness": "5nm,10nm"}, ["xi_dl_E", "4190.81 to 8486.43"]),
        ("graded-torque", {"case": "IV-B", "closure": "scaled"}, ["5140.73", "does not print"]),
        ("sarpes-map", {"bilayers": 2, "points": 9, "divisions": 4}, ["polarisation_y"]),
    ],
)
def test_each_model_answers(model, name, given, wanted):
    code, out, err = model(name, *settings(**given))
    assert (code, err) == (0, "")
    for text in wanted:
        assert text in out


def test_models_are_listed_with_their_settings(model):
    code, out, _ = model("--json")
    listed = {entry["name"]: entry for entry in json.loads(out)["models"]}
    assert code == 0
    assert {"bisb-map", "bisb-bands", "iree", "mixing-conductance", "graded-torque"} <= set(listed)
    assert {"name": "x", "default": 0.15, "unit": "", "description": "Antimony content"} in listed["iree"]["settings"]
    assert "graded-torque" in model()[1]


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["nope"], ["'nope'", "iree"]),
        (["iree", *settings(x=1.5)], ["x:", "1.5"]),
        (["iree", *settings(x="nan")], ["x:", "nan"]),
        (["iree", *settings(bilayers=0)], ["bilayers:", "0"]),
        (["iree", *settings(bilayers=2.5)], ["bilayers:", "2.5"]),
        (["iree", *settings(points=0)], ["points:"]),
        (["iree", *settings(start="nan")], ["--set start:", "'nan'"]),
        (["iree", *settings(window="1e-9", bilayers=1, divisions=2)], ["no state", "window"]),
        (["iree", *settings(thickness="5nm")], ["'iree' has no such setting", "bilayers"]),
        (["iree-series", *settings(x="0.1,2")], ["x", "2"]),
        (["iree-series", *settings(x="")], ["x:"]),
        (["bisb-map", *settings(broadening="0")], ["broadening"]),
        (["bisb-map", *settings(points=0)], ["points:", "0"]),
        (["bisb-map", *settings(energy="5nm")], ["nm", "eV"]),
        (["bisb-map", *settings(bilayer=20, divisions=1)], ["bilayer: 20 asked, the slab has 1 (top) to 13"]),
        (["bisb-bands", *settings(path="G-X", divisions=1)], ["'G-X'"]),
        (["graded-torque", *settings(case="V")], ["case:", "'V'"]),
        (["graded-torque", *settings(points=1001)], ["1001", "multiple"]),
        (["iree", "--set", "x"], ["NAME=VALUE"]),
    ],
)
def test_bad_input_is_one_line(model, arguments, named):
    code, out, err = model(*arguments)
    assert code == 2
    assert out == ""
    assert len(err.splitlines()) == 1
    assert "internal error" not in err
    for text in named:
        assert text in err
    code, out, err = model(*arguments, "--json")
    assert set(json.loads(out)) == {"error"}


def test_a_file_that_cannot_be_written_is_one_line(model, tmp_path):
    (tmp_path / "taken").write_text("")
    code, _, err = model("work-function", "--out", tmp_path / "taken")
    assert code == 1
    assert "taken" in err


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such signal")
def test_it_ends_soon_when_told_to():
    command = [sys.executable, "-m", "sotlab.cli", "model", "iree", "--set", "bilayers=20", "--set", "divisions=200"]
    running = subprocess.Popen([*command, "--json"], stdout=subprocess.PIPE, text=True)
    time.sleep(4)
    running.send_signal(signal.SIGINT)
    out, _ = running.communicate(timeout=30)
    assert running.returncode == 3
    assert json.loads(out) == {"error": "stopped"}
