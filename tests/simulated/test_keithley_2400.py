"""The simulated 2400 over the wire, on a strip of its own."""

import numpy as np
import pytest
import pyvisa

BENCH = """
from sotlab.simulated.physics.transport import SourcedStrip, Strip


class Bench:
    def __init__(self, lab, streams, noise):
        strip = Strip(resistance_ohm=100.0, contact_ohm=5.0, width_m=1e-5, thickness_m=1e-8, most_A_per_m2=5e11)
        self.load = SourcedStrip(strip, streams("strip.johnson") if noise else None)

    def drive_current(self, name, t_s, current_A, limit_V):
        self.load.drive_current(t_s, current_A, limit_V)

    def drive_voltage(self, name, t_s, voltage_V, limit_A):
        self.load.drive_voltage(t_s, voltage_V, limit_A)

    def terminal_voltage_V(self, name, start_s, stop_s, *, four_wires):
        return self.load.voltage_V(start_s, stop_s, four_wires=four_wires)

    def terminal_current_A(self, name, start_s, stop_s):
        return self.load.current_A(start_s, stop_s)

    def in_compliance(self, name, t_s):
        return self.load.in_compliance(t_s)


class Nothing:
    def __init__(self, lab, streams, noise):
        pass
"""

FILE = """
spec: "1.1"
devices:
  source_meter: {class: "keithley_2400:Keithley2400", role: source_meter}
resources:
  GPIB0::24::INSTR: {device: source_meter}
lab: {bench: "wiring.py:%s"}
"""


@pytest.fixture
def open_lab(tmp_path):
    """Opens a lab with the 2400 on the strip, or on nothing; its error queue must be empty at the end."""
    (tmp_path / "wiring.py").write_text(BENCH, encoding="utf-8")
    managers = []

    def open_one(bench="Bench", options="clock=virtual&noise=off"):
        path = tmp_path / f"{bench}.yaml"
        path.write_text(FILE % bench, encoding="utf-8")
        managers.append(pyvisa.ResourceManager(f"{path}?{options}@sotlab"))
        return managers[-1]

    yield open_one
    left = [list(m.visalib.lab.devices["GPIB0::24::INSTR"].errors) for m in managers]
    for manager in managers:
        manager.close()
    assert not any(left)


def open_meter(manager):
    return manager.open_resource("GPIB0::24::INSTR", read_termination="\n", write_termination="\n", timeout=20000)


@pytest.fixture
def manager(open_lab):
    return open_lab()


@pytest.fixture
def meter(manager):
    return open_meter(manager)


@pytest.fixture
def load(manager):
    return manager.visalib.lab.bench.load


def read(meter, question="READ?"):
    return [float(field) for field in meter.query(question).split(",")]


def test_identity_says_simulated(meter):
    maker, model, serial, *_ = meter.query("*IDN?").split(",")
    assert (maker, model) == ("KEITHLEY INSTRUMENTS INC.", "MODEL 2400")
    assert serial.startswith("SIM")


@pytest.mark.parametrize(("wires", "voltage_V"), [(1, 0.1), (0, 0.11)])
def test_current_source_reads_the_strip_with_four_wires_and_its_contacts_with_two(meter, wires, voltage_V):
    meter.write(f"SOUR:FUNC CURR;:SOUR:CURR 1E-3;:SYST:RSEN {wires};:SENS:FUNC 'VOLT';:OUTP ON")
    voltage, current, resistance, _, _ = read(meter)
    assert voltage == pytest.approx(voltage_V, abs=1e-6)
    assert current == pytest.approx(1e-3, abs=1e-8)
    assert resistance == 9.91e37  # not measured


def test_voltage_source_reads_the_current_and_the_programmed_voltage(meter):
    meter.write("SOUR:FUNC VOLT;:SOUR:VOLT 0.22;:SENS:CURR:PROT 0.01;:OUTP ON")
    voltage, current, *_ = read(meter)
    assert voltage == pytest.approx(0.22)
    assert current == pytest.approx(2e-3, abs=1e-7)


@pytest.mark.parametrize(("limit_V", "tripped"), [(0.2, "0"), (0.05, "1")])
def test_voltage_limit_holds_and_shows_in_status_and_query(meter, limit_V, tripped):
    meter.write(f"SOUR:FUNC CURR;:SENS:VOLT:PROT {limit_V};:SOUR:CURR 1E-3;:SENS:FUNC 'VOLT','CURR';:OUTP ON")
    voltage, current, *_, status = read(meter)
    assert meter.query("SENS:VOLT:PROT:TRIP?") == tripped
    assert bool(int(status) & 8) == (tripped == "1")
    assert int(meter.query("STAT:MEAS?")) >> 14 == int(tripped)
    expected_A = min(1e-3, limit_V / 110)
    assert current == pytest.approx(expected_A, rel=1e-4)
    assert voltage == pytest.approx(110 * expected_A, rel=1e-4)


def test_current_limit_of_the_voltage_source_holds(meter):
    meter.write("SOUR:VOLT 2;:SENS:CURR:PROT 1E-3;:SENS:FUNC 'VOLT';:OUTP ON")
    voltage, current, *_ = read(meter)
    assert current == pytest.approx(1e-3)
    assert voltage == pytest.approx(0.11, abs=2e-5)
    assert meter.query("CURR:PROT:TRIP?") == "1"


def test_nothing_flows_with_the_output_off_and_reading_is_refused(meter, load):
    meter.write("SOUR:FUNC CURR;:SOUR:CURR 1E-3")
    assert load.current_A(0, 1) == 0
    meter.write("READ?")
    assert meter.query("SYST:ERR?") == '803,"Not permitted with OUTPUT off"'
    assert int(meter.query("*ESR?")) & 16
    meter.write("SOUR:CLE:AUTO ON")
    assert read(meter)[1] == pytest.approx(1e-3)
    assert (meter.query("OUTP?"), load.current_A(0, 1)) == ("0", 0)


def test_safe_commands_switch_the_current_off(meter, load):
    for sent in ("OUTP OFF", "SOUR:CLE", "SOUR:FUNC VOLT", "ROUT:TERM REAR", "*RST"):
        meter.write("*RST;:SOUR:FUNC CURR;:SOUR:CURR 1E-3;:OUTP ON")
        assert load.current_A(0, 1) == pytest.approx(1e-3)
        meter.write(sent)
        assert (meter.query("OUTP?"), load.current_A(0, 1)) == ("0", 0)


def test_rear_terminals_are_open(meter):
    meter.write("ROUT:TERM REAR;:SOUR:VOLT 1;:OUTP ON")
    assert read(meter)[1] == 0


@pytest.mark.parametrize(("sent", "asked", "range_"), [
    ("SOUR:VOLT:RANG 3", "SOUR:VOLT:RANG?", 21.0),
    ("SOUR:VOLT 0.205", "SOUR:VOLT:RANG?", 0.21),
    ("SOUR:VOLT 0.215", "SOUR:VOLT:RANG?", 2.1),
    ("SOUR:CURR:RANG 2E-5", "SOUR:CURR:RANG?", 1.05e-4),
    ("SENS:CURR:PROT 1;RANG 5E-3", "SENS:CURR:RANG?", 1.05e-2),
    ("SENS:CURR:PROT 1;:SENS:CURR:RANG MAX", "SENS:CURR:RANG?", 1.05),
])  # fmt: skip
def test_range_is_the_lowest_that_takes_the_value(meter, sent, asked, range_):
    if ";RANG" in sent:
        sent = sent.replace(";RANG", ";:SENS:CURR:RANG")
    meter.write(sent)
    assert float(meter.query(asked)) == pytest.approx(range_)


def test_reading_beyond_a_fixed_range_is_an_overflow(meter):
    meter.write("SENS:CURR:PROT 0.1;:SENS:CURR:RANG 1E-3;:SOUR:VOLT 0.22;:OUTP ON")
    *_, status = read(meter)
    assert int(status) & 1
    assert read(meter)[1] == 9.9e37
    meter.write("SENS:CURR:RANG:AUTO ON")
    assert read(meter)[1] == pytest.approx(2e-3, abs=1e-7)


@pytest.mark.parametrize(("sent", "code"), [
    ("SOUR:VOLT 211", -222),
    ("SOUR:VOLT:RANG 2;:SOUR:VOLT 2.2", -222),
    ("SOUR:VOLT 5;:SOUR:VOLT:RANG 2", -221),
    ("SENS:CURR:RANG 1", 824),
    ("SENS:VOLT:RANG 2", 823),
    ("SENS:VOLT:RANG:AUTO ON", 823),
    ("SENS:CURR:PROT 1;:SOUR:VOLT 100", 826),
    ("SENS:CURR:PROT 1E-12", 822),
    ("SENS:CURR:NPLC 11", -222),
    ("ARM:COUN 100;:TRIG:COUN 26", -221),
    ("SENS:RES:MODE MAN;:SENS:RES:RANG 100", -221),
    ("SYST:LFR 55", -104),
    ("SOUR:FUNC OHMS", -224),
    ("SOUR:VOLT 1 A", -131),
    ("SOUR:MEM:SAVE 1", -113),
    ("SOUR:VOLT:MODE LIST;:OUTP ON;:INIT", -221),
    ("SOUR:VOLT:MODE SWE;STAR -1;STOP 1;:SOUR:SWE:SPAC LOG;:OUTP ON;:INIT", -221),
    ("SOUR:LIST:CURR 2", -222),
    ("FETC?", -230),
    ("*TRG", -211),
])  # fmt: skip
def test_what_the_model_refuses_is_an_error_and_changes_nothing(meter, sent, code):
    meter.write(sent)
    assert meter.query("SYST:ERR?").startswith(f"{code},")
    assert meter.query("SYST:ERR?") == '0,"No error"'


def test_refused_value_is_not_stored(meter):
    meter.write("SENS:CURR:PROT 1")
    meter.write("SOUR:VOLT 100")
    assert meter.query("SYST:ERR?").startswith("826,")
    assert float(meter.query("SOUR:VOLT?")) == 0


@pytest.mark.parametrize(("setup", "seconds"), [
    ("SENS:CURR:NPLC 1", 0.04),
    ("SENS:VOLT:NPLC 10", 0.4),  # one setting for all functions
    ("SYST:AZER OFF", 0.02),
    ("SENS:FUNC 'VOLT'", 0.08),
    ("SENS:AVER:COUN 5;:SENS:AVER ON", 0.2),
    ("SOUR:DEL 0.5", 0.539),
    ("TRIG:COUN 10", 0.4 + 9 * 0.003),
    ("ARM:SOUR TIM;:ARM:TIM 1;COUN 3", 2.04),
])  # fmt: skip
def test_reading_takes_its_delays_and_integrations(meter, manager, setup, seconds):
    meter.write(setup)
    meter.write("OUTP ON")
    start_s = manager.visalib.clock.now()
    meter.query("READ?")
    assert manager.visalib.clock.now() - start_s == pytest.approx(seconds + 3e-3 + 5e-3, abs=2.5e-3)


def test_elements_are_sent_in_their_own_order(meter):
    meter.write("FORM:ELEM TIME, CURR;:OUTP ON")
    assert meter.query("FORM:ELEM?") == "CURR,TIME"
    first, second = read(meter), read(meter)
    assert len(first) == 2
    assert second[1] - first[1] == pytest.approx(0.048, abs=3e-3)


def test_status_word_tells_what_was_done(meter):
    meter.write("SYST:RSEN ON;:SENS:AVER ON;:OUTP ON")
    assert int(read(meter)[4]) == 1 << 1 | 1 << 2 | 1 << 12 | 1 << 14 | 1 << 22
    meter.write("*RST;:SOUR:FUNC CURR;:SENS:FUNC:ALL;:SENS:RES:MODE MAN;:OUTP ON")
    assert int(read(meter)[4]) == 1 << 2 | 1 << 11 | 1 << 12 | 1 << 13 | 1 << 15


def test_auto_ohms_finds_the_range_and_its_test_current_kills_what_is_too_small(meter, load, manager):
    meter.write("SYST:RSEN ON")
    voltage, current, resistance, *_ = read(meter, "MEAS:RES?")
    assert resistance == pytest.approx(100.0, rel=1e-4)
    assert (current, float(meter.query("SENS:RES:RANG?"))) == (pytest.approx(1e-2), pytest.approx(210.0))
    assert voltage == 9.91e37
    assert load.died_s is None
    meter.write("SENS:RES:RANG 20")  # 100 mA, where the strip takes 50
    meter.query("READ?")
    assert load.died_s is not None


def test_bus_trigger_starts_the_readings_that_wait_for_it(meter):
    meter.write("ARM:SOUR BUS;:OUTP ON;:READ?")
    assert meter.query("SYST:ERR?").startswith("-214,")
    meter.write("INIT;*TRG")
    assert meter.query("*OPC?") == "1"
    assert len(meter.query("FETC?").split(",")) == 5


def test_buffer_fills_and_requests_service(meter, manager):
    meter.write("SOUR:VOLT 0.11;:SENS:CURR:PROT 0.01;:TRAC:POIN 4;FEED:CONT NEXT;:TRIG:COUN 6;:OUTP ON")
    meter.write("STAT:MEAS:ENAB 512;*SRE 1;:INIT")
    assert not meter.read_stb() & 1
    manager.visalib.clock.sleep(1.0)
    assert meter.read_stb() == 65
    assert int(meter.query("STAT:MEAS?")) == 64 | 256 | 512
    assert meter.query("TRAC:POIN:ACT?;:TRAC:FEED:CONT?") == "4;NEV"
    rows = np.array(read(meter, "TRAC:DATA?")).reshape(4, 5)
    np.testing.assert_allclose(rows[:, 1], 1e-3, atol=1e-7)
    np.testing.assert_allclose(rows[:, 3], 0.043 * np.arange(4), atol=1e-6)
    meter.write("TRAC:CLE")
    assert meter.query("TRAC:POIN:ACT?") == "0"


def test_terminals_that_nothing_is_wired_to_are_open(open_lab):
    meter = open_meter(open_lab("Nothing"))
    meter.write("SOUR:VOLT 1;:SENS:FUNC 'VOLT';:OUTP ON")
    assert read(meter)[:2] == [1.0, 0.0]
    meter.write("*RST;:SOUR:FUNC CURR;:SOUR:CURR 1E-6;:SENS:FUNC 'VOLT';:OUTP ON")
    assert read(meter)[0] == pytest.approx(21.0)
    assert meter.query("VOLT:PROT:TRIP?") == "1"


@pytest.mark.parametrize("nplc", [0.1, 1.0])
def test_noise_falls_with_the_square_root_of_the_integration_time(open_lab, nplc):
    meter = open_meter(open_lab(options="clock=virtual"))
    meter.timeout = 100000
    meter.write(f"SOUR:FUNC CURR;:SOUR:CURR 1E-3;:SENS:FUNC 'VOLT';:SENS:VOLT:RANG 2;:SENS:VOLT:NPLC {nplc}")
    meter.write("FORM:ELEM VOLT;:TRIG:COUN 1000;:OUTP ON")
    readings_V = np.array(read(meter))
    step_V = 1e-5  # 2 V range
    expected_V = step_V * np.sqrt(0.25 / nplc + 1 / 12)  # its own noise and its steps; Johnson noise is 10 nV
    assert readings_V.std() == pytest.approx(expected_V, rel=5 / np.sqrt(2 * readings_V.size))


# The driver sends six digits, so that it rounds the upper ends of the times out of range: they stop short of them.
PROPERTIES = [
    ("source_mode", ["current", "voltage"]),
    ("source_delay", [0, 0.5, 999.5]), ("source_delay_auto_enabled", [True, False]),
    ("auto_zero_enabled", [True, False]),
    ("output_off_state", ["disconnected", "normal", "zero", "guard"]),
    ("auto_output_off_enabled", [True, False]),
    ("filter_enabled", [True, False]), ("repeat_filter_enabled", [True, False]), ("filter_count", [1, 100]),
    ("compliance_current", [1.05e-4, 1.05, -1.05]), ("current_range", [1.05, 1.05e-6]),
    ("current_range_auto_enabled", [True, False]),
    ("current_nplc", [0.01, 10]), ("voltage_nplc", [0.01, 10]), ("resistance_nplc", [0.01, 10]),
    ("source_current", [-1.05, 1.05, 0]), ("source_current_range", [1.05, 1.05e-6]),
    ("source_current_range_auto_enabled", [True, False]),
    ("source_voltage_range", [21, 0.21]), ("source_voltage_range_auto_enabled", [False, True]),
    ("resistance_mode_auto_enabled", [False, True]), ("resistance_range", [21, 210e6]),
    ("resistance_range_auto_enabled", [True, False]),
    ("buffer_points", [2, 1024]),
    ("trigger_count", [2500, 1]), ("arm_count", [2500, 1]), ("trigger_delay", [0, 999.5]),
    ("arm_timer", [0.001, 99999]),
    ("trigger_source", ["trigger_link", "immediate"]),
    ("arm_source", ["trigger_link", "timer", "manual", "bus", "immediate"]),
    ("trigger_output_event", ["source", "delay", "sense", "none"]),
    ("arm_output_event", ["trigger_enter", "trigger_exit", "none"]),
    ("trigger_input_line", [1, 4]), ("arm_input_line", [1, 4]),
    ("trigger_output_line", [1, 4]), ("arm_output_line", [1, 4]),
    ("display_enabled", [False, True]), ("wires", [2, 4]), ("line_frequency", [60, 50]),
    ("line_frequency_auto_enabled", [True, False]), ("front_terminals_enabled", [False, True]),
    ("source_enabled", [True, False]),
]  # fmt: skip


@pytest.fixture
def driver(manager):
    from pymeasure.instruments.keithley import Keithley2400

    return Keithley2400("GPIB0::24::INSTR", visa_library=str(manager.visalib.library_path) + "@sotlab")


@pytest.mark.parametrize(("name", "values"), PROPERTIES)
def test_stock_pymeasure_driver_sets_and_reads_back(driver, name, values):
    if name == "current_range":
        driver.compliance_current = 1.05  # a range above the limit's is refused: error 824
    for value in values:
        setattr(driver, name, value)
        assert getattr(driver, name) == pytest.approx(value)
    assert driver.check_errors() == []


def test_stock_pymeasure_driver_covers_the_high_voltage_of_either_source(driver):
    for voltage_V in (210, -210):
        driver.source_voltage = voltage_V
        assert driver.source_voltage == voltage_V
    driver.source_voltage = 0
    driver.source_mode = "current"
    for name, value in (("compliance_voltage", 210), ("voltage_range", 210), ("voltage_range", 0.21)):
        setattr(driver, name, value)
        assert getattr(driver, name) == pytest.approx(value)
    driver.voltage_range_auto_enabled = True
    assert driver.voltage_range_auto_enabled
    assert driver.check_errors() == []


def test_stock_pymeasure_driver_measures_ramps_and_shuts_down(driver, load):
    driver.source_mode, driver.wires = "current", 4
    driver.source_enabled = True
    driver.ramp_to_current(1e-3)
    assert driver.voltage == pytest.approx(0.1, rel=1e-4)
    assert driver.current == pytest.approx(1e-3, rel=1e-4)
    found = driver.measure_all()
    assert found["resistance"] == pytest.approx(100, rel=1e-4)
    assert found["status"] & 1 << 13
    driver.config_buffer(10)
    driver.start_buffer()
    driver.wait_for_buffer()
    assert driver.mean_voltage == pytest.approx(0.1, rel=1e-4)
    assert driver.mean_resistance == pytest.approx(100, rel=1e-4)
    assert driver.std_current < 1e-9
    assert driver.max_voltage >= driver.min_voltage
    assert driver.buffer_data.size == 50
    driver.beep(400, 0.1)
    driver.auto_zero_once()
    assert not driver.auto_zero_enabled
    driver.shutdown()
    assert load.current_A(0, 1) == 0
    assert driver.check_errors() == []


CURRENT_SWEEP = "SYST:RSEN ON;:SENS:FUNC 'VOLT';:SENS:VOLT:PROT 10;:SOUR:FUNC CURR;:FORM:ELEM VOLT,CURR"


def sweep(meter, setup, count):
    """Return voltages and currents of a sweep."""
    meter.write(CURRENT_SWEEP)
    meter.write(setup)
    meter.write(f"TRIG:COUN {count};:OUTP ON")
    return np.array(meter.query("READ?").split(","), dtype=float).reshape(-1, 2).T


@pytest.mark.parametrize(("setup", "expected_A"), [
    ("SOUR:CURR:MODE SWE;STAR -1E-3;STOP 1E-3;:SOUR:SWE:POIN 5", [-1e-3, -5e-4, 0, 5e-4, 1e-3]),
    ("SOUR:CURR:MODE SWE;STAR 1E-3;STOP 0;:SOUR:SWE:POIN 3;DIR DOWN", [0, 5e-4, 1e-3]),
    ("SOUR:CURR:MODE SWE;STAR 1E-5;STOP 1E-3;:SOUR:SWE:POIN 3;SPAC LOG", [1e-5, 1e-4, 1e-3]),
    ("SOUR:CURR:MODE LIST;:SOUR:LIST:CURR 1E-4,-1E-4;:SOUR:LIST:CURR:APP 3E-4", [1e-4, -1e-4, 3e-4]),
])  # fmt: skip
def test_sweep_takes_a_reading_at_each_level(meter, setup, expected_A):
    volts, amperes = sweep(meter, setup, len(expected_A))
    assert amperes == pytest.approx(expected_A, rel=1e-5, abs=1e-12)
    assert volts == pytest.approx(100.0 * np.array(expected_A), rel=1e-4, abs=2e-6)


def test_sweep_repeats_its_levels_and_ends_at_the_compliance_if_it_shall(meter):
    _, amperes = sweep(meter, "SOUR:CURR:MODE LIST;:SOUR:LIST:CURR 1E-4,2E-4", 4)
    assert amperes == pytest.approx([1e-4, 2e-4, 1e-4, 2e-4], rel=1e-5)
    setup = "SOUR:SWE:CAB EARL;:SENS:VOLT:PROT 0.25;:SOUR:LIST:CURR 1E-3,2E-3,3E-3,4E-3"
    volts, _ = sweep(meter, setup, 4)
    assert volts == pytest.approx([0.1, 0.2], rel=1e-4)
    assert meter.query("SOUR:LIST:CURR:POIN?;:SOUR:LIST:CURR?").startswith("4;1.000000E-03,")


def test_voltage_sweep_fills_the_buffer(meter):
    meter.write("SOUR:FUNC VOLT;:SENS:FUNC 'CURR';:SENS:CURR:PROT 0.05;:SOUR:VOLT:MODE SWE;STAR 0;STOP 0.5")
    meter.write("SOUR:SWE:POIN 11;:TRIG:COUN 11;:TRAC:POIN 11;FEED:CONT NEXT;:FORM:ELEM VOLT,CURR;:OUTP ON;:INIT")
    assert meter.query("*OPC?;:TRAC:POIN:ACT?") == "1;11"
    volts, amperes = np.array(meter.query("TRAC:DATA?").split(","), dtype=float).reshape(-1, 2).T
    assert volts == pytest.approx(np.linspace(0, 0.5, 11), abs=1e-9)
    assert amperes == pytest.approx(volts / 110.0, rel=1e-3, abs=1e-6)
