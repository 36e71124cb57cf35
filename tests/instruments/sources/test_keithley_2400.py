"""The 2400 as source_meter: what it sends, compliance, pulses, ramps, what another program left running."""

import pytest
from pymeasure.test import expected_protocol

from sotlab.errors import InstrumentError, InstrumentTimeoutError, LimitError, WrongInstrumentError
from sotlab.instruments.keithley_2400 import Keithley2400
from sotlab.instruments.retry import RetryPolicy
from sotlab.instruments.sample import Layer, Sample
from sotlab.procedures.runs.protection import measure_resistance

ADDRESS = "GPIB0::24::INSTR"
#: What a question and its answer may take on the bus [s].
BUS_S = 0.01
FORMAT = (b":FORMAT:ELEMENTS VOLTAGE, CURRENT, RESISTANCE, TIME, STATUS", None)
ROLE = """
[roles.source_meter]
driver = "Keithley2400"
resource = "GPIB0::24::INSTR"
retries = 0
options = { %s }
limits = { current_A = ["-3 mA", "3 mA"], pulse_width_s = [0.01, 1] }
"""


@pytest.mark.parametrize(
    ("attribute", "value", "sent"),
    [
        ("concurrent_functions_enabled", False, b":SENSE:FUNCTION:CONCURRENT 0"),
        ("measured_function", "voltage", b":SENSE:FUNCTION 'VOLT:DC'"),
        ("source_current_mode", "list", b":SOURCE:CURRENT:MODE LIST"),
        ("source_current_list", [1e-3, 0.0], b":SOURCE:LIST:CURRENT 0.001,0"),
    ],
)
def test_what_is_sent(attribute, value, sent):
    with expected_protocol(Keithley2400, [FORMAT, (sent, None)]) as meter:
        setattr(meter, attribute, value)


@pytest.mark.parametrize(
    ("attribute", "asked", "reply", "value"),
    [
        ("reading", b":READ?", b"+1.0E-03,+2.0E-03,+9.91E+37,+1.5E+00,+3.6864E+04", [1e-3, 2e-3, 9.91e37, 1.5, 36864]),
        ("measured_function", b":SENSE:FUNCTION?", b'"VOLT:DC"', "voltage"),
        ("source_current_mode", b":SOURCE:CURRENT:MODE?", b"FIX", "fixed"),
        ("concurrent_functions_enabled", b":SENSE:FUNCTION:CONCURRENT?", b"1", True),
    ],
)
def test_how_an_answer_is_read(attribute, asked, reply, value):
    with expected_protocol(Keithley2400, [FORMAT, (asked, reply)]) as meter:
        assert getattr(meter, attribute) == value


@pytest.fixture
def meter_of(open_station, lab_of):
    def open_one(options="compliance_V = 5", **keywords):
        station = open_station(ROLE % options, **keywords)
        return station["source_meter"], lab_of(station), station

    return open_one


def flowing_A(lab):
    return lab.bench.actuators(lab.clock.now())["strip"]["dc_A"]


@pytest.fixture
def currents(monkeypatch):
    """What flowed through the sample, each time it was changed."""
    seen = []

    def watch(lab):
        drive = lab.bench.drive_current

        def note(name, t_s, current_A, limit_V):
            seen.append((current_A, limit_V))
            drive(name, t_s, current_A, limit_V)

        monkeypatch.setattr(lab.bench, "drive_current", note)
        return seen

    return watch


def test_the_voltage_is_that_of_the_sample_and_a_reading_takes_what_it_says(meter_of):
    meter, lab, _ = meter_of("compliance_V = 5, four_wire = true, nplc = 2")
    meter.set_output(True)
    assert flowing_A(lab) == 0.0
    meter.set_current(1e-3)
    begun_s = lab.clock.now()
    plus_V = meter.read_voltage()
    assert 0.0 <= lab.clock.now() - begun_s - meter.reading_time_s < BUS_S
    assert meter.reading_time_s == pytest.approx(2 * 2 / 50 + 3e-3)
    meter.set_current(-1e-3)
    resistance_ohm = (plus_V - meter.read_voltage()) / 2e-3
    film = lab.bench._film(lab.clock.now(), 1e-3)
    assert resistance_ohm == pytest.approx(film.strip_ohm, rel=0.02)
    meter.set_output(False)
    assert not lab.devices[ADDRESS].output


def test_two_wires_see_the_contacts_too(meter_of):
    def resistance_ohm(four_wire):
        meter, lab, station = meter_of(f"compliance_V = 5, four_wire = {four_wire}")
        meter.set_output(True)
        meter.set_current(1e-3)
        found, contacts = meter.read_voltage() / 1e-3, 2 * lab.bench.sample.contact_ohm
        meter.set_output(False)
        return found, contacts, station.close()

    four, contacts, _ = resistance_ohm("true")
    two, _, _ = resistance_ohm("false")
    assert two - four == pytest.approx(contacts, rel=0.02)


def test_compliance_is_set_before_the_output_goes_on_which_is_at_zero(meter_of, currents):
    meter, lab, _ = meter_of("compliance_V = 4")
    seen = currents(lab)
    meter.set_current(2e-3)
    assert all(current_A == 0.0 for current_A, _ in seen)
    meter.set_output(True)
    assert [current_A for current_A, _ in seen][-1] == 2e-3
    assert 0.0 in [current_A for current_A, _ in seen]
    assert {limit_V for _, limit_V in seen} == {4.0}
    meter.set_output(False)
    meter.set_output(True)
    assert flowing_A(lab) == 0.0  # what was set before it went off is not taken up again
    meter.set_output(False)


def test_the_output_goes_off_after_a_ramp_to_zero(meter_of, currents):
    meter, lab, _ = meter_of("compliance_V = 5, ramp_s = 0.5, ramp_steps = 5")
    meter.set_output(True)
    meter.set_current(-1e-3)
    seen, begun_s = currents(lab), lab.clock.now()
    meter.set_output(False)
    assert lab.clock.now() - begun_s == pytest.approx(0.5, abs=0.1)
    assert [current_A for current_A, _ in seen][:5] == pytest.approx([-8e-4, -6e-4, -4e-4, -2e-4, 0.0])


def test_compliance_is_an_error_that_names_role_and_what_to_do(meter_of):
    meter, _, _ = meter_of("compliance_V = 0.3")
    meter.set_output(True)
    meter.set_current(2e-3)
    with pytest.raises(InstrumentError, match=r"source_meter: .*compliance of 0\.3 V.*contacts.*station\.toml"):
        meter.read_voltage()
    meter.set_output(False)


def test_a_fixed_range_that_is_too_low_is_an_overload_not_a_voltage(meter_of):
    meter, _, _ = meter_of("compliance_V = 10, range_V = 0.2")
    meter.set_output(True)
    meter.set_current(2e-3)
    with pytest.raises(InstrumentError, match="overload"):
        meter.read_voltage()
    meter.set_output(False)


def test_a_voltage_is_not_asked_for_with_the_output_off(meter_of):
    meter, _, _ = meter_of()
    with pytest.raises(InstrumentError, match="output off"):
        meter.read_voltage()


@pytest.mark.parametrize("current_A", [3.1e-3, -3.1e-3, float("nan")])
def test_beyond_the_stations_limits_nothing_is_sourced(meter_of, current_A):
    meter, lab, _ = meter_of()
    meter.set_output(True)
    for source in (lambda: meter.set_current(current_A), lambda: meter.pulse(current_A, 0.1)):
        with pytest.raises(LimitError, match="3 mA"):
            source()
    assert flowing_A(lab) == 0.0
    meter.set_output(False)


def test_what_the_sample_stands_limits_current_and_pulses(meter_of):
    meter, _, station = meter_of()
    layer = Layer(material="Pt", thickness_m=5e-9, max_current_density_A_per_m2=1e10)
    station.protect(Sample(name="strip", stack=[layer], strip_width_m=10e-6))
    for source in (lambda: meter.set_current(1e-3), lambda: meter.pulse(-1e-3, 0.1)):
        with pytest.raises(LimitError, match=r"allowed -500 µA to 500 µA .*in Pt"):
            source()


@pytest.mark.parametrize("width_s", [0.005, 2.0])
def test_a_pulse_of_a_width_that_is_not_allowed_is_refused(meter_of, width_s):
    meter, _, _ = meter_of()
    with pytest.raises(LimitError, match="pulse_width"):
        meter.pulse(1e-3, width_s)


def test_beyond_a_fixed_source_range_is_refused(meter_of):
    meter, _, _ = meter_of("compliance_V = 5, range_A = 1e-4")
    with pytest.raises(LimitError, match="range_A"):
        meter.set_current(2e-4)


@pytest.mark.parametrize("was_on", [False, True])
def test_a_pulse_returns_to_zero_and_leaves_the_settings_as_they_were(meter_of, currents, was_on):
    meter, lab, _ = meter_of("compliance_V = 5, nplc = 2")
    if was_on:
        meter.set_output(True)
    seen, begun_s = currents(lab), lab.clock.now()
    meter.pulse(-2.5e-3, 0.2)
    assert -2.5e-3 in [current_A for current_A, _ in seen]
    assert flowing_A(lab) == 0.0
    assert 0.4 <= lab.clock.now() - begun_s < 0.7  # as long at zero as at the current
    assert lab.devices[ADDRESS].output is was_on
    meter.set_output(True)
    meter.set_current(1e-3)
    begun_s = lab.clock.now()
    meter.read_voltage()
    assert 0.0 <= lab.clock.now() - begun_s - meter.reading_time_s < BUS_S
    meter.set_output(False)


def test_a_pulse_into_an_open_contact_is_an_error_and_ends_at_zero(meter_of):
    meter, lab, _ = meter_of("compliance_V = 0.3")
    with pytest.raises(InstrumentError, match="compliance"):
        meter.pulse(2e-3, 0.1)
    assert flowing_A(lab) == 0.0
    assert not lab.devices[ADDRESS].output


@pytest.mark.parametrize("was_on", [False, True])
def test_a_pulse_whose_answer_is_lost_is_not_sent_again_and_ends_at_zero(meter_of, currents, was_on):
    meter, lab, station = meter_of()
    station.connections[ADDRESS].retry = RetryPolicy(time_out=3)
    meter.set_output(was_on)
    seen = currents(lab)
    lab.faults.add({"device": "source_meter", "kind": "no_reply", "match": r"READ\?", "count": 1})
    with pytest.raises(InstrumentTimeoutError, match="source_meter at GPIB0::24::INSTR"):
        meter.pulse(2e-3, 0.1)
    assert [current_A for current_A, _ in seen].count(2e-3) == 1
    assert flowing_A(lab) == 0.0
    assert lab.devices[ADDRESS].output is was_on
    meter.set_output(True)
    meter.set_current(1e-3)
    assert meter.read_voltage() > 0.0
    meter.set_output(False)


def test_what_another_program_has_set_does_not_matter(meter_of):
    meter, lab, station = meter_of("compliance_V = 1, nplc = 1")
    wire = station.connections[ADDRESS]
    wire.write(":SENS:FUNC:CONC 1;:SENS:FUNC 'CURR','RES';:SENS:AVER:COUN 20;:SENS:AVER 1;:TRIG:COUN 7;:TRIG:DEL 2")
    wire.write(":SENS:VOLT:PROT 200;:SENS:VOLT:RANG 200;:SYST:RSEN 0;:SOUR:DEL 3;:SOUR:CLE:AUTO 1;:SYST:AZER 0")
    meter.configure()
    meter.set_output(True)
    meter.set_current(1e-3)
    begun_s = lab.clock.now()
    assert 0.5 < meter.read_voltage() < 1.0
    assert 0.0 <= lab.clock.now() - begun_s - meter.reading_time_s < BUS_S
    meter.set_output(False)


@pytest.mark.parametrize("left", [":SOUR:FUNC CURR;:SOUR:CURR 1e-3;:OUTP 1", ":SOUR:FUNC VOLT;:SOUR:VOLT 0.5;:OUTP 1"])
def test_what_another_program_left_running_is_ramped_down_not_cut(meter_of, left):
    meter, lab, station = meter_of()
    station.connections[ADDRESS].write(left)
    second = type(meter)(meter.instrument, meter.options, meter.limits, meter.clock)
    second.configure()
    assert lab.devices[ADDRESS].output
    begun_s = lab.clock.now()
    second.make_safe()
    assert lab.clock.now() - begun_s >= 0.2
    assert not lab.devices[ADDRESS].output
    second.set_output(True)
    second.set_current(1e-4)
    assert flowing_A(lab) == pytest.approx(1e-4)
    second.make_safe()
    second.make_safe()
    assert flowing_A(lab) == 0.0


def test_making_safe_switches_off_even_if_the_ramp_fails(meter_of):
    meter, lab, _station = meter_of()
    meter.set_output(True)
    meter.set_current(1e-3)
    lab.faults.add({"device": "source_meter", "kind": "no_reply", "match": r"CURRENT\?"})
    with pytest.raises(InstrumentTimeoutError, match="source_meter at GPIB0::24::INSTR"):
        meter.make_safe()
    assert not lab.devices[ADDRESS].output


@pytest.mark.parametrize(
    ("fault", "error", "named"),
    [
        ({"kind": "no_reply", "match": r"READ\?"}, InstrumentTimeoutError, "source_meter at GPIB0::24::INSTR"),
        (
            {"kind": "wrong_reply", "match": r"READ\?", "text": "garbage"},
            InstrumentError,
            r"source_meter at .*: the reply",
        ),
        ({"kind": "wrong_reply", "match": r"READ\?", "text": "+1.0E-3"}, InstrumentError, "not five numbers"),
        ({"kind": "wrong_reply", "match": r"READ\?", "text": "a,b,c,d,e"}, InstrumentError, "is not a number"),
    ],
)
def test_a_failing_reply_is_a_typed_error(meter_of, fault, error, named):
    meter, lab, _ = meter_of()
    meter.set_output(True)
    lab.faults.add({"device": "source_meter", **fault})
    with pytest.raises(error, match=named):
        meter.read_voltage()


def test_another_model_is_refused(open_station):
    with pytest.raises(WrongInstrumentError, match="MODEL 6221"):
        open_station((ROLE % "compliance_V = 1").replace("::24::", "::14::"))


def test_the_contact_check_finds_the_samples_resistance_and_leaves_the_output_off(meter_of):
    meter, lab, _ = meter_of("compliance_V = 5")
    found_ohm = measure_resistance(meter, 1e-4)
    assert found_ohm == pytest.approx(lab.bench._film(lab.clock.now(), 1e-4).strip_ohm, rel=0.02)
    assert not lab.devices[ADDRESS].output
