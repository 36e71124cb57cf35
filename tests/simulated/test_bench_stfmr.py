"""The whole bench: stock PyMeasure drivers on four instruments that share one sample."""

import numpy as np
import pytest
import pyvisa
from pyvisa_sim import parser
from scipy.optimize import curve_fit

from sotlab.simulated.lab import Lab, LabSpec, shipped_benches

pytestmark = pytest.mark.filterwarnings("ignore:It is not known whether this device support SCPI")


class Bench:
    """The four instruments through PyMeasure's own drivers."""

    def __init__(self, options="clock=virtual"):
        from pymeasure.instruments.agilent import Agilent8257D
        from pymeasure.instruments.keithley import Keithley2182
        from pymeasure.instruments.kepco import KepcoBOP3612
        from pymeasure.instruments.lakeshore import LakeShore425

        library = f"stfmr?{options}@sotlab"
        self.manager = pyvisa.ResourceManager(library)
        self.lab, self.clock = self.manager.visalib.lab, self.manager.visalib.clock
        self.source = Agilent8257D("GPIB0::19::INSTR", visa_library=library)
        self.meter = Keithley2182("GPIB0::7::INSTR", visa_library=library, read_termination="\n")
        self.supply = KepcoBOP3612("GPIB0::6::INSTR", visa_library=library)
        self.gaussmeter = LakeShore425("GPIB0::12::INSTR", visa_library=library, read_termination="\r\n")

    def start(self, frequency_Hz=7e9, power_dBm=15.0):
        self.source.frequency, self.source.power = frequency_Hz, power_dBm
        self.source.enable()
        self.supply.operating_mode, self.supply.voltage_setpoint = "CURR", 36
        self.supply.current_setpoint, self.supply.output_enabled = 0, True
        self.meter.reset()
        self.meter.ch_1.setup_voltage(nplc=5)

    def sweep(self, currents_A, wait_s=1.5):
        rows = []
        for current_A in currents_A:
            self.supply.current_setpoint = current_A
            self.clock.sleep(wait_s)
            rows.append((self.gaussmeter.field, self.meter.voltage))
        return np.array(rows).T

    def truth(self, frequency_Hz=7e9, power_dBm=15.0):
        told = self.lab.truth(frequency_Hz=frequency_Hz, power_dBm=power_dBm)
        return {name: entry["value"] for name, entry in told.items()}

    def close(self):
        for instrument in (self.source, self.meter, self.supply, self.gaussmeter):
            instrument.adapter.close()
        self.manager.close()


@pytest.fixture
def open_bench():
    opened = []

    def open_one(options="clock=virtual"):
        opened.append(Bench(options))
        return opened[-1]

    yield open_one
    for bench in opened:
        bench.close()


def line(field_T, v_sym, v_asym, field_res, width, offset, slope):
    x = field_T - field_res
    return (v_sym * width**2 + v_asym * width * x) / (x**2 + width**2) + offset + slope * x


def fitted(field_T, voltage_V, start):
    scale = 1e6  # in uV, so that curve_fit's steps suit all parameters
    guess = [start["v_sym"] * scale, start["v_asym"] * scale, start["field_res"], start["width"], 0.0, 0.0]
    values, covariance = curve_fit(line, field_T, voltage_V * scale, guess)
    errors = np.sqrt(np.diag(covariance))
    found = dict(zip(("v_sym", "v_asym", "field_res", "width"), values, strict=False))
    found["v_sym"], found["v_asym"] = found["v_sym"] / scale, found["v_asym"] / scale
    return found, errors / np.array([scale, scale, 1, 1, scale, scale])


def test_quiet_sweep_with_stock_drivers_gives_the_true_line(open_bench):
    bench = open_bench("clock=virtual&noise=off")
    bench.start()
    truth = bench.truth()
    field_T, voltage_V = bench.sweep(np.linspace(2.2, 4.4, 89))
    found, _ = fitted(field_T, voltage_V, {"v_sym": -1e-6, "v_asym": -3e-6, "field_res": 0.06, "width": 4e-3})
    assert found["v_sym"] == pytest.approx(truth["v_sym"], rel=1e-2)
    assert found["v_asym"] == pytest.approx(truth["v_asym"], rel=3e-3)
    assert found["field_res"] == pytest.approx(truth["field_res"], abs=5e-6)
    assert found["width"] == pytest.approx(truth["width"], rel=3e-3)
    assert all(instrument.check_errors() == [] for instrument in (bench.source, bench.meter, bench.supply))


def test_noisy_sweep_finds_the_truth_within_its_errors(open_bench):
    bench = open_bench("clock=virtual&seed=0")
    bench.start()
    truth = bench.truth()
    field_T, voltage_V = bench.sweep(np.linspace(2.2, 4.4, 89))
    found, errors = fitted(field_T, voltage_V, truth)
    zero_T = 20e-6  # the gaussmeter's zero shifts the resonance
    for name, error in zip(found, errors, strict=False):
        allowed = 5 * np.hypot(error, zero_T if name == "field_res" else 0.0)
        assert abs(found[name] - truth[name]) < allowed
    left_V = voltage_V - line(field_T, **found, offset=0, slope=0)
    assert 30e-9 < np.std(left_V) < 65e-9  # 1 % of V_A: 46 nV


def test_sweeping_back_without_waiting_splits_the_resonance(open_bench):
    def split_T(wait_s):
        bench = open_bench(f"clock=virtual&noise=off&seed={round(wait_s * 10)}")  # each its own lab
        bench.start()
        currents_A = np.linspace(2.2, 4.4, 45)
        ways = []
        for way in (currents_A, currents_A[::-1]):
            # the magnet's own lag: field against the moment of the voltage reading
            ways.append(fitted(*bench.sweep(way, wait_s), bench.truth())[0]["field_res"])
        return abs(ways[0] - ways[1])

    assert split_T(0.02) > 5 * split_T(2.0)


def test_hysteresis_shows_against_the_current_but_not_against_the_gaussmeter(open_bench):
    bench = open_bench("clock=virtual&noise=off")
    bench.start()
    bench.sweep([10.0], wait_s=5.0)
    (down_T,), _ = bench.sweep([3.0], wait_s=5.0)
    bench.sweep([-10.0], wait_s=5.0)
    (up_T,), _ = bench.sweep([3.0], wait_s=5.0)
    assert down_T - up_T == pytest.approx(4e-3, abs=5e-6)


def readings(seed, extra_gaussmeter_readings=0):
    """Open a lab anew and return some readings of both meters, while the magnet stands and the microwave is on."""
    bench = Bench(f"clock=virtual&seed={seed}")
    bench.start()
    bench.sweep([3.0], wait_s=3.0)
    for _ in range(extra_gaussmeter_readings):
        assert bench.gaussmeter.field > 0.05
        bench.clock.sleep(0.5)
    voltages_V = [bench.meter.voltage for _ in range(5)]
    fields_T = [bench.gaussmeter.field for _ in range(3)]
    bench.close()
    return voltages_V, fields_T


def test_same_seed_gives_the_same_data_and_another_seed_other_data():
    first, again, other = readings(0), readings(0), readings(1)
    assert first == again
    assert first[0] != other[0]
    assert first[1] != other[1]
    assert len(set(first[0])) == 5


def test_one_more_gaussmeter_reading_does_not_change_the_voltmeter():
    (plain_V, plain_T), (curious_V, curious_T) = readings(0), readings(0, extra_gaussmeter_readings=3)
    assert plain_V == curious_V
    assert plain_T != curious_T


def test_gaussmeter_zero_is_one_draw_per_lab_and_spreads_as_the_bench_file_says():
    offsets_T = []
    for seed in range(60):
        bench = Lab(LabSpec.parse(f"stfmr?clock=virtual&seed={seed}")).bench
        offsets_T.append(np.mean([bench.gaussmeter_T(0.1 * i + 0.05) for i in range(20)]))
    assert np.std(offsets_T) == pytest.approx(20e-6, rel=0.4)  # 60 draws: 9 % standard error
    assert np.ptp(offsets_T) > 40e-6


def test_truth_is_not_reachable_over_the_wire(open_bench):
    bench = open_bench("clock=virtual&noise=off")
    for device in bench.lab.devices.values():
        assert not [header for header, _ in device.command_table() if "TRUTH" in header.upper()]


def test_bench_file_is_accepted_by_plain_pyvisa_sim():
    devices = parser.get_devices(str(shipped_benches()["stfmr"]), False)
    on_gpib = {f"GPIB0::{address}::INSTR" for address in (6, 7, 8, 12, 13, 16, 19, 21, 24)}
    assert set(devices.list_resources()) == on_gpib | {"ASRL1::INSTR", "ASRL6::INSTR"}


def test_every_device_has_its_role(open_bench):
    listed = {entry["role"]: entry["model"] for entry in open_bench().lab.list_devices()}
    assert listed == {
        "microwave": "E8257D", "voltmeter": "MODEL 2182A", "field": "BOP 50-20MG", "gaussmeter": "MODEL475",
        "lockin": "SR830", "source_meter": "MODEL 2400", "vna": "N5222B", "rf_power_meter": "RF power meter",
        "rf_switch": "RF switch", "azimuth": "ESP301", "interlock": "interlock input",
    }  # fmt: skip


def test_every_command_of_every_model_names_its_source(open_bench):
    for device in open_bench().lab.devices.values():
        assert all(source for _, source in device.command_table())
