"""What people do to a run while it goes on takes effect between two points, and stands in the journal."""

import time

import numpy as np
import pytest

from sotlab.errors import InterlockError, PlanError, StationError
from sotlab.instruments.station import Station
from sotlab.instruments.station_file import StationConfig
from sotlab.parameters import Integer, Quantity
from sotlab.procedures.runs.journal import read_journal
from sotlab.procedures.runs.reader import read_run
from sotlab.procedures.runs.reduce import reduce_runs
from sotlab.procedures.runs.run import Run
from sotlab.procedures.runs.scan import Scan
from sotlab.procedures.stfmr_field_sweep import STFMRFieldSweep


class Steps(Scan):
    """Counts its points; at some of them the test does something."""

    COLUMNS = ("X (1)", "Gain (1)")
    gain = Quantity("Gain", None, default=1.0, minimum=0.0, maximum=10.0)
    points = Integer("Points", default=6, minimum=1, maximum=100)

    def __init__(self, **values):
        super().__init__(**values)
        self.during = {}

    def plan(self):
        return [{"x": float(k)} for k in range(self.points)]

    def prepare(self, bench):
        self.prepared = getattr(self, "prepared", 0) + 1

    def approach(self, point, bench):
        self.approached = [*getattr(self, "approached", []), point.index]

    def apply(self, point, bench):
        self.applied = [*getattr(self, "applied", []), point.index]
        bench.clock.sleep(1.0)

    def measure(self, point, bench):
        self.during.pop(point.index, lambda: None)()  # once: a look at what has drifted measures again
        return {"X (1)": point.settings["x"], "Gain (1)": self.gain}


class OnAPath(Steps):
    PATH_AXIS = "x"


def start(tmp_path, scan_class=Steps, **values):
    return Run(scan_class(**{"station": "virtual:stfmr", **values}), tmp_path)


def finish(measurement):
    with measurement:
        pass
    measurement.raise_error()
    return read_run(measurement.folder.path), read_journal(measurement.folder.journal)


def events(journal, name):
    return [event for event in journal if event["event"] == name]


def test_a_paused_run_holds_before_its_next_point_until_it_is_to_go_on(tmp_path):
    measurement = start(tmp_path)
    scan = measurement.procedure
    scan.during = {2: scan.control.pause}
    measurement.start()
    deadline = time.monotonic() + 20
    while not events(read_journal(measurement.folder.journal), "pause"):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    time.sleep(0.3)
    assert len(read_run(measurement.folder.path).rows) == 3
    scan.control.go_on()
    assert measurement.wait(20)
    assert list(read_run(measurement.folder.path).rows["Index"]) == list(range(6))
    journal = read_journal(measurement.folder.journal)
    assert [event["before"] for event in (*events(journal, "pause"), *events(journal, "go_on"))] == [3, 3]


def test_a_paused_run_can_be_stopped(tmp_path):
    measurement = start(tmp_path)
    measurement.procedure.during = {1: measurement.procedure.control.pause}
    measurement.start()
    time.sleep(0.3)
    measurement.stop()
    assert measurement.wait(10)
    assert read_run(measurement.folder.path).status == "aborted"


def test_points_are_skipped_and_measured_again(tmp_path):
    measurement = start(tmp_path)
    control = measurement.procedure.control
    measurement.procedure.during = {
        1: lambda: control.skip(3),
        4: lambda: (control.remeasure(0), control.remeasure(5)),
    }
    record, journal = finish(measurement)
    assert list(zip(record.rows["Index"], record.rows["Repeat"], strict=True)) == [
        (0, 0), (1, 0), (2, 0), (4, 0), (0, 1), (5, 0)
    ]  # fmt: skip
    assert [event["index"] for event in events(journal, "skip")] == [3]
    assert events(journal, "refused")[0]["why"] == "it has not been measured yet"


def test_a_skipped_point_is_not_made_up_for_when_the_run_is_resumed(tmp_path):
    measurement = start(tmp_path)
    measurement.procedure.during = {1: lambda: measurement.procedure.control.skip(3), 2: measurement.stop}
    with measurement:
        pass
    resumed = Run.resume(measurement.folder.path, procedure=f"{__file__}:Steps")
    record, _ = finish(resumed)
    assert list(record.rows["Index"]) == [0, 1, 2, 4, 5]


def test_a_parameter_is_changed_from_the_next_point_on(tmp_path):
    measurement = start(tmp_path)
    scan = measurement.procedure
    scan.during = {2: lambda: scan.control.change("gain", "2.5")}
    record, journal = finish(measurement)
    assert list(record.rows["Gain (1)"]) == [1.0] * 3 + [2.5] * 3
    assert events(journal, "parameter_changed")[0] | {"wall": 0, "t": 0} == {
        "event": "parameter_changed", "name": "gain", "old": 1.0, "new": 2.5, "before": 3, "wall": 0, "t": 0
    }  # fmt: skip
    assert scan.prepared == 2


@pytest.mark.parametrize(
    ("change", "why"), [(("points", 9), "change the plan"), (("gain", 11), "allowed 0"), (("speed", 1), "no parameter")]
)
def test_a_change_that_cannot_be_is_refused_and_the_run_goes_on(tmp_path, change, why):
    measurement = start(tmp_path)
    scan = measurement.procedure
    scan.during = {2: lambda: scan.control.change(*change)}
    record, journal = finish(measurement)
    assert len(record.rows) == 6
    assert set(record.rows["Gain (1)"]) == {1.0}
    assert why in events(journal, "refused")[0]["why"]


@pytest.mark.parametrize(
    ("order", "indices"),
    [
        ("up and down", [0, 1, 2, 3, 3, 2, 1, 0]),
        ("interleaved", [0, 2, 1, 3]),
        ("as planned", [0, 1, 2, 3]),
    ],
)
def test_points_are_measured_in_the_order_that_is_asked_for(tmp_path, order, indices):
    record, _ = finish(start(tmp_path, points=4, order=order))
    assert list(record.rows["Index"]) == indices
    assert not record.rows.duplicated(["Index", "Repeat"]).any()


def test_a_random_order_is_that_of_its_seed():
    orders = [[p.index for p in Steps(points=50, order="random", order_seed=k).planned()] for k in (0, 0, 1)]
    assert orders[0] == orders[1] != orders[2]
    assert sorted(orders[2]) == list(range(50)) != orders[2]


def test_what_depends_on_its_history_has_no_random_order(tmp_path):
    with pytest.raises(PlanError, match="depends on its history"):
        finish(start(tmp_path, OnAPath, order="random"))


def test_repeats_are_rows_of_one_point(tmp_path):
    record, _ = finish(start(tmp_path, points=2, repeats=2, order="up and down"))
    assert list(zip(record.rows["Index"], record.rows["Repeat"], strict=True)) == [
        (0, 0), (0, 1), (1, 0), (1, 1), (1, 2), (1, 3), (0, 2), (0, 3)
    ]  # fmt: skip


# -- interlocks --------------------------------------------------------------------------------------------------

DOOR = '[[interlocks]]\nname = "door"\nrole = "interlock"\naction = "pause"\nlongest_s = 100\n'


@pytest.fixture
def station(tmp_path):
    """Writes a station with interlocks, on a bench of its own, and returns its path."""
    original = StationConfig.load("virtual:stfmr")[1]

    def write(interlocks):
        text = original.read_text(encoding="utf-8").replace("samples/", f"{original.parent.as_posix()}/samples/")
        path = tmp_path / "station.toml"
        path.write_text(text.replace("[rehearsal]", f"{interlocks}\n[rehearsal]"), encoding="utf-8")
        return str(path)

    return write


def fault(measurement, kind, **more):
    measurement.procedure.bench.visa_library.lab.faults.add({"device": "interlock", "kind": kind, **more})


@pytest.mark.parametrize("action", ["pause", "safe"])
def test_an_open_door_holds_the_run_until_it_is_closed(tmp_path, station, action):
    measurement = start(tmp_path, station=station(DOOR.replace("pause", action)))
    scan = measurement.procedure

    def open_for_20_s():
        fault(measurement, "interlock_opens")
        fault(measurement, "interlock_closes", at=scan.bench.clock.now() + 20)

    scan.during = {2: open_for_20_s}
    record, journal = finish(measurement)
    assert list(record.rows["Index"]) == list(range(6))
    assert 20 <= record.rows["Time (s)"][3] - record.rows["Time (s)"][2] < 25
    (broken,), (cleared,) = events(journal, "interlock"), events(journal, "interlock_cleared")
    assert (broken["why"], broken["before"], cleared["before"]) == (
        "interlock 'door': open: door (station.toml)", 3, 3
    )  # fmt: skip
    assert len(events(journal, "made_safe")) == (2 if action == "safe" else 1)
    assert scan.approached == ([0, 3] if action == "safe" else [0])
    assert scan.prepared == (2 if action == "safe" else 1)


def test_a_door_that_stays_open_ends_the_run(tmp_path, station):
    measurement = start(tmp_path, station=station(DOOR))
    measurement.procedure.during = {2: lambda: fault(measurement, "interlock_opens")}
    with measurement:
        pass
    with pytest.raises(InterlockError, match=r"'door': open: door.*waited for 100 s"):
        measurement.raise_error()
    assert len(read_run(measurement.folder.path).rows) == 3


def test_a_reading_beyond_its_limit_ends_the_run(tmp_path, station):
    rule = '[[interlocks]]\nname = "drive"\ncolumn = "X (1)"\nmaximum = 2.5\ncount = 2\n'
    measurement = start(tmp_path, station=station(rule))
    with measurement:
        pass
    with pytest.raises(InterlockError, match=r"'drive': X \(1\) is 4, allowed -inf to 2.5, 2 times in succession"):
        measurement.raise_error()
    assert list(read_run(measurement.folder.path).rows["Index"]) == [0, 1, 2, 3, 4]
    (event,) = events(read_journal(measurement.folder.journal), "interlock")
    assert (event["name"], event["action"], event["before"]) == ("drive", "abort", 5)


def test_a_function_of_the_labs_own_is_asked_before_each_point(tmp_path, station):
    (tmp_path / "own.py").write_text("def cryostat(bench):\n    return None if bench.clock.now() < 0 else 'too warm'\n")
    rule = '[[interlocks]]\nname = "cold"\nfunction = "own.py:cryostat"\naction = "pause"\nlongest_s = 5\n'
    measurement = start(tmp_path, station=station(rule))
    with measurement:
        pass
    with pytest.raises(InterlockError, match=r"'cold': too warm.*waited for 5 s"):
        measurement.raise_error()
    assert measurement.worker.results.rows == 0


OVERLOADS = '[[interlocks]]\nname = "input"\nevent = "overload"\ncount = 3\n'


def sweep_with_overloads(folder, station, hits, after):
    """Sweep a line of 41 points, some of which the voltmeter cannot read."""
    scan = STFMRFieldSweep(station=station(OVERLOADS), points=41, start="20 mT", stop="90 mT", frequency="7 GHz")
    measurement = Run(scan, folder)
    overload = {"kind": "wrong_reply", "match": "READ", "text": "+9.9E37", "after": after, "count": hits}
    with Station.open(scan.station, scan.ROLES) as bench:
        scan.use(bench)
        bench.visa_library.lab.faults.add({"device": "voltmeter", **overload})
        with measurement:
            pass
    return measurement


def test_points_that_cannot_be_read_are_no_numbers_and_the_line_is_fitted_without_them(tmp_path, station):
    measurement = sweep_with_overloads(tmp_path, station, hits=2, after=5)
    measurement.raise_error()
    record = read_run(measurement.folder.path)
    lost = np.flatnonzero(np.isnan(record.rows["Voltage (V)"]))
    assert len(lost) in (1, 2)
    assert [event["index"] for event in events(read_journal(measurement.folder.journal), "overload")] == list(lost)
    assert list(record.rows["Index"]) == list(range(41))
    reduced = reduce_runs([measurement.folder]).json
    assert [spectrum["flags"] for spectrum in reduced["spectra"]] == [[]]
    assert f"{len(lost)} of 41 points could not be read and are left out" in reduced["flags"][-1]


def test_too_many_points_in_succession_that_cannot_be_read_end_the_run(tmp_path, station):
    measurement = sweep_with_overloads(tmp_path, station, hits=30, after=0)
    with pytest.raises(InterlockError, match=r"'input': voltmeter: overload.*, 3 times in succession"):
        measurement.raise_error()
    assert len(read_run(measurement.folder.path).rows) == 3


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ('name = "a"\nrole = "cryostat"\n', "no role of this station"),
        ('name = "a"\n', "one of role, column, function and event"),
        ('name = "a"\nevent = "overload"\naction = "safe"\n', "an event can only abort"),
        ('name = "a"\ncolumn = "X (1)"\n', "needs minimum or maximum"),
        ('name = "a"\ncolumn = "X (1)"\nminimum = 0\naction = "pause"\n', "can only abort"),
        ('name = "a"\nrole = "gaussmeter"\nreading = "temperature"\n', "has no reading 'temperature'"),
        ('name = "a"\nfunction = "nowhere.py:f"\n', "cannot be loaded"),
    ],
)
def test_a_rule_that_cannot_be_is_told_before_anything_is_driven(tmp_path, station, rule, message):
    with pytest.raises(StationError, match=message):
        finish(start(tmp_path, station=station("[[interlocks]]\n" + rule)))
