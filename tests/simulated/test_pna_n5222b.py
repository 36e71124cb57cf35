"""The simulated PNA N5222B over the wire."""

import time

import numpy as np
import pytest
import pyvisa

from sotlab.simulated.instruments.pna_n5222b import N5222B

BENCH_CLASS = """
from sotlab.simulated.physics.network import Network, NetworkSpec


class Bench:
    def __init__(self, lab, streams, noise):
        self.network = Network(NetworkSpec(), streams("network") if noise else None)
"""
BENCH = """
spec: "1.1"
devices:
  vna: {class: "pna_n5222b:N5222B", role: vna}
  plain_vna: {class: "pna_n5222b:N5222B", options: {format_sign: "no"}}
resources:
  GPIB0::16::INSTR: {device: vna}
  GPIB0::17::INSTR: {device: plain_vna}
lab: {bench: "bench.py:Bench"}
"""


def open_bench(folder, noise):
    (folder / "bench.py").write_text(BENCH_CLASS, encoding="utf-8")
    path = folder / "bench.yaml"
    path.write_text(BENCH, encoding="utf-8")
    return pyvisa.ResourceManager(f"{path}?clock=virtual&noise={noise}@sotlab")


@pytest.fixture
def manager(tmp_path):
    manager = open_bench(tmp_path, "off")
    yield manager
    left = [list(device.errors) for device in manager.visalib.lab.devices.values() if device.errors]
    manager.close()
    assert not left


@pytest.fixture
def vna(manager):
    instrument = manager.open_resource("GPIB0::16::INSTR", read_termination="\n", write_termination="\n")
    instrument.timeout = 100_000
    return instrument


@pytest.fixture
def network(manager):
    return manager.visalib.lab.bench.network


def swept(vna):
    vna.write("SENS:SWE:MODE SING")
    assert vna.query("*OPC?") == "1"


def test_identity_says_simulated(vna):
    assert vna.query("*IDN?").split(",")[2].startswith("SIM")


@pytest.mark.parametrize(
    ("header", "values"),
    [
        ("SENS1:FREQ:STAR", (10e6, 5.123456789e9, 26.5e9)),
        ("FREQ:STOP", (26.5e9, 20e9)),
        ("SENS:FREQ:CW", (10e6, 26.5e9)),
        ("SENS:SWE:POIN", (1, 1601, 100_001)),
        ("SENS:BWID", (1, 1e3, 15e6)),
        ("SENS:AVER:COUN", (1, 65536)),
        ("SENS:AVER", (1, 0)),
        ("SENS:SWE:GRO:COUN", (1, 10)),
        ("SOUR1:POW1", (-30, -5.5, 13)),
        ("OUTP", (0, 1)),
        ("INIT:CONT", (0, 1)),
        ("DISP:WIND1:STAT", (0, 1)),
    ],
)
def test_number_is_set_and_read_back_up_to_the_ends_of_its_range(vna, header, values):
    for value in values:
        vna.write(f"{header} {value!r}")
        assert float(vna.query(f"{header}?")) == value


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ("SENS:SWE:TYPE", ("LOG", "CW", "LIN")),
        ("TRIG:SOUR", ("MAN", "EXT", "IMM")),
        ("FORM:BORD", ("SWAP", "NORM")),
        ("SENS:AVER:MODE", ("POIN", "SWE")),
        ("CALC:FORM", ("PHAS", "SMIT", "MLOG")),
        ("CALC1:MEAS1:FORM", ("REAL", "SWR")),
    ],
)
def test_word_is_set_and_read_back_in_short(vna, header, words):
    for word in words:
        vna.write(f"{header} {word}")
        assert vna.query(f"{header}?") == word


def test_centre_and_span_move_start_and_stop(vna):
    vna.write("FREQ:CENT 5 GHZ;SPAN 2 GHZ")
    assert [float(vna.query(f"FREQ:{end}?")) for end in ("STAR", "STOP", "CENT", "SPAN")] == [4e9, 6e9, 5e9, 2e9]
    vna.write("FREQ:STOP 3 GHZ")
    assert float(vna.query("FREQ:STAR?")) == 3e9  # the other end follows
    vna.write("FREQ:STAR 7 GHZ")
    assert float(vna.query("FREQ:STOP?")) == 7e9


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        ("SENS:FREQ:STAR 27 GHZ", -222),
        ("SENS:FREQ:STAR 1 V", -131),
        ("SENS:SWE:POIN 0", -222),
        ("SOUR:POW 20", -222),
        ("SENS2:FREQ:STAR 1e9", -114),
        ("CALC:MEAS7:PAR?", -114),
        ("CALC:PAR:SEL 'none'", -224),
        ("CALC:PAR:EXT 'CH1_S11_1',S21", -224),
        ("CALC:PAR:EXT 'new',S31", -224),
        ("CALC:DATA? RAW", -224),
        ("FORM REAL,16", -224),
        ("INIT", -213),
        ("SENS:SWE:TYPE POW", -224),
        ("CALC:NONSENSE?", -113),
    ],
)
def test_what_cannot_be_is_an_error_and_changes_nothing(vna, sent, code):
    questions = ("FREQ:STAR?", "SWE:POIN?", "SOUR:POW?", "CALC:PAR:CAT:EXT?", "FORM?", "SWE:TYPE?")
    before = [vna.query(question) for question in questions]
    vna.write(sent)
    assert vna.query("SYST:ERR?").startswith(f"{code},")
    assert [vna.query(question) for question in questions] == before


def test_mode_is_hold_only_when_the_sweep_has_ended(vna, manager):
    vna.write("BAND 1 KHZ;:SENS:SWE:POIN 1001")
    assert float(vna.query("SWE:TIME?")) == pytest.approx(1001 * (1e-3 + 20e-6))
    vna.write("SENS:SWE:MODE SING")
    assert vna.query("SENS:SWE:MODE?") == "SING"
    manager.visalib.lab.clock.sleep(0.9)
    assert vna.query("SENS:SWE:MODE?") == "SING"
    manager.visalib.lab.clock.sleep(0.2)
    assert vna.query("SENS:SWE:MODE?") == "HOLD"


def test_opc_waits_for_every_sweep_of_a_group(vna, manager):
    vna.write("BAND 1 KHZ;:SENS:SWE:POIN 101;GRO:COUN 10")
    start_s = manager.visalib.lab.clock.now()
    vna.write("SENS:SWE:MODE GRO")
    vna.query("*OPC?")
    assert manager.visalib.lab.clock.now() - start_s == pytest.approx(10 * 101 * 1.02e-3, abs=0.02)
    assert vna.query("SENS:SWE:MODE?") == "HOLD"


def test_manual_trigger_takes_one_sweep_for_each_initiate(vna, network):
    vna.write("TRIG:SOUR MAN;:SENS:SWE:MODE CONT")
    assert not any(vna.query_ascii_values("CALC:DATA? SDATA"))
    vna.write("INIT1:IMM")
    vna.query("*OPC?")
    first = vna.query_ascii_values("CALC:DATA? SDATA")
    assert any(first)
    network.connect("short")
    assert vna.query_ascii_values("CALC:DATA? SDATA") == first
    vna.write("INIT1:IMM")
    vna.query("*OPC?")
    assert vna.query_ascii_values("CALC:DATA? SDATA") != first
    assert vna.query("SENS:SWE:MODE?") == "CONT"


def test_abort_leaves_no_data(vna, manager):
    vna.write("BAND 10;:SENS:SWE:POIN 101;MODE HOLD;:TRIG:SOUR MAN;:SENS:SWE:MODE SING;:INIT;:ABOR")
    manager.visalib.lab.clock.sleep(60.0)
    assert not any(vna.query_ascii_values("CALC:DATA? SDATA"))


@pytest.mark.parametrize(
    ("kind", "datatype", "digits"), [("ASC,0", "", 1e-10), ("REAL,64", "d", 0), ("REAL,32", "f", 1e-6)]
)
@pytest.mark.parametrize("order", ["NORM", "SWAP"])
def test_every_transfer_format_brings_what_the_receivers_saw(vna, network, kind, datatype, digits, order):
    vna.write(f"FORM {kind};:FORM:BORD {order};:SWE:POIN 101;:FREQ:STAR 1 GHZ;STOP 10 GHZ;:CALC:PAR:MOD:EXT S11")
    swept(vna)
    if datatype:
        got = vna.query_binary_values(
            "CALC:DATA? SDATA", datatype=datatype, is_big_endian=order == "NORM", container=np.array
        )
    else:
        got = np.array(vna.query_ascii_values("CALC:DATA? SDATA"))
    raw = network.raw_parameters(np.linspace(1e9, 10e9, 101), 0.0).s11
    assert got[::2] + 1j * got[1::2] == pytest.approx(raw, rel=max(digits, 1e-12), abs=max(digits, 1e-15))
    assert vna.query("FORM?") == kind.replace(",", ",+")


def test_traces_by_name_and_by_number_are_the_same_ones(vna, network):
    vna.write("CALC:PAR:EXT 'through',S21;SEL 'through',fast")
    vna.write("DISP:WIND1:TRAC2:FEED 'through';:CALC1:MEAS5:DEF 'S22'")
    assert vna.query("CALC:PAR:CAT:EXT?") == '"CH1_S11_1,S11,through,S21,CH1_S22_5,S22"'
    assert vna.query("SYST:MEAS:CAT? 1") == '"1,2,5"'
    assert (vna.query("CALC:PAR:MNUM?"), vna.query("CALC:PAR:SEL?")) == ("2", '"through"')
    assert vna.query("DISP:WIND:CAT?") == '"1,2"'
    network.connect("thru")
    swept(vna)
    assert vna.query("CALC:DATA? SDATA") == vna.query("CALC1:MEAS2:DATA:SDATA?")
    vna.write("CALC:PAR:DEL 'through'")
    assert vna.query("SYST:MEAS:CAT? 1") == '"1,5"'
    vna.write("CALC:DATA? SDATA")  # what was selected is gone
    assert vna.query("SYST:ERR?").startswith("-221")


def test_formats_follow_from_the_complex_trace(vna):
    vna.write("FREQ:STAR 1 GHZ;STOP 1.2 GHZ;:SWE:POIN 51")
    swept(vna)
    pairs = np.array(vna.query_ascii_values("CALC:DATA? SDATA"))
    values = pairs[::2] + 1j * pairs[1::2]

    def formatted(shape):
        vna.write(f"CALC:FORM {shape}")
        return np.array(vna.query_ascii_values("CALC:DATA? FDATA"))

    assert formatted("MLOG") == pytest.approx(20 * np.log10(abs(values)))
    assert formatted("PHAS") == pytest.approx(np.degrees(np.angle(values)))
    assert formatted("SWR") == pytest.approx((1 + abs(values)) / (1 - abs(values)))
    assert formatted("POL") == pytest.approx(pairs)
    phase_rad, f = np.unwrap(np.angle(values)), np.linspace(1e9, 1.2e9, 51)
    assert formatted("GDEL") == pytest.approx(-np.gradient(phase_rad, f) / (2 * np.pi))


def test_output_off_shows_nothing(vna):
    vna.write("OUTP OFF;:CALC:FORM MLIN")
    swept(vna)
    assert not any(vna.query_ascii_values("CALC:DATA? FDATA"))


def test_averaging_lowers_the_noise_by_the_root_of_the_count(tmp_path):
    manager = open_bench(tmp_path, "on")
    vna = manager.open_resource("GPIB0::16::INSTR", read_termination="\n", write_termination="\n", timeout=100_000)
    vna.write("FORM REAL,64;:SWE:TYPE CW;POIN 20001;:AVER:COUN 16;:SWE:GRO:COUN 16")
    spread = []
    for averaging in ("OFF", "ON"):
        vna.write(f"AVER {averaging};:SENS:SWE:MODE GRO")
        vna.query("*OPC?")
        pairs = vna.query_binary_values("CALC:DATA? SDATA", datatype="d", is_big_endian=True, container=np.array)
        spread.append(np.std(pairs[::2]))
    manager.close()
    assert spread[0] / spread[1] == pytest.approx(4.0, rel=0.03)


def test_abilities_are_told(vna):
    assert vna.query("SYST:CAP:HARD:PORT:COUN?") == "2"
    assert [float(vna.query(f"SYST:CAP:FREQ:{end}?")) for end in ("MIN", "MAX")] == [10e6, 26.5e9]


def test_stock_pymeasure_driver_reads_traces_where_the_format_reply_has_no_sign(manager, network):
    from pymeasure.instruments.keysight import KeysightPNA

    library = f"{manager.visalib.library_path}@sotlab"
    driver = KeysightPNA("GPIB0::17::INSTR", visa_library=library, timeout=100_000)
    channel = driver.ch_1
    assert (driver.data_format, driver.byte_order_swapped, driver.options) == ("real64", True, "200")
    assert channel.number_of_points == 201
    channel.single()
    assert driver.complete
    raw = network.raw_parameters(np.linspace(10e6, 26.5e9, 201), 0.0).s11
    for kind, relative in (("real64", 1e-9), ("real32", 1e-5), ("ascii", 1e-9)):
        driver.data_format = kind
        trace = channel.tr_1
        assert trace.x_data.astype(float) == pytest.approx(np.linspace(10e6, 26.5e9, 201), rel=1e-6)
        pairs = trace.y_data_complex.astype(float)
        assert pairs[:, 0] + 1j * pairs[:, 1] == pytest.approx(raw, abs=relative)
        assert trace.y_data.astype(float) == pytest.approx(20 * np.log10(np.abs(raw)), abs=1e-4)
    assert (channel.tr_1.parameter, channel.tr_1.x_unit, channel.tr_1.y_unit) == ("S11", "FREQ", "DB")
    channel.continuous()
    channel.hold()
    driver.abort()
    for on in (False, True):
        driver.output_enabled = on
        assert driver.output_enabled is on
    for swapped in (False, True):
        driver.byte_order_swapped = swapped
        assert driver.byte_order_swapped is swapped
    driver.reset()
    assert driver.data_format == "ascii"
    assert driver.check_errors() == []


def test_binary_trace_of_1601_complex_points_is_quick(vna):
    vna.write("FORM REAL,64;:SWE:POIN 1601")
    swept(vna)
    vna.read_termination = None  # a byte of the block may look like a line feed
    best_s = np.inf
    for _ in range(50):
        start_s = time.perf_counter()
        vna.write("CALC:DATA? SDATA")
        reply = vna.read_raw()
        best_s = min(best_s, time.perf_counter() - start_s)
    assert len(reply) == 2 + 5 + 1601 * 16 + 1
    assert best_s < 2e-3  # 0.1 ms on an idle machine


def test_every_command_names_its_source():
    assert all(source for _, source in N5222B.command_table())


def test_channels_sweep_and_measure_by_themselves(vna, network):
    vna.write("FORM REAL,64;:FORM:BORD SWAP;:SENS1:SWE:POIN 11")
    vna.write("CALC2:PAR:EXT 'thru',S21;:SENS2:FREQ:STAR 4 GHZ;STOP 6 GHZ;:SENS2:SWE:POIN 5")
    vna.write("SENS1:SWE:MODE SING")
    vna.write("SENS2:SWE:MODE SING;*OPC?")
    assert vna.read() == "1"
    assert vna.query("SENS1:SWE:MODE?;:SENS2:SWE:MODE?") == "HOLD;HOLD"
    pairs = vna.query_binary_values("CALC2:MEAS2:DATA:SDATA?", datatype="d", container=np.array)
    truth = network.raw_parameters(np.linspace(4e9, 6e9, 5), 0.0).s21
    assert pairs[::2] + 1j * pairs[1::2] == pytest.approx(truth, abs=1e-9)
    vna.write("SENS2:SWE:POIN 7")  # drops the data of channel 2, and leaves those of channel 1
    assert not np.any(vna.query_binary_values("CALC2:MEAS2:DATA:SDATA?", datatype="d", container=np.array))
    assert np.all(vna.query_binary_values("CALC1:MEAS1:DATA:SDATA?", datatype="d", container=np.array) != 0.0)


def test_measurement_is_asked_for_in_its_own_channel_only(vna):
    vna.write("CALC2:PAR:EXT 'thru',S21")
    assert vna.query("CALC2:MEAS2:PAR?") == '"S21"'
    vna.write("CALC1:MEAS2:PAR?")
    assert vna.query("SYST:ERR?").startswith("-114")
    vna.write("CALC1:PAR:SEL 'thru'")
    assert vna.query("SYST:ERR?").startswith("-224")


def test_removed_channel_comes_back_with_its_defaults(vna):
    vna.write("CALC2:PAR:EXT 'thru',S21;:SENS2:FREQ:STAR 4 GHZ;:SYST:CHAN:DEL 2")
    assert vna.query("SYST:CHAN:CAT?;:SYST:MEAS:CAT?") == '"1";"1"'
    vna.write("CALC2:PAR:EXT 'thru',S21")
    assert float(vna.query("SENS2:FREQ:STAR?")) == 10e6


def test_marker_shows_the_trace_between_its_points_and_at_them(vna):
    vna.write("SENS:FREQ:STAR 1 GHZ;STOP 3 GHZ;:SENS:SWE:POIN 3;:CALC:MEAS1:FORM MLIN")
    swept(vna)
    points = [float(value) for value in vna.query("CALC1:MEAS1:DATA:FDATA?").split(",")]
    vna.write("CALC1:MEAS1:MARK3 ON;MARK3:X 1.25 GHZ")
    y = [float(value) for value in vna.query("CALC1:MEAS1:MARK3:Y?").split(",")]
    assert y == pytest.approx([0.75 * points[0] + 0.25 * points[1], 0.0], rel=1e-9)
    vna.write("CALC1:MEAS1:MARK3:DISC ON")
    assert float(vna.query("CALC1:MEAS1:MARK3:X?")) == 1e9
    assert float(vna.query("CALC1:MEAS1:MARK3:Y?").split(",")[0]) == pytest.approx(points[0], rel=1e-9)
