"""The simulated 33511B over the wire, on a strip of its own."""

import math

import pytest
import pyvisa

BENCH = """
from sotlab.simulated.physics.transport import SourcedStrip, Strip


class Bench:
    def __init__(self, lab, streams, noise):
        self.load = SourcedStrip(Strip(resistance_ohm=50.0, most_A_per_m2=1e14))

    def drive_voltage_wave(self, name, t_s, wave, output_ohm):
        self.load.drive_voltage_wave(t_s, wave, output_ohm)
        self.wave = wave
"""

FILE = """
spec: "1.1"
devices:
  generator: {class: "agilent_33500b:Agilent33511B", role: ac_source}
resources:
  TCPIP0::generator.example::INSTR: {device: generator}
lab: {bench: "wiring.py:Bench"}
"""
ADDRESS = "TCPIP0::generator.example::INSTR"


@pytest.fixture
def manager(tmp_path):
    """Opens the bench without noise; a test that makes the generator err must read the errors."""
    (tmp_path / "wiring.py").write_text(BENCH, encoding="utf-8")
    path = tmp_path / "bench.yaml"
    path.write_text(FILE, encoding="utf-8")
    manager = pyvisa.ResourceManager(f"{path}?clock=virtual&noise=off@sotlab")
    yield manager
    left = [list(device.errors) for device in manager.visalib.lab.devices.values()]
    manager.close()
    assert not any(left)


@pytest.fixture
def bench(manager):
    return manager.visalib.lab.bench


@pytest.fixture
def generator(manager):
    return manager.open_resource(ADDRESS, read_termination="\n", write_termination="\n")


def test_identity_says_simulated(generator):
    maker, model, serial, _ = generator.query("*IDN?").split(",")
    assert (maker, model) == ("Agilent Technologies", "33511B")
    assert serial.startswith("SIM")


def test_into_the_load_that_is_named_the_voltage_is_the_one_that_is_shown(generator, bench):
    generator.write("FUNC SIN;FREQ 1000;:VOLT 1;:OUTP ON")
    quarter_V = bench.load.voltage_V(0.25e-3 - 1e-8, 0.25e-3 + 1e-8)
    assert quarter_V == pytest.approx(0.5)  # 1 Vpp into 50 ohm
    assert bench.load.current_A(0.25e-3 - 1e-8, 0.25e-3 + 1e-8) == pytest.approx(0.01)


def test_naming_another_load_changes_what_is_shown_and_not_what_comes_out(generator, bench):
    generator.write("VOLT 1;VOLT:OFFS 0.2;:OUTP ON")
    before = bench.wave
    generator.write("OUTP:LOAD INF")
    assert float(generator.query("VOLT?")) == pytest.approx(2.0)
    assert float(generator.query("VOLT:OFFS?")) == pytest.approx(0.4)
    assert float(generator.query("OUTP:LOAD?")) == 9.9e37
    generator.write("VOLT 2")
    assert bench.wave == before
    generator.write("OUTP:LOAD 150")
    assert float(generator.query("VOLT?")) == pytest.approx(1.5)


@pytest.mark.parametrize(
    ("shape", "crest"), [("SIN", 2 * math.sqrt(2)), ("SQU", 2.0), ("TRI", 2 * math.sqrt(3)), ("RAMP", 2 * math.sqrt(3))]
)
def test_units_are_those_of_the_wave(generator, bench, shape, crest):
    generator.write(f"FUNC {shape};:VOLT 1 VPP;:VOLT:UNIT VRMS;:OUTP ON")
    assert float(generator.query("VOLT?")) == pytest.approx(1 / crest)
    assert bench.wave.rms / 2 == pytest.approx(1 / crest)
    generator.write("VOLT:UNIT DBM")
    assert float(generator.query("VOLT?")) == pytest.approx(10 * math.log10(crest**-2 / 50 / 1e-3))
    generator.write("VOLT 0;:VOLT:UNIT VRMS")
    assert float(generator.query("VOLT?")) == pytest.approx(math.sqrt(0.05))
    generator.write("VOLT 100 mVpp")
    assert float(generator.query("VOLT?")) == pytest.approx(0.1 / crest)


def test_levels_phase_and_duty_make_the_wave(generator, bench):
    generator.write("FUNC SQU;FREQ 10;:VOLT:HIGH 2;LOW -1;:FUNC:SQU:DCYC 25;:PHAS 90;:OUTP ON")
    assert float(generator.query("VOLT?")) == pytest.approx(3.0)
    assert float(generator.query("VOLT:OFFS?")) == pytest.approx(0.5)
    assert bench.load.voltage_V(0.0, 0.1) == pytest.approx(2 * 0.25 - 0.75)
    assert bench.load.voltage_V(0.0, 1e-3) == pytest.approx(-1.0)  # a quarter period is over


@pytest.mark.parametrize("sent", ["OUTP OFF", "*RST"])
def test_nothing_comes_out_with_the_output_off(generator, bench, sent):
    generator.write("FUNC DC;:VOLT:OFFS 1;:OUTP ON")
    assert bench.load.voltage_V(0, 1) == pytest.approx(1.0)
    generator.write(sent)
    assert bench.load.voltage_V(0, 1) == 0


@pytest.mark.parametrize(("sent", "error", "asked", "value"), [
    ("VOLT 11", '-222,"Data out of range; value clipped to upper limit"', "VOLT?", 10.0),
    ("VOLT 0", '-222,"Data out of range; value clipped to lower limit"', "VOLT?", 1e-3),
    ("VOLT 8;VOLT:OFFS 2", '-222,"Data out of range; value clipped to upper limit"', "VOLT:OFFS?", 1.0),
    ("VOLT:OFFS 4;:VOLT 8", '-221,"Settings conflict; offset changed due to amplitude"', "VOLT:OFFS?", 1.0),
    ("VOLT:HIGH -1", '-221,"Settings conflict"', "VOLT:HIGH?", 0.05),
    ("OUTP:LOAD INF;:VOLT:UNIT DBM", '-221,"Settings conflict"', "VOLT?", 0.2),
    ("FUNC RAMP;:FREQ 1 MHZ", '-222,"Data out of range"', "FREQ?", 1e3),
    ("OUTP:LOAD 0.5", '-222,"Data out of range"', "OUTP:LOAD?", 50.0),
    ("FUNC PULS", '-224,"Illegal parameter value"', "FREQ?", 1e3),
    ("FM:STAT ON", '-113,"Undefined header"', "FREQ?", 1e3),
    ("FUNC SQU;:AM:STAT ON", '-221,"Settings conflict"', "AM:STAT?", 0),
    ("BURS:STAT ON;:AM:STAT ON", '-221,"Settings conflict"', "AM:STAT?", 0),
    ("FUNC DC;:BURS:STAT ON", '-221,"Settings conflict"', "BURS:STAT?", 0),
    ("*TRG", '-211,"Trigger ignored"', "BURS:STAT?", 0),
    ("BURS:NCYC 5;:FREQ 100;:BURS:INT:PER 0.02;:BURS:STAT ON",
     '-221,"Settings conflict; burst period has been adjusted"', "BURS:INT:PER?", 0.050001),
    ("SOUR2:FREQ 5", '-114,"Header suffix out of range"', "FREQ?", 1e3),
    ("VOLT 1 A", '-138,"Suffix not allowed"', "VOLT?", 0.1),
])  # fmt: skip
def test_what_does_not_fit_is_an_error(generator, sent, error, asked, value):
    generator.write(sent)
    assert generator.query("SYST:ERR?") == error
    assert generator.query("SYST:ERR?") == '+0,"No error"'
    assert float(generator.query(asked)) == pytest.approx(value)


#: Not here: pulse, arbitrary waveforms, burst and triggers, and the second channel, which this model does not have.
PROPERTIES = [
    ("shape", ["SIN", "SQU", "TRI", "RAMP", "DC"]), ("frequency", [1e-6, 20e6]), ("amplitude", [10e-3, 10]),
    ("amplitude_unit", ["VPP", "VRMS", "DBM"]), ("offset", [-4.9, 4.9]), ("voltage_high", [0, 4.9]),
    ("voltage_low", [-4.9, 0]), ("phase", [-360, 360]), ("square_dutycycle", [0.01, 99.98]),
    ("ramp_symmetry", [0, 100]), ("output", [True, False]), ("output_load", [1, 10000, 50]),
]  # fmt: skip


@pytest.fixture
def driver(manager):
    from pymeasure.instruments.agilent import Agilent33500

    return Agilent33500(ADDRESS, visa_library=str(manager.visalib.library_path) + "@sotlab")


@pytest.mark.parametrize("channel", [False, True])
@pytest.mark.parametrize(("name", "values"), PROPERTIES)
def test_stock_pymeasure_driver_sets_and_reads_back(driver, name, values, channel):
    target = driver.ch_1 if channel else driver
    for value in values:
        setattr(target, name, value)
        assert getattr(target, name) == pytest.approx(value)
    assert driver.check_errors() == []


def test_stock_pymeasure_driver_does_the_rest(driver):
    driver.output_load = "INF"
    assert driver.output_load == 9.9e37
    driver.beep()
    driver.phase_sync()
    driver.display = "sotlab"
    driver.clear_display()
    assert driver.check_errors() == []


def values_V(bench, times_s):
    """Return the voltage without load at some times."""
    return [bench.wave.value(t) for t in times_s]


def test_bursts_of_whole_cycles_come_by_the_timer(manager, generator):
    bench, clock = manager.visalib.lab.bench, manager.visalib.clock
    generator.write("OUTP:LOAD INF;:FREQ 1000;:VOLT 2;:BURS:MODE TRIG;NCYC 3;INT:PER 0.01;:BURS:STAT ON;:OUTP ON")
    start_s = bench.wave.start_s
    assert start_s <= clock.now()
    for period in (0, 7):
        since = start_s + 0.01 * period
        assert values_V(bench, [since + t for t in (0.25e-3, 0.75e-3, 2.25e-3)]) == pytest.approx([1, -1, 1])
        assert values_V(bench, [since + t for t in (3.25e-3, 5e-3, 9.9e-3)]) == pytest.approx([0, 0, 0], abs=1e-9)
    generator.write("BURS:PHAS 90")
    assert values_V(bench, [bench.wave.start_s + 5e-3]) == pytest.approx([1.0])  # it stays at the phase's value


def test_burst_waits_for_the_bus_trigger_and_comes_once(manager, generator):
    bench, clock = manager.visalib.lab.bench, manager.visalib.clock
    generator.write("OUTP:LOAD INF;:FREQ 100;:VOLT 2;:TRIG:SOUR BUS;:BURS:NCYC 2;STAT ON;:OUTP ON")
    assert values_V(bench, [clock.now() + t for t in (2.5e-3, 1.0)]) == [0, 0]
    start_s = clock.now()
    generator.write("*TRG")
    assert generator.query("*OPC?") == "1"
    assert clock.now() - start_s >= 0.02
    begun_s = bench.wave.start_s
    assert values_V(bench, [begun_s + t for t in (2.5e-3, 17.5e-3, 22.5e-3, 1.0025)]) == pytest.approx([1, -1, 0, 0])


def test_amplitude_modulation_takes_half_the_amplitude_without_depth_and_all_of_it_at_full_depth(manager, generator):
    bench = manager.visalib.lab.bench
    generator.write("OUTP:LOAD INF;:FREQ 1000;:VOLT 4;:AM:INT:FREQ 10;:AM:DEPT 0;STAT ON;:OUTP ON")
    times_s = [i / 40000 for i in range(4000)]
    assert max(values_V(bench, times_s)) == pytest.approx(1.0, rel=1e-4)
    generator.write("AM:DEPT 100")
    found = values_V(bench, times_s)
    expected = [(1 + math.sin(20 * math.pi * t)) * math.sin(2000 * math.pi * t) for t in times_s]
    assert found == pytest.approx(expected, abs=1e-9)
    assert bench.wave.peak == pytest.approx(2.0)
    assert bench.wave.rms == pytest.approx(math.sqrt(sum(v * v for v in found) / len(found)), rel=1e-6)
    assert bench.wave.mean(0.0012, 0.0319) == pytest.approx(
        sum(bench.wave.value(0.0012 + (i + 0.5) * 0.0307 / 20000) for i in range(20000)) / 20000, abs=1e-6
    )
