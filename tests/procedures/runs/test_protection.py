"""The sample's resistance before, during and after a run, and the stop when the device has died."""

import pytest

from sotlab.errors import InstrumentError, InterlockError, StationError
from sotlab.instruments.station_file import StationConfig
from sotlab.procedures.runs.folder import RunFolder
from sotlab.procedures.runs.journal import read_journal
from sotlab.procedures.runs.protection import measure_resistance
from sotlab.procedures.runs.run import Run
from sotlab.procedures.runs.scan import Scan

STATION = """
[station]
name = "bench"
visa_library = "stfmr?clock=virtual&noise=off@sotlab"
sample = "film.toml"
[roles.source_meter]
driver = "sample_meter.py:Meter"
[protection]
every_s = 10
max_change = 0.1
{more}
"""

METER = '''
from sotlab.errors import InstrumentError
from sotlab.instruments.driver import Driver


class Meter(Driver):
    """A source meter on a resistor that dies at a bench time."""

    role = "source_meter"
    hardware_limits = {"current_A": (-0.1, 0.1)}
    safe_state = "off"
    dies_s, ohm, dead_ohm, emf_V, log = 1e9, 300.0, 400.0, 1e-5, []

    def identify(self):
        return "a meter"

    def check(self, current_A):
        self.limits.check("current_A", current_A)

    def set_current(self, current_A):
        self.current_A = current_A
        self.log.append(current_A)

    def set_output(self, on):
        self.log.append(on)

    def read_voltage(self):
        ohm = self.dead_ohm if self.clock.now() >= self.dies_s else self.ohm
        if ohm == float("inf"):
            raise InstrumentError("source_meter: at its compliance")
        return self.current_A * ohm + self.emf_V

    def make_safe(self):
        self.log.append("safe")
'''


class Waiting(Scan):
    """Waits; what is measured is the point's own number."""

    COLUMNS = ("Number (1)",)

    def plan(self):
        return [{"number": float(k)} for k in range(20)]

    def apply(self, point, bench):
        bench.clock.sleep(3.0)

    def measure(self, point, bench):
        return {"Number (1)": point.settings["number"]}


@pytest.fixture
def measure(tmp_path):
    """Run the scan on a station with that meter; return the run and its meter's class."""
    (tmp_path / "film.toml").write_text('name = "film"\n', encoding="utf-8")

    def run(meter="", more="", operator=None):
        (tmp_path / "sample_meter.py").write_text(METER + meter, encoding="utf-8")
        (tmp_path / "station.toml").write_text(STATION.format(more=more), encoding="utf-8")
        scan = Waiting(station=str(tmp_path / "station.toml"))
        scan.operator = operator
        run = Run(scan, tmp_path / "runs", "film")
        with run:
            assert run.wait(60)
        return run

    return run


def events(run, name):
    return [event for event in read_journal(RunFolder.open(run.folder.path).journal) if event["event"] == name]


def test_a_device_that_lives_is_measured_before_during_and_after_without_thermal_voltage(measure):
    run = measure()
    assert run.status == "Finished"
    looks = events(run, "resistance")
    assert [look["when"] for look in looks] == ["before", *["during"] * (len(looks) - 2), "after"]
    assert 4 <= len(looks) - 2 <= 6  # 60 s at one look in 10 s
    assert all(look["ohm"] == pytest.approx(300.0, rel=1e-9) for look in looks)
    assert read_journal(run.folder.journal)[0]["event"] == "run_open"


@pytest.mark.parametrize("dead_ohm", ["400.0", "float('inf')", "10.0"])
def test_a_device_that_dies_ends_the_run_and_the_journal_says_where(measure, dead_ohm):
    run = measure(f"\nMeter.dies_s, Meter.dead_ohm = 30.0, {dead_ohm}\n")
    with pytest.raises(InterlockError, match=r"resistance jumped from 300 ohm to .* seen before point 1") as error:
        run.raise_error()
    assert error.value.exit_code == 4
    rows = run.worker.results.rows
    assert 9 <= rows <= 14  # it died in the tenth point; the next look is at most 10 s later
    assert f"before point {rows}:" in str(error.value)
    assert len(events(run, "device_died")) == 1
    assert events(run, "run_close")[0]["exit_status"] == "failed"


def test_a_device_that_dies_in_the_last_points_is_seen_afterwards(measure):
    run = measure("\nMeter.dies_s = 59.5\n")
    with pytest.raises(InterlockError, match="seen after the run"):
        run.raise_error()
    assert run.worker.results.rows == 20


def test_without_contact_nothing_is_driven(measure):
    run = measure("\nMeter.ohm = float('inf')\n")
    with pytest.raises(InterlockError, match="cannot be measured before the run"):
        run.raise_error()
    assert run.worker.results.rows == 0


def test_a_resistance_that_is_no_sample_is_refused_with_what_is_allowed(measure):
    with pytest.raises(InterlockError, match=r"has 300 ohm before the run, allowed 1000 to 2000 ohm \(station.toml"):
        measure(more="resistance_ohm = [1000, 2000]").raise_error()


def test_the_operator_is_asked_before_anything_is_driven(measure):
    asked = []
    run = measure(more='contact = "lower the probe"', operator=asked.append)
    assert run.status == "Finished"
    assert asked == ["Everything is at zero: lower the probe"]
    assert [event["event"] for event in read_journal(run.folder.journal)][:3] == ["run_open", "contacted", "resistance"]


def test_where_nobody_can_be_asked_the_run_does_not_begin(measure):
    with pytest.raises(InstrumentError, match="the operator is needed"):
        measure(more='contact = "lower the probe"').raise_error()


class Logging:
    """Keeps what it is told, as a source meter."""

    def __init__(self, log):
        self.log = log

    def check(self, current_A):
        self.log.append(("check", current_A))

    def set_current(self, current_A):
        self.log.append(("current", current_A))

    def set_output(self, on):
        self.log.append(("output", on))

    def read_voltage(self):
        raise InstrumentError("no reading")


def test_the_output_switches_at_zero_also_when_the_reading_fails():
    log = []
    with pytest.raises(InstrumentError):
        measure_resistance(Logging(log), 1e-5)
    assert log == [
        ("check", 1e-5),
        ("current", 0.0),
        ("output", True),
        ("current", 1e-5),
        ("current", 0.0),
        ("output", False),
    ]


def test_a_protection_by_a_role_that_is_not_there_is_refused(tmp_path):
    path = tmp_path / "station.toml"
    path.write_text(STATION.format(more='role = "ohmmeter"'), encoding="utf-8")
    with pytest.raises(StationError, match=r"\[protection\] role 'ohmmeter' is no role of this station"):
        StationConfig.load(str(path))
