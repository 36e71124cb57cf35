"""The command line as people and scripts meet it: output, one-line errors, exit codes."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sotlab.cli import main
from sotlab.procedures.runs.journal import read_journal

SWEEP = ["run", "STFMRFieldSweep", "--station", "virtual:stfmr", "--set", "points=41", "--set", "start=45mT"]
SWEEP += ["--set", "stop=80mT"]


@pytest.fixture
def sotlab(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def call(*arguments):
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return ended.value.code, captured.out, captured.err

    return call


def one_error_line(err):
    lines = [line for line in err.splitlines() if line.startswith("sotlab: ")]
    assert len(lines) == 1
    assert "Traceback" not in err
    return lines[0]


def test_help_answers_before_anything_heavy_is_imported():
    heavy = ("numpy", "pymeasure", "pandas", "pint", "rich")
    script = f"import sys, sotlab.cli; print([m for m in {heavy} if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", script], capture_output=True, text=True).stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("arguments", "code", "named"),
    [
        (["run", "STFMRFieldSweep"], 2, ["station.toml", "virtual:stfmr"]),
        (["run", "Nope", "--station", "virtual:stfmr"], 2, ["'Nope'", "STFMRFieldSweep"]),
        (["run", "STFMRFieldSweep", "--station", "none.toml"], 1, ["none.toml", "does not exist"]),
        ([*SWEEP, "--set", "frequncy=7GHz"], 2, ["'frequncy'", "frequency"]),
        ([*SWEEP, "--set", "frequency=7mT"], 2, ["'frequency'", "mT", "Hz"]),
        ([*SWEEP, "--set", "frequency=200GHz"], 2, ["200 GHz asked", "allowed"]),
        ([*SWEEP, "--set", "frequency=30GHz"], 1, ["30 GHz asked", "frequency_Hz", "stfmr.toml"]),
        ([*SWEEP, "--set", "stop=1T"], 1, ["field", "allowed -380 mT to 380 mT"]),
        ([*SWEEP, "--set", "frequency"], 2, ["NAME=VALUE"]),
        ([*SWEEP, "--sample", "none.toml"], 1, ["none.toml"]),
        (["run", "STFMRFieldSweep", "--station", "virtual:nope"], 1, ["virtual:nope", "virtual:stfmr"]),
        (["run", "STFMRFieldSweep", "--station", "x.toml", "--seed", "1"], 2, ["--seed"]),
        (["analyse", "nope", "x.csv"], 2, ["'nope'", "stfmr"]),
        (["analyse", "stfmr", "x.csv", "--column", "field=1:T", "--column", "voltage=2:V"], 1, ["x.csv"]),
        (["analyse", "stfmr", "x.csv", "--column", "feld=1:T"], 2, ["feld", "field"]),
        (["lab", "list", "nope"], 1, ["'nope'", "stfmr"]),
        (["nonsense"], 2, ["nonsense"]),
        (["run"], 2, ["PROCEDURE"]),
    ],
)
def test_what_is_wrong_is_said_in_one_line(sotlab, arguments, code, named):
    status, out, err = sotlab(*arguments)
    assert status == code
    assert out == ""
    line = one_error_line(err)
    for word in named:
        assert word in line
    status, out, err = sotlab(*arguments, "--json")
    assert status == code
    assert list(json.loads(out)) == ["error"]


def test_a_run_tells_where_it_is_and_what_came_out(sotlab):
    status, out, _ = sotlab(*SWEEP, "--seed", 5, "--truth", "--json")
    assert status == 0
    told = json.loads(out)
    assert told["status"] == "finished"
    assert told["simulated"] is True
    assert told["rows"] == 41
    assert told["station"].endswith("seed=5")
    line = told["reduction"]["spectra"][0]
    assert abs(line["field_res"]["pull"]) < 5
    assert line["field_res"]["truth"] == pytest.approx(0.0622, abs=1e-3)
    folder = Path(told["folder"])
    assert json.loads((folder / "results.json").read_text(encoding="utf-8"))["kind"] == "stfmr"
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "SIMULATED" in page
    assert "data:image/png;base64," in page


def test_the_truth_stands_nowhere_unless_it_is_asked_for(sotlab):
    told = json.loads(sotlab(*SWEEP, "--json")[1])
    files = "".join(path.read_text(encoding="utf-8") for path in Path(told["folder"]).iterdir())
    assert '"truth"' not in files + json.dumps(told)


def test_analysing_the_run_again_gives_the_same(sotlab):
    told = json.loads(sotlab(*SWEEP, "--seed", 5, "--json")[1])
    status, out, _ = sotlab("analyse", "stfmr", told["folder"], "--json")
    assert status == 0
    assert json.loads(out)["spectra"] == told["reduction"]["spectra"]


def test_a_result_that_is_required_and_not_determined_is_exit_5(sotlab):
    told = json.loads(sotlab(*SWEEP, "--seed", 5, "--json")[1])
    status, out, _ = sotlab("analyse", "stfmr", told["folder"], "--require", "alpha", "--json")
    assert status == 5
    assert json.loads(out)["results"]["alpha"]["value"] is None
    assert any("alpha" in flag for flag in json.loads(out)["flags"])
    assert sotlab("analyse", "stfmr", told["folder"], "--require", "field_res")[0] == 0


def test_a_line_that_is_not_there_is_exit_5(sotlab):
    arguments = [*SWEEP[:4], "--set", "points=41", "--set", "start=200mT", "--set", "stop=250mT", "--json"]
    told = json.loads(sotlab(*arguments)[1])
    assert told["reduction"]["spectra"][0]["field_res"]["value"] is None
    assert sotlab("analyse", "stfmr", told["folder"], "--json")[0] == 5


def test_the_demo_repeats_with_its_seed(sotlab):
    first, again = (json.loads(sotlab("demo", "--seed", 2, "--json")[1]) for _ in range(2))
    for told in (first, again):
        for spectrum in told["spectra"]:
            spectrum.pop("name")
        for key in ("runs", "report", "inputs"):
            told.pop(key)
    assert first == again
    assert len(first["spectra"]) == 7
    assert {"value", "sigma", "unit", "truth", "pull"} <= set(first["results"]["alpha"])


def test_the_demo_shows_value_sigma_truth_and_pull(sotlab):
    status, out, _ = sotlab("demo", "--seed", 2)
    assert status == 0
    for word in ("SIMULATED", "mu0_meff", "alpha", "width_0", "v_sym", "field_res", "truth", "pull", "±", "10 GHz"):
        assert word in out
    # What a person reads last: from the current to the efficiencies.
    words = ("The microwave current is", "Delta R", "B_DL =", "B_FL =", "xi_DL^E =", "xi_FL^j =", "Report:")
    assert sorted(words, key=out.index) == list(words)


def test_procedures_are_listed_with_units_and_limits(sotlab):
    listed = {entry["name"]: entry for entry in json.loads(sotlab("procedures", "--json")[1])["procedures"]}
    parameters = {p["parameter"]: p for p in listed["STFMRFieldSweep"]["parameters"]}
    assert parameters["frequency"]["unit"] == "Hz"
    assert parameters["frequency"]["maximum"] == 120e9
    assert "Field (T)" in listed["STFMRFieldSweep"]["columns"]
    assert "frequency" in sotlab("procedures")[1]


def test_the_station_is_checked(sotlab):
    status, out, _ = sotlab("station", "check", "virtual:stfmr", "--json")
    assert status == 0
    roles = json.loads(out)["roles"]
    assert [row["role"] for row in roles][:4] == ["microwave", "voltmeter", "field", "gaussmeter"]
    assert all({"role", "model", "resource", "idn", "ok", "problem"} <= set(row) for row in roles)


def test_a_wrong_model_and_a_silent_address_are_named(sotlab, tmp_path):
    (tmp_path / "station.toml").write_text(
        """
[station]
name = "wrong"
visa_library = "stfmr?clock=virtual@sotlab"
[roles.gaussmeter]
driver = "LakeShore475"
resource = "GPIB0::7::INSTR"
options = { zero_sigma_T = 1e-5 }
[roles.voltmeter]
driver = "Keithley2182A"
resource = "GPIB0::30::INSTR"
[roles.microwave]
driver = "E8257D"
resource = "GPIB0::19::INSTR"
""",
        encoding="utf-8",
    )
    status, out, _ = sotlab("station", "check", "--json")
    assert status == 1
    gaussmeter, voltmeter, microwave = json.loads(out)["roles"]
    assert "KEITHLEY" in gaussmeter["problem"]
    assert "GPIB0::30::INSTR" in voltmeter["problem"]
    assert microwave["ok"] is True


def test_the_lab_lists_its_instruments(sotlab):
    devices = json.loads(sotlab("lab", "list", "stfmr", "--json")[1])["devices"]
    assert {"model", "resource", "role"} == set(devices[0])
    assert "stfmr" in sotlab("lab", "list")[1]


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_makes_the_bench_safe_and_keeps_the_rows(tmp_path, name):
    if not hasattr(signal, name) or sys.platform == "win32":
        pytest.skip(f"{name} cannot be sent to a process on this system")
    command = [sys.executable, "-m", "sotlab.cli", *SWEEP[:3], "virtual:stfmr?clock=30"]
    command += ["--set", "points=2000", "--json"]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 60
    while not any(path.stat().st_size > 1500 for path in tmp_path.glob("runs/*/*/*.csv")):
        assert time.monotonic() < deadline
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.05)
    process.send_signal(getattr(signal, name))
    out, err = process.communicate(timeout=60)
    assert process.returncode == 3, err
    told = json.loads(out)
    assert told["status"] == "aborted"
    assert 0 < told["rows"] < 2000
    events = read_journal(Path(tmp_path, told["folder"], "events.jsonl"))
    assert [event["event"] for event in events[-2:]] == ["made_safe", "run_close"]
    assert events[-2]["outputs"] == {"microwave": None, "field": None, "azimuth": None}


def test_a_stock_pymeasure_procedure_runs_by_its_file(sotlab, tmp_path):
    (tmp_path / "ramp.py").write_text(
        "from pymeasure.experiment import FloatParameter, Procedure\n"
        "class Ramp(Procedure):\n"
        "    top = FloatParameter('Top', units='V', default=3)\n"
        "    DATA_COLUMNS = ['Voltage (V)']\n"
        "    def execute(self):\n"
        "        for k in range(int(self.top)):\n"
        "            self.emit('results', {'Voltage (V)': k})\n",
        encoding="utf-8",
    )
    status, out, _ = sotlab("run", "ramp.py:Ramp", "--set", "top=5", "--json")
    assert status == 0
    assert json.loads(out)["rows"] == 5
    status, _, err = sotlab("run", "ramp.py:Ramp", "--set", "bottom=5")
    assert status == 2
    assert "'bottom'" in one_error_line(err)


def test_a_sweep_through_zero_is_two_spectra_with_one_report(sotlab, tmp_path):
    arguments = [
        *SWEEP[:4],
        "--set",
        "points=161",
        "--set",
        "start=-90mT",
        "--set",
        "stop=90mT",
        "--seed",
        "1",
        "--json",
    ]
    status, out, _ = sotlab(*arguments)
    assert status == 0
    told = json.loads(out)
    positive, negative = told["reduction"]["spectra"]
    assert (positive["name"][-7:], negative["name"][-7:]) == ("(B > 0)", "(B < 0)")
    assert positive["field_res"]["value"] == pytest.approx(negative["field_res"]["value"], abs=5e-4)
    # Torques along y: both amplitudes change sign with the field.
    assert positive["v_asym"]["value"] == pytest.approx(-negative["v_asym"]["value"], rel=0.1)
    assert "not fitted" not in Path(told["report"]).read_text(encoding="utf-8")


def test_foreign_files_are_reduced_and_a_bad_one_does_not_hold_up_the_others(sotlab, tmp_path):
    lines = ["Frequency(GHz):7", ""]
    for k in range(121):
        field_Oe = 300 + 6 * k
        x = (field_Oe - 620) / 29
        lines.append(f"{field_Oe}\t{1e-6 * (1 - 2 * x) / (1 + x * x) + 2e-8 * (-1) ** k:.6e}")
    (tmp_path / "good.lvm").write_text("\n".join(lines), encoding="utf-8")
    (tmp_path / "empty.lvm").write_text("Frequency(GHz):7\n\n0\t0\n0\t0\n", encoding="utf-8")
    columns = ["--column", "field=1:Oe", "--column", "voltage=2:V"]
    status, out, err = sotlab("analyse", "stfmr", "good.lvm", "empty.lvm", *columns, "--json")
    assert status == 1
    assert "empty.lvm" in one_error_line(err)
    result = json.loads(out)
    assert result["spectra"][0]["field_res"]["value"] == pytest.approx(0.062, abs=1e-5)
    assert result["spectra"][0]["frequency"] == 7e9
    assert "empty.lvm" in result["error"]
    assert sotlab("analyse", "stfmr", "good.lvm", *columns)[0] == 0


DATA = Path(__file__).parents[2] / "shared" / "data" / "stfmr"


@pytest.mark.skipif(not DATA.is_dir(), reason="the measured files of ../shared/data are not beside the project")
def test_files_measured_elsewhere_give_what_is_known_of_them(sotlab):
    columns = ["--column", "field=1:Oe", "--column", "voltage=2:V", "--json"]
    good = sorted(DATA.glob("1116b_dev11_*GHz.lvm"))
    status, out, _ = sotlab("analyse", "stfmr", *good, *columns)
    result = json.loads(out)
    assert status == 0
    assert [spectrum["frequency"] for spectrum in result["spectra"]] == [3e9, 4e9, 5e9]
    assert 0.55 < result["results"]["mu0_meff"]["value"] < 0.59
    assert 0.003 < result["results"]["alpha"]["value"] < 0.006
    assert any("correlated" in flag for flag in result["flags"])
    status, out, err = sotlab(
        "analyse", "stfmr", *good, DATA / "CoFe-Pt_dev11_9GHz.lvm", DATA / "header_only.lvm", *columns
    )
    with_bad = json.loads(out)
    assert status == 1
    assert "header_only.lvm" in one_error_line(err)
    for spectrum, alone in zip(with_bad["spectra"][:3], result["spectra"], strict=True):
        sigma = alone["field_res"]["sigma"]
        assert spectrum["field_res"]["value"] == pytest.approx(alone["field_res"]["value"], abs=1e-3 * sigma)
    assert with_bad["spectra"][3]["field_res"]["value"] is None
    assert with_bad["spectra"][3]["flags"]


def test_the_bench_is_served_to_any_program_until_it_is_told_to_stop(tmp_path):
    import socket

    command = [sys.executable, "-m", "sotlab.cli", "lab", "serve", "stfmr?clock=virtual", "--port-base", "0", "--json"]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    devices = {row["role"]: row for row in json.loads(process.stdout.readline())["devices"]}
    assert {"microwave", "voltmeter", "field", "gaussmeter", "control"} <= set(devices)
    with socket.create_connection(("127.0.0.1", devices["microwave"]["port"]), timeout=10) as connection:
        connection.sendall(b"*IDN?\n")
        assert b"E8257D,SIM" in connection.recv(200)
    process.terminate()
    _, err = process.communicate(timeout=30)
    assert "Traceback" not in err
    if sys.platform != "win32":
        assert process.returncode == 0
