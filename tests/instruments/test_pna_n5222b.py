"""The PNA as vna: what is sent, traces on a bench, limits, and what can go wrong."""

import math

import numpy as np
import pytest
from pymeasure.test import expected_protocol

from sotlab.errors import InstrumentError, InstrumentTimeoutError, LimitError, WrongInstrumentError
from sotlab.instruments.pna_n5222b import N5222B

BENCH_CLASS = """
from sotlab.simulated.physics.network import Network, NetworkSpec


class Bench:
    def __init__(self, lab, streams, noise):
        self.network = Network(NetworkSpec(strip_ends_line=False), streams("network") if noise else None)
"""
BENCH = """
spec: "1.1"
devices:
  device: {class: "pna_n5222b:N5222B"}
resources:
  GPIB0::16::INSTR: {device: device}
lab: {bench: "bench.py:Bench"}
"""
STATION = """
[station]
name = "bench"
visa_library = "bench.yaml?clock=virtual&noise=off@sotlab"

[roles.vna]
driver = "N5222B"
resource = "GPIB0::16::INSTR"
timeout_s = 1
retries = 0
limits = { frequency_Hz = ["100 MHz", "20 GHz"], power_dBm = [-30, 0] }
"""


def add_fault(station, **fault):
    station.visa_library.lab.faults.add({"device": "device", **fault})


def test_nothing_is_sent_on_opening():
    with expected_protocol(N5222B, []):
        pass


@pytest.mark.parametrize(
    ("attribute", "value", "sent"),
    [
        ("start_frequency", 1.23456789e9, b"SENS1:FREQ:STAR 1.234567890000E+09"),
        ("stop_frequency", 2e10, b"SENS1:FREQ:STOP 2.000000000000E+10"),
        ("number_of_points", 1601, b"SENS1:SWE:POIN 1601"),
        ("sweep_type", "linear", b"SENS1:SWE:TYPE LIN"),
        ("if_bandwidth", 1e3, b"SENS1:BAND 1.000000E+03"),
        ("power", -12.34, b"SOUR1:POW -12.3400"),
        ("averaging_enabled", True, b"SENS1:AVER 1"),
        ("average_count", 10, b"SENS1:AVER:COUN 10"),
        ("group_count", 10, b"SENS1:SWE:GRO:COUN 10"),
    ],
)
def test_what_is_sent_to_a_channel(attribute, value, sent):
    with expected_protocol(N5222B, [(sent, None)]) as vna:
        setattr(vna.ch_1, attribute, value)


@pytest.mark.parametrize(
    ("attribute", "asked", "reply", "value"),
    [
        ("start_frequency", b"SENS1:FREQ:STAR?", b"+1.0E+07", 1e7),
        ("stop_frequency", b"SENS1:FREQ:STOP?", b"+2.65E+10", 26.5e9),
        ("number_of_points", b"SENS1:SWE:POIN?", b"+201", 201),
        ("sweep_type", b"SENS1:SWE:TYPE?", b"LIN", "linear"),
        ("if_bandwidth", b"SENS1:BAND?", b"+1E+05", 1e5),
        ("power", b"SOUR1:POW?", b"-5", -5.0),
        ("averaging_enabled", b"SENS1:AVER?", b"0", False),
        ("sweep_time", b"SENS1:SWE:TIME?", b"+6.0E-03", 6e-3),
        ("sweep_mode", b"SENS1:SWE:MODE?", b"HOLD", "HOLD"),
        ("measurements", b"CALC1:PAR:CAT:EXT?", b'"CH1_S11_1,S11,mine,S21"', {"CH1_S11_1": "S11", "mine": "S21"}),
        ("measurements", b"CALC1:PAR:CAT:EXT?", b'"NO CATALOG"', {}),
    ],
)
def test_how_a_channel_is_read(attribute, asked, reply, value):
    with expected_protocol(N5222B, [(asked, reply)]) as vna:
        assert getattr(vna.ch_1, attribute) == value


@pytest.mark.parametrize("reply", [b"REAL,+64", b"REAL,64"])
def test_the_data_format_is_read_with_and_without_a_plus(reply):
    with expected_protocol(N5222B, [(b"FORM?", reply)]) as vna:
        assert vna.data_format == "real64"


def test_a_block_is_read_by_its_length_although_line_feeds_are_in_it():
    data = np.frombuffer(b"\n" * 32, "<f8")
    exchange = [(b"CALC1:PAR:SEL 'mine'", None), (b"CALC1:DATA? SDATA", b"#232" + data.tobytes() + b"\n")]
    with expected_protocol(N5222B, exchange) as vna:
        vna.ch_1.select("mine")
        np.testing.assert_array_equal(vna.ch_1.read_complex(), data.view(complex))


def test_text_in_place_of_a_block_is_an_error():
    with expected_protocol(N5222B, [(b"CALC1:X?", b"+1")]) as vna, pytest.raises(ConnectionError, match="block"):
        vna.ch_1.read_stimulus()


def network(station):
    return station.visa_library.lab.bench.network


def analyser(station):
    return station["vna"].instrument


def sweep(station, points=201, **more):
    station["vna"].set_sweep(1e9, 10e9, points, **{"if_bandwidth_Hz": 1e3, "power_dBm": -10.0, **more})


def test_a_sweep_gives_the_network_at_the_frequencies_asked_for(station):
    sweep(station)
    frequencies_Hz, data = station["vna"].measure("S11", "S21")
    np.testing.assert_allclose(frequencies_Hz, np.linspace(1e9, 10e9, 201), rtol=1e-12)
    assert list(data) == ["S11", "S21"]
    truth = network(station).measure(
        frequencies_Hz, station.clock.now(), power_dBm=-10.0, bandwidth_Hz=1e3, averages=1, on=True
    )
    np.testing.assert_allclose(data["S11"], truth[0, 0], atol=1e-5)
    np.testing.assert_allclose(data["S21"], truth[1, 0], atol=1e-5)
    assert all(np.ptp(np.abs(trace)) > 1e-3 for trace in data.values())  # a network that does something
    assert station.simulated


def test_a_sweep_takes_as_long_as_it_says_however_short_the_timeout(station):
    sweep(station, if_bandwidth_Hz=10.0)
    vna = station["vna"]
    vna.measure("S21")
    begin_s = station.clock.now()
    vna.measure("S21")
    assert vna.sweep_time_s == pytest.approx(201 * (0.1 + 20e-6))
    assert station.clock.now() - begin_s == pytest.approx(vna.sweep_time_s, abs=0.3)


def test_averages_are_swept_and_counted(open_station):
    station = open_station(STATION + "options = { averages = 4 }\n")
    sweep(station)
    vna = station["vna"]
    vna.measure("S21")
    begin_s = station.clock.now()
    vna.measure("S21")
    assert vna.sweep_time_s == pytest.approx(4 * 201 * (1e-3 + 20e-6))
    assert station.clock.now() - begin_s == pytest.approx(vna.sweep_time_s, abs=0.1)


def test_measurements_are_defined_once_and_those_that_are_there_are_used(station):
    sweep(station)
    for _ in range(3):
        station["vna"].measure("S11", "S21")
    assert analyser(station).ch_1.measurements == {"CH1_S11_1": "S11", "sotlab_S21": "S21"}


def test_a_new_sweep_has_new_frequencies(station):
    sweep(station)
    station["vna"].measure("S11")
    sweep(station, points=11)
    frequencies_Hz, data = station["vna"].measure("S11")
    assert len(frequencies_Hz) == len(data["S11"]) == 11


def test_opening_holds_the_sweep_and_switches_no_microwave(station):
    assert analyser(station).ch_1.sweep_mode == "HOLD"
    analyser(station).output_enabled = False
    station["vna"].configure()
    assert analyser(station).output_enabled is False


def test_making_safe_switches_the_microwave_off_and_may_be_done_twice(station):
    sweep(station)
    station["vna"].measure("S11")
    assert analyser(station).output_enabled is True
    assert station.make_safe() == {"vna": None}
    assert analyser(station).output_enabled is False
    assert station.make_safe() == {"vna": None}


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        ({"start_Hz": 99e6}, "frequency of 99 MHz"),
        ({"stop_Hz": 20.1e9}, "frequency of 20.1 GHz"),
        ({"start_Hz": math.nan}, "frequency"),
        ({"power_dBm": -31.0}, "power of -31 dBm"),
        ({"power_dBm": 0.1}, "power of 0.1 dBm"),
        ({"if_bandwidth_Hz": 0.5}, "bandwidth"),
        ({"if_bandwidth_Hz": 16e6}, "bandwidth"),
        ({"points": 1}, "1 points"),
        ({"points": 100_002}, "100002 points"),
        ({"start_Hz": 10e9}, "upwards"),
    ],
)
def test_a_sweep_beyond_the_limits_is_refused(station, asked, named):
    sweep(station)
    good = {"start_Hz": 1e9, "stop_Hz": 10e9, "points": 201, "if_bandwidth_Hz": 1e3, "power_dBm": -10.0}
    with pytest.raises(LimitError, match=f"vna: .*{named}"):
        station["vna"].set_sweep(**{**good, **asked})
    channel = analyser(station).ch_1
    assert (channel.start_frequency, channel.stop_frequency, channel.number_of_points) == (1e9, 10e9, 201)
    assert channel.power == -10.0


@pytest.mark.parametrize("parameters", [("S31",), (), ("S11", "s21")])
def test_what_is_no_parameter_is_refused(station, parameters):
    with pytest.raises(InstrumentError, match=r"vna: .* there are S11, S12, S21, S22"):
        station["vna"].measure(*parameters)


def test_a_sweep_that_does_not_end_is_an_error(station):
    sweep(station)
    add_fault(station, kind="wrong_reply", match="ESR", text="0")
    with pytest.raises(InstrumentError, match=r"vna: a sweep of .* has not ended"):
        station["vna"].measure("S11")


def test_points_changed_at_the_front_panel_are_noticed(station):
    sweep(station)
    station["vna"].measure("S11")
    analyser(station).ch_1.number_of_points = 101
    with pytest.raises(InstrumentError, match=r"vna: 101 values of S11 at 201 frequencies"):
        station["vna"].measure("S11")


def test_garbage_in_place_of_a_block_is_an_error_and_gone_afterwards(station):
    sweep(station)
    add_fault(station, kind="wrong_reply", match="DATA", text="garbage", count=2)
    with pytest.raises(InstrumentError, match=r"vna at GPIB0::16::INSTR: the reply to S11\? makes no sense"):
        station["vna"].measure("S11")
    station["vna"].measure("S11")


def test_a_block_that_is_cut_short_is_an_error(station):
    sweep(station)
    add_fault(station, kind="truncated", match="DATA", count=1)
    with pytest.raises(InstrumentTimeoutError, match=r"vna at GPIB0::16::INSTR"):
        station["vna"].measure("S11")


@pytest.mark.parametrize("question", ["CAT", "TIME", "OUTP", "ESR", "SYST:ERR"])
def test_an_answer_that_makes_no_sense_is_an_error_that_names_the_role(station, question):
    sweep(station)
    add_fault(station, kind="wrong_reply", match=question, text="garbage")
    with pytest.raises(InstrumentError, match=r"vna at .*: the reply"):
        station["vna"].measure("S21")


def test_an_error_that_it_reports_is_raised(station):
    add_fault(station, kind="queue_error", match="BAND", code=-310, text="System error")
    with pytest.raises(InstrumentError, match="vna: the instrument reports -310"):
        sweep(station)


def test_no_answer_names_role_and_address(station):
    sweep(station)
    add_fault(station, kind="no_reply", match="DATA")
    with pytest.raises(InstrumentTimeoutError, match=r"vna at GPIB0::16::INSTR"):
        station["vna"].measure("S11")


def test_another_instrument_at_the_address_is_an_error(tmp_path, open_station):
    (tmp_path / "bench.yaml").write_text(BENCH.replace("pna_n5222b:N5222B", "shutter:Shutter"), encoding="utf-8")
    with pytest.raises(WrongInstrumentError, match=r"vna at GPIB0::16::INSTR: .*shutter"):
        open_station()
