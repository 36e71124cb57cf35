"""Noise and filters of the simulated detectors against theory, with enough samples that a perfect program passes.

A standard deviation from N independent samples scatters by 1/sqrt(2 N) of itself, a variance by sqrt(2/N): with N =
40,000 by 0.35 % and 0.71 %. Every tolerance here is at least four times that.
"""

import math

import numpy as np
import pytest
import pyvisa
from scipy.signal import fftconvolve

from sotlab.simulated.instruments.keithley_2182a import NOISE_V_PER_RTHZ

N = 40_000

BENCH_CODE = '''
from sotlab.simulated.benches.stfmr import STFMR


class Detected(STFMR):
    """The ST-FMR bench with a lock-in on what the sample rectifies, or on what the test says."""

    signal = None

    def lockin_input(self, name, t_s, harmonic):
        return complex(self.voltage_V(name, t_s) if self.signal is None else self.signal)

    def lockin_noise(self, name):
        return 0.0

    def before_change(self, t_s):
        super().before_change(t_s)
        for catch_up in self._watching:  # whatever the bench leaves out: here the signal is the test's
            catch_up(t_s)
'''

BENCH = """
spec: "1.1"
devices:
  lockin: {class: "sr830:SR830", options: {input: hall, input_noise_V_per_rtHz: "6e-9"}}
  microwave: {class: "e8257d:E8257D"}
  voltmeter: {class: "keithley_2182a:Keithley2182A"}
  field: {class: "kepco_bop:KepcoBOP5020MG"}
  gaussmeter: {class: "lakeshore_475:LakeShore475"}
resources:
  GPIB0::8::INSTR: {device: lockin}
  GPIB0::19::INSTR: {device: microwave}
  GPIB0::7::INSTR: {device: voltmeter}
  GPIB0::6::INSTR: {device: field}
  GPIB0::12::INSTR: {device: gaussmeter}
lab:
  bench: "detected.py:Detected"
  sample: nife_bisb_10nm.yaml
  gaussmeter: {zero_T: 0}
  wiring: {pickup_V_per_rtHz: 0, thermal_emf_V: 0, temperature_K: 0}
"""


@pytest.fixture
def open_manager(tmp_path):
    (tmp_path / "detected.py").write_text(BENCH_CODE, encoding="utf-8")
    (tmp_path / "bench.yaml").write_text(BENCH, encoding="utf-8")
    managers = []

    def open_one(noise="on"):
        managers.append(pyvisa.ResourceManager(f"{tmp_path / 'bench.yaml'}?clock=virtual&seed=11&noise={noise}@sotlab"))
        return managers[-1]

    yield open_one
    for manager in managers:
        manager.close()


def opened(manager, address):
    return manager.open_resource(address, read_termination="\n", write_termination="\n", timeout=1_000_000)


def enbw_Hz(time_constant_s, poles):
    """Return the noise bandwidth by integrating |1/(1 + i w tau)|^(2n) over all frequencies, x = w tau = tan(a)."""
    angles = (np.arange(20_000) + 0.5) * (math.pi / 2 / 20_000)
    return np.sum(np.cos(angles) ** (2 * poles - 2)) * (math.pi / 2 / 20_000) / (2 * math.pi * time_constant_s)


@pytest.mark.parametrize("poles", [1, 2, 3, 4])
def test_lockin_noise_has_the_filters_bandwidth_and_the_amplifiers_density(open_manager, poles):
    manager = open_manager()
    lockin, lab, clock = opened(manager, "GPIB0::8::INSTR"), manager.visalib.lab, manager.visalib.clock
    lab.bench.signal = 0.0
    lockin.write(f"OFLT 4;OFSL {poles - 1}")  # 1 ms
    device = lab.devices["GPIB0::8::INSTR"]
    found = np.empty(N, dtype=complex)
    for i in range(N):
        clock.sleep(0.015)  # 15 time constants: of four poles' correlation 2e-4 is left
        device.catch_up(clock.now())
        found[i] = device.cascade.output
    variance = (found.real.var() + found.imag.var()) / 2  # of 2 N samples: scatters by 0.5 %
    assert variance == pytest.approx(6e-9**2 * enbw_Hz(1e-3, poles), rel=0.03, abs=0)
    assert abs(found.mean()) < 5 * math.sqrt(2 * variance / N)
    assert abs(np.mean(found.real * found.imag)) < 5 * variance / math.sqrt(N)  # X and Y know nothing of each other


@pytest.mark.parametrize("poles", [1, 2, 3, 4])
def test_lockin_steps_as_its_filter_whatever_is_asked_meanwhile(open_manager, poles):
    manager = open_manager("off")
    lockin, lab, clock = opened(manager, "GPIB0::8::INSTR"), manager.visalib.lab, manager.visalib.clock
    device, draw = lab.devices["GPIB0::8::INSTR"], np.random.default_rng(poles)
    lab.bench.signal = 0.0
    lockin.write(f"OFLT 6;OFSL {poles - 1}")  # 10 ms
    for longest_s in (2e-4, 2e-3, 2e-2):
        lab.bench.before_change(clock.now())
        lab.bench.signal = 0.0
        clock.sleep(1.0)
        lab.bench.before_change(clock.now())
        lab.bench.signal, start_s = 1e-3, clock.now()
        for _ in range(60):
            clock.sleep(draw.uniform(0.0, longest_s))
            lockin.query(draw.choice(["OUTP? 1", "OUTP? 3", "SNAP? 1,2", "OUTR? 1", "LIAS?", "*IDN?"]))
            device.catch_up(clock.now())
            x = (clock.now() - start_s) / 10e-3
            theory = 1.0 - math.exp(-x) * sum(x**k / math.factorial(k) for k in range(poles))
            assert abs(device.cascade.output - 1e-3 * theory) < 1e-6 * 1e-3


@pytest.mark.parametrize("range_V", list(NOISE_V_PER_RTHZ))
def test_nanovoltmeter_has_the_noise_of_its_range(open_manager, range_V):
    voltmeter = opened(open_manager(), "GPIB0::7::INSTR")
    voltmeter.write(f"*RST;:SENS:VOLT:RANG {range_V};NPLC 1;:SYST:AZER OFF;:TRAC:POIN 1000;:TRAC:FEED SENS")
    readings = []
    for _ in range(N // 1000):
        voltmeter.write("TRAC:CLE;:TRAC:FEED:CONT NEXT;:SAMP:COUN 1000;:INIT")
        readings += [float(one) for one in voltmeter.query("*OPC?;:TRAC:DATA?").split(";")[1].split(",")]
    assert int(voltmeter.query("SYST:ERR?").split(",")[0]) == 0
    assert len(readings) == N
    density = np.std(readings) * math.sqrt(2 * 0.02)  # white noise averaged over one line cycle
    assert density == pytest.approx(NOISE_V_PER_RTHZ[range_V], rel=0.05, abs=0)


def test_gaussmeter_has_its_noise(open_manager):
    manager = open_manager()
    gaussmeter, clock = opened(manager, "GPIB0::12::INSTR"), manager.visalib.clock
    gaussmeter.write("UNIT 2;RANGE 1")  # tesla; there a count is small beside the noise
    readings = []
    for _ in range(N):
        clock.sleep(0.1)  # a new reading every 0.1 s
        readings.append(float(gaussmeter.query("RDGFIELD?")))
    assert np.std(readings) == pytest.approx(2e-6, rel=0.05, abs=0)


@pytest.mark.parametrize("poles", [1, 4])
def test_a_field_that_moves_within_the_time_constant_gives_what_brute_force_integration_gives(open_manager, poles):
    manager = open_manager("off")
    lab, clock = manager.visalib.lab, manager.visalib.clock
    lockin, field, source = (opened(manager, f"GPIB0::{address}::INSTR") for address in (8, 6, 19))
    source.write("FREQ 7 GHZ;:POW 15;:OUTP ON")
    lockin.write(f"OFLT 7;OFSL {poles - 1}")  # 30 ms
    bench, tau_s = lab.bench, 30e-3
    field.write("VOLT 50;:CURR 0;:OUTP ON")
    clock.sleep(30.0)
    field.write("CURR 8")  # 10 A/s: 0.2 T/s, a line width of 4 mT in 20 ms
    device, draw, compared = lab.devices["GPIB0::8::INSTR"], np.random.default_rng(2), []
    # The truth: the input on a fine grid, and the filter's impulse response t^(n-1) exp(-t/tau) / ((n-1)! tau^n).
    step_s, start_s = tau_s / 200, clock.now()
    times_s = start_s - 1.0 + step_s * np.arange(int(3.0 / step_s))
    moved = np.array([bench.voltage_V("hall", max(t, start_s)) for t in times_s])
    ages_s = step_s * np.arange(int(25 * tau_s / step_s))
    response = ages_s ** (poles - 1) * np.exp(-ages_s / tau_s) / (math.factorial(poles - 1) * tau_s**poles) * step_s
    response[0] /= 2.0
    filtered = fftconvolve(moved, response)[: len(moved)]
    while clock.now() < start_s + 1.2:
        clock.sleep(draw.uniform(1e-3, 60e-3))
        lockin.query("OUTP? 1")
        device.catch_up(clock.now())
        compared.append((device.cascade.output.real, np.interp(clock.now(), times_s, filtered)))
    found, expected = np.array(compared).T
    width_T = lab.truth(frequency_Hz=7e9, power_dBm=15.0)["width"]["value"]
    fields_T = np.array([bench.field_T(max(t, start_s)) for t in times_s[::10]])
    steepest = np.abs(
        np.diff(moved[::10])[np.diff(fields_T) > 1e-7] / np.diff(fields_T)[np.diff(fields_T) > 1e-7]
    ).max()
    assert np.ptp(expected) > 0.1 * np.ptp(moved)  # the line was crossed
    assert np.abs(found - expected).max() < 0.01 * width_T * steepest
