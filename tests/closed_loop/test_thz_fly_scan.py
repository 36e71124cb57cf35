"""Scans on the fly on the virtual terahertz bench, through files and the analyses, against the truth."""

import json

import numpy as np
import pydotthz
import pytest

from sotlab.cli import main
from sotlab.errors import InstrumentError, PlanError
from sotlab.instruments.station import Station
from sotlab.procedures.runs.dotthz import read_dotthz
from sotlab.procedures.runs.export_dotthz import DOTTHZ
from sotlab.procedures.runs.exporting import export_run
from sotlab.procedures.runs.journal import read_journal
from sotlab.procedures.runs.reader import read_run
from sotlab.procedures.runs.reduce import reduce_files
from sotlab.procedures.runs.run import Run
from sotlab.procedures.thz_fly_scan import ThzFlyScan
from sotlab.procedures.thz_series import ThzFluenceFlyScan

SAMPLE, REFERENCE = "thz_bisb15_5nm", "thz_co2_pt4"
BACKLASH_S = 2e-6 * 2 / 299792458.0


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    out, folders, shown, further = tmp_path_factory.mktemp("runs"), [], [], {}
    for seed, name in enumerate((SAMPLE, REFERENCE)):
        spec = f"virtual:thz?sample={name}&seed={seed}"
        scan = ThzFlyScan(station=spec, scans=2, start="-1.6 ps", stop="3 ps", speed="5e-12")
        with Station.open(spec, ThzFlyScan.ROLES) as bench:
            scan.use(bench)
            run = Run(scan, out)
            rows = []
            run.bus.subscribe(lambda topic, record, rows=rows: rows.append(record) if topic == "results" else None)
            run.bus.subscribe(lambda topic, record: shown.append(record) if topic == "fit" else None)
            with run:
                run.wait()
            run.raise_error()
            for wanted in (0.5, 1e-6):
                scan.set_parameter("wanted", wanted)
                further[name, wanted] = list(scan.refine(rows))
            folders.append(run.folder.path)
    return folders, shown, further


@pytest.fixture(scope="module")
def told(runs):
    (sample, reference), _, _ = runs
    return reduce_files("thz", [sample], settings={"reference": str(reference)}).json


def test_the_ratio_is_that_of_the_bench_and_passes_both_ways_lie_on_each_other(told):
    results = told["results"]
    assert results["ratio"]["value"] == pytest.approx(-1.5, abs=0.02 + 4 * results["ratio"]["sigma"])
    assert results["ratio"]["sigma"] < 0.02
    assert results["power_ratio"]["value"] == pytest.approx(2.25, abs=0.05 + 4 * results["power_ratio"]["sigma"])
    assert abs(results["overlap"]["value"]) < 5e-15
    assert results["backlash"]["value"] == pytest.approx(BACKLASH_S, abs=2e-15)
    assert told["simulated"]


def test_the_efficiency_follows_from_the_sample_files_of_both_runs(told):
    eta = told["results"]["eta"]
    assert eta["value"] == pytest.approx(-0.834, abs=4 * eta["sigma"])
    assert 0.01 < eta["sigma"] < 0.08


def test_a_series_says_the_same_of_the_sample(runs):
    (sample, reference), _, _ = runs
    found = reduce_files("thz-series", [reference, sample], settings={"reference_sample": "Co2-Pt4"}).json
    (row,) = found["scans"]
    assert (row["name"], row["thickness"]["value"], row["content"]["value"]) == ("BiSb15-5nm", 5e-9, 0.15)
    assert row["ratio"]["value"] == pytest.approx(-1.5, abs=0.02 + 4 * row["ratio"]["sigma"])
    assert found["results"]["length"]["value"] is None
    assert any("no two thicknesses" in flag for flag in found["flags"])


def test_a_row_is_a_pass_with_all_its_samples_and_the_plan_is_in_the_journal(runs):
    record = read_run(runs[0][0])
    assert list(record.rows["Pass (1)"]) == [1, 2, 3, 4]
    assert list(record.rows["Field Set (T)"]) == [0.1, 0.1, -0.1, -0.1]
    assert list(record.rows["Rate (1)"] > 0) == [True, False] * 2
    assert record.rows["Rate (1)"].abs().to_numpy() == pytest.approx(5e-12, rel=2e-3)
    delay = record.arrays[record.rows["Delay (s)"][0]]
    assert (delay.min() < -1.6e-12, delay.max() > 3e-12) == (True, True)
    assert len(record.arrays[record.rows["X (V)"][0]]) == len(delay)
    (plan,) = (event for event in read_journal(record.folder.journal) if event["event"] == "fly_plan")
    assert plan["transmission"] >= 0.7


def test_the_trace_and_where_its_spectrum_is_largest_are_shown_meanwhile(runs):
    last = runs[1][-1]
    assert abs(last.values["peak"].value) > 5e-5
    assert 0.2e12 < last.values["peak_frequency"].value < 2e12


def test_scans_are_added_until_the_uncertainty_is_reached(runs):
    _, _, further = runs
    assert further[SAMPLE, 0.5] == []
    more = further[SAMPLE, 1e-6]
    assert [point["scan"] for point in more[::2]] == [2.0, 3.0, 4.0, 5.0]
    assert [point["field_T"] for point in more[::2]] == [-0.1, 0.1, 0.1, -0.1]


def test_it_leaves_as_a_dotthz_file_that_the_reference_reader_opens(runs, tmp_path):
    path = export_run(runs[0][0], DOTTHZ, tmp_path)
    traces = read_dotthz(path)
    assert len(traces) == 4
    with pydotthz.DotthzFile(path) as file:
        assert list(file.keys()) == ["BiSb15-5nm"]
        for trace in traces:
            assert np.array_equal(np.asarray(file["BiSb15-5nm"][trace.description])[:, 1], trace.signal)


def test_the_command_line_analyses_a_series(runs, capsys):
    folders = [str(path) for path in runs[0]]
    with pytest.raises(SystemExit) as ended:
        main(["analyse", "thz-series", *folders, "--set", "reference_sample=Co2-Pt4", "--json"])
    assert ended.value.code in (0, 5)
    assert json.loads(capsys.readouterr().out)["scans"][0]["eta"]["value"] < -0.5


class Bench:
    """A hygrometer in a box that is purged, and nothing else."""

    def __init__(self, humidities):
        self._left, self.clock, self.now_s = list(humidities), self, 0.0

    def now(self):
        return self.now_s

    def sleep(self, duration_s, should_stop=None):
        self.now_s += duration_s

    def __getitem__(self, role):
        return self

    def run_at(self, frequency_Hz, should_stop):
        pass

    def read_humidity(self):
        return self._left.pop(0) if len(self._left) > 1 else self._left[0]


def test_a_run_waits_for_dry_air_and_not_for_ever():
    scan = ThzFlyScan(humidity=0.02, patience=60.0)
    told = []
    scan.should_stop, scan.tell = (lambda: False), (lambda event, **fields: told.append((event, fields)))
    bench = Bench([0.4, 0.1, 0.05, 0.019])
    scan._wait_for_dry_air(bench)
    assert bench.now_s == 15.0
    assert told == [("humidity", {"relative": 0.019})]
    with pytest.raises(InstrumentError, match=r"humidity: 40 % after 60 s, 2 % was asked"):
        scan._wait_for_dry_air(Bench([0.4]))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"stop": "-2 ps"}, "must be after start"),
        ({"speed": "5e-9"}, "a tenth of the chopping"),
        ({"speed": "2e-11", "time_constant": "30 ms"}, "70% is the least"),
        ({"recorder": "lockin_b", "speed": "1e-13", "sampling": "512 Hz"}, "the lock-in's buffer holds 16383"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_switched(settings, said, tmp_path):
    spec = "virtual:thz"
    with Station.open(spec, ThzFlyScan.ROLES) as bench:
        scan = ThzFlyScan(station=spec, **{"start": "-1.6 ps", **settings})
        scan.use(bench)
        run = Run(scan, tmp_path)
        with run:
            run.wait()
        with pytest.raises(PlanError, match=said):
            run.raise_error()
        assert not bench.visa_library.lab.actuators()["shutter"]["open"]


def test_a_wanted_sigma_is_none_for_a_series():
    scan = ThzFluenceFlyScan(wanted=0.01)
    with pytest.raises(PlanError, match="for one setting, not for a series"):
        scan.check_plan([], {"delay": None})
