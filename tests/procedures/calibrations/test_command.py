"""``sotlab station calibrate``: what it writes, prints and leaves alone."""

import json
from pathlib import Path

import pytest

from sotlab.cli import main
from sotlab.errors import StationError
from sotlab.instruments.station import Station

QUICK = ("--set", "points=31", "--set", "averages=2")


@pytest.fixture
def calibrate(capsys):
    def call(*arguments):
        with pytest.raises(SystemExit) as ended:
            main(["station", "calibrate", *map(str, arguments)])
        captured = capsys.readouterr()
        return ended.value.code, captured.out, captured.err

    return call


def one_error_line(err):
    [line] = [line for line in err.splitlines() if line.startswith("sotlab: ")]
    assert "Traceback" not in err
    return line


def test_it_prints_the_values_and_the_line_and_leaves_the_station_alone(bench, calibrate):
    station = Path(bench.describe().spec())
    before = station.read_bytes()
    status, out, _ = calibrate(station, "coil", *QUICK)
    assert status == 0
    assert station.read_bytes() == before
    [file] = (bench.folder / "calibrations").glob("*.toml")
    assert file.with_suffix(".png").is_file()
    lines = out.splitlines()
    assert lines[0].startswith("SIMULATED")
    assert float(next(line for line in lines if line.startswith("remanence")).split()[1]) == pytest.approx(
        2.0, rel=1e-3
    )
    assert lines[-2:] == ["[calibrations]", f'field = "calibrations/{file.name}"']


def test_the_json_has_all_that_is_told(bench, calibrate):
    status, out, _ = calibrate(bench.describe().spec(), "coil", *QUICK, "--json")
    told = json.loads(out)
    assert status == 0
    assert told["values"]["slope_positive"]["value"] == pytest.approx(0.02, rel=1e-4)
    assert told["values"]["slope_positive"]["unit"] == "T/A"
    assert (told["status"], told["kind"], told["role"], told["simulated"]) == ("finished", "coil", "field", True)
    assert Path(told["file"]).is_file()
    assert Path(told["plot"]).is_file()
    assert Path(told["folder"], "events.jsonl").is_file()
    assert told["used"] is False


def test_use_writes_the_line_and_keeps_comments_and_ages(bench, calibrate):
    bench.describe()
    station = Path(bench.spec())
    assert calibrate(station, "coil", *QUICK, "--use")[0] == 0
    text = station.read_text(encoding="utf-8")
    assert "# The virtual ST-FMR bench" in text
    assert "# first what heats, then what takes time" in text
    first = Path(next((bench.folder / "calibrations").glob("coil-*.toml"))).name
    assert f'field = "calibrations/{first}"' in text
    aged = f'field = {{ file = "calibrations/{first}", max_age_days = 30 }} # once a month'
    station.write_text(text.replace(f'field = "calibrations/{first}"', aged), encoding="utf-8")
    assert calibrate(station, "coil", *QUICK, "--use")[0] == 0
    with Station.open(str(station), ["field"]) as opened:
        [entry] = opened.config.calibrations["field"]
        assert entry.file != f"calibrations/{first}"
        assert entry.max_age_days == 30
        assert opened.snapshot()["calibrations"]["field"][0]["kind"] == "coil"


def test_use_adds_a_second_kind_to_a_role(bench, calibrate, monkeypatch):
    from sotlab.procedures.runs.terminal import Terminal

    monkeypatch.setattr(Terminal, "ask", lambda self, message: None)  # somebody presses Enter
    station = bench.describe().spec()
    assert calibrate(station, "gaussmeter_zero", "--use", "--set", "readings=20")[0] == 0
    assert calibrate(station, "probe_ratio", "--use", "--set", "points=5")[0] == 0
    with Station.open(station, ["gaussmeter"]) as opened:
        assert set(opened["gaussmeter"].calibrations) == {"gaussmeter_zero", "probe_ratio"}


def test_a_shipped_station_is_calibrated_into_the_working_folder_and_not_edited(bench, calibrate):
    status, _, err = calibrate("virtual:stfmr", "coil", *QUICK, "--use")
    assert status == 1
    assert "copy its file" in one_error_line(err)
    assert not (bench.folder / "runs").exists()  # refused before anything was measured
    assert calibrate("virtual:stfmr", "coil", *QUICK)[0] == 0
    assert len(list((bench.folder / "calibrations").glob("*.toml"))) == 1


@pytest.mark.parametrize(
    ("arguments", "status", "named"),
    [
        (("coyl",), 2, ["'coyl'", "coil", "gaussmeter_zero", "source_level"]),
        (("coil", "--set", "maxmum=3"), 2, ["maxmum", "maximum"]),
        (("coil", "--set", "maximum=19.5"), 1, ["390 mT", "field_T"]),
        (("gaussmeter_zero",), 1, ["operator", "zero chamber"]),
        (("source_level", "--set", "switch_position=nowhere"), 1, ["nowhere", "power_meter"]),
    ],
)
def test_errors_are_one_line_and_leave_no_calibration(bench, calibrate, arguments, status, named):
    done, _, err = calibrate(bench.describe().spec(), *arguments)
    assert done == status
    line = one_error_line(err)
    for word in named:
        assert word in line
    assert not (bench.folder / "calibrations").exists()


def test_no_sample_is_needed(bench, calibrate):
    bench.describe()
    text = bench.file.read_text(encoding="utf-8")
    bench.file.write_text(text.replace('sample = "samples/nife_bisb_10nm.toml"\n', ""), encoding="utf-8")
    status, out, _ = calibrate(bench.spec(), "coil", *QUICK, "--json")
    assert status == 0
    assert "no-sample" in json.loads(out)["folder"]


DAMAGE = [
    ("BOP 50-20MG,SIM0001", "BOP 50-20MG,B7", "is the field now"),
    ('role = "field"', 'role = "magnet"', "of the role 'magnet'"),
    ("[values.remanence]", "[values.forgotten]", "remanence"),
    ("schema_version = 1", "schema_version = 2", "schema_version"),
]


def test_a_calibration_that_is_refused_does_not_keep_one_from_calibrating_anew(bench, calibrate):
    station = Path(bench.describe().spec())
    assert calibrate(station, "coil", *QUICK, "--use")[0] == 0
    [first] = (bench.folder / "calibrations").glob("coil-*.toml")
    text = first.read_text(encoding="utf-8")
    for old, new, said in DAMAGE:
        assert old in text
        first.write_text(text.replace(old, new), encoding="utf-8")
        with pytest.raises(StationError, match=said):
            Station.open(str(station), ["field"])
        with Station.open(str(station), ["field"], recalibrating="field") as opened:
            [problem] = opened.refused
            assert said in problem
        with pytest.raises(StationError, match=said):  # of another role
            Station.open(str(station), ["field"], recalibrating="gaussmeter")
    status, _, err = calibrate(station, "coil", *QUICK, "--use")
    assert status == 0, err
    assert "left out while calibrating" in err
    with Station.open(str(station), ["field"]) as opened:
        [entry] = opened.config.calibrations["field"]
        assert entry.file != f"calibrations/{first.name}"
