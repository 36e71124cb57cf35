"""The bench ``transport`` over the wire: resistances by every meter, delta, the matrix, temperature, field, faults."""

import math

import numpy as np
import pytest
import pyvisa
import yaml
from pyvisa_sim import parser
from scipy.constants import k

from sotlab.errors import StationError
from sotlab.simulated.benches.transport import DEFAULTS, Transport
from sotlab.simulated.benches.transport_sample import load_film
from sotlab.simulated.lab import Lab, LabSpec, shipped_benches

ADDRESSES = {
    "k2400": "GPIB0::24::INSTR", "k6221": "GPIB0::14::INSTR", "meter": "GPIB0::7::INSTR",
    "generator": "USB0::0x0957::0x2807::SIM33500::0::INSTR", "lockin": "GPIB0::8::INSTR", "matrix": "GPIB0::22::INSTR",
    "temperature": "TCPIP0::lakeshore336.example::7777::SOCKET", "field": "GPIB0::6::INSTR",
    "gaussmeter": "ASRL3::INSTR", "rotator": "ASRL1::INSTR", "interlock": "ASRL6::INSTR",
}  # fmt: skip
ENDS = {"temperature": ("\r\n", "\n"), "rotator": ("\r\n", "\r")}


class Bench:
    """Every instrument by a short name."""

    def __init__(self, library):
        self.manager = pyvisa.ResourceManager(library)
        self.lab, self.clock = self.manager.visalib.lab, self.manager.visalib.clock
        for name, address in ADDRESSES.items():
            read, write = ENDS.get(name, ("\n", "\n"))
            opened = self.manager.open_resource(address, read_termination=read, write_termination=write, timeout=60_000)
            setattr(self, name, opened)
        self.meter.write("*RST")

    def truth(self, **settings):
        return {name: entry["value"] for name, entry in self.lab.truth(**settings).items()}

    def source(self, current_A, compliance_V=10.0):
        self.k6221.write(f"SOUR:CURR:COMP {compliance_V};:SOUR:CURR {current_A};:OUTP ON")

    def read_V(self):
        return float(self.meter.query("READ?"))

    def route(self, i_plus, i_minus, v_plus, v_minus):
        self.matrix.write(f"ROUT:OPEN:ALL;:ROUT:CLOS (@10{i_plus},20{i_minus},30{v_plus},40{v_minus})")
        assert self.matrix.query("*OPC?") == "1"

    def close(self):
        left = {name: list(one.errors) for name, one in self.lab.devices.items() if one.errors}
        self.manager.close()
        assert not left


@pytest.fixture
def open_bench(tmp_path):
    """Opens the bench, with changes of its lab section; a test that makes a device err must read the errors."""
    opened = []

    def open_one(options="clock=virtual&noise=off", faults=(), **lab):
        described = yaml.safe_load(shipped_benches()["transport"].read_text(encoding="utf-8"))
        if "sample" in lab:
            del described["lab"]["thickness_nm"]
        for key, value in lab.items():
            described["lab"][key] = {**described["lab"][key], **value} if isinstance(value, dict) else value
        described["faults"] = list(faults)
        path = tmp_path / f"bench{len(opened)}.yaml"
        path.write_text(yaml.safe_dump(described), encoding="utf-8")
        opened.append(Bench(f"{path}?{options}@sotlab"))
        return opened[-1]

    yield open_one
    for bench in opened:
        bench.close()


# --- four points


def test_four_point_resistance_of_the_sample_s_own_wires(open_bench):
    bench = open_bench()
    bench.source(1e-5)
    assert bench.read_V() == pytest.approx(1e-5 * bench.truth()["resistance"], rel=2e-6)
    assert bench.truth()["resistance"] == pytest.approx(4.2 * bench.truth()["sheet_resistance"], rel=1e-7)


def test_source_meter_sees_the_film_with_four_wires_and_contacts_too_with_two(open_bench):
    bench = open_bench()
    bench.k2400.write(
        "SOUR:FUNC CURR;:SENS:FUNC 'VOLT';:SENS:VOLT:PROT 2;:SOUR:CURR 1E-4;:FORM:ELEM VOLT,CURR;:OUTP ON"
    )
    two_V, current_A = map(float, bench.k2400.query("READ?").split(","))
    bench.k2400.write("SYST:RSEN ON")
    four_V, _ = map(float, bench.k2400.query("READ?").split(","))
    assert current_A == pytest.approx(1e-4, rel=1e-5)
    assert four_V / 1e-4 == pytest.approx(bench.truth()["resistance"], rel=1e-4)
    assert two_V / four_V == pytest.approx(10.2 / 4.2, rel=0.05)  # the whole bar, its current contacts, their reach


def test_voltage_source_drives_the_current_that_the_bar_lets_through(open_bench):
    bench = open_bench()
    bench.k2400.write("SENS:FUNC 'CURR';:SENS:CURR:PROT 1E-3;:SOUR:VOLT 0.5;:FORM:ELEM CURR;:OUTP ON")
    current_A = float(bench.k2400.query("READ?"))
    assert bench.read_V() == pytest.approx(current_A * bench.truth()["resistance"], rel=1e-3)
    bench.k2400.write("SENS:CURR:PROT 5E-5")
    assert float(bench.k2400.query("READ?")) == pytest.approx(5e-5, rel=1e-3)
    assert bench.k2400.query("SENS:CURR:PROT:TRIP?") == "1"


def test_thickness_series_gives_the_resistivity_of_the_seed(open_bench):
    thicknesses_nm, rho = (6, 10, 26, 70), []
    for thickness_nm in thicknesses_nm:
        bench = open_bench(thickness_nm=thickness_nm)
        bench.source(1e-4)
        rho.append(bench.read_V() / 1e-4 / 4.2 * thickness_nm * 1e-9)
    _, bulk = np.polyfit(1 / np.array(thicknesses_nm), rho, 1)
    cooled = bench.truth()["sheet_resistance"] / bench.truth(temperature_K=300)["sheet_resistance"]
    assert bulk == pytest.approx(3.503e-6 * cooled, rel=1e-5)


def test_lockin_sees_the_ac_resistance_at_the_generators_sync(open_bench):
    bench = open_bench()
    bench.lockin.write("FMOD 0")
    bench.lockin.write("SENS 23;OFLT 8;OFSL 3")
    bench.generator.write("OUTP:LOAD INF;:FREQ 85;:VOLT 0.4 VPP;:OUTP ON")
    bench.clock.sleep(3.0)
    x_V, y_V = map(float, bench.lockin.query("SNAP?1,2").split(","))
    bench.k2400.write("SOUR:FUNC CURR;:SENS:FUNC 'VOLT';:SENS:VOLT:PROT 2;:SOUR:CURR 1E-5;:FORM:ELEM VOLT;:OUTP ON")
    bench.generator.write("OUTP OFF")
    two_ohm = float(bench.k2400.query("READ?")) / 1e-5
    current_A_rms = 0.2 / math.sqrt(2) / (two_ohm + 10e3 + 50)
    assert x_V == pytest.approx(current_A_rms * bench.truth()["resistance"], rel=1e-3)
    assert abs(y_V) < 1e-6


@pytest.mark.parametrize(("marker_deg", "phase_deg"), [(0, 0.0), (90, 90.0), (180, 180.0)])
def test_lockin_is_locked_to_the_phase_marker_of_the_current_source(open_bench, marker_deg, phase_deg):
    bench = open_bench()
    bench.lockin.write("FMOD 0")
    bench.lockin.write("SENS 23;OFLT 8;OFSL 3")
    bench.k6221.write(f"SOUR:WAVE:FREQ 133;AMPL 1E-5;PMAR:STAT ON;:SOUR:WAVE:PMAR {marker_deg};:SOUR:WAVE:ARM;INIT")
    bench.clock.sleep(3.0)
    r_V, theta_deg = map(float, bench.lockin.query("SNAP?3,4").split(","))
    assert r_V == pytest.approx(1e-5 / math.sqrt(2) * bench.truth()["resistance"], rel=1e-4)
    assert math.cos(math.radians(theta_deg - phase_deg)) == pytest.approx(1.0, abs=1e-6)
    bench.k6221.write("SOUR:WAVE:ABOR")


def test_lockin_on_its_own_oscillator_sees_nothing_of_another_frequency(open_bench):
    bench = open_bench()
    bench.lockin.write("FREQ 300")
    bench.lockin.write("SENS 23")
    bench.k6221.write("SOUR:WAVE:FREQ 133;AMPL 1E-5;PMAR:STAT ON;:SOUR:WAVE:ARM;INIT")
    bench.clock.sleep(3.0)
    assert float(bench.lockin.query("OUTP?3")) == 0.0
    bench.lockin.write("FREQ 133")
    bench.clock.sleep(3.0)
    assert float(bench.lockin.query("OUTP?3")) == pytest.approx(
        1e-5 / math.sqrt(2) * bench.truth()["resistance"], rel=1e-3
    )
    bench.k6221.write("SOUR:WAVE:ABOR")


# --- van der Pauw


def test_every_configuration_over_the_matrix_gives_the_sheet_resistance(open_bench):
    bench = open_bench(sample="bisb_van_der_pauw.yaml")
    bench.source(1e-4)
    found = {}
    for first in (1, 2, 3, 4):  # each side once, and the same with current and voltage exchanged
        a, b, c, d = ((first - 1 + i) % 4 + 1 for i in range(4))
        bench.route(a, b, d, c)
        found[first] = bench.read_V() / 1e-4
        bench.route(d, c, a, b)
        assert bench.read_V() / 1e-4 == pytest.approx(found[first], rel=1e-5)
    truth = bench.truth()
    assert found[1] == pytest.approx(found[3], rel=1e-6)
    assert abs(found[1] / found[2] - 1) > 0.2
    relation = sum(math.exp(-math.pi * found[side] / truth["sheet_resistance"]) for side in (1, 2))
    assert relation == pytest.approx(1.0, abs=1e-5)
    assert (found[1], found[2]) == pytest.approx((truth["resistance_a"], truth["resistance_b"]), rel=1e-5)


def test_hall_resistance_follows_the_field_and_changes_sign_with_it(open_bench):
    bench = open_bench(sample="bisb_van_der_pauw.yaml")
    bench.source(1e-4)
    bench.route(1, 3, 2, 4)
    bench.field.write("FUNC:MODE CURR;:VOLT 50;:CURR 0;:OUTP ON")
    found = {}
    for current_A in (10, -10):
        bench.field.write(f"CURR {current_A}")
        bench.clock.sleep(10.0)
        found[current_A] = float(bench.gaussmeter.query("UNIT 2;RDGFIELD?")), bench.read_V() / 1e-4
    (up_T, up_ohm), (down_T, down_ohm) = found[10], found[-10]
    assert up_T - down_T == pytest.approx(1.0, abs=0.01)
    assert (up_ohm - down_ohm) / (up_T - down_T) == pytest.approx(bench.truth()["hall_slope"], rel=1e-4)


# --- current reversal


def delta(bench, current_A=1e-6, count=10, unit="OHMS"):
    """Return delta readings."""
    bench.k6221.write('SYST:COMM:SER:SEND "VOLT:RANG 0.01;:VOLT:NPLC 1"')
    bench.k6221.write(f"UNIT {unit};:SOUR:DELT:HIGH {current_A};DEL 1E-3;COUN {count};:SOUR:DELT:ARM")
    bench.k6221.write("STAT:MEAS:ENAB 512;:INIT")
    while not bench.k6221.read_stb() & 1:
        bench.clock.sleep(0.05)
    values = np.array(bench.k6221.query("TRAC:DATA?").split(","), dtype=float).reshape(-1, 2)
    bench.k6221.write("*CLS;:SOUR:SWE:ABOR")
    return values[:, 0], values[:, 1]


def test_thermal_emf_is_seen_at_dc_and_drops_out_of_delta(open_bench):
    wiring = {"thermal_emf_V": 5e-6, "drift_V_per_s": 20e-9, "pickup_V_per_rtHz": 0.0}
    bench = open_bench("clock=virtual&seed=2", wiring=wiring)
    truth_ohm = bench.truth()["resistance"]
    bench.source(1e-6)
    bench.meter.write("VOLT:RANG 0.01;:VOLT:NPLC 1;:SYST:AZER OFF")
    dc_ohm = np.mean([bench.read_V() for _ in range(20)]) / 1e-6
    assert abs(dc_ohm - truth_ohm) > 0.5
    ohm, _ = delta(bench, count=40)
    assert len(ohm) == 40
    # 20 ms conversions with 6.5 nV/rtHz: 33 nV each, so 0.02 ohm for a reading; neighbours share conversions.
    assert np.mean(ohm) == pytest.approx(truth_ohm, abs=0.03)


def test_delta_without_noise_is_exact_in_each_unit_and_takes_its_time(open_bench):
    bench = open_bench(wiring={"bias_A": 0.0})
    truth_ohm = bench.truth()["resistance"]
    expected = {"V": 1e-6 * truth_ohm, "OHMS": truth_ohm, "SIEM": 1 / truth_ohm, "W": 1e-12 * truth_ohm}
    for unit, value in expected.items():
        found, times_s = delta(bench, unit=unit)
        assert found == pytest.approx(np.full(10, value), rel=3e-6)
        assert np.diff(times_s) == pytest.approx(np.full(9, 20e-3 + 5e-3 + 1e-3), rel=1e-5)
        assert times_s[0] == 0.0


def test_delta_reads_last_and_fresh_readings_and_errs_without_one(open_bench):
    bench = open_bench()

    def error():
        return bench.k6221.query("SYST:ERR?").split(",")[0]

    bench.k6221.write("INIT")
    assert error() == "-221"
    bench.k6221.write("SENS:DATA?")
    assert error() == "-221"
    bench.k6221.write("SOUR:DELT:HIGH 1E-6;:SOUR:DELT:ARM")
    assert bench.k6221.query("SOUR:DELT:ARM?;:OUTP?;:SOUR:DELT:LOW?") == "1;1;-1.000000E-06"
    bench.k6221.write("INIT;:SENS:DATA?")
    assert error() == "-230"
    bench.clock.sleep(2.0)
    last = bench.k6221.query("SENS:DATA:FRES?")
    assert float(last.split(",")[0]) == pytest.approx(1e-6 * bench.truth()["resistance"], rel=1e-4)
    assert bench.k6221.query("FORM:ELEM READ,SOUR,RNUM;:SENS:DATA?").split(",")[0] == last.split(",")[0]
    bench.k6221.write("SOUR:SWE:ABOR")
    assert bench.k6221.query("OUTP?;:SOUR:DELT:ARM?") == "0;0"


def test_delta_sees_the_nanovoltmeter_only_while_it_is_there(open_bench):
    bench = open_bench()
    assert bench.k6221.query("SOUR:DELT:NVPR?") == "1"
    bench.k6221.write('SYST:COMM:SER:SEND "*IDN?"')
    assert "MODEL 2182A" in bench.k6221.query("SYST:COMM:SER:ENT?")
    bench.lab.faults.add({"device": "voltmeter", "kind": "unplug", "at": bench.clock.now()})
    bench.clock.sleep(1.0)
    assert bench.k6221.query("SOUR:DELT:NVPR?") == "0"
    bench.k6221.write("SOUR:DELT:ARM")
    assert bench.k6221.query("SYST:ERR?").startswith("-241,")


def test_delta_readings_do_not_depend_on_when_they_are_asked_for(open_bench):
    def readings(looks):
        bench = open_bench("clock=virtual&seed=4")
        bench.k6221.write("SOUR:DELT:HIGH 1E-6;COUN 30;:SOUR:DELT:ARM;:INIT")
        for _ in range(looks):
            bench.clock.sleep(7.3 / looks)
            bench.k6221.query("TRAC:POIN:ACT?")
        values = bench.k6221.query("FORM:ELEM READ;:TRAC:DATA?").split(",")
        assert len(values) == 30
        return values

    assert readings(1) == readings(100)


def test_compliance_ends_a_delta_that_shall_abort_on_it(open_bench):
    bench = open_bench()
    bench.k6221.write("SOUR:CURR:COMP 0.5;:SOUR:DELT:HIGH 1E-3;CAB ON;:SOUR:DELT:ARM;:INIT")
    bench.clock.sleep(5.0)
    assert bench.k6221.query("TRAC:POIN:ACT?") == "1"
    assert int(bench.k6221.query("STAT:MEAS?")) & 8
    bench.k6221.write("SOUR:SWE:ABOR")


def test_stock_pymeasure_driver_runs_delta(open_bench):
    from pymeasure.instruments.keithley import Keithley6221

    bench = open_bench()
    driver = Keithley6221("GPIB0::14::INSTR", visa_library=f"{bench.manager.visalib.library_path}@sotlab")
    driver.reset()
    assert driver.delta_connected is True
    driver.delta_unit = "Ohms"
    driver.delta_high_source, driver.delta_delay, driver.delta_cycles = 2e-6, 1e-3, 8
    driver.delta_buffer_points = 8
    driver.delta_compliance_abort_enabled, driver.delta_cold_switch_enabled = True, False
    assert driver.delta_low_source == pytest.approx(-2e-6)
    assert (driver.delta_cycles, driver.delta_measurement_sets) == (8, 1)
    driver.delta_arm()
    driver.delta_start()
    bench.clock.sleep(3.0)
    assert driver.delta_sense[0] == pytest.approx(bench.truth()["resistance"], rel=1e-4)
    assert driver.delta_values[::2] == pytest.approx([bench.truth()["resistance"]] * 8, rel=1e-4)
    driver.delta_abort()
    driver.shutdown()
    assert driver.check_errors() == []
    driver.adapter.close()


# --- limits and death


def test_current_source_in_compliance_says_so_and_the_voltage_is_the_limits(open_bench):
    bench = open_bench()
    bench.source(1e-5, compliance_V=1.0)
    assert bench.k6221.query("STAT:MEAS:COND?;:STAT:MEAS?") == "0;0"
    free_V = bench.read_V()
    bench.source(1e-3, compliance_V=1.0)
    assert bench.k6221.query("STAT:MEAS:COND?;:STAT:MEAS?;:STAT:MEAS?") == "8;8;0"
    assert free_V < bench.read_V() < 1.0 * 4.2 / 10.2
    bench.source(1e-5, compliance_V=1.0)
    assert bench.k6221.query("STAT:MEAS:COND?") == "0"


def test_device_dies_of_its_current_density_and_the_resistance_jumps(open_bench):
    bench = open_bench()
    bench.field.write("OUTP OFF")
    bench.k2400.write("SYST:RSEN ON;:SOUR:FUNC CURR;:SENS:FUNC 'VOLT';:FORM:ELEM VOLT;:SENS:VOLT:PROT 200")
    bench.k2400.write("SOUR:CURR 1E-3;:OUTP ON")
    before_ohm = float(bench.k2400.query("READ?")) / 1e-3
    assert before_ohm == pytest.approx(bench.truth()["resistance"], rel=1e-2)
    bench.k2400.write("SOUR:CURR 8E-3")
    assert bench.k2400.query("SENS:VOLT:PROT:TRIP?") == "0"  # 12.5 mA are its end
    bench.lab.faults.add({"kind": "device_dies", "at": bench.clock.now() - bench.lab.start_s + 1.0})
    bench.clock.sleep(2.0)
    assert bench.k2400.query("SENS:VOLT:PROT:TRIP?") == "1"
    bench.k2400.write("SOUR:CURR 1E-3")
    assert bench.k2400.query("SENS:VOLT:PROT:TRIP?") == "1"  # for good


def test_too_much_current_is_the_end_unless_the_compliance_is_low(open_bench):
    bench = open_bench(sample="nife_strip.yaml")
    resistance_ohm = bench.truth(field_T=0.1)["resistance"]
    bench.k6221.write("SOUR:CURR:COMP 5")
    bench.source(0.05, compliance_V=5.0)
    bench.source(1e-4, compliance_V=5.0)
    assert bench.read_V() / 1e-4 == pytest.approx(resistance_ohm, rel=1e-2)
    bench.source(0.007, compliance_V=100.0)
    bench.source(1e-4, compliance_V=5.0)
    assert bench.k6221.query("STAT:MEAS:COND?") == "8"
    open_V = bench.read_V()  # of the meter's bias alone
    bench.source(2e-4, compliance_V=5.0)
    assert bench.read_V() == pytest.approx(open_V, rel=1e-3)


def test_current_heats_the_bar_by_its_square(open_bench):
    bench = open_bench()
    shift = {}
    for current_A in (1e-5, 1e-3, 2e-3):
        bench.source(current_A, compliance_V=20.0)
        shift[current_A] = bench.read_V() / current_A / bench.truth()["resistance"] - 1
    assert shift[2e-3] - shift[1e-5] == pytest.approx(4 * (shift[1e-3] - shift[1e-5]), rel=0.02)
    assert abs(shift[2e-3]) > 3e-5


# --- temperature, field, angle


def settle(bench, kelvin, seconds):
    bench.temperature.write(f"SETP 1,{kelvin}")
    bench.temperature.write("RANGE 1,3")
    bench.clock.sleep(seconds)
    return float(bench.temperature.query("KRDG? A"))


def test_resistance_against_temperature_is_the_films(open_bench):
    bench = open_bench()
    bench.source(1e-5)
    assert bench.temperature.query("KRDG? A") == "+295"
    bench.clock.sleep(3600.0)
    assert bench.temperature.query("KRDG? A") == "+295"  # warm as long as nobody cools
    for kelvin in (250, 160, 80, 20):
        shown_K = settle(bench, kelvin, 2000.0)
        assert shown_K == pytest.approx(kelvin, abs=0.01)
        truth = bench.truth(temperature_K=kelvin)
        assert bench.read_V() / 1e-5 == pytest.approx(truth["resistance"], rel=2e-5)
    assert 0.02 < truth["resistance"] / bench.truth(temperature_K=300)["resistance"] - 1 < 0.09


def test_reading_too_early_is_wrong(open_bench):
    bench = open_bench()
    bench.source(1e-5)
    settle(bench, 200, 60.0)
    early = bench.read_V()
    assert bench.truth(temperature_K=260)["resistance"] < early / 1e-5 < bench.truth(temperature_K=200)["resistance"]


def test_resistance_of_the_strip_against_the_angle_of_a_field_in_its_plane(open_bench):
    bench = open_bench(sample="nife_strip.yaml", field="in_plane", angle_deg=10)
    bench.source(1e-5)
    bench.field.write("FUNC:MODE CURR;:VOLT 50;:CURR 2;:OUTP ON")
    bench.rotator.write("2MO")
    angles_deg, ohms = np.arange(0, 181, 20), []
    for angle_deg in angles_deg:
        bench.rotator.write(f"2PA{angle_deg}")
        while bench.rotator.query("2MD?") == "0":
            bench.clock.sleep(0.1)
        bench.clock.sleep(0.5)
        assert float(bench.rotator.query("2TP")) == pytest.approx(angle_deg, abs=0.01)
        ohms.append(bench.read_V() / 1e-5)
    phi = np.radians(angles_deg + 10)
    sheet_ohm = bench.truth()["sheet_resistance"]
    expected = 10 * sheet_ohm * (1 + 0.008 * np.cos(phi) ** 2)
    # 0.5 mT of anisotropy against 0.1 T turns the magnetisation by up to 0.15 degrees.
    assert ohms == pytest.approx(expected, rel=3e-5)


def test_tilting_the_bar_takes_the_normal_field_away(open_bench):
    bench = open_bench()
    bench.source(1e-4)
    bench.route(1, 2, 5, 3)
    bench.field.write("FUNC:MODE CURR;:VOLT 50;:CURR 10;:OUTP ON")
    bench.clock.sleep(10.0)
    upright_V = bench.read_V()
    bench.rotator.write("2MO;2PA60")
    bench.clock.sleep(20.0)
    assert bench.read_V() / upright_V == pytest.approx(0.5, abs=1e-3)


# --- the matrix


def test_without_the_sample_s_wires_nothing_is_connected_until_the_matrix_is(open_bench):
    bench = open_bench(direct="no")
    bench.source(1e-5)
    assert bench.k6221.query("STAT:MEAS:COND?") == "8"
    bench.meter.write("VOLT:RANG 0.01")
    assert bench.read_V() == 9.9e37
    bench.route(1, 2, 3, 4)
    assert bench.k6221.query("STAT:MEAS:COND?") == "0"
    bench.meter.write("VOLT:RANG:AUTO ON")
    assert bench.read_V() == pytest.approx(1e-5 * bench.truth()["resistance"], rel=2e-6)


def test_a_command_to_the_matrix_takes_the_place_of_the_sample_s_wires(open_bench):
    bench = open_bench()
    bench.source(1e-5)
    four_V = bench.read_V()
    bench.route(1, 2, 1, 2)
    assert bench.read_V() > 2 * four_V
    bench.matrix.write("ROUT:OPEN:ALL")
    assert bench.k6221.query("STAT:MEAS:COND?") == "8"


def test_wrong_routes_do_what_hardware_does(open_bench):
    bench = open_bench()
    bench.source(1e-3)
    bench.route(1, 2, 4, 3)  # voltage exchanged
    assert bench.read_V() == pytest.approx(-1e-3 * bench.truth()["resistance"], rel=1e-3)
    bench.matrix.write("ROUT:CLOS (@201)")  # both current lines on contact 1: the film is bypassed
    assert bench.k6221.query("STAT:MEAS:COND?") == "0"
    assert abs(bench.read_V()) < 1e-6 * bench.truth()["resistance"]
    bench.route(8, 2, 3, 4)  # the sample has no contact 8
    assert bench.k6221.query("STAT:MEAS:COND?") == "8"


def test_two_sources_on_the_same_lines_add(open_bench):
    bench = open_bench()
    bench.source(1e-5)
    bench.k2400.write("SOUR:FUNC CURR;:SENS:VOLT:PROT 10;:SOUR:CURR 2E-5;:OUTP ON")
    assert bench.read_V() == pytest.approx(3e-5 * bench.truth()["resistance"], rel=1e-5)


# --- faults


def test_open_voltage_contact_overflows_the_meter(open_bench):
    bench = open_bench()
    bench.source(1e-5)
    bench.meter.write("VOLT:RANG 0.1")
    fine_V = bench.read_V()
    bench.lab.faults.add({"kind": "contact_opens", "at": 0, "arguments": {"contact": 3}})
    bench.meter.write("VOLT:RANG 0.01")
    assert fine_V < 9.9e37
    assert bench.read_V() == 9.9e37
    assert bench.k6221.query("STAT:MEAS:COND?") == "0"  # the current still flows


def test_open_current_contact_drives_the_source_into_compliance(open_bench):
    bench = open_bench(faults=[{"kind": "contact_opens", "at": 10, "arguments": {"contact": 1}}])
    bench.source(1e-5)
    assert bench.k6221.query("STAT:MEAS:COND?") == "0"
    bench.clock.sleep(11.0)
    assert bench.k6221.query("STAT:MEAS:COND?;:STAT:MEAS?") == "8;8"
    assert abs(bench.read_V()) < 1e-3 * 1e-5 * bench.truth()["resistance"]


def test_thermometer_that_is_off_shifts_the_curve(open_bench):
    bench = open_bench(faults=[{"kind": "thermometer_off", "at": 0, "arguments": {"offset_K": 30}}])
    bench.source(1e-5)
    assert settle(bench, 200, 2000.0) == pytest.approx(200, abs=0.01)
    assert bench.read_V() / 1e-5 == pytest.approx(bench.truth(temperature_K=230)["resistance"], rel=1e-5)


def test_drifting_field_is_seen_by_gaussmeter_and_film(open_bench):
    fault = {"kind": "field_drift", "at": 0, "arguments": {"rate_T_per_s": 1e-4}}
    bench = open_bench(faults=[fault])
    bench.source(1e-3)
    bench.route(1, 2, 5, 3)
    before_V, before_T = bench.read_V(), float(bench.gaussmeter.query("UNIT 2;RDGFIELD?"))
    bench.clock.sleep(1000.0)
    after_V, after_T = bench.read_V(), float(bench.gaussmeter.query("RDGFIELD?"))
    assert after_T - before_T == pytest.approx(0.1, abs=1e-3)
    assert (after_V - before_V) / 1e-3 == pytest.approx((after_T - before_T) * bench.truth()["hall_slope"], rel=2e-2)


def test_interlock_that_opens_stays_noted(open_bench):
    bench = open_bench(faults=[{"kind": "interlock_opens", "at": 5, "arguments": {"line": 2}}])
    assert bench.interlock.query("INP:ALL?") == "15"
    bench.clock.sleep(6.0)
    assert bench.interlock.query("INP:ALL?;:INP:EVEN?") == "13;2"


# --- noise


def test_noise_at_zero_current_is_johnsons():
    bench = Lab(LabSpec.parse("transport?clock=virtual&seed=1")).bench
    bench._wiring["pickup_V_per_rtHz"] = 0.0
    count, window_s = 40_000, 0.02
    readings_V = np.array([bench.voltmeter_V("a", t, t + window_s, 0.0) for t in range(count)])
    slope = np.polynomial.Polynomial.fit(np.arange(count), readings_V, 1)(np.arange(count))  # the EMF drifts
    ohm = bench.circuit.state(0.0, bench.surroundings(0.0)).ports.output_ohm
    expected_V = math.sqrt(4 * k * 295.0 * ohm / (2 * window_s))
    assert 1700 < ohm < 2600  # between the voltage contacts, theirs included
    assert np.std(readings_V - slope) == pytest.approx(expected_V, rel=5 / math.sqrt(2 * count))


def test_flicker_is_proportional_to_the_current():
    def rms(current_A):
        bench = Lab(LabSpec.parse("transport?clock=virtual&seed=7")).bench
        bench._wiring["pickup_V_per_rtHz"] = bench._wiring["drift_V_per_s"] = 0.0
        bench._emf_V_per_s = 0.0 * bench._emf_V_per_s
        bench.drive_current("s", 0.0, current_A, 100.0)
        values = np.array([bench.voltmeter_V("a", 0.1 * i, 0.1 * i + 0.1, 0.0) for i in range(2000)])
        return np.diff(values).std()

    small, large, double = rms(1e-7), rms(2e-4), rms(4e-4)
    assert large > 3 * small  # Johnson's noise is what is left without current
    assert math.sqrt(double**2 - small**2) == pytest.approx(2 * math.sqrt(large**2 - small**2), rel=0.02)


def test_same_seed_gives_the_same_data_whoever_else_looks(open_bench):
    def readings(curious):
        bench = open_bench("clock=virtual&seed=5")
        bench.source(1e-5)
        found = []
        for _ in range(5):
            bench.clock.sleep(1.0)
            found.append(bench.read_V())
            if curious:
                bench.temperature.query("KRDG? A")
                bench.gaussmeter.query("RDGFIELD?")
        return found

    plain, curious, other = readings(False), readings(True), open_bench("clock=virtual&seed=6")
    assert curious == pytest.approx(plain, abs=1e-10)  # the emf drifts on in the time that the others take
    other.source(1e-5)
    assert other.read_V() != plain[0]


# --- bench file and samples


def test_bench_file_is_accepted_by_plain_pyvisa_sim_and_says_what_the_bench_takes_for_granted():
    path = shipped_benches()["transport"]
    assert set(parser.get_devices(str(path), False).list_resources()) == set(ADDRESSES.values())
    lab = yaml.safe_load(path.read_text(encoding="utf-8"))["lab"]
    assert {name: {key: float(value) for key, value in lab[name].items()} for name in DEFAULTS} == DEFAULTS


def test_state_shows_what_the_actuators_do(open_bench):
    bench = open_bench()
    bench.source(1e-5)
    bench.route(1, 2, 3, 4)
    found = bench.lab.actuators()
    assert found["matrix"] == {"closed": [101, 202, 303, 404]}
    assert found["sources"]["ac_source"]["peak_A"] == pytest.approx(1e-5)
    assert found["magnet"]["current_A"] == 0.0


@pytest.mark.parametrize(("change", "named"), [
    ({"sample": "nothing.yaml"}, "nothing.yaml"), ({"thickness_nm": 11}, "thickness_nm 11 asked, it has"),
    ({"direct": "maybe"}, "direct is 'maybe'"), ({"field": "up"}, "field is 'up'"), ({"colour": 1}, "'colour'"),
    ({"wiring": {"series_ohm": -1}}, "series_ohm is -1"), ({"magnet": {"slew_A_per_s": 0}}, "slew_A_per_s is 0"),
])  # fmt: skip
def test_lab_section_that_makes_no_sense_is_refused_by_name(change, named):
    with pytest.raises(StationError, match=named):
        Transport({"sample": "bisb_hall_bar.yaml"} | change, lambda name: np.random.default_rng(0), False)


@pytest.mark.parametrize(("change", "named"), [
    ({"width_m": None}, "width_m missing"), ({"width_m": "wide"}, "width_m is 'wide'"), ({"tint": 1}, "'tint'"),
    ({"shape": {"kind": "star"}}, "kind is 'star', allowed are rectangle, disk"),
    ({"shape": {"kind": "disk"}}, "diameter_m missing"),
    ({"shape": {"kind": "disk", "diameter_m": 1e-4}}, "contact 1 .* outside"),
    ({"contacts": {1: {"x_m": 0, "y_m": 0, "radius_m": 1e-6}, 3: {}}}, "1, 2, 3, ... in turn"),
    ({"direct": {"current": [1, 9], "voltage": [3, 4]}}, "contacts from 1 to 6"), ({"direct": 3}, "direct is '3'"),
    ({"thicknesses_nm": 10}, "a list of numbers"), ({"metallic_share": 2}, "metallic_share is 2"),
    ({"dead_ratio": 0.5}, "dead_ratio is 0.5"),
])  # fmt: skip
def test_sample_that_makes_no_sense_is_refused_by_name(tmp_path, change, named):
    from importlib import resources

    text = (resources.files("sotlab.simulated") / "samples" / "bisb_hall_bar.yaml").read_text(encoding="utf-8")
    values = {key: value for key, value in (yaml.safe_load(text) | change).items() if value is not None}
    path = tmp_path / "sample.yaml"
    path.write_text(yaml.safe_dump(values), encoding="utf-8")
    with pytest.raises(StationError, match=named):
        load_film(str(path))
