"""The whole bench over the wire: sources, lock-ins, meters, magnet, rotators and cryostat on one Hall cross."""

import json
import math

import numpy as np
import pytest
import pyvisa
import yaml
from pyvisa_sim import parser
from scipy.constants import k as boltzmann

from sotlab.errors import StationError
from sotlab.simulated.control import actuators
from sotlab.simulated.lab import Lab, LabSpec, shipped_benches
from sotlab.simulated.physics.lockin import noise_bandwidth_Hz

AMPLITUDE_A = 2e-3
RMS_A = AMPLITUDE_A / math.sqrt(2)
ADDRESSES = {
    "source": "GPIB0::14::INSTR", "lockin_1w": "GPIB0::8::INSTR", "lockin_2w": "GPIB0::9::INSTR",
    "lockin": "GPIB0::10::INSTR",
    "voltmeter": "GPIB0::7::INSTR", "meter": "GPIB0::24::INSTR", "gaussmeter": "GPIB0::12::INSTR",
    "field": "TCPIP0::ami430.example::7180::SOCKET", "stages": "ASRL1::INSTR", "interlock": "ASRL6::INSTR",
    "temperature": "TCPIP0::lakeshore336.example::7777::SOCKET",
}  # fmt: skip
TERMINATIONS = {
    "field": ("\r\n", "\r\n"), "stages": ("\r\n", "\r"), "temperature": ("\r\n", "\r\n"), "gaussmeter": ("\r\n", "\r\n")
}  # fmt: skip


class Bench:
    """The instruments by name, and what a careful operator does with them."""

    def __init__(self, path, options="noise=off"):
        self.manager = pyvisa.ResourceManager(f"{path}?clock=virtual&{options}@sotlab")
        self.lab, self.clock = self.manager.visalib.lab, self.manager.visalib.clock
        for name, address in ADDRESSES.items():
            read, write = TERMINATIONS.get(name, ("\n", "\n"))
            session = self.manager.open_resource(
                address, read_termination=read, write_termination=write, timeout=60_000
            )
            setattr(self, name, session)
        for _ in range(2):
            self.field.read()  # the programmer's greeting

    def start_wave(self, amplitude_A=AMPLITUDE_A, frequency_Hz=85.0, marker=True):
        for text in (
            "SOUR:WAVE:FUNC SIN", f"SOUR:WAVE:FREQ {frequency_Hz}", f"SOUR:WAVE:AMPL {amplitude_A}",
            f"SOUR:WAVE:PMAR:STAT {int(marker)}", "SOUR:WAVE:PMAR 0", "SOUR:WAVE:ARM", "SOUR:WAVE:INIT",
        ):  # fmt: skip
            self.source.write(text)

    def set_lockins(self, tau_index=8, first_sensitivity=20, second_sensitivity=8):
        for lockin, harmonic, sensitivity in (
            (self.lockin_1w, 1, first_sensitivity), (self.lockin_2w, 2, second_sensitivity)
        ):  # fmt: skip
            lockin.write(f"FMOD 0;HARM {harmonic};SENS {sensitivity};OFLT {tau_index};OFSL 3")

    def read_V(self, which):
        lockin = self.lockin_1w if which == 1 else self.lockin_2w
        x, y = lockin.query("SNAP?1,2").split(",")
        return complex(float(x), float(y))

    def resistances(self, wait_s=3.0):
        """Return R_1w and R_2w [ohm]."""
        self.clock.sleep(wait_s)
        return self.read_V(1).real / RMS_A, self.read_V(2).imag / RMS_A

    def ramp_to(self, field_T, rate_T_per_s=0.1):
        self.field.write("CONF:FIELD:UNITS 1")
        self.field.write(f"CONF:RAMP:RATE:FIELD 1,{rate_T_per_s},9")
        self.field.write(f"CONF:FIELD:TARG {field_T}")
        self.field.write("RAMP")
        while self.field.query("STATE?") != "2":
            self.clock.sleep(1.0)
        self.clock.sleep(0.2)

    def turn(self, polar_deg=None, azimuth_deg=None):
        for axis, target in ((2, polar_deg), (3, azimuth_deg)):
            if target is None:
                continue
            self.stages.write(f"{axis}MO;{axis}VA80;{axis}PA{target}")
            while self.stages.query(f"{axis}MD?") == "0":
                self.clock.sleep(0.2)
        self.clock.sleep(0.3)

    def dc(self, current_A, limit_V=10):
        self.meter.write(f"SOUR:FUNC CURR;:SENS:VOLT:PROT {limit_V};:SOUR:CURR {current_A};:OUTP ON")

    def truth(self, **settings):
        return {name: entry["value"] for name, entry in self.lab.truth(**settings).items()}

    def errors(self):
        return {device.name: list(device.errors) for device in self.lab.inventory.values() if device.errors}


@pytest.fixture
def open_bench(tmp_path):
    opened, count = [], [0]

    def open_one(options="noise=off", faults=None, **changes):
        """Open the shipped bench, or one with changed sections: ``field={"tilt_deg": 1}``, ``sample="..."``."""
        described = yaml.safe_load(shipped_benches()["harmonic_hall"].read_text(encoding="utf-8"))
        for name, change in changes.items():
            section = described["lab"].get(name)
            described["lab"][name] = section | change if isinstance(section, dict) else change
        described["faults"] = faults or []
        count[0] += 1
        path = tmp_path / f"bench_{count[0]}.yaml"
        path.write_text(yaml.safe_dump(described, sort_keys=False), encoding="utf-8")
        opened.append(Bench(path, options))
        return opened[-1]

    yield open_one
    left = [bench.errors() for bench in opened if bench.errors()]
    for bench in opened:
        bench.manager.close()
    assert not left  # an unnoticed error is a command that a model did not understand


# --- the lock-ins


def test_lockins_read_the_two_harmonics_of_the_hall_voltage(open_bench):
    bench = open_bench()
    bench.set_lockins()
    bench.turn(60)
    bench.ramp_to(2.0)
    bench.start_wave()
    found_1, found_2 = bench.resistances()
    truth = bench.truth(temperature_K=295.0, amplitude_A_peak=AMPLITUDE_A)
    theta_h, b_k = math.radians(60), truth["b_k"]
    theta = theta_h
    for _ in range(100):  # the torque balance, by iteration
        theta = theta_h - math.asin(0.5 * b_k * math.sin(2 * theta) / 2.0)
    strip_ohm = 4 * truth["sheet_resistance"] * (1 + 2e-4 * 4 + 5e-4 * 2) + 0.6 * math.sin(theta) ** 2
    expected_1 = truth["r_ahe"] * math.cos(theta) + truth["r_ohe"] * 2 * math.cos(theta_h) + 2e-4 * strip_ohm
    stiff_T = 2 * math.cos(theta_h - theta) + b_k * math.cos(2 * theta)
    expected_2 = -0.5 * truth["r_ahe"] * truth["b_dl"] * math.sin(theta) / stiff_T
    expected_2 -= truth["r_phe"] * truth["b_fl"] * math.sin(theta) ** 2 / (2 * math.sin(theta_h))
    expected_2 -= truth["r_ane"] * math.sin(theta) + truth["r_one"] * 2 * math.sin(theta_h)
    assert found_1 == pytest.approx(expected_1, rel=3e-4)  # backlash of 0.02 deg
    assert found_2 == pytest.approx(expected_2, rel=3e-3)  # AMR through the misaligned arms
    # In the other quadratures nothing but the phase of the cable: 85 Hz, 700 ohm, 300 pF.
    lag_rad = 2 * math.pi * 85 * 700 * 300e-12
    assert bench.read_V(1).imag == pytest.approx(-lag_rad * bench.read_V(1).real, abs=1e-6)


def test_truth_with_a_field_is_what_the_lockins_read(open_bench):
    bench = open_bench(stage={"backlash_deg": 0.0}, wiring={"cable_F": 0.0}, sample="pt_co_5nm.yaml")
    bench.lab.faults.add({"kind": "admixture_changes", "arguments": {"value": 0.0}})
    bench.set_lockins(first_sensitivity=14)
    bench.turn(90, 30)
    bench.ramp_to(-1.2)
    bench.start_wave()
    told = bench.truth(amplitude_A_peak=AMPLITUDE_A, field_T=-1.2, polar_deg=90, azimuth_deg=30)
    assert bench.resistances() == pytest.approx((told["r_1w"], told["r_2w"]), rel=1e-4)


def test_without_a_current_there_is_no_signal(open_bench):
    bench = open_bench()
    bench.set_lockins()
    bench.ramp_to(1.0)
    assert (bench.read_V(1), bench.read_V(2)) == (0, 0)
    bench.start_wave()
    bench.clock.sleep(3.0)
    assert abs(bench.read_V(1)) > 1e-3
    bench.source.write("SOUR:WAVE:ABOR")
    bench.clock.sleep(3.0)
    assert (bench.read_V(1), bench.read_V(2)) == (0, 0)


def test_lockins_are_unlocked_without_the_phase_marker(open_bench):
    bench = open_bench()
    bench.set_lockins()
    bench.start_wave(marker=False)
    bench.clock.sleep(3.0)
    bench.lockin_1w.query("LIAS?")
    bench.clock.sleep(1.0)
    assert bench.read_V(1) == 0
    assert int(bench.lockin_1w.query("LIAS?")) & 8
    bench.source.write("SOUR:WAVE:PMAR:STAT ON")
    bench.clock.sleep(3.0)
    bench.lockin_1w.query("LIAS?")
    bench.clock.sleep(1.0)
    assert abs(bench.read_V(1)) > 1e-3
    assert not int(bench.lockin_1w.query("LIAS?")) & 8
    assert bench.lockin_1w.query("SNAP?1,9").split(",")[1] == "85.0000"
    bench.source.write("SOUR:WAVE:PMAR:OLIN 2")  # a trigger line without a cable
    bench.clock.sleep(3.0)
    assert bench.read_V(1) == 0


def test_the_marker_s_phase_turns_each_harmonic_by_its_order(open_bench):
    bench = open_bench()
    bench.set_lockins()
    bench.turn(45)
    bench.ramp_to(1.5)
    bench.start_wave()
    bench.clock.sleep(3.0)
    before = bench.read_V(1), bench.read_V(2)
    bench.source.write("SOUR:WAVE:PMAR 180")  # the default of the 6221
    bench.clock.sleep(3.0)
    assert bench.read_V(1) == pytest.approx(-before[0], rel=1e-3)
    assert bench.read_V(2) == pytest.approx(before[1], rel=1e-3)
    bench.source.write("SOUR:WAVE:PMAR 30")
    bench.clock.sleep(3.0)
    for found, old, order in zip((bench.read_V(1), bench.read_V(2)), before, (1, 2), strict=True):
        assert math.degrees(np.angle(found / old)) == pytest.approx(30 * order, abs=0.1)


@pytest.mark.parametrize("frequency_Hz", [85.0, 85.1, 1000.0])
def test_a_lockin_on_its_own_oscillator_has_no_steady_phase(open_bench, frequency_Hz):
    bench = open_bench()
    bench.set_lockins(tau_index=6)
    bench.lockin_1w.write(f"FMOD 1;FREQ {frequency_Hz}")
    bench.clock.sleep(0.0123)
    bench.start_wave()
    bench.clock.sleep(3.0)
    first = bench.read_V(1)
    bench.clock.sleep(2.5)
    second = bench.read_V(1)
    if frequency_Hz == 85.0:
        assert abs(first.imag) > 1e-2 * abs(first)  # the phase is that of the moment when the wave was started
    elif frequency_Hz == 85.1:
        assert math.degrees(np.angle(second / first)) == pytest.approx(-90.0, abs=3.0)  # 2.5 s and the commands' time
    else:
        assert first == second == 0


def test_third_harmonic_is_there_and_beyond_it_nothing(open_bench):
    bench = open_bench()
    bench.set_lockins(second_sensitivity=2)
    bench.turn(60)
    bench.ramp_to(0.5)
    bench.start_wave(amplitude_A=4e-3)
    bench.lockin_2w.write("HARM 3")
    bench.clock.sleep(3.0)
    assert abs(bench.read_V(2)) > 1e-10
    bench.lockin_2w.write("HARM 4")
    bench.clock.sleep(3.0)
    assert bench.read_V(2) == 0


def test_source_distortion_shows_on_a_known_resistor(open_bench):
    bench = open_bench(sample="resistor_100ohm.yaml", source={"distortion": 1e-5})
    bench.set_lockins(first_sensitivity=24, second_sensitivity=10)
    bench.start_wave()
    found_1, found_2 = bench.resistances()
    assert found_1 == pytest.approx(100.0, rel=1e-4)
    assert found_2 == pytest.approx(100.0 * 1e-5, rel=1e-3)


def test_second_harmonic_grows_as_the_square_of_the_current(open_bench):
    bench = open_bench()
    bench.set_lockins()
    bench.turn(60)
    bench.ramp_to(2.0)
    bench.start_wave(1e-3)
    bench.clock.sleep(3.0)
    small_V = bench.read_V(2).imag
    bench.source.write("SOUR:WAVE:AMPL 2E-3")
    bench.clock.sleep(3.0)
    assert bench.read_V(2).imag == pytest.approx(4 * small_V, rel=5e-3)  # the warmer film has slightly other numbers


@pytest.mark.parametrize("which", ["lockin_1w", "lockin_2w"])
def test_noise_is_that_of_johnson_pickup_and_amplifier(open_bench, which):
    bench = open_bench("seed=5")
    bench.set_lockins(tau_index=8, first_sensitivity=5)
    lockin = getattr(bench, which)
    readings = []
    for _ in range(600):
        bench.clock.sleep(1.5)  # 15 time constants: independent
        readings.append([float(part) for part in lockin.query("SNAP?1,2").split(",")])
    density = math.sqrt(4 * boltzmann * 295 * 700 + (3e-9) ** 2 + (6e-9) ** 2)
    expected_V = density * math.sqrt(noise_bandwidth_Hz(0.1, 4))
    # 1200 numbers: the standard error of their deviation is 2 %; the lock-in's steps add less than 1 %.
    assert np.std(readings) == pytest.approx(expected_V, rel=0.09)
    assert np.corrcoef(np.array(readings).T)[0, 1] == pytest.approx(0.0, abs=5 / math.sqrt(600))


def test_same_seed_gives_the_same_noise_whatever_else_is_read(open_bench):
    def readings(options, curious):
        bench = open_bench(options)
        bench.set_lockins(first_sensitivity=2)
        found = []
        for _ in range(5):
            bench.clock.sleep(0.5)
            if curious:
                assert abs(float(bench.gaussmeter.query("RDGFIELD?"))) < 1e-3
            else:
                bench.stages.query("2TP?")
            bench.clock.wait_until(round(bench.clock.now() + 0.1, 1))
            found.append(bench.read_V(1))
        return found

    assert readings("seed=3", False) == readings("seed=3", True) != readings("seed=4", False)


# --- field, rotators, memory


def test_a_loop_of_the_field_shows_hysteresis_at_the_coercive_field(open_bench):
    bench = open_bench()
    bench.dc(1e-4)
    coercive_T = 0.08 * bench.truth(temperature_K=295.0)["b_k"]

    def sweep(targets_T):
        found = []
        for target_T in targets_T:
            bench.ramp_to(target_T)
            found.append(float(bench.voltmeter.query("SENS:DATA:FRES?")) / 1e-4)
        return np.array(found)

    fields_T = np.linspace(-0.1, 0.1, 21)
    up, down = sweep(fields_T), sweep(fields_T[::-1])[::-1]
    saturated = -1.9 * 1.0
    assert up[0] == pytest.approx(down[0], rel=1e-3)
    assert down[10] == pytest.approx(saturated, rel=0.1)  # remanent, coming from above
    assert up[10] == pytest.approx(-saturated, rel=0.2)
    jump_up, jump_down = fields_T[np.argmin(np.diff(up))], fields_T[np.argmin(np.diff(down))]
    assert jump_up == pytest.approx(coercive_T - 0.005, abs=0.0051)  # steps of 10 mT
    assert jump_down == pytest.approx(-coercive_T - 0.005, abs=0.0051)


def test_a_field_that_came_and_went_between_two_looks_has_switched(open_bench):
    bench = open_bench()
    bench.dc(1e-4)
    before_V = float(bench.voltmeter.query("SENS:DATA:FRES?"))
    for target_T in (-0.5, 0.0):
        bench.field.write("CONF:FIELD:UNITS 1")
        bench.field.write("CONF:RAMP:RATE:FIELD 1,0.1,9")
        bench.field.write(f"CONF:FIELD:TARG {target_T}")
        bench.field.write("RAMP")
        bench.clock.sleep(30.0)
    after_V = float(bench.voltmeter.query("SENS:DATA:FRES?"))
    assert before_V < -1.5e-4 < 1.5e-4 < after_V


@pytest.mark.parametrize("rest_s", [10.0, 36_000.0])
def test_a_whole_turn_of_the_rotator_switches_there_and_back(open_bench, rest_s):
    bench = open_bench()
    bench.ramp_to(0.5)
    bench.dc(1e-4)
    bench.turn(-180)
    bench.stages.write("2PA180")  # at 80 deg/s it is through all angles in 5 s
    bench.clock.sleep(rest_s)
    turned_V = float(bench.voltmeter.query("SENS:DATA:FRES?"))
    switches = bench.lab.bench._memory._switches
    assert turned_V > 1.5e-4
    assert [well for _, well in switches] == [1, -1, 1, -1]
    assert switches[-1][0] - switches[-2][0] == pytest.approx(180 / 80, rel=0.1)


@pytest.mark.parametrize("along_T", [0.2, -0.2])
def test_pulses_switch_as_the_field_along_the_current_says(open_bench, along_T):
    bench = open_bench(sample="pt_co_5nm.yaml")
    bench.turn(90)
    bench.ramp_to(along_T)

    def after_pulse(current_A):
        bench.dc(current_A, limit_V=20)
        bench.clock.sleep(0.01)
        bench.dc(1e-4)
        return math.copysign(1.0, float(bench.voltmeter.query("SENS:DATA:FRES?")) - offset_V)

    # Misaligned arms add a little that does not switch.
    offset_V = 1e-4 * 5e-4 * 4 * bench.truth()["sheet_resistance"]
    # R_A and B_DL above 0: with the field along the current, a positive pulse leaves m up.
    states = [after_pulse(sign * 20e-3) for sign in (1, -1, -1, 1)]
    assert states == [sign * math.copysign(1.0, along_T) for sign in (1, -1, -1, 1)]
    assert [after_pulse(sign * 2e-3) for sign in (1, -1)] == [states[-1]] * 2


@pytest.mark.parametrize(("change", "polar_deg", "azimuth_deg", "expected"), [
    ({}, 0, 0, (0, 0, 1)),
    ({}, 90, 0, (1, 0, 0)),
    ({}, 90, 90, (0, 1, 0)),
    ({}, -90, 0, (-1, 0, 0)),
    ({"polar_error_deg": 2}, 0, 0, (math.sin(math.radians(2)), 0, math.cos(math.radians(2)))),
    ({"polar_zero_deg": 90, "polar_sense": -1}, 90, 0, (0, 0, 1)),
    ({"azimuth_error_deg": 5}, 90, 0, (math.cos(math.radians(5)), math.sin(math.radians(5)), 0)),
    ({"tilt_deg": 3}, 0, 0, (0, math.sin(math.radians(3)), math.cos(math.radians(3)))),
    ({"tilt_deg": 3}, 90, 0, (1, 0, 0)),
])  # fmt: skip
def test_field_points_where_rotators_and_their_errors_say(open_bench, change, polar_deg, azimuth_deg, expected):
    bench = open_bench(field=change, stage={"backlash_deg": 0})
    bench.turn(polar_deg, azimuth_deg)
    bench.ramp_to(1.0, rate_T_per_s=1.0)
    assert bench.lab.bench.sample_field_T(bench.clock.now()) == pytest.approx(expected, abs=1e-6)


def test_backlash_of_the_rotator_shows_when_it_turns_round(open_bench):
    bench = open_bench(stage={"backlash_deg": 0.5})
    bench.ramp_to(1.0)
    angles = []
    for start_deg in (0, 90):
        bench.turn(start_deg)
        bench.turn(45)
        x, _, z = bench.lab.bench.sample_field_T(bench.clock.now())
        angles.append(math.degrees(math.atan2(x, z)))
    assert angles[1] - angles[0] == pytest.approx(0.5, abs=0.01)


def test_a_fly_scan_follows_the_field_with_the_lag_of_the_filter(open_bench):
    bench = open_bench()
    bench.set_lockins(tau_index=6)
    bench.start_wave()
    bench.turn(90)
    bench.ramp_to(2.0)
    bench.field.write("CONF:FIELD:TARG 3.0")
    bench.field.write("RAMP")
    bench.clock.sleep(4.0)
    field_T, moving_V = bench.lab.bench.field_T(bench.clock.now()), bench.read_V(2).imag
    bench.field.write("PAUSE")
    bench.clock.sleep(2.0)
    standing_V = bench.read_V(2).imag
    assert 2.1 < field_T < 2.5  # the coil's voltage is limited
    assert moving_V != standing_V
    assert moving_V == pytest.approx(standing_V, rel=0.01)  # four poles of 30 ms lag 12 mT at 0.1 T/s


# --- dc meters and sources


def test_source_meter_reads_the_strip_with_two_and_four_wires(open_bench):
    bench = open_bench()
    bench.dc(1e-4)
    four, two = [], []
    for wires, found in ((1, four), (0, two)):
        bench.meter.write(f"SYST:RSEN {wires}")
        bench.meter.write("SENS:FUNC:ALL")
        bench.meter.write("FORM:ELEM VOLT,CURR")
        found += [float(part) for part in bench.meter.query("READ?").split(",")]
    strip_ohm = 4 * bench.truth(temperature_K=295.0)["sheet_resistance"]
    assert four[0] / four[1] == pytest.approx(strip_ohm, rel=1e-3)
    assert two[0] / two[1] - four[0] / four[1] == pytest.approx(50.0, rel=1e-2)


def test_compliance_holds_the_current(open_bench):
    bench = open_bench()
    bench.source.write("SOUR:CURR:COMP 0.5")
    bench.source.write("SOUR:CURR 2E-3")
    bench.source.write("OUTP ON")
    current_A = bench.lab.bench.circuit.current(bench.clock.now()).offset
    assert current_A == pytest.approx(0.5 / (4 * bench.truth()["sheet_resistance"] + 50), rel=1e-3)
    assert bench.lab.bench.in_compliance("ac_source", bench.clock.now())


def test_currents_of_both_sources_add(open_bench):
    bench = open_bench()
    bench.source.write("SOUR:CURR 2E-4")
    bench.source.write("OUTP ON")
    bench.dc(3e-4)
    assert bench.lab.bench.circuit.current(bench.clock.now()).offset == pytest.approx(5e-4)
    bench.start_wave(1e-3)
    current = bench.lab.bench.circuit.current(bench.clock.now())
    assert (current.offset, current.amplitude) == pytest.approx((3e-4, 1e-3))


def test_too_much_current_kills_the_strip(open_bench):
    bench = open_bench()
    bench.set_lockins()
    bench.source.write("SOUR:CURR:COMP 50")
    bench.start_wave(20e-3)
    bench.clock.sleep(3.0)
    assert bench.read_V(1) == 0
    bench.source.write("SOUR:WAVE:AMPL 1E-3")
    bench.clock.sleep(3.0)
    assert bench.read_V(1) == 0
    assert actuators(bench.lab)["bench"]["strip"]["intact"] is False


def test_voltmeter_averages_a_wave_away_over_whole_periods(open_bench):
    bench = open_bench(sample="resistor_100ohm.yaml")
    bench.start_wave(1e-3, frequency_Hz=50.0)
    bench.voltmeter.write("SENS:VOLT:NPLC 5")
    assert float(bench.voltmeter.query("SENS:DATA:FRES?")) == pytest.approx(0.0, abs=2e-8)
    bench.source.write("SOUR:WAVE:FREQ 5")
    assert abs(float(bench.voltmeter.query("SENS:DATA:FRES?"))) > 1e-3


# --- temperature


def test_sample_cools_and_its_numbers_follow(open_bench):
    bench = open_bench()
    bench.clock.sleep(3600.0)
    assert float(bench.temperature.query("KRDG? A")) == pytest.approx(295.0, abs=0.01)  # nobody started the cooler
    bench.dc(1e-4)
    warm_V = float(bench.voltmeter.query("SENS:DATA:FRES?"))
    for text in ("SETP 1,100", "RANGE 1,3"):
        bench.temperature.write(text)
    bench.clock.sleep(20_000.0)
    assert float(bench.temperature.query("KRDG? A")) == pytest.approx(100.0, abs=0.01)
    cold_V = float(bench.voltmeter.query("SENS:DATA:FRES?"))
    told = [bench.truth(temperature_K=kelvin)["r_ahe"] for kelvin in (295.0, 100.0)]
    admixed_V = [2e-4 * 4 * bench.truth(temperature_K=kelvin)["sheet_resistance"] * 1e-4 for kelvin in (295.0, 100.0)]
    assert warm_V == pytest.approx(told[0] * 1e-4 + admixed_V[0], rel=2e-3)
    assert cold_V == pytest.approx(told[1] * 1e-4 + admixed_V[1], rel=2e-3)


def test_current_warms_the_film(open_bench):
    bench = open_bench()
    warm = bench.truth(temperature_K=295.0, amplitude_A_peak=4e-3)
    power_W = (4e-3) ** 2 / 2 * 4 * bench.truth(temperature_K=295.0)["sheet_resistance"]
    assert warm["film_temperature"] - 295.0 == pytest.approx(2e3 * power_W, rel=1e-6)
    cold = bench.truth(temperature_K=195.0, amplitude_A_peak=4e-3)
    assert cold["r_ahe"] == pytest.approx(bench.truth(temperature_K=cold["film_temperature"])["r_ahe"])
    assert cold["r_ahe"] > bench.truth(temperature_K=195.0)["r_ahe"]  # less negative


# --- faults


def test_quench_takes_the_field_away(open_bench):
    bench = open_bench(faults=[{"kind": "quench", "at": 100.0}])
    bench.ramp_to(2.0)
    bench.clock.sleep(200.0)
    assert bench.field.query("STATE?") == "7"
    assert abs(bench.lab.bench.field_T(bench.clock.now())) < 1e-6
    assert actuators(bench.lab)["bench"]["magnet"]["quenched"] is True


def test_rotator_slips_and_drifts(open_bench):
    bench = open_bench(faults=[
        {"kind": "rotator_slip", "at": 100.0, "arguments": {"deg": 1.0}},
        {"kind": "rotator_drift", "at": 200.0, "arguments": {"deg_per_h": 3.6, "for_s": 1000.0}},
    ])  # fmt: skip
    bench.ramp_to(1.0, rate_T_per_s=1.0)

    def angle_deg():
        x, _, z = bench.lab.bench.sample_field_T(bench.clock.now())
        return math.degrees(math.atan2(x, z))

    def at(time_s):
        bench.clock.wait_until(bench.lab.start_s + time_s)
        bench.stages.query("2TP?")  # due faults happen when somebody looks
        return angle_deg()

    assert (at(50), at(150)) == pytest.approx((0.0, 1.0), abs=1e-3)
    assert at(700) == pytest.approx(1.5, abs=2e-3)
    assert at(3000) == pytest.approx(2.0, abs=2e-3)


def test_opened_arm_and_changed_admixture_show_and_go(open_bench):
    bench = open_bench()
    bench.set_lockins()
    bench.turn(30)
    bench.ramp_to(1.5)
    bench.start_wave()
    clean, _ = bench.resistances()
    bench.lab.faults.add({"kind": "admixture_changes", "arguments": {"value": 1.2e-3}})
    mixed, _ = bench.resistances()
    assert mixed - clean == pytest.approx(1e-3 * 4 * bench.truth()["sheet_resistance"], rel=0.02)
    bench.lab.faults.add({"kind": "hall_arm_opens"})
    bench.lockin_1w.write("SENS 26")
    bench.clock.sleep(3.0)
    open_V = bench.read_V(1)
    assert abs(open_V.imag) > 100 * abs(mixed) * RMS_A
    bench.lab.faults.add({"kind": "hall_arm_closes"})
    bench.lockin_1w.write("SENS 20")
    again, _ = bench.resistances(5.0)
    assert again == pytest.approx(mixed, rel=1e-3)


def test_a_slipped_rotator_switches_what_its_field_turns_over(open_bench):
    bench = open_bench()
    bench.ramp_to(0.5)
    bench.dc(1e-4)
    before_V = float(bench.voltmeter.query("SENS:DATA:FRES?"))
    bench.lab.faults.add({"kind": "rotator_slip", "arguments": {"deg": 150.0}})
    after_V = float(bench.voltmeter.query("SENS:DATA:FRES?"))
    assert before_V < -1.5e-4 < 1e-4 < after_V


def test_longitudinal_pair_shows_the_strip_and_another_is_refused(open_bench):
    bench = open_bench()
    bench.start_wave()
    bench.clock.sleep(0.1)
    wired, now_s = bench.lab.bench, bench.clock.now()
    strip_ohm = 4 * bench.truth(amplitude_A_peak=AMPLITUDE_A)["sheet_resistance"]
    assert wired.lockin_input("longitudinal", now_s, 1).real == pytest.approx(strip_ohm * RMS_A, rel=1e-4)
    with pytest.raises(StationError, match="device input 'side': no such pair"):
        wired.lockin_input("side", now_s, 1)


def test_interlock_opens_and_closes(open_bench):
    bench = open_bench()
    assert bench.interlock.query("INP:ALL?") == "15"
    bench.lab.faults.add({"kind": "interlock_opens", "arguments": {"line": 2}})
    assert bench.interlock.query("INP2:STAT?") == "0"
    bench.lab.faults.add({"kind": "interlock_closes", "arguments": {"line": 2}})
    assert bench.interlock.query("INP2:STAT?") == "1"
    assert bench.interlock.query("INP:EVEN?") == "2"


# --- what is told, and files


def test_truth_of_the_sample_is_nowhere_on_the_wire(open_bench):
    bench = open_bench()
    bench.start_wave()
    told = json.dumps(actuators(bench.lab)).lower()
    truth = bench.truth(temperature_K=295.0, amplitude_A_peak=AMPLITUDE_A)
    for name, value in truth.items():
        assert f'"{name}"' not in told
        # Whatever has many digits would be found by them.
        assert len(f"{value:.6g}") < 7 or f"{value:.6g}".lower() not in told
    for device in bench.lab.devices.values():
        assert not [header for header, _ in device.command_table() if "TRUTH" in header.upper()]


def test_state_tells_what_the_actuators_do(open_bench):
    bench = open_bench()
    bench.ramp_to(1.0)
    bench.turn(30)
    bench.start_wave()
    told = actuators(bench.lab)["bench"]
    assert told["magnet"]["current_A"] == pytest.approx(1.0 / 0.1182, rel=1e-6)
    assert told["rotators"]["2"] == pytest.approx(30.0, abs=1e-3)
    assert told["strip"] == {"dc_A": 0.0, "amplitude_A_peak": AMPLITUDE_A, "intact": True}
    bench.source.write("SOUR:WAVE:ABOR")
    assert actuators(bench.lab)["bench"]["strip"]["amplitude_A_peak"] == 0.0


def test_gaussmeter_reads_the_magnet_not_the_sample(open_bench):
    bench = open_bench()
    bench.turn(90)
    bench.ramp_to(1.5)
    unit_T = 1e-4 if bench.gaussmeter.query("UNIT?") == "1" else 1.0
    assert float(bench.gaussmeter.query("RDGFIELD?")) * unit_T == pytest.approx(1.5, rel=1e-3)


@pytest.mark.parametrize(("change", "named"), [
    ({"sample": "nothing.yaml"}, "not found"), ({"colour": {"red": 1}}, "unknown key 'colour'"),
    ({"field": {"tilt": 1}}, "unknown key 'tilt'"), ({"stage": {"polar_axis": 3}}, "two of the axes"),
    ({"stage": {"azimuth_axis": 7}}, "two of the axes"), ({"magnet": {"inductance_H": 0}}, "inductance_H is 0"),
    ({"wiring": {"cable_F": "long"}}, "cable_F is 'long'"),
])  # fmt: skip
def test_impossible_bench_is_refused_by_name(open_bench, change, named):
    with pytest.raises(StationError, match=named):
        open_bench(**change)


def test_bench_file_is_accepted_by_plain_pyvisa_sim():
    devices = parser.get_devices(str(shipped_benches()["harmonic_hall"]), False)
    assert len(list(devices.list_resources())) == len(ADDRESSES)


def test_every_device_has_its_role():
    listed = {
        entry["role"]: entry["model"] for entry in Lab(LabSpec.parse("harmonic_hall?clock=virtual")).list_devices()
    }
    assert listed == {
        "ac_source": "MODEL 6221", "lockin_1w": "SR830", "lockin_2w": "SR830", "lockin": "SR830",
        "voltmeter": "MODEL 2182A", "source_meter": "MODEL 2400", "field": "MODEL 430", "gaussmeter": "MODEL475",
        "rotator": "ESP301", "temperature": "MODEL336", "interlock": "interlock input",
    }  # fmt: skip
