"""What PyMeasure's SR860 lacks or errs in for an SR865A, and its capture buffer."""

import numpy as np
import pytest
from pymeasure.test import expected_protocol

from sotlab.errors import LimitError
from sotlab.instruments.sr865a import SR865A

ROLE = """
[roles.lockin]
driver = "SR865A"
resource = "GPIB0::8::INSTR"
[roles.lockin.options]
{options}
"""


@pytest.mark.parametrize(
    ("attribute", "value", "sent", "asked", "reply"),
    [
        ("frequency", 3.999e6, b"FREQ 3.999000000e+06", b"FREQ?", b"3999000"),
        ("phase", 12.3456789, b"PHAS 12.3456789", b"PHAS?", b"12.3456789"),
        ("harmonic", 99, b"HARM 99", b"HARM?", b"99"),
        ("sine_voltage", 0.0, b"SLVL 0.000000000e+00", b"SLVL?", b"0"),
        ("sensitivity", 1, b"SCAL 0", b"SCAL?", b"0"),
        ("sensitivity", 1e-9, b"SCAL 27", b"SCAL?", b"27"),
        ("time_constant", 1e-6, b"OFLT 0", b"OFLT?", b"0"),
        ("time_constant", 30e3, b"OFLT 21", b"OFLT?", b"21"),
        ("filter_slope_dB", 18, b"OFSL 2", b"OFSL?", b"2"),
        ("filter_advanced", "Off", b"ADVFILT 0", b"ADVFILT?", b"0"),
        ("reference_externalinput", "1MEG", b"REFZ 1", b"REFZ?", b"1"),
        ("reference_triggermode", "NEG", b"RTRG 2", b"RTRG?", b"2"),
        ("input_signal", "CURR", b"IVMD 1", b"IVMD?", b"1"),
        ("capture_length", 4096, b"CAPTURELEN 4096", b"CAPTURELEN?", b"4096"),
        ("capture_config", "XY", b"CAPTURECFG 1", b"CAPTURECFG?", b"1"),
    ],
)
def test_what_is_sent_and_how_it_is_read(attribute, value, sent, asked, reply):
    with expected_protocol(SR865A, [(sent, None), (asked, reply)]) as lockin:
        setattr(lockin, attribute, value)
        assert getattr(lockin, attribute) == value


@pytest.mark.parametrize(
    ("attribute", "asked", "reply", "value"),
    [
        ("lia_status", b"LIAS?", b"32768", 32768),
        ("event_status", b"*ESR?", b"16", 16),
        ("external_frequency", b"FREQEXT?", b"1234.5", 1234.5),
        ("capture_rate_max", b"CAPTURERATEMAX?", b"78125", 78125.0),
        ("capture_rate", b"CAPTURERATE?", b"4882.8125", 4882.8125),
        ("capture_bytes", b"CAPTUREBYTES?", b"8192", 8192),
        ("capture_status", b"CAPTURESTAT?", b"6", 6),
    ],
)
def test_how_an_answer_is_read(attribute, asked, reply, value):
    with expected_protocol(SR865A, [(asked, reply)]) as lockin:
        assert getattr(lockin, attribute) == value


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        ("frequency", 4.1e6),
        ("frequency", 0.0),
        ("harmonic", 100),
        ("sine_voltage", 2.1),
        ("sine_voltage", -0.1),
        ("sensitivity", 0.3),
        ("capture_length", 3),
        ("capture_length", 4098),
        ("capture_rate_divider", 21),
    ],
)
def test_what_it_cannot_do_is_refused_not_clipped(attribute, value):
    with expected_protocol(SR865A, []) as lockin, pytest.raises(ValueError, match=r"."):
        setattr(lockin, attribute, value)


def test_capturing_is_sent_as_the_maker_spells_it():
    sent = [(b"CAPTURERATE 4", None), (b"CAPTURESTART ONE, IMM", None), (b"CAPTURESTART CONT, SAMP", None)]
    with expected_protocol(SR865A, [*sent, (b"CAPTURESTOP", None)]) as lockin:
        lockin.capture_rate_divider = 4
        lockin.start_capture()
        lockin.start_capture(continuous=True, trigger="SAMP")
        lockin.stop_capture()


def test_a_captured_block_is_read_to_its_length():
    values = np.array([1.5, -2.5, 3.0], "<f4")
    with expected_protocol(SR865A, [(b"CAPTUREGET? 64,1", b"#212" + values.tobytes())]) as lockin:
        assert lockin.get_capture(64, 1).tolist() == values.tolist()


def test_what_is_no_block_is_refused():
    with expected_protocol(SR865A, [(b"CAPTUREGET? 0,1", b"ab")]) as lockin:
        with pytest.raises(ValueError, match="not with a block"):
            lockin.get_capture(0, 1)


def test_shutting_down_takes_all_outputs_down():
    down = [(f"AUXV {number}, 0.000000".encode(), None) for number in range(4)]
    with expected_protocol(SR865A, [(b"SLVL 0.000000000e+00", None), *down]) as lockin:
        lockin.shutdown()


# the driver


def test_the_rate_is_the_next_higher_power_of_two_below_the_fastest(open_station):
    lockin = open_station(ROLE.format(options="time_constant_s = 1e-3"), "SR865A")["lockin"]
    fastest_Hz = lockin.instrument.capture_rate_max
    for rate_Hz, expected_Hz in ((fastest_Hz, fastest_Hz), (fastest_Hz / 2 + 1, fastest_Hz), (100.0, None)):
        used_Hz = lockin.start_recording(rate_Hz, 10)
        assert rate_Hz <= used_Hz < 2 * rate_Hz
        assert np.log2(fastest_Hz / used_Hz) == pytest.approx(round(np.log2(fastest_Hz / used_Hz)))
        assert expected_Hz is None or used_Hz == expected_Hz


def test_a_rate_beyond_the_fastest_at_this_time_constant_is_refused(open_station):
    lockin = open_station(ROLE.format(options="time_constant_s = 1"), "SR865A")["lockin"]
    with pytest.raises(LimitError, match="the most at this time constant is"):
        lockin.start_recording(1e5, 10)


def test_auxiliary_inputs_are_not_captured(open_station):
    lockin = open_station(ROLE.format(options=""), "SR865A")["lockin"]
    with pytest.raises(LimitError, match=r"captures X and Y alone.*SR830"):
        lockin.start_recording(64.0, 10, aux=3)


def test_the_input_range_is_where_the_input_overloads(open_station, bench_of):
    station = open_station(ROLE.format(options="input_range_V = 0.01"), "SR865A")
    bench_of(station).change(station.clock.now(), 0.009)  # 12.7 mV peak
    station.clock.sleep(5.0)
    with pytest.raises(Exception, match="raise input_range_V"):
        station["lockin"].read_phasor()
