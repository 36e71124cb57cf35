"""The whole terahertz bench over the wire: stages, lock-ins, chopper, pump and magnet around one emitter."""

import math

import numpy as np
import pytest
import pyvisa
import yaml
from pyvisa_sim import parser
from scipy.constants import c

from sotlab.errors import StationError
from sotlab.simulated.lab import Lab, LabSpec, shipped_benches

BACKLASH_M = 2e-6
CHOPPED = math.sqrt(2) / math.pi


class Bench:
    """The instruments by VISA, and what a user does with them."""

    def __init__(self, name="thz", options="clock=virtual&noise=off"):
        self.manager = pyvisa.ResourceManager(f"{name}?{options}@sotlab")
        self.lab, self.clock = self.manager.visalib.lab, self.manager.visalib.clock
        self.stages = self.open("ASRL1::INSTR", "\r\n", "\r")
        self.lockin, self.lockin_b = self.open("GPIB0::4::INSTR"), self.open("GPIB0::8::INSTR")
        self.chopper = self.open("ASRL2::INSTR", ">", "\r")
        self.meter = self.open("USB0::0x1313::0x8078::SIMP0001::0::INSTR")
        self.shutter, self.attenuator = self.open("ASRL4::INSTR"), self.open("ASRL5::INSTR")
        self.supply, self.gaussmeter = self.open("GPIB0::6::INSTR"), self.open("GPIB0::12::INSTR", "\r\n")
        self.interlock, self.hygrometer = self.open("ASRL6::INSTR"), self.open("ASRL7::INSTR")

    def open(self, resource, read="\n", write="\n"):
        return self.manager.open_resource(resource, read_termination=read, write_termination=write, timeout=200_000)

    def chop(self, *lines):
        for line in lines:
            self.chopper.write(line)
            self.chopper.read_raw()
            self.chopper.read_bytes(1)

    def field(self, field_mT):
        self.supply.write(f"CURR {field_mT / 10}")
        self.clock.sleep(1.0)

    def start(self, field_mT=100):
        """Bring everything up: 6 kHz, full power, saturated film, time constant 10 ms with four poles."""
        self.chop("freq=6000", "enable=1")
        self.shutter.write("SHUT ON")
        self.attenuator.write("ATT 0")
        self.supply.write("FUNC:MODE CURR;:VOLT 40;:OUTP ON")
        self.stages.write("1MO;2MO;3MO")
        self.lockin.write("RSRC 1")
        self.lockin.write("OFLT 8")
        self.lockin.write("OFSL 3")
        self.lockin_b.write("FMOD 0")
        self.lockin_b.write("SENS 17")
        self.lockin_b.write("OFLT 6")
        self.field(field_mT)
        self.clock.sleep(10.0)

    def go(self, delay_ps, from_ps=1.0):
        """Set a delay from below; the carriage is half the backlash behind."""
        target_mm = (delay_ps * 1e-12 * c / 2 + BACKLASH_M / 2) * 1e3
        for mm in (target_mm - from_ps * 0.15, target_mm):
            self.stages.write(f"1PA{mm:.6f}")
            self.clock.sleep(0.5)

    def x(self, wait_s=0.5):
        self.clock.sleep(wait_s)
        return float(self.lockin.query("OUTP? X"))

    def xs(self, delays_ps):
        """Step through rising delays."""
        self.go(delays_ps[0])
        found = []
        for way_ps, delay_ps in zip(np.diff(delays_ps, prepend=delays_ps[0]), delays_ps, strict=True):
            self.stages.write(f"1PA{(delay_ps * 1e-12 * c / 2 + BACKLASH_M / 2) * 1e3:.6f}")
            found.append(self.x(0.3 if way_ps < 0.2 else 1.0))
        return np.array(found)

    def expected(self, delays_ps, humidity=0.015):
        """X by the bench's waveform and its truth: the odd part alone."""
        bench, truth = self.lab.bench, self.lab.truth(power_W=0.6)
        at_zero, _ = bench.waveforms.at(bench.emitter, humidity, 0.0)
        odd = np.array([bench.waveforms.at(bench.emitter, humidity, t * 1e-12)[0] for t in np.atleast_1d(delays_ps)])
        return truth["peak_x"]["value"] * odd / at_zero

    def fly(self, start_mm, stop_mm, speed_mm_per_s, time_constant):
        """Record X and the position from the encoder's voltage while the stage runs."""
        for line in (f"OFLT {time_constant}", "OFSL 1", "DDEF 1,0,0", "DDEF 2,3,0", "SRAT 13", "SEND 0", "REST"):
            self.lockin_b.write(line)
        self.stages.write(f"1VA20;1PA{start_mm}")
        self.clock.sleep(2.0)
        self.stages.write(f"1VA{speed_mm_per_s};1PA{stop_mm}")
        self.lockin_b.write("STRT")
        self.clock.sleep(abs(stop_mm - start_mm) / speed_mm_per_s + 0.1)
        self.lockin_b.write("PAUS")
        count = int(self.lockin_b.query("SPTS?"))
        columns = []
        for channel in (1, 2):
            self.lockin_b.write(f"TRCB? {channel},0,{count}")
            columns.append(np.frombuffer(self.lockin_b.read_bytes(4 * count), dtype="<f4").astype(float))
        return columns[1] / 1000.0, columns[0]  # 1000 V/m

    def fault(self, kind, **arguments):
        self.lab.faults.add({"kind": kind, "arguments": arguments, "at": self.clock.now() - self.lab.start_s})

    def close(self):
        self.manager.close()


@pytest.fixture
def open_bench():
    opened = []

    def open_one(*arguments, start=True, **keywords):
        opened.append(Bench(*arguments, **keywords))
        if start:
            opened[-1].start()
        return opened[-1]

    yield open_one
    left = {one.name: list(one.errors) for bench in opened for one in bench.lab.devices.values() if one.errors}
    for bench in opened:
        bench.close()
    assert not left


@pytest.fixture
def bench(open_bench):
    return open_bench()


@pytest.fixture
def variant(tmp_path):
    """Write a bench file that differs from the shipped one in some sections."""

    def write(**sections):
        described = yaml.safe_load(shipped_benches()["thz"].read_text(encoding="utf-8"))
        for name, values in sections.items():
            if isinstance(values, dict):
                described["lab"].setdefault(name, {}).update(values)
            else:
                described["lab"][name] = values
        path = tmp_path / "variant.yaml"
        path.write_text(yaml.safe_dump(described), encoding="utf-8")
        return path

    return write


# --- what stands on the bench ---------------------------------------------------------------------------------


def test_instruments_answer_at_their_fixed_addresses(bench):
    found = {entry["resource"]: (entry["model"], entry["role"]) for entry in bench.lab.list_devices()}
    assert found["ASRL1::INSTR"] == ("ESP301", "delay")
    assert found["GPIB0::4::INSTR"] == ("SR865A", "lockin")
    assert found["GPIB0::8::INSTR"] == ("SR830", "lockin_b")
    assert found["ASRL2::INSTR"] == ("MC2000B", "chopper")
    assert found["ASRL7::INSTR"] == ("hygrometer", "humidity")
    assert bench.hygrometer.query("*IDN?").split(",")[2].startswith("SIM")


def test_bench_file_is_accepted_by_plain_pyvisa_sim():
    assert len(parser.get_devices(str(shipped_benches()["thz"]), False).list_resources()) == 11


def test_truth_is_not_reachable_over_the_wire(bench):
    for device in bench.lab.devices.values():
        assert not [header for header, _ in device.command_table() if "TRUTH" in header.upper()]
        assert device.values.keys().isdisjoint(("emitter", "eta", "efficiency"))
    told = str(bench.lab.actuators())
    assert not [word for word in ("eta", "ratio", "bisb", "humidity") if word in told.replace("theta", "")]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"sample": "no_such.yaml"}, "'no_such.yaml' not found"),
        ({"sample": "nife_bisb_10nm.yaml"}, "unknown key"),
        ({"delay": {"sign": 2}}, "sign is 2, allowed are"),
        ({"delay": {"lower_m": 0.01}}, "lower_m must be 0 or below"),
        ({"air": {"room": 45}}, "room is 45, a relative humidity"),
        ({"air": {"purge_s": 0}}, "purge_s is 0, it must be above 0"),
        ({"detector": {"gain": 1}}, "unknown key 'gain'"),
        ({"samples": "all"}, "samples is 'all', a list"),
        ({"mirror": {"x": 1}}, "unknown key 'mirror'"),
    ],
)
def test_bench_file_that_makes_no_sense_is_refused_with_the_reason(variant, change, message):
    with pytest.raises(StationError, match=message):
        Lab(LabSpec.parse(f"{variant(**change)}?clock=virtual"))


def test_bench_file_needs_a_sample(tmp_path):
    described = yaml.safe_load(shipped_benches()["thz"].read_text(encoding="utf-8"))
    del described["lab"]["sample"]
    (tmp_path / "bare.yaml").write_text(yaml.safe_dump(described), encoding="utf-8")
    with pytest.raises(StationError, match="no sample"):
        Lab(LabSpec.parse(f"{tmp_path / 'bare.yaml'}?clock=virtual"))


# --- delay scans ----------------------------------------------------------------------------------------------


def test_step_scan_gives_the_waveform(bench):
    delays_ps = np.concatenate([np.arange(-1.2, 1.2, 0.08), [3.3, 10.75, 11.4]])
    measured, expected = bench.xs(delays_ps), bench.expected(delays_ps)
    largest = np.max(np.abs(expected))
    # The even part adds 2 % of the even shape, which is at most 1.1 of the odd one's peak.
    assert measured == pytest.approx(expected, abs=0.025 * largest)
    bench.field(-100)
    other = bench.xs(delays_ps)
    assert (measured - other) / 2 == pytest.approx(expected, abs=2e-3 * largest)  # 1e-3: filter settled for 0.3 s
    assert np.sum(np.abs(measured + other)) > 0.005 * np.sum(np.abs(measured - other))


def test_fly_scans_both_ways_lag_by_the_filter_and_the_backlash(bench):
    speed_m_per_s, tau_s = 0.5e-3, 3e-3
    shifts_m = {}
    for side, (start_mm, stop_mm) in ((1, (-0.3, 0.3)), (-1, (0.3, -0.3))):
        position_m, x = bench.fly(start_mm, stop_mm, 0.5, 5)
        middle = np.abs(position_m) < 0.25e-3
        position_m, x = position_m[middle], x[middle]
        assert len(x) > 400
        trial_m = side * np.linspace(0.0, 8e-6, 81)
        misfit = [np.sum((x - bench.expected(2 * (position_m - shift) / c * 1e12)) ** 2) for shift in trial_m]
        best = int(np.argmin(misfit))
        shifts_m[side] = trial_m[best]
        assert misfit[best] < 2e-3 * np.sum(x**2)  # the even part: 4e-4, the second order of the lag: 4e-4
    # Two poles lag by 2 tau; a sample is taken at its time, but the even part and the steps of 1/3 mV blur a bit.
    lag_m = 2 * tau_s * speed_m_per_s + BACKLASH_M / 2
    assert shifts_m[1] == pytest.approx(lag_m, abs=0.5e-6)
    assert shifts_m[-1] == pytest.approx(-lag_m, abs=0.5e-6)


def test_looking_in_between_changes_nothing(open_bench):
    readings = []
    for looks in (0, 7):
        bench = open_bench(options=f"clock=virtual&noise=off&seed={looks}")
        bench.go(-0.5)
        began_s = bench.clock.now()
        bench.stages.write("1VA0.15;1PA0.5")
        for _ in range(looks):
            bench.clock.sleep(0.06)
            bench.lockin.query("OUTP? X")
            bench.hygrometer.query("MEAS:HUM?")
        bench.clock.wait_until(began_s + 0.7)
        now_s = bench.clock.now()
        readings.append((now_s - began_s, float(bench.lockin.query("OUTP? X"))))
    assert readings[0][0] == pytest.approx(readings[1][0], abs=1e-9)
    assert readings[0][1] == pytest.approx(readings[1][1], rel=1e-3)  # the filter's straight pieces fall otherwise
    assert abs(readings[0][1]) > 1e-5


@pytest.mark.parametrize(("sign", "passes"), [(-1, 1), (1, 2)])
def test_sign_and_passes_of_the_delay_are_the_benchs(open_bench, variant, sign, passes):
    name = variant(delay={"sign": sign, "passes": passes, "zero_m": 2e-3, "backlash_m": 0.0})
    bench = open_bench(name)
    for delay_ps in (-0.3, 0.0, 0.6):
        bench.stages.write(f"1PA{(2e-3 + sign * delay_ps * 1e-12 * c / 2 / passes) * 1e3:.6f}")
        assert bench.x(1.0) == pytest.approx(bench.expected(delay_ps)[0], abs=4e-6)


# --- lock-in and chopper --------------------------------------------------------------------------------------


def test_both_lockins_see_0_450_of_what_the_detector_sees(bench):
    bench.go(0.0)
    expected = bench.lab.truth(power_W=0.6)["peak"]["value"] * CHOPPED
    assert bench.x() == pytest.approx(expected, rel=0.01)
    assert float(bench.lockin_b.query("OUTP? 1")) == pytest.approx(expected, rel=0.01)
    assert CHOPPED == pytest.approx(0.450, abs=5e-4)


def test_harmonics_are_those_of_a_square_wave(bench):
    bench.go(0.0)
    first = bench.x()
    for harmonic, share in ((2, 0.0), (3, -1 / 3), (5, 1 / 5)):
        bench.lockin.write(f"HARM {harmonic}")
        assert bench.x() == pytest.approx(share * first, abs=1e-9)


def test_phase_of_the_detection_turns_the_signal(open_bench, variant):
    bench = open_bench(variant(detector={"phase_deg": 40}))
    bench.go(0.0)
    bench.x()
    x, y = (float(v) for v in bench.lockin.query("SNAP? X,Y").split(","))
    assert math.degrees(math.atan2(-y, -x)) == pytest.approx(40.0, abs=0.01)  # the stack makes it negative


def test_without_the_chopper_there_is_no_lock_and_no_signal(bench):
    bench.go(0.0)
    assert abs(bench.x()) > 1e-4
    bench.lockin.query("LIAS?")
    assert float(bench.lockin.query("FREQEXT?")) == pytest.approx(6000, abs=1)
    bench.chop("enable=0")
    assert abs(bench.x(1.0)) < 1e-9
    assert int(bench.lockin.query("LIAS?")) & 8
    assert int(bench.lockin_b.query("LIAS? 3")) == 1
    assert float(bench.lockin.query("FREQEXT?")) == 0.0
    bench.chop("enable=1")
    bench.clock.sleep(10.0)
    bench.lockin.query("LIAS?")
    assert abs(bench.x()) > 1e-4
    assert int(bench.lockin.query("LIAS?")) & 8 == 0


def test_lockin_on_its_own_reference_does_not_see_the_chopper(bench):
    bench.go(0.0)
    bench.lockin.write("RSRC 0")
    bench.lockin.write("FREQ 5900")
    assert abs(bench.x(1.0)) < 1e-9
    bench.lockin.write("FREQ 6000")  # as good as the two quartzes agree
    bench.x(1.0)
    assert float(bench.lockin.query("OUTP? R")) > 1e-4


def test_position_and_balance_stand_at_the_auxiliary_inputs(bench):
    bench.stages.write("1PA3.25")
    bench.clock.sleep(1.0)
    assert float(bench.lockin_b.query("OAUX? 3")) == pytest.approx(3.25, abs=1e-3)
    assert float(bench.lockin.query("OAUX? 2")) == pytest.approx(3.25, abs=1e-3)  # the wire counts from 0
    assert float(bench.lockin_b.query("OAUX? 1")) == 0.0
    bench.stages.write("1PA30")
    bench.clock.sleep(3.0)
    assert float(bench.lockin_b.query("OAUX? 3")) == pytest.approx(10.5)


# --- noise ----------------------------------------------------------------------------------------------------


def captured(bench, kB=160):
    """Capture X and Y at 1 ms, one pole, 1.6 time constants from sample to sample."""
    for line in ("OFLT 6", "OFSL 0", f"CAPTURELEN {kB}", "CAPTURECFG XY", "CAPTURERATE 6", "CAPTURESTART ONE,IMM"):
        bench.lockin.write(line)
    bench.clock.sleep(kB * 128 / float(bench.lockin.query("CAPTURERATE?")) + 0.1)
    blocks = [
        bench.lockin.query_binary_values(
            f"CAPTUREGET? {offset},{min(64, kB - offset)}", "f", container=np.array, expect_termination=False
        )
        for offset in range(0, kB, 64)
    ]
    return np.concatenate(blocks).reshape(-1, 2)[20:].T


def test_behind_the_shutter_there_is_the_stated_noise_alone(open_bench):
    bench = open_bench(options="clock=virtual&seed=3")
    bench.shutter.write("SHUT OFF")
    bench.clock.sleep(1.0)
    xy = captured(bench, 320)  # 40,940 samples; samples 1.6 tau apart correlate by 0.19, 0.93 of them are independent
    density = math.hypot(bench.lab.truth()["dark_noise"]["value"], 2.5e-9) * math.sqrt(1 + 20 / 6000)
    expected = density * math.sqrt(1 / (4 * 1e-3))
    assert xy.shape[1] > 40_000
    assert np.std(xy, axis=1) == pytest.approx([expected] * 2, rel=0.0145)  # 4 / sqrt(2 * 0.93 * 40,940)
    assert np.abs(np.mean(xy, axis=1)) == pytest.approx([0, 0], abs=4 * expected * math.sqrt(1.5 / 40_000))


def still(variant, **detector):
    """A bench without slow drifts, whose signal stands still: only the noise that rides on it is left."""
    return variant(
        pump={"drift": 0},
        delay={"drift_fs": 0, "backlash_m": 0},
        air={"room": 0.015},
        detector={"imbalance": 0, **detector},
    )


@pytest.mark.parametrize(("delay_ps", "slope"), [(0.0, False), (-0.15, True)])
def test_amplitude_and_timing_noise_follow_signal_and_slope(open_bench, variant, delay_ps, slope):
    beta, tau_s = 1e-3, 2e-15
    name = still(variant, amplitude_noise_per_rtHz=beta, jitter_fs_per_rtHz=tau_s * 1e15)
    bench = open_bench(name, options="clock=virtual&seed=4")
    bench.stages.write(f"1PA{delay_ps * 1e-9 * c / 2:.6f}")
    bench.clock.sleep(1.0)
    x, y = captured(bench, 320)
    told = bench.lab.bench
    odd, even = told.waveforms.at(told.emitter, 0.015, delay_ps * 1e-12)
    odd_per_s, even_per_s = told.waveforms.slopes_per_s(told.emitter, 0.015, delay_ps * 1e-12)
    peak_V = bench.expected(0.0)[0] / told.waveforms.at(told.emitter, 0.015, 0.0)[0]
    signal_V, slope_V_per_s = peak_V * (odd + 0.02 * even), peak_V * (odd_per_s + 0.02 * even_per_s)
    along = math.hypot(beta * signal_V, tau_s * slope_V_per_s)
    dark = math.hypot(100e-9, 2.5e-9)
    bandwidth = math.sqrt(1 / (4 * 1e-3))
    assert np.std(x) == pytest.approx(math.hypot(along, dark) * bandwidth, rel=0.02)  # statistics 1.4 % as above
    assert np.std(y) == pytest.approx(dark * bandwidth, rel=0.02)  # nothing in quadrature
    assert (tau_s * abs(slope_V_per_s) > beta * abs(signal_V)) == slope


def noisy_readings(seed, curious):
    bench = Bench(options=f"clock=virtual&seed={seed}")
    bench.start()
    bench.go(-0.2)
    found = []
    for _ in range(5):
        bench.clock.sleep(0.5)
        if curious:
            bench.lab.bench.lockin_input("lockin", bench.clock.now() - 3.0, 1)  # drifts are functions of time
            bench.lab.bench.imbalance(bench.clock.now() + 1e4)
        found.append(bench.lockin.query("SNAP? X,Y"))
    bench.close()
    return found


def test_same_seed_gives_the_same_data_whatever_else_is_asked():
    first = noisy_readings(0, curious=False)
    assert first == noisy_readings(0, curious=False) == noisy_readings(0, curious=True)
    assert first != noisy_readings(1, curious=False)
    assert len(set(first)) == 5


def test_delay_and_power_drift_by_what_the_bench_file_says():
    bench = Lab(LabSpec.parse("thz?clock=virtual&seed=6")).bench
    bench.pump.set_shutter(0.0, True)
    bench.pump.set_attenuation(0.0, 0.0, 0.0, 1.0)
    times_s = 1800.0 * np.arange(1, 3001)
    # One correlation time apart for the power: 0.76 of 3000 count as independent, so a rms is 1.5 % uncertain.
    assert np.std([bench.delay_s(t) for t in times_s]) == pytest.approx(10e-15, rel=0.06)
    powers_W = [bench.pump.power_W(t) for t in times_s]
    assert np.std(powers_W) / np.mean(powers_W) == pytest.approx(5e-3, rel=0.06)


# --- the sample -----------------------------------------------------------------------------------------------


def odd_and_even(bench, delay_ps=0.3, wait_s=0.5):
    """X at a delay in both fields, half the difference and half the sum."""
    bench.go(delay_ps)
    found = []
    for field_mT in (100, -100):
        bench.field(field_mT)
        found.append(bench.x(wait_s))
    return (found[0] - found[1]) / 2, (found[0] + found[1]) / 2


def even_over_odd(bench, delay_ps):
    """Ratio of both shapes at a delay, which the shares do not contain."""
    odd, even = bench.lab.bench.waveforms.at(bench.lab.bench.emitter, 0.015, delay_ps * 1e-12)
    return even / odd


def test_even_part_is_2_percent_and_turns_threefold_with_the_azimuth(bench):
    shape = even_over_odd(bench, -0.1)
    shares = {}
    for azimuth_deg in (0, 30, 60, 90, 150, -30):
        bench.stages.write(f"2PA{azimuth_deg}")
        bench.clock.sleep(10.0)
        odd, even = odd_and_even(bench, -0.1)
        shares[azimuth_deg] = even / odd / shape
        assert odd == pytest.approx(bench.expected(-0.1)[0], rel=2e-3)  # isotropic
    expected = {azimuth: 0.02 + 0.03 * math.sin(math.radians(3 * azimuth)) for azimuth in shares}
    assert shares == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("angle_deg", [60, 90, 180, -120])
def test_odd_part_goes_as_the_cosine_of_the_fields_angle(bench, angle_deg):
    straight, even = odd_and_even(bench)
    bench.stages.write(f"3PA{angle_deg}")
    bench.clock.sleep(15.0)
    turned, even_turned = odd_and_even(bench)
    assert turned / straight == pytest.approx(math.cos(math.radians(angle_deg)), abs=1e-4)
    assert even_turned == pytest.approx(even, rel=1e-3)


def test_film_keeps_its_direction_up_to_the_coercive_field(bench):
    bench.go(0.0)
    up = bench.x()
    bench.field(-2)
    assert bench.x() == pytest.approx(up, rel=0.1)
    bench.field(-12)
    assert bench.x() == pytest.approx(-up, rel=0.1)
    bench.field(2)
    assert bench.x() == pytest.approx(-up, rel=0.1)


def test_bisb_gives_minus_one_and_a_half_times_co_pt_and_controls_almost_nothing(bench):
    delays_ps = np.arange(-0.6, 0.8, 0.2)

    def odd(sample):
        bench.lab.bench.mount(bench.clock.now(), sample)
        bench.field(100)
        up = bench.xs(delays_ps)
        bench.field(-100)
        return (up - bench.xs(delays_ps)) / 2

    bisb, co_pt = odd("thz_bisb15_5nm.yaml"), odd("thz_co2_pt4.yaml")
    assert np.vdot(co_pt, bisb) / np.vdot(co_pt, co_pt) == pytest.approx(-1.5, abs=1e-3)
    assert np.vdot(bisb, bisb) / np.vdot(co_pt, co_pt) == pytest.approx(2.25, abs=3e-3)
    assert bench.lab.truth()["field_ratio"]["value"] == pytest.approx(1.0)
    assert bench.lab.truth(sample="thz_bisb15_5nm.yaml")["power_ratio"]["value"] == pytest.approx(2.25)
    spacer, bare = odd("thz_bisb21_15nm_al.yaml"), odd("thz_bisb21_15nm_no_co.yaml")
    assert 0.005 < np.max(np.abs(spacer)) / np.max(np.abs(co_pt)) < 0.1
    assert np.max(np.abs(bare)) < 1e-9
    assert abs(bench.xs([0.1])[0]) < 1e-6


def test_unknown_sample_is_refused_and_the_old_one_stays(bench):
    before = bench.lab.bench.emitter
    with pytest.raises(StationError, match=r"sample 'gold.yaml' not found"):
        bench.lab.bench.mount(bench.clock.now(), "gold.yaml")
    assert bench.lab.bench.emitter is before


def test_signal_is_linear_in_the_fluence_with_a_little_saturation(bench):
    bench.go(0.0)
    bench.meter.write("SENS:CORR:WAV 810")
    powers_W, signals_V = [], []
    for attenuation_dB in (0, 2, 4, 7, 10):
        bench.attenuator.write(f"ATT {attenuation_dB}")
        bench.clock.sleep(2.0)
        powers_W.append(float(bench.meter.query("MEAS:POW?")))
        signals_V.append(abs(bench.x()))
    assert powers_W[0] == pytest.approx(0.6, rel=1e-3)
    exponents = np.diff(np.log(signals_V)) / np.diff(np.log(powers_W))
    assert exponents == pytest.approx([1.0] * 4, abs=0.01)
    assert signals_V[0] / powers_W[0] < signals_V[-1] / powers_W[-1]


# --- air ------------------------------------------------------------------------------------------------------


def spectrum(bench, frequencies_THz):
    """Amplitude of the waveform's spectrum, from a fly scan over 38 ps."""
    position_m, x = bench.fly(-0.3, 5.4, 1.5, 4)
    delay_ps = 2 * position_m / c * 1e12
    weights = np.gradient(delay_ps)
    kernel = np.exp(2j * np.pi * np.outer(frequencies_THz, delay_ps))
    return np.abs(kernel @ (x * weights))


def test_water_lines_appear_when_the_air_gets_humid(bench):
    f = np.arange(0.4, 2.3, 0.01)
    dry = spectrum(bench, f)
    assert float(bench.hygrometer.query("MEAS:HUM?")) == pytest.approx(1.5, abs=0.01)
    bench.fault("humidity_rise", humidity=0.45, time_constant_s=5.0)
    bench.clock.sleep(100.0)
    assert float(bench.hygrometer.query("MEAS:HUM?")) == pytest.approx(45.0, abs=0.1)
    passed = spectrum(bench, f) / dry
    for line_THz, beside_THz in ((0.557, 0.65), (1.10, 1.05), (1.163, 1.30), (1.41, 1.5), (1.67, 1.55), (1.717, 1.8)):
        assert passed[np.argmin(np.abs(f - line_THz))] < 0.75 * passed[np.argmin(np.abs(f - beside_THz))]
    assert passed[np.abs(f - 1.3).argmin()] > 0.8


def test_purging_lowers_the_humidity_exponentially(open_bench, variant):
    bench = open_bench(variant(air={"purged_for_s": 0, "room": 0.5, "dry": 0.01}), start=False)
    bench.clock.wait_until(600.2)
    assert float(bench.hygrometer.query("MEAS:HUM?")) == pytest.approx(1.0 + 49.0 / math.e, abs=0.05)
    assert float(bench.hygrometer.query("MEAS:TEMP?")) == pytest.approx(21.85, abs=0.01)
    bench.clock.wait_until(1e4)
    assert float(bench.hygrometer.query("MEAS:HUM?")) == pytest.approx(1.0, abs=0.01)


def test_hygrometer_has_an_offset_and_noise_of_its_own(open_bench):
    bench = open_bench(options="clock=virtual&seed=2", start=False)
    shown = []
    for _ in range(400):
        bench.clock.sleep(0.5)
        shown.append(float(bench.hygrometer.query("MEAS:HUM?")))
    assert np.std(shown) == pytest.approx(0.05, rel=0.2)  # 400 readings: 3.5 % standard error, in steps of 0.01
    assert 0.02 < abs(np.mean(shown) - 1.5) < 1.2


# --- what can go wrong ----------------------------------------------------------------------------------------


def test_laser_drops_out_and_comes_back(bench):
    bench.go(0.0)
    before = bench.x()
    bench.fault("laser_dropout", for_s=5.0)
    assert abs(bench.x(1.0)) < 1e-9
    assert float(bench.meter.query("MEAS:POW?")) == 0.0
    bench.clock.sleep(5.0)
    assert bench.x() == pytest.approx(before, rel=1e-6)


def test_stage_stalls_and_the_controller_shows_that_it_does_not_arrive(bench):
    bench.go(0.0)
    bench.fault("delay_stall", for_s=30.0)
    bench.stages.write("1PA1.0")
    bench.clock.sleep(5.0)
    assert bench.stages.query("1MD?") == "0"
    assert float(bench.stages.query("1TP?")) == pytest.approx(0.001, abs=1e-3)
    bench.clock.sleep(30.0)
    assert bench.stages.query("1MD?") == "1"
    assert float(bench.stages.query("1TP?")) == pytest.approx(1.0, abs=1e-3)


def test_something_in_the_way_is_an_end_of_travel(bench):
    bench.fault("delay_limit", upper_m=5e-3)
    bench.stages.write("1PA8")
    bench.clock.sleep(5.0)
    assert bench.stages.query("1MO?") == "0"
    assert bench.stages.query("TE?") == "104"
    assert float(bench.stages.query("1TP?")) == pytest.approx(5.0, abs=1e-3)


def test_zero_of_the_delay_walks_away(bench):
    bench.go(0.0)
    bench.fault("zero_drift", step_fs=150.0, fs_per_s=10.0)
    bench.clock.sleep(14.5)
    assert bench.x() == pytest.approx(bench.expected(-0.3)[0], rel=0.1)
    bench.go(0.3)
    bench.fault("zero_drift", step_fs=0.0, fs_per_s=0.0)
    held = bench.x()
    assert bench.x(50.0) == pytest.approx(held, rel=1e-6)


def test_balance_walks_away_and_lets_the_probes_noise_in(open_bench):
    bench = open_bench(options="clock=virtual&seed=5")
    bench.shutter.write("SHUT OFF")
    bench.fault("balance_drift", step=0.1)
    bench.clock.sleep(1.0)
    assert float(bench.lockin_b.query("OAUX? 1")) == pytest.approx(0.1, abs=0.02)
    xy = captured(bench, 64)
    imbalance = bench.lab.bench.imbalance(bench.clock.now())
    expected = math.sqrt(100e-9**2 + (3e-6 * imbalance) ** 2) * math.sqrt(1 / (4 * 1e-3))
    assert np.std(xy) == pytest.approx(expected, rel=0.05)  # 16,000 values: 4 sigma are 2.3 %; it walks meanwhile
    assert imbalance * 3e-6 > 2e-7


def test_open_door_blocks_the_pump(bench):
    bench.go(0.0)
    before = bench.x()
    assert bench.interlock.query("INP:ALL?") == "15"
    bench.fault("interlock_open")
    assert abs(bench.x()) < 1e-9
    assert bench.interlock.query("INP1:STAT?") == "0"
    bench.fault("interlock_close")
    assert bench.x() == pytest.approx(before, rel=1e-6)
    assert bench.interlock.query("INP:EVEN?") == "1"


def test_state_shows_what_the_actuators_do(bench):
    bench.go(1.0)
    told = bench.lab.actuators()
    assert told["magnet"]["current_A"] == pytest.approx(10.0)
    assert told["stages"]["delay_m"] == pytest.approx(0.1509e-3, abs=1e-6)
    assert (told["shutter"]["open"], told["attenuator"]["attenuation_dB"]) == (True, 0.0)
    assert told["chopper"] == {"frequency_Hz": pytest.approx(6000.0, abs=0.1), "locked": True}
    assert float(bench.gaussmeter.query("RDGFIELD?")) == pytest.approx(0.1, abs=1e-3)
