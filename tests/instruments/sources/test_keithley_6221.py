"""The 6221 as ac_source: what it sends, ramps, the marker's phase, compliance, what another program left running."""

import pytest
import pyvisa
from pymeasure.test import expected_protocol

from sotlab.errors import InstrumentError, InstrumentTimeoutError, LimitError, StationError, WrongInstrumentError
from sotlab.instruments.keithley_6221 import Keithley6221, best_range
from sotlab.instruments.sample import Layer, Sample

ADDRESS = "GPIB0::14::INSTR"
ROLE = """
[roles.ac_source]
driver = "Keithley6221"
resource = "GPIB0::14::INSTR"
retries = 0
options = { %s }
limits = { amplitude_A_peak = [0, "3 mA"], frequency_Hz = [10, 2000] }
"""


@pytest.mark.parametrize(
    ("attribute", "value", "sent"),
    [
        ("source_current", -0.0123456, b":SOUR:CURR -0.0123456"),
        ("source_compliance", 12.5, b":SOUR:CURR:COMP 12.5"),
        ("waveform_frequency", 1234.56789, b":SOUR:WAVE:FREQ 1234.56789"),
        ("waveform_amplitude", 1.234567e-3, b":SOUR:WAVE:AMPL 0.001234567"),
        ("waveform_phasemarker_phase", 0, b":SOUR:WAVE:PMAR 0"),
        ("waveform_phasemarker_phase", 360, b":SOUR:WAVE:PMAR 360"),
        ("source_filter_enabled", False, b":SOUR:CURR:FILT 0"),
        ("waveform_phasemarker_line", 3, b":SOUR:WAVE:PMAR:OLIN 3"),
    ],
)
def test_what_is_sent(attribute, value, sent):
    with expected_protocol(Keithley6221, [(sent, None)]) as source:
        setattr(source, attribute, value)


@pytest.mark.parametrize(
    ("attribute", "asked", "reply", "value"),
    [
        ("waveform_frequency", b":SOUR:WAVE:FREQ?", b"1.234568E+03", 1234.568),
        ("waveform_amplitude", b":SOUR:WAVE:AMPL?", b"1.000000E-03", 1e-3),
        ("source_current", b":SOUR:CURR?", b"-1.000000E-03", -1e-3),
        ("measurement_condition", b":STAT:MEAS:COND?", b"8", 8),
        ("waveform_phasemarker_line", b":SOUR:WAVE:PMAR:OLIN?", b"3", 3),
    ],
)
def test_how_an_answer_is_read(attribute, asked, reply, value):
    with expected_protocol(Keithley6221, [(asked, reply)]) as source:
        assert getattr(source, attribute) == value


@pytest.mark.parametrize(
    ("attribute", "value"),
    [("source_current", 0.106), ("waveform_amplitude", 1e-12), ("waveform_amplitude", 0.106),
     ("waveform_frequency", 1.1e5), ("source_compliance", 0.05), ("waveform_phasemarker_phase", -1)],
)  # fmt: skip
def test_what_is_out_of_range_is_refused_not_clipped(attribute, value):
    with expected_protocol(Keithley6221, []) as source, pytest.raises(ValueError, match=r"\d"):
        setattr(source, attribute, value)


@pytest.mark.parametrize(("current_A", "range_A"), [(2e-3, 2e-3), (2.1e-3, 2e-3), (2.2e-3, 2e-2), (0.2, 0.1)])
def test_a_range_reaches_five_percent_further_than_its_name(current_A, range_A):
    assert best_range(current_A) == range_A


@pytest.fixture
def source_of(open_station, lab_of):
    def open_one(options="compliance_V = 10", **keywords):
        station = open_station(ROLE % options, **keywords)
        return station["ac_source"], lab_of(station), station

    return open_one


def strip(lab):
    return lab.bench.actuators(lab.clock.now())["strip"]


@pytest.fixture
def traffic(monkeypatch):
    """What is sent to the source from now on."""
    sent = []
    write = Keithley6221.write

    def note(self, command, **keywords):
        sent.append(command)
        return write(self, command, **keywords)

    monkeypatch.setattr(Keithley6221, "write", note)
    return sent


def amplitudes(sent):
    return [float(one.split()[1]) for one in sent if one.startswith(":SOUR:WAVE:AMPL ")]


def test_opening_switches_nothing_on(source_of):
    _, lab, _ = source_of()
    assert strip(lab)["amplitude_A_peak"] == 0.0
    assert not lab.devices[ADDRESS].output


def test_the_peak_current_and_its_frequency_flow_through_the_sample(source_of):
    source, lab, _ = source_of()
    source.set_wave(85.123, 1e-3)
    assert strip(lab)["amplitude_A_peak"] == 0.0  # not before the output goes on
    source.set_output(True)
    assert strip(lab)["amplitude_A_peak"] == pytest.approx(1e-3)
    wave = lab.bench.circuit.current(lab.clock.now())
    assert wave.frequency_Hz == pytest.approx(85.123)
    assert source.settling_s == pytest.approx(0.05 + 1 / 85.123)
    source.set_output(False)
    assert strip(lab)["amplitude_A_peak"] == 0.0
    assert not lab.devices[ADDRESS].output


def test_x_of_the_first_harmonic_is_positive_at_a_positive_resistance(source_of):
    taps = (("options: {input: hall}", "options: {input: longitudinal}"),)
    source, lab, station = source_of(replace=taps)
    source.set_wave(85.0, 1e-3)
    source.set_output(True)
    lockin = pyvisa.ResourceManager(station.config.station.visa_library).open_resource("GPIB0::8::INSTR")
    lockin.write("FMOD 0;ISRC 1;SENS 26;OFLT 8;HARM 1;PHAS 0")
    lab.clock.sleep(5.0)
    x_V, y_V = (float(lockin.query(f"OUTP?{channel}")) for channel in (1, 2))
    lockin.close()
    resistance_ohm = lab.bench._film(lab.clock.now(), 1e-3 / 2**0.5).strip_ohm
    assert x_V == pytest.approx(1e-3 * resistance_ohm / 2**0.5, rel=0.02)  # rms, the source's amplitude is peak
    assert abs(y_V) < 0.01 * x_V


def test_amplitudes_go_up_and_down_in_steps_and_end_on_the_target(source_of, traffic):
    source, lab, _ = source_of("compliance_V = 10, ramp_s = 1.0, ramp_steps = 5")
    source.set_wave(100.0, 1e-3)
    source.set_output(True)
    armed = traffic.index(":SOUR:WAVE:ARM")
    started = traffic.index(":SOUR:WAVE:INIT")
    assert amplitudes(traffic[armed:started]) == [2e-12]  # armed on the range for 1 mA, started at the smallest
    assert amplitudes(traffic[started:]) == pytest.approx([2e-4, 4e-4, 6e-4, 8e-4, 1e-3])
    traffic.clear()
    begun_s = lab.clock.now()
    source.set_output(False)
    assert lab.clock.now() - begun_s == pytest.approx(1.0, abs=0.1)
    assert amplitudes(traffic) == pytest.approx([8e-4, 6e-4, 4e-4, 2e-4, 2e-12], rel=1e-6)
    assert traffic.index(":SOUR:WAVE:ABOR") > max(k for k, one in enumerate(traffic) if "WAVE:AMPL " in one)
    assert traffic.index("OUTPut 0") > traffic.index(":SOUR:WAVE:ABOR")


def test_within_a_range_the_wave_runs_on_and_its_reference_too(source_of, traffic):
    source, lab, _ = source_of()
    source.set_wave(100.0, 1.0e-3)
    source.set_output(True)
    traffic.clear()
    source.set_wave(200.0, 1.5e-3)
    assert not [one for one in traffic if "ABOR" in one or "ARM" in one]
    assert strip(lab)["amplitude_A_peak"] == pytest.approx(1.5e-3)
    assert lab.bench.circuit.current(lab.clock.now()).frequency_Hz == 200.0


def test_another_range_is_armed_anew_at_the_smallest_amplitude(source_of, traffic):
    source, lab, _ = source_of()
    source.set_wave(100.0, 1.0e-3)
    source.set_output(True)
    traffic.clear()
    source.set_wave(100.0, 3e-3)
    assert [one for one in traffic if one.split()[0] in (":SOUR:WAVE:ABOR", ":SOUR:WAVE:ARM", ":SOUR:WAVE:INIT")] == [
        ":SOUR:WAVE:ABOR", ":SOUR:WAVE:ARM", ":SOUR:WAVE:INIT",
    ]  # fmt: skip
    aborted = traffic.index(":SOUR:WAVE:ABOR")
    assert amplitudes(traffic[:aborted])[-1] == 2e-12
    assert strip(lab)["amplitude_A_peak"] == pytest.approx(3e-3)


def test_fixed_ranging_keeps_the_range_and_refuses_what_is_beyond_it(source_of, traffic):
    source, lab, _ = source_of('compliance_V = 10, ranging = "fixed", range_A = 2e-3')
    source.set_wave(100.0, 1e-5)
    source.set_output(True)
    traffic.clear()
    source.set_wave(100.0, 2e-3)
    assert ":SOUR:WAVE:ABOR" not in traffic
    assert strip(lab)["amplitude_A_peak"] == pytest.approx(2e-3)
    with pytest.raises(LimitError, match=r"fixed range takes 2\.1 mA"):
        source.set_wave(100.0, 2.5e-3)


def test_fixed_ranging_needs_its_range(source_of):
    with pytest.raises(StationError, match="fixed ranging needs range_A"):
        source_of('ranging = "fixed"')


@pytest.mark.parametrize(
    ("wave", "named"),
    [((100.0, 3.1e-3), "3 mA"), ((100.0, -1e-3), "0 A"), ((2001.0, 1e-3), "2 kHz"), ((9.0, 1e-3), "10 Hz"),
     ((100.0, float("nan")), "3 mA")],
)  # fmt: skip
def test_beyond_the_stations_limits_nothing_is_sent(source_of, traffic, wave, named):
    source, _, _ = source_of()
    traffic.clear()
    with pytest.raises(LimitError, match=named):
        source.set_wave(*wave)
    assert not traffic


def test_what_the_sample_stands_limits_the_peak_amplitude(source_of):
    source, lab, station = source_of()
    source.set_wave(100.0, 1e-3)
    layer = Layer(material="Pt", thickness_m=5e-9, max_current_density_A_per_m2=1e10)
    station.protect(Sample(name="strip", stack=[layer], strip_width_m=10e-6))
    with pytest.raises(LimitError, match=r"peak amplitude of 1 mA asked, allowed 0 A to 500 µA .*in Pt"):
        source.set_output(True)
    assert not lab.devices[ADDRESS].output


def test_a_source_at_its_voltage_limit_is_an_error_that_says_so(source_of):
    source, lab, _ = source_of("compliance_V = 0.3")
    source.set_wave(100.0, 1e-3)
    with pytest.raises(InstrumentError, match=r"ac_source: .*voltage limit of 0\.3 V.*compliance_V in station\.toml"):
        source.set_output(True)
    with pytest.raises(InstrumentError, match="voltage limit"):
        source.raise_problems()  # it still is
    source.set_output(False)
    assert not lab.devices[ADDRESS].output
    source.set_wave(100.0, 1e-4)
    source.set_output(True)  # what was is not reported twice


def test_an_output_without_a_wave_is_refused(source_of):
    source, _, _ = source_of()
    with pytest.raises(InstrumentError, match=r"set_wave\(\) first"):
        source.set_output(True)


@pytest.mark.parametrize("left", ["wave", "dc"])
def test_what_another_program_left_running_is_ramped_down_not_cut(source_of, open_station, lab_of, left):
    source, lab, station = source_of()
    device = station.connections[ADDRESS]
    if left == "wave":
        source.set_wave(100.0, 2e-3)
        source.set_output(True)
    else:
        device.write(":SOUR:CURR 1e-3;:OUTP 1")
    second = type(source)(source.instrument, source.options, source.limits, source.clock)
    second.configure()
    assert lab.devices[ADDRESS].output  # taking over does not switch
    begun_s = lab.clock.now()
    second.make_safe()
    assert lab.clock.now() - begun_s >= 0.2
    assert not lab.devices[ADDRESS].output
    assert strip(lab) == {"dc_A": 0.0, "amplitude_A_peak": 0.0, "intact": True}
    second.set_wave(50.0, 1e-4)  # ... and then it is set up anew
    second.set_output(True)
    assert strip(lab)["amplitude_A_peak"] == pytest.approx(1e-4)
    second.make_safe()
    second.make_safe()


def test_making_safe_switches_off_even_if_the_ramp_fails(source_of):
    source, lab, _station = source_of()
    source.set_wave(100.0, 1e-3)
    source.set_output(True)
    lab.faults.add({"device": "ac_source", "kind": "no_reply", "match": r"WAVE:AMPL\?"})
    with pytest.raises(InstrumentTimeoutError, match="ac_source at GPIB0::14::INSTR"):
        source.make_safe()
    assert not lab.devices[ADDRESS].output


@pytest.mark.parametrize(
    ("fault", "error", "named"),
    [
        ({"kind": "no_reply", "match": r"MEAS\?"}, InstrumentTimeoutError, "ac_source at GPIB0::14::INSTR"),
        ({"kind": "wrong_reply", "match": r"MEAS\?", "text": "garbage"}, InstrumentError, "the reply 'garbage"),
        ({"kind": "wrong_reply", "match": r"SYST:ERR\?", "text": '-221,"Settings conflict"', "count": 1},
         InstrumentError, "ac_source: the instrument reports -221"),
    ],
)  # fmt: skip
def test_a_failing_reply_is_a_typed_error(source_of, fault, error, named):
    source, lab, _ = source_of()
    source.set_wave(100.0, 1e-3)
    lab.faults.add({"device": "ac_source", **fault})
    with pytest.raises(error, match=named):
        source.set_output(True)


def test_another_model_is_refused(open_station):
    with pytest.raises(WrongInstrumentError, match="MODEL 2400"):
        open_station((ROLE % "compliance_V = 1").replace("::14::", "::24::"))
