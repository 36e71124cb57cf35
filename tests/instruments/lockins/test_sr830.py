"""What PyMeasure's SR830 lacks or errs in: what is sent, how it is read, and its buffer; then what only it has."""

import struct

import numpy as np
import pytest
from pymeasure.test import expected_protocol

from sotlab.errors import InstrumentError, LimitError
from sotlab.instruments.sr830 import SR830

ROLE = """
[roles.lockin]
driver = "SR830"
resource = "GPIB0::8::INSTR"
[roles.lockin.options]
{options}
"""


@pytest.mark.parametrize(
    ("attribute", "value", "sent", "asked", "reply"),
    [
        ("channel1", "X", b"DDEF 1,0,0", b"DDEF? 1", b"0,0"),
        ("channel1", "Aux In 2", b"DDEF 1,4,0", b"DDEF? 1", b"4,1"),
        ("channel2", "Aux In 3", b"DDEF 2,3,0", b"DDEF? 2", b"3,0"),
        ("sine_voltage", 0.004, b"SLVL 0.004", b"SLVL?", b"0.004"),
        ("frequency", 137.035, b"FREQ 1.370350e+02", b"FREQ?", b"137.035"),
        ("phase", -12.34, b"PHAS -12.34", b"PHAS?", b"-12.34"),
        ("harmonic", 19999, b"HARM 19999", b"HARM?", b"19999"),
        ("sensitivity", 2e-9, b"SENS 0", b"SENS?", b"0"),
        ("sensitivity", 1, b"SENS 26", b"SENS?", b"26"),
        ("time_constant", 10e-6, b"OFLT 0", b"OFLT?", b"0"),
        ("time_constant", 30e3, b"OFLT 19", b"OFLT?", b"19"),
        ("filter_slope", 24, b"OFSL 3", b"OFSL?", b"3"),
        ("reserve", "Low Noise", b"RMOD 2", b"RMOD?", b"2"),
        ("buffer_loop_enabled", False, b"SEND 0", b"SEND?", b"0"),
        ("fast_transfer", 0, b"FAST 0", b"FAST?", b"0"),
    ],
)
def test_what_is_sent_and_how_it_is_read(attribute, value, sent, asked, reply):
    with expected_protocol(SR830, [(sent, None), (asked, reply)]) as lockin:
        setattr(lockin, attribute, value)
        assert getattr(lockin, attribute) == value


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        ("sine_voltage", 0.003),
        ("sine_voltage", 5.001),
        ("frequency", 0.0009),
        ("frequency", 102001),
        ("phase", 730.0),
        ("harmonic", 0),
        ("harmonic", 20000),
        ("sensitivity", 0.3),
        ("time_constant", 0.2),
        ("reserve", "Highest"),
    ],
)
def test_what_it_cannot_do_is_refused_not_clipped(attribute, value):
    with expected_protocol(SR830, []) as lockin, pytest.raises(ValueError, match=r"."):
        setattr(lockin, attribute, value)


@pytest.mark.parametrize(
    ("channel", "percent", "expand", "sent"),
    [("X", 0.0, 1, b"OEXP 1,0.00,0"), ("Y", -12.5, 10, b"OEXP 2,-12.50,1"), ("R", 105.0, 100, b"OEXP 3,105.00,2")],
)
def test_expand_is_sent_as_the_instrument_counts_it(channel, percent, expand, sent):
    with expected_protocol(SR830, [(sent, None)]) as lockin:
        lockin.set_scaling(channel, percent, expand)


def test_the_buffer_is_read_by_its_length_whatever_bytes_are_in_it():
    points = [(10, 124), (-3, 125), (0, 0), (0x0A0A, 124 - 16), (-32768, 100)]  # line feeds are data
    data = b"".join(struct.pack("<hh", *point) for point in points)
    with expected_protocol(SR830, [(b"TRCL? 2,3,5", data)]) as lockin:
        values = lockin.get_buffer(2, 3, 8)
    assert values.tolist() == [10.0, -6.0, 0.0, 0x0A0A / 65536, -32768 / 2**24]


def test_the_buffer_is_read_as_floats():
    data = np.array([1.5, -2.25e-9], "<f4").tobytes()
    with expected_protocol(SR830, [(b"SPTS?", b"3"), (b"TRCB? 1,1,2", data)]) as lockin:
        assert lockin.get_buffer_as_floats(1, 1).tolist() == [1.5, np.float32(-2.25e-9)]


def test_shutting_down_takes_all_outputs_down():
    down = [(f"AUXV{number},0.000000;".encode(), None) for number in range(1, 5)]
    with expected_protocol(SR830, [(b"SLVL 0.004", None), *down]) as lockin:
        lockin.shutdown()


# the driver


def test_x_and_an_auxiliary_input_are_recorded_together(open_station, bench_of):
    station = open_station(ROLE.format(options="time_constant_s = 1e-3\nslope_dB = 6"))
    lockin = station["lockin"]
    bench_of(station).change(station.clock.now(), lambda t_s: 0.01 * (t_s % 10))
    bench_of(station).aux = lambda t_s: t_s % 10
    assert lockin.start_recording(512.0, 2000, aux=3) == 512
    rows = lockin.read_recording()
    assert rows.shape == (2000, 2)
    assert np.diff(rows[:, 1]) == pytest.approx(1 / 512, abs=1.1 / 3000)  # in steps of 1/3 mV
    # X lags by one time constant behind the position that stands beside it.
    assert rows[200:, 0] == pytest.approx(0.01 * (rows[200:, 1] - 1e-3), abs=1e-4)


def test_reading_the_whole_buffer_waits_for_no_time_out(open_station):
    station = open_station(ROLE.format(options=""))
    lockin = station["lockin"]
    lockin.start_recording(512.0, 16383)
    station.clock.sleep(33.0)
    started = station.clock.now()
    assert lockin.read_recording().shape == (16383, 2)
    assert station.clock.now() - started < 1.0  # a time-out would take 3 s


@pytest.mark.parametrize("aux", [0, 1, 2, 5])
def test_other_auxiliary_inputs_are_refused(open_station, aux):
    lockin = open_station(ROLE.format(options=""))["lockin"]
    with pytest.raises(LimitError, match="only Aux In 3 and 4"):
        lockin.start_recording(64.0, 10, aux=aux)


def test_a_time_constant_that_changes_by_itself_is_an_error_and_then_known(open_station, bench_of, device_of):
    station = open_station(ROLE.format(options='reference = "internal"\nfrequency_Hz = 20\ntime_constant_s = 100'))
    lockin = station["lockin"]
    lockin.read_phasor()
    assert lockin.settling_s == pytest.approx(13.063 * 100)
    lockin.instrument.frequency = 1000.0  # at the front panel, say
    with pytest.raises(InstrumentError, match="the time constant has changed by itself"):
        lockin.read_phasor()
    assert lockin.settling_s == pytest.approx(13.063 * 30)


def test_offset_and_expand_of_before_do_not_stay(open_station, bench_of, device_of):
    station = open_station(ROLE.format(options=""), only=[])
    import pyvisa

    manager = pyvisa.ResourceManager(station.config.station.visa_library)
    raw = manager.open_resource("GPIB0::8::INSTR", write_termination="\n", read_termination="\n")
    raw.write("OEXP 1,50,2")
    raw.close()
    lockin = station["lockin"]
    bench_of(station).change(station.clock.now(), 0.25)
    station.clock.sleep(10.0)
    assert lockin.read_phasor() == pytest.approx(0.25, rel=1e-3)


@pytest.mark.parametrize("kind", ["truncated", "no_reply"])
def test_a_buffer_that_comes_torn_is_asked_for_again(open_station, bench_of, kind):
    station = open_station(ROLE.format(options=""))
    lockin = station["lockin"]
    bench_of(station).change(station.clock.now(), 0.25)
    station.clock.sleep(10.0)
    lockin.start_recording(64.0, 100)
    station.visa_library.lab.faults.add({"device": "lockin", "kind": kind, "match": "TRCL", "count": 1})
    assert lockin.read_recording()[:, 0] == pytest.approx(0.25, abs=1e-4)


def test_a_recording_that_somebody_stopped_is_an_error_not_a_wait_for_ever(open_station):
    station = open_station(ROLE.format(options=""))
    lockin = station["lockin"]
    lockin.start_recording(64.0, 1000)
    lockin.instrument.pause_scan()
    started = station.clock.now()
    with pytest.raises(InstrumentError, match=r"lockin at GPIB0::8::INSTR: \d+ of 1000 samples came"):
        lockin.read_recording()
    assert station.clock.now() - started < 20.0
