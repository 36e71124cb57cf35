"""Every limit in every shipped station file: by set, by rate and through a plan, from below and above.

The list is made from the files, so that a limit that is added there without a way to test it fails here. That nothing
moved is seen on the wire: no message but questions goes out, and no actuator of the bench does anything else.
"""

import json
from importlib import resources
from itertools import pairwise

import pytest
import tomlkit

from sotlab.errors import LimitError
from sotlab.instruments.station import Station
from sotlab.instruments.station_file import StationConfig, shipped_stations
from sotlab.instruments.trace import Trace
from sotlab.procedures.calibrations.cable_loss_vna import CableLossVNA
from sotlab.procedures.calibrations.stage_zero import StageZero
from sotlab.procedures.commissioning.field_drift import FieldDrift
from sotlab.procedures.commissioning.reference_resistance import ReferenceResistance
from sotlab.procedures.harmonic_hall_angle_scan import HarmonicHallAngleScan
from sotlab.procedures.runs.scan import Scan
from sotlab.procedures.stfmr_field_sweep import STFMRFieldSweep


def limits_in_the_files():
    for station in shipped_stations():
        text = (resources.files("sotlab.instruments") / "stations" / f"{station}.toml").read_text(encoding="utf-8")
        for role, table in tomlkit.parse(text).unwrap()["roles"].items():
            for quantity in table.get("limits", {}):
                yield pytest.param(station, role, quantity, id=f"{station}-{role}-{quantity}")


#: How a role's quantity is set, by the role that the driver fills.
SET = {
    ("field", "field_T"): lambda driver, value: driver.ramp_to(value),
    ("microwave", "frequency_Hz"): lambda driver, value: driver.set_frequency(value),
    ("microwave", "power_dBm"): lambda driver, value: driver.set_power(value),
    ("rotator", "angle_deg"): lambda driver, value: driver.move_to(value),
    ("delay", "position_m"): lambda driver, value: driver.move_to(value),
    ("delay", "velocity_m_per_s"): lambda driver, value: driver.start_move(1e-3, value),
    ("ac_source", "amplitude_A_peak"): lambda driver, value: driver.set_wave(85.0, value),
    ("ac_source", "frequency_Hz"): lambda driver, value: driver.set_wave(value, 1e-6),
    ("source_meter", "current_A"): lambda driver, value: driver.set_current(value),
    ("vna", "power_dBm"): lambda driver, value: driver.set_sweep(4e9, 5e9, 11, if_bandwidth_Hz=1e3, power_dBm=value),
    ("temperature", "temperature_K"): lambda driver, value: driver.settle_at(value),
}
#: What no call sets, but every move keeps to.
RATES = {("field", "field_rate_T_per_s")}


class OneSetting(Scan):
    """A procedure of somebody who checks nothing: it sets, and that is all."""

    role, quantity, value = "", "", 0.0

    def plan(self):
        yield {"value": self.value}

    def apply(self, point, bench):
        driver = bench[self.role]
        SET[driver.role, self.quantity](driver, point.settings["value"])

    def measure(self, point, bench):
        return {}


def without_a_worker(scan):
    """Let a scan be started by hand."""
    scan.should_stop, scan.emit = (lambda: False), (lambda topic, record: None)
    return scan


def nobody_checks(role, quantity, value):
    scan = without_a_worker(OneSetting(station="-"))
    scan.role, scan.quantity, scan.value = role, quantity, value
    return scan


#: A plan of the project's own procedures that reaches a value; the others are nobody's.
PLANS = {
    "field_T": lambda role, value: FieldDrift(field=value),
    "frequency_Hz": lambda role, value: STFMRFieldSweep(frequency=value),
    "power_dBm": lambda role, value: CableLossVNA(power=value) if role == "vna" else STFMRFieldSweep(power=value),
    "position_m": lambda role, value: StageZero(start=min(value, -1e-4), stop=max(value, 1e-4)),
    "current_A": lambda role, value: ReferenceResistance(current=abs(value)),
    "amplitude_A_peak": lambda role, value: HarmonicHallAngleScan(amplitude=value, field=0.1),
    "angle_deg": lambda role, value: HarmonicHallAngleScan(axis=role, start=0.0, stop=value, field=0.1),
}
#: The roles that those drive.
DRIVEN = {
    "field_T": ("field",),
    "frequency_Hz": ("microwave",),
    "power_dBm": ("microwave", "vna"),
    "position_m": ("delay",),
    "current_A": ("source_meter",),
    "amplitude_A_peak": ("ac_source",),
    "angle_deg": ("rotator", "azimuth"),
}


class Opened:
    """A shipped station with all its roles open, and its wire."""

    def __init__(self, name, trace):
        self.trace = trace
        self.station = Station.open(f"virtual:{name}?noise=off", trace=Trace(trace))
        self.lab = self.station.visa_library.lab

    def mark(self):
        """Return what tells later that nothing was sent, and nothing has moved, since now."""
        said, before = len(commands(self.trace)), self.lab.actuators()

        def unmoved():
            assert commands(self.trace)[said:] == []
            assert self.lab.actuators() == before

        return unmoved


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    """Open each station once for all of its limits."""
    known = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("SOTLAB_CLOCK", raising=False)

        def open_one(name):
            if name not in known:
                known[name] = Opened(name, tmp_path_factory.mktemp(name) / "trace.jsonl")
            return known[name]

        yield open_one
    for one in known.values():
        one.station.close()
        one.station.trace.close()


def commands(trace):
    """Return time and text of all that was sent and is no question."""
    lines = [json.loads(line) for line in trace.read_text(encoding="utf-8").splitlines()]
    texts = [(line["t"], line.get("text", "(bytes)")) for line in lines if line["direction"] == "write"]
    return [(time_s, text) for time_s, text in texts if "?" not in text]


def beyond(limits, quantity):
    """Return values just below and just above what is allowed."""
    low, high = limits.ranges[quantity]
    return [low - 1e-6 * (high - low), high + 1e-6 * (high - low)]


def set_at_once():
    """Return the limits of what is set; rates are kept by every ramp and have a test of their own."""
    rates = {quantity for _, quantity in RATES}
    return [param for param in limits_in_the_files() if param.values[2] not in rates]


def in_our_plans():
    """Return the limits that a procedure of ours can meet, on the stations that have its roles."""
    for param in limits_in_the_files():
        station, role, quantity = param.values
        if quantity in PLANS and role in DRIVEN[quantity]:
            roles = StationConfig.load(f"virtual:{station}")[0].roles
            anything = 7e9 if quantity == "frequency_Hz" else 1e-3
            if all(one in roles for one in PLANS[quantity](role, anything).ROLES):
                yield param


@pytest.mark.parametrize(("station", "role", "quantity"), set_at_once())
def test_a_limit_is_kept_by_set_and_through_a_plan(station, role, quantity, opened):
    bench, mark = opened(station).station, opened(station).mark
    driver = bench[role]
    low, high = driver.limits.ranges[quantity]
    for inside in (low, high, 0.5 * (low + high)):
        driver.limits.check(quantity, inside)
    for value in beyond(driver.limits, quantity):
        unmoved = mark()
        with pytest.raises(LimitError, match=rf"^{role}: .*asked, allowed") as error:
            SET[driver.role, quantity](driver, value)
        assert quantity in str(error.value) or "sample" in str(error.value)
        unmoved()
        scan = nobody_checks(role, quantity, value)
        scan.use(bench)
        scan.startup()  # looks at the sample, where the station protects it
        unmoved = mark()
        with pytest.raises(LimitError, match=rf"^{role}: "):
            scan.execute()
        unmoved()


@pytest.mark.parametrize(("station", "role", "quantity"), in_our_plans())
def test_our_own_plans_are_refused_before_anything_moves(station, role, quantity, opened):
    bench, mark = opened(station).station, opened(station).mark
    lowest, _ = bench[role].limits.ranges[quantity]
    values = [value for value in beyond(bench[role].limits, quantity) if value >= 0.0 or lowest < 0.0]
    plan = PLANS[quantity]
    unmoved = mark()
    for value in values:
        scan = without_a_worker(plan(role, value))
        scan.use(bench)
        with pytest.raises(LimitError, match=rf"^{role}: "):
            scan.startup()
        unmoved()


def with_a_rate():
    return [param for param in limits_in_the_files() if param.values[2] == "field_rate_T_per_s"]


@pytest.mark.parametrize(("station", "role", "quantity"), with_a_rate())
@pytest.mark.parametrize("sign", [1.0, -1.0])
def test_no_ramp_is_faster_than_its_limit(station, role, quantity, sign, opened):
    lab, driver = opened(station).lab, opened(station).station[role]
    driver.ramp_to(0.0)
    rate = driver.limits.ranges[quantity][1]
    field_T = sign * min(1.5 * rate, 0.5 * driver.limits.ranges["field_T"][1])
    started_s = lab.clock.now()
    driver.ramp_to(field_T)
    took_s = lab.clock.now() - started_s
    assert took_s >= abs(field_T) / rate
    assert driver.ramp_time_s(0.0, field_T) >= abs(field_T) / rate
    sent = [(time_s, text) for time_s, text in commands(opened(station).trace) if time_s >= started_s]
    rates = [float(text.split(",")[1]) for _, text in sent if text.startswith("CONF:RAMP:RATE:FIELD")]
    steps = [(time_s, float(text.split()[1])) for time_s, text in sent if text.startswith("CURR ")]
    assert rates or len(steps) > 5
    assert max(rates, default=0.0) <= rate * (1 + 1e-9)
    per_ampere = getattr(driver.options, "tesla_per_ampere", 0.0)
    for (t0_s, first_A), (t1_s, second_A) in pairwise(steps):
        assert abs(second_A - first_A) * per_ampere <= rate * (t1_s - t0_s) * 1.01


def test_every_limit_in_the_files_has_a_way_to_be_tested():
    from importlib.metadata import entry_points

    roles = {entry.name: entry.load().role for entry in entry_points(group="sotlab.drivers")}
    for param in limits_in_the_files():
        station, role, quantity = param.values
        text = (resources.files("sotlab.instruments") / "stations" / f"{station}.toml").read_text(encoding="utf-8")
        driver = tomlkit.parse(text).unwrap()["roles"][role]["driver"]
        assert (roles[driver], quantity) in SET.keys() | RATES, f"{station}: {role}.{quantity} is not tested"
