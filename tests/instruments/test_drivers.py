"""What each driver sends and how it reads the answer, as tables from the manuals."""

import pytest
from pymeasure.test import expected_protocol

from sotlab.errors import InstrumentError
from sotlab.instruments.driver import Limits
from sotlab.instruments.e8257d import E8257D, Microwave, MicrowaveOptions
from sotlab.instruments.keithley_2182a import Nanovoltmeter, NanovoltmeterOptions
from sotlab.instruments.kepco_bop import Electromagnet, ElectromagnetOptions, KepcoBOP5020MG
from sotlab.instruments.lakeshore_475 import LakeShore475


class StoppedClock:
    """Counts what is slept."""

    def __init__(self):
        self.time = 0.0

    def now(self):
        return self.time

    def sleep(self, seconds, should_stop=None):
        self.time += seconds


@pytest.mark.parametrize(
    ("instrument", "attribute", "value", "sent"),
    [
        (E8257D, "frequency", 9123456789.0, b":FREQ 9.123456789000E+09 HZ"),
        (E8257D, "power", -12.34, b":POW -12.3400 DBM"),
        (E8257D, "output_enabled", True, b":OUTP 1"),
        (E8257D, "modulation_enabled", False, b":OUTP:MOD 0"),
        (KepcoBOP5020MG, "current_setpoint", 12.3456, b"CURR 1.23456E+01"),
        (KepcoBOP5020MG, "voltage_setpoint", 40.0, b"VOLT 4.00000E+01"),
        (LakeShore475, "unit", "T", b"UNIT 2"),
    ],
)
def test_what_is_sent(instrument, attribute, value, sent):
    with expected_protocol(instrument, [(sent, None)]) as device:
        setattr(device, attribute, value)


@pytest.mark.parametrize(
    ("instrument", "attribute", "asked", "reply", "value"),
    [
        (E8257D, "frequency", b":FREQ?", b"+9.1234567890000E+09", 9123456789.0),
        (E8257D, "output_enabled", b":OUTP?", b"1", True),
        (KepcoBOP5020MG, "current_setpoint", b"CURR?", b"1.23456E1", 12.3456),
        (LakeShore475, "field", b"RDGFIELD?", b"+123.456E-03", 0.123456),
        (LakeShore475, "unit", b"UNIT?", b"2", "T"),
    ],
)
def test_how_an_answer_is_read(instrument, attribute, asked, reply, value):
    with expected_protocol(instrument, [(asked, reply)]) as device:
        assert getattr(device, attribute) == value


@pytest.mark.parametrize("current_A", [20.1, -20.1])
def test_a_current_beyond_the_supply_is_refused_not_clipped(current_A):
    with expected_protocol(KepcoBOP5020MG, []) as supply, pytest.raises(ValueError, match="20"):
        supply.current_setpoint = current_A


def microwave(instrument):
    return Microwave(
        instrument,
        MicrowaveOptions(),
        Limits("microwave", "s.toml", {"frequency_Hz": (2e9, 20e9), "power_dBm": (-20.0, 10.0)}),
        StoppedClock(),
    )


def test_an_entry_in_the_error_queue_is_an_error_that_names_the_role():
    exchange = [
        (b":POW 5.0000 DBM", None),
        (b"SYST:ERR?", b'-222,"Data out of range;value clipped to upper limit"'),
        (b"SYST:ERR?", b'+0,"No error"'),
    ]
    with expected_protocol(E8257D, exchange) as device:
        with pytest.raises(InstrumentError, match=r"microwave: the instrument reports -222"):
            microwave(device).set_power(5.0)


def test_an_instrument_that_reports_errors_for_ever_does_not_hang_us():
    exchange = [(b":POW 5.0000 DBM", None)] + [(b"SYST:ERR?", b'-350,"Queue overflow"')] * 20
    with expected_protocol(E8257D, exchange) as device, pytest.raises(InstrumentError, match="-350"):
        microwave(device).set_power(5.0)


def test_garbage_is_an_error_that_names_the_reply():
    with expected_protocol(E8257D, [(b":POW 5.0000 DBM", None), (b"SYST:ERR?", b"\x15garbage")]) as device:
        with pytest.raises(InstrumentError, match=r"microwave: the reply .*garbage"):
            microwave(device).set_power(5.0)


def test_an_overloaded_voltmeter_is_an_error_not_a_point():
    class Meter:
        voltage = 9.9e37

    meter = Nanovoltmeter(Meter(), NanovoltmeterOptions(), Limits("voltmeter", "s.toml", {}), StoppedClock())
    with pytest.raises(InstrumentError, match=r"overload on the 0\.01 V range"):
        meter.read_voltage()


class Supply:
    """Takes what a KepcoBOP5020MG takes, and remembers it."""

    def __init__(self, current_A=0.0, on=False):
        self.sent = []
        self.current_setpoint_value = current_A
        self.output_enabled = on

    @property
    def current_setpoint(self):
        return self.current_setpoint_value

    @current_setpoint.setter
    def current_setpoint(self, value):
        self.sent.append(value)
        self.current_setpoint_value = value

    operating_mode = "CURR"
    voltage_setpoint = 0.0

    def clear(self):
        pass

    def ask(self, command):
        return '0,"No error"'


def magnet(supply, rate_T_per_s=0.1):
    ranges = {"field_T": (-0.38, 0.38), "field_rate_T_per_s": (0.0, rate_T_per_s), "current_A": (-20.0, 20.0)}
    driver = Electromagnet(
        supply,
        ElectromagnetOptions(tesla_per_ampere=0.02, time_constant_s=0.15),
        Limits("field", "s.toml", ranges),
        StoppedClock(),
    )
    driver.configure()
    supply.sent.clear()
    return driver


def test_a_ramp_never_exceeds_its_rate_and_ends_on_the_target():
    supply = Supply()
    driver = magnet(supply)
    driver.ramp_to(0.1003)
    steps = [b - a for a, b in zip([0.0, *supply.sent], supply.sent, strict=False)]
    assert max(map(abs, steps)) <= 0.1 * 0.1 / 0.02 + 1e-12  # rate x step time / calibration
    assert supply.sent[-1] == 0.1003 / 0.02
    assert driver.clock.time == pytest.approx(driver.ramp_time_s(0.0, 0.1003))


def test_a_stopped_ramp_holds_where_it_is():
    supply = Supply()
    driver = magnet(supply)
    driver.ramp_to(0.1, should_stop=lambda: len(supply.sent) >= 3)
    assert len(supply.sent) == 3
    driver.ramp_to(0.1)
    assert supply.sent[-1] == 5.0


def test_making_safe_ramps_down_from_what_the_supply_has_then_switches_off():
    supply = Supply(current_A=5.0, on=True)
    driver = magnet(supply)
    supply.current_setpoint_value = 4.0  # somebody turned it meanwhile
    driver.make_safe()
    assert supply.sent[-1] == 0.0
    assert max(map(abs, supply.sent)) < 4.0
    assert supply.output_enabled is False
    assert driver.clock.time < 35.0


def test_making_safe_is_bounded_however_slow_the_station_ramps():
    supply = Supply(current_A=18.0, on=True)
    driver = magnet(supply, rate_T_per_s=1e-4)
    driver.make_safe()
    assert driver.clock.time < 35.0
