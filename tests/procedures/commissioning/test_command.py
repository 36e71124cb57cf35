"""``sotlab station commission``: what it prints, keeps and compares, and its exit codes."""

import json
from pathlib import Path

import pytest

from sotlab.cli import main

FEW = {"reference_resistance", "voltmeter_noise"}


@pytest.fixture
def call(capsys):
    def call_with(*arguments):
        with pytest.raises(SystemExit) as ended:
            main(["station", "commission", *map(str, arguments)])
        captured = capsys.readouterr()
        return ended.value.code, captured.out, captured.err

    return call_with


def test_what_passes_is_kept_beside_the_calibrations_and_compared_with_last_time(bench, call, tmp_path):
    status, out, _ = call(bench(only=FEW, seed=1))
    assert status == 0
    assert "SIMULATED" in out
    assert "left out" in out
    [first] = (tmp_path / "calibrations").glob("commissioning-*.json")
    assert str(first.name) in out
    status, out, _ = call(bench(only=FEW, seed=2), "--json")
    told = json.loads(out)
    assert (status, told["verdict"], told["simulated"]) == (0, "pass", True)
    assert json.loads(Path(told["file"]).read_text(encoding="utf-8"))["checks"] == told["checks"]
    checks = {check["check"]: check for check in told["checks"]}
    noise, before = checks["voltmeter_noise"], json.loads(first.read_text(encoding="utf-8"))["checks"]
    last = next(check for check in before if check["check"] == "voltmeter_noise")
    assert noise["last"]["value"] == last["value"]
    change = (noise["value"] - last["value"]) / (noise["sigma"] ** 2 + last["sigma"] ** 2) ** 0.5
    assert noise["change"] == pytest.approx(change)
    assert checks["field_drift"]["verdict"] == "left_out"
    assert checks["lockin_noise"]["reason"] == "left out in station.toml"
    _, out, _ = call(bench(only=FEW, seed=3))
    assert "sigma since 20" in out


def test_exit_codes_tell_a_failure_from_what_is_not_known(bench, call):
    failing = bench(only=FEW, tables={"reference_resistance": "expected = 100"})
    status, out, _ = call(failing)
    assert status == 1
    assert "FAIL  reference_resistance" in out
    assert call(bench(only={"voltmeter_noise"}, tables={"voltmeter_noise": "readings = 10\nlargest = 50e-9"}))[0] == 5
    assert call(bench(only=set()))[0] == 5  # nothing was checked


@pytest.mark.parametrize(
    ("tables", "said"),
    [
        ({"voltage_noise": ""}, ["[commissioning.voltage_noise]", "voltmeter_noise"]),
        ({"voltmeter_noise": "reading = 3"}, ["[commissioning.voltmeter_noise]", "reading", "readings"]),
        ({"voltmeter_noise": 'largest = "3 T"'}, ["[commissioning.voltmeter_noise]", "largest", "V"]),
    ],
)
def test_a_table_that_is_wrong_is_an_error_in_one_line(bench, call, tables, said, tmp_path):
    status, _, err = call(bench(tables=tables))
    assert status == 2
    [line] = [line for line in err.splitlines() if line.startswith("sotlab: ")]
    for word in said:
        assert word in line
    assert not (tmp_path / "runs").exists()


def test_a_damaged_record_is_named(bench, call, tmp_path):
    (tmp_path / "calibrations").mkdir()
    (tmp_path / "calibrations" / "commissioning-1.json").write_text("{}", encoding="utf-8")
    status, _, err = call(bench(only={"voltmeter_noise"}))
    assert status == 1
    assert "commissioning-1.json" in err


CHECK = '''
from sotlab.procedures.commissioning.check import Check, Finding


class Mean(Check):
    """Read the voltmeter: the mean."""

    NAME, TITLE, UNIT, ORDER = "mean", "mean of the readings", "V", 5
    ROLES, COLUMNS = ("voltmeter",), ("Voltage (V)",)

    def limits(self, bench):
        return -1e-6, 1e-6

    def plan(self):
        return [{"reading": k} for k in range(3)]

    def apply(self, point, bench):
        pass

    def measure(self, point, bench):
        return {"Voltage (V)": bench["voltmeter"].read_voltage()}

    def evaluate(self, rows):
        return Finding(rows["Voltage (V)"].mean(), 5e-8)
'''


def test_a_lab_adds_a_check_of_its_own_by_naming_it(bench, call, tmp_path):
    (tmp_path / "mean.py").write_text(CHECK, encoding="utf-8")
    status, out, _ = call(bench(only={'"mean.py:Mean"'}, tables={'"mean.py:Mean"': ""}), "--json")
    told = json.loads(out)
    assert status == 0
    assert told["checks"][0]["check"] == "mean"
    assert abs(told["checks"][0]["value"]) < 1e-6
