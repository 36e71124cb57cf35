"""A magnet on an auxiliary output: its calibration, its ramp, its safe state."""

import itertools
import math

import pytest

from sotlab.errors import LimitError, StationError
from sotlab.instruments.roles import Field
from sotlab.instruments.voltage_driven_magnet import FieldCalibration

ROLES = """
[roles.voltage_out]
driver = "SR830AuxOut"
resource = "GPIB0::8::INSTR"
{aux}
[roles.voltage_out.limits]
voltage_V = [-10, 10]

[roles.field]
driver = "VoltageDrivenMagnet"
[roles.field.options]
{calibration}
time_constant_s = 0.15
[roles.field.limits]
field_T = [-0.3, 0.3]
field_rate_T_per_s = 0.1
"""

LINEAR, CUBIC = "tesla_per_volt = 0.04", "tesla_per_volt = [0.002, 0.04, 0.0, -5e-5]"
TABLE = "table = [[-10, -0.38], [-5, -0.2], [0, 0.0], [5, 0.2], [10, 0.38]]"


@pytest.fixture
def open_magnet(open_station):
    return lambda calibration=LINEAR, aux="": open_station(ROLES.format(calibration=calibration, aux=aux))


def volts(bench, first=0):
    return [value for _, value in bench.told[1][first:]]


@pytest.mark.parametrize(
    ("calibration", "field_T", "voltage_V"),
    [(LINEAR, 0.2, 5.0), (LINEAR, -0.3, -7.5), (CUBIC, 0.002 + 0.04 * 4 - 5e-5 * 64, 4.0), (TABLE, 0.29, 7.5)],
)
def test_a_field_is_the_voltage_of_the_calibration(open_magnet, bench_of, calibration, field_T, voltage_V):
    station = open_magnet(calibration)
    assert isinstance(station["field"], Field)
    station["field"].ramp_to(field_T)
    assert volts(bench_of(station))[-1] == pytest.approx(voltage_V, abs=0.51e-3)  # the output has steps of 1 mV


def test_a_ramp_never_exceeds_its_rate_and_takes_the_reported_time(open_magnet, bench_of):
    station = open_magnet(CUBIC)
    field = station["field"]
    field.ramp_to(-0.1)
    first, started = len(bench_of(station).told[1]), station.clock.now()
    field.ramp_to(0.25)
    assert station.clock.now() - started == pytest.approx(field.ramp_time_s(-0.1, 0.25), abs=0.4)
    known = field.options.calibration()
    fields = [known.field_T(value) for value in volts(bench_of(station), first - 1)]
    most_T = 0.1 * 0.1 + 2 * 0.5e-3 * 0.041  # a tenth of a second's travel, and two roundings to 1 mV
    assert max(abs(b - a) for a, b in itertools.pairwise(fields)) <= most_T
    assert fields == sorted(fields)


def test_a_stopped_ramp_holds_where_it_is_and_goes_on_from_there(open_magnet, bench_of):
    station = open_magnet()
    field, told = station["field"], bench_of(station).told
    field.ramp_to(0.2, should_stop=lambda: len(told.get(1, [])) > 5)
    held_V = volts(bench_of(station))[-1]
    assert 0 < held_V < 5.0
    field.ramp_to(0.2)
    assert volts(bench_of(station))[-1] == pytest.approx(5.0)


def test_it_takes_over_the_voltage_that_is_there_without_a_jump(open_station, bench_of):
    station = open_station(ROLES.format(calibration=LINEAR, aux=""), only=["voltage_out"])
    station["voltage_out"].set_voltage(3.0)
    first = len(bench_of(station).told[1])
    station.open_role("field")
    assert len(bench_of(station).told[1]) == first
    station["field"].ramp_to(0.13)
    assert volts(bench_of(station), first)[0] == pytest.approx(3.25, abs=1e-3)


def test_making_safe_ramps_to_zero_volts_even_if_that_is_no_zero_field(open_magnet, bench_of):
    station = open_magnet(CUBIC)
    field = station["field"]
    field.ramp_to(0.2)
    for _ in range(2):
        first = len(bench_of(station).told[1])
        field.make_safe()
    assert volts(bench_of(station))[-1] == 0.0
    sent = volts(bench_of(station), 1)
    assert max(abs(b - a) for a, b in itertools.pairwise(sent)) < 0.3
    assert len(sent) - first <= 2  # the second time nothing is left to ramp


def test_the_station_makes_it_safe_without_a_jump_in_either_order(open_magnet, bench_of):
    station = open_magnet(aux="options = { ramp_V_per_s = 2.5 }")
    station["field"].ramp_to(0.2)
    first = len(bench_of(station).told[1])
    for order in (["field", "voltage_out"], ["voltage_out", "field"]):
        station["field"].ramp_to(0.2)
        station.config.station.safe_order = order
        assert station.make_safe() == {"field": None, "voltage_out": None}
        sent = volts(bench_of(station), first - 1)
        assert max(abs(b - a) for a, b in itertools.pairwise(sent)) < 0.3
        assert sent[-1] == 0.0


def test_making_safe_is_bounded_however_slow_the_station_ramps(open_station):
    slow = ROLES.format(calibration=LINEAR, aux="").replace("per_s = 0.1", "per_s = 1e-4")
    station = open_station(slow, only=["voltage_out"])
    station["voltage_out"].set_voltage(7.0)
    station.open_role("field")
    started = station.clock.now()
    station["field"].make_safe()
    assert station.clock.now() - started < 35.0


@pytest.mark.parametrize("field_T", [-0.301, 0.301, math.nan])
def test_a_field_beyond_the_limit_is_refused_below_and_above(open_magnet, bench_of, field_T):
    station = open_magnet()
    sent = len(bench_of(station).told[1])
    with pytest.raises(LimitError, match=r"field: field of .* allowed -300 mT to 300 mT"):
        station["field"].ramp_to(field_T)
    assert len(bench_of(station).told[1]) == sent


@pytest.mark.parametrize("field_T", [-0.25, 0.25])
def test_a_field_beyond_the_calibration_is_refused_below_and_above(open_magnet, field_T):
    station = open_magnet("table = [[-5, -0.2], [5, 0.2]]")
    with pytest.raises(LimitError, match=r"the calibration goes from -0\.2 T to 0\.2 T"):
        station["field"].check(field_T)
    station["field"].check(math.copysign(0.2, field_T))


def test_a_field_beyond_the_outputs_limit_is_refused(open_station):
    station = open_station(ROLES.format(calibration=LINEAR, aux="").replace("[-10, 10]", "[-5, 5]"))
    with pytest.raises(LimitError, match="voltage_out: voltage of"):
        station["field"].check(0.25)


@pytest.mark.parametrize(
    ("calibration", "named"),
    [
        ("", "a calibration is needed"),
        (LINEAR + "\n" + TABLE, "not both"),
        ("tesla_per_volt = 0.0", "must rise, or fall"),
        ("tesla_per_volt = [0.0, 0.04, 0.0, -5e-4]", "must rise, or fall"),
        ("table = [[0, 0.0]]", "must rise, or fall"),
        ("table = [[0, 0.0], [0, 0.1]]", "must rise, or fall"),
        ("table = [[0, 0.0], [1, 0.1], [2, 0.05]]", "must rise, or fall"),
        (LINEAR + '\nvoltage_out = "dac"', "works through the role 'dac'"),
    ],
)
def test_a_calibration_that_gives_no_voltage_is_refused(open_magnet, calibration, named):
    with pytest.raises(StationError, match=named):
        open_magnet(calibration)


@pytest.mark.parametrize(
    "known",
    [
        FieldCalibration([0.002, 0.04, 0.0, -5e-5], [], (-10.0, 10.0)),
        FieldCalibration([0.0, -0.04], [], (-10.0, 10.0)),
        FieldCalibration([], [(-10, 0.38), (0, 0.01), (5, -0.2)], (0.0, 0.0)),
    ],
)
def test_a_calibration_and_its_inverse_agree(known):
    for k in range(51):
        voltage_V = known.low_V + (known.high_V - known.low_V) * k / 50
        assert known.drive(known.field_T(voltage_V)) == pytest.approx(voltage_V, abs=1e-12)
