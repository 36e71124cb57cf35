"""The 33500B as ac_source through a resistor: peak amperes and peak-to-peak volts, sync, limits, taking over."""

import pytest
from pymeasure.test import expected_protocol

from sotlab.errors import InstrumentError, InstrumentTimeoutError, LimitError, StationError, WrongInstrumentError
from sotlab.instruments.agilent_33500b import Agilent33500B

ADDRESS = "USB0::0x0957::0x2807::SIM33500::0::INSTR"
ROLE = f"""
[roles.ac_source]
driver = "Agilent33500B"
resource = "{ADDRESS}"
retries = 0
options = {{ %s }}
limits = {{ amplitude_A_peak = [0, "0.8 mA"], frequency_Hz = [10, 2000] }}
"""
#: The shipped bench has 10 kohm in series with its film, and the output's 50 ohm.
OPTIONS = "series_ohm = 10050, load_ohm = 4000"
LOOP_OHM = 14050.0


@pytest.mark.parametrize(
    ("attribute", "value", "sent"),
    [
        ("frequency", 123.456789012, b"FREQ 123.456789012"),
        ("amplitude", 0.00212345678, b"VOLT 0.00212345678"),
        ("offset", -1.25, b"VOLT:OFFS -1.25"),
        ("sync_enabled", True, b"OUTP:SYNC 1"),
        ("am_enabled", False, b"AM:STAT 0"),
    ],
)
def test_what_is_sent(attribute, value, sent):
    with expected_protocol(Agilent33500B, [(sent, None)]) as generator:
        setattr(generator, attribute, value)


@pytest.mark.parametrize(
    ("attribute", "asked", "reply", "value"),
    [
        ("frequency", b"FREQ?", b"+1.234567890120E+02", 123.456789012),
        ("amplitude", b"VOLT?", b"+2.000000000000E-03", 2e-3),
        ("sync_enabled", b"OUTP:SYNC?", b"1", True),
    ],
)
def test_how_an_answer_is_read(attribute, asked, reply, value):
    with expected_protocol(Agilent33500B, [(asked, reply)]) as generator:
        assert getattr(generator, attribute) == value


@pytest.mark.parametrize("value", [0.5e-3, 20.1])
def test_an_amplitude_out_of_range_is_refused(value):
    with expected_protocol(Agilent33500B, []) as generator, pytest.raises(ValueError, match="20"):
        generator.amplitude = value


@pytest.fixture
def source_of(open_station, lab_of):
    def open_one(options=OPTIONS):
        station = open_station(ROLE % options, bench="transport")
        return station["ac_source"], lab_of(station), station

    return open_one


def peak_A(lab):
    return lab.bench.actuators(lab.clock.now())["sources"].get("generator", {"peak_A": 0.0})["peak_A"]


def test_the_peak_current_that_is_asked_flows(source_of):
    source, lab, _ = source_of()
    assert peak_A(lab) == 0.0
    source.set_wave(85.0, 0.3e-3)
    assert peak_A(lab) == 0.0
    source.set_output(True)
    assert peak_A(lab) == pytest.approx(0.3e-3, rel=5e-3)  # the film has nearly the 4 kohm that the options say
    device = lab.devices[ADDRESS]
    assert float(device.get_amplitude()) == pytest.approx(2 * 0.3e-3 * LOOP_OHM)
    assert float(device.get_load()) == 9.9e37
    assert device.sync
    source.set_wave(170.0, 0.1e-3)
    assert peak_A(lab) == pytest.approx(0.1e-3, rel=5e-3)
    assert device.frequency_Hz == 170.0
    source.set_output(False)
    assert peak_A(lab) == 0.0


def test_the_output_goes_on_and_off_at_the_smallest_amplitude(source_of, monkeypatch):
    source, lab, _ = source_of(OPTIONS + ", ramp_s = 0.4, ramp_steps = 4")
    seen = []
    drive = lab.bench.drive_voltage_wave

    def note(name, t_s, wave, output_ohm):
        seen.append(wave.amplitude if output_ohm < 1e9 else None)  # None: the relay is open
        drive(name, t_s, wave, output_ohm)

    monkeypatch.setattr(lab.bench, "drive_voltage_wave", note)
    source.set_wave(85.0, 0.4e-3)
    source.set_output(True)
    on = [one for one in seen if one is not None]
    assert on[0] == pytest.approx(1e-3)
    assert on == sorted(on)
    assert on[-1] == pytest.approx(0.4e-3 * LOOP_OHM)
    seen.clear()
    source.set_output(False)
    assert seen[-1] is None
    assert seen[-2] == pytest.approx(1e-3)
    assert len(seen) == 5


@pytest.mark.parametrize(
    ("wave", "named"),
    [((85.0, 0.9e-3), "800 µA"), ((85.0, -1e-6), "0 A"), ((5.0, 1e-4), "10 Hz"), ((3e3, 1e-4), "2 kHz")],
)
def test_beyond_the_stations_limits_nothing_is_sent(source_of, wave, named):
    source, lab, _ = source_of()
    source.set_output(False)
    with pytest.raises(LimitError, match=named):
        source.set_wave(*wave)
    assert peak_A(lab) == 0.0


def test_a_current_for_which_the_voltage_does_not_suffice_is_refused(source_of):
    source, _, _ = source_of("series_ohm = 20050")
    with pytest.raises(LimitError, match=r"ac_source: peak amplitude of 600 µA.*20050 ohm.*series_ohm"):
        source.check(amplitude_A_peak=0.6e-3)


def test_the_station_must_limit_the_amplitude(open_station):
    with pytest.raises(StationError, match="amplitude_A_peak is missing"):
        open_station((ROLE % OPTIONS).replace('amplitude_A_peak = [0, "0.8 mA"], ', ""), bench="transport")


def test_what_another_program_left_running_is_ramped_down_not_cut(source_of):
    source, lab, station = source_of()
    station.connections[ADDRESS].write("OUTP:LOAD 50;:VOLT 2;:VOLT:OFFS 0.5;:VOLT:UNIT VRMS;:OUTP 1")
    second = type(source)(source.instrument, source.options, source.limits, source.clock)
    second.configure()
    assert lab.devices[ADDRESS].output
    begun_s = lab.clock.now()
    second.make_safe()
    assert lab.clock.now() - begun_s >= 0.2
    assert not lab.devices[ADDRESS].output
    second.set_wave(100.0, 1e-4)
    second.set_output(True)
    assert peak_A(lab) == pytest.approx(1e-4, rel=5e-3)
    second.make_safe()
    second.make_safe()
    assert peak_A(lab) == 0.0


@pytest.mark.parametrize(
    ("fault", "error", "named"),
    [
        ({"kind": "no_reply", "match": r"SYST:ERR\?"}, InstrumentTimeoutError, f"ac_source at {ADDRESS}"),
        ({"kind": "wrong_reply", "match": r"SYST:ERR\?", "text": "garbage"}, InstrumentError, "the reply 'garbage"),
        ({"kind": "wrong_reply", "match": r"SYST:ERR\?", "text": '-222,"Data out of range"', "count": 1},
         InstrumentError, "ac_source: the instrument reports -222"),
    ],
)  # fmt: skip
def test_a_failing_reply_is_a_typed_error(source_of, fault, error, named):
    source, lab, _ = source_of()
    source.set_wave(85.0, 1e-4)
    lab.faults.add({"device": "generator", **fault})
    with pytest.raises(error, match=named):
        source.set_output(True)


def test_another_model_is_refused(open_station):
    with pytest.raises(WrongInstrumentError, match="MODEL 2400"):
        open_station((ROLE % OPTIONS).replace(ADDRESS, "GPIB0::24::INSTR"), bench="transport")
