"""Another instrument in a role is an edit of the station file, and the physics stays the same within errors."""

import re
from importlib import resources

import numpy as np
import pandas as pd
import pytest

from sotlab.instruments.station import Station
from sotlab.procedures.harmonic_hall_angle_scan import HarmonicHallAngleScan
from sotlab.procedures.runs.reduce import reduce_runs
from sotlab.procedures.runs.run import Run
from sotlab.procedures.stfmr_bias_series import STFMRBiasSeries
from sotlab.procedures.stfmr_field_sweep import STFMRFieldSweep

PACKAGE = resources.files("sotlab")
SAMPLES = (PACKAGE / "instruments" / "stations" / "samples").as_posix()

ON_AMI = '''
from sotlab.simulated.benches.stfmr import STFMR
from sotlab.simulated.physics.superconducting import SuperconductingMagnet


class Magnet(SuperconductingMagnet):
    """A superconducting magnet, as the strip's bench asks its own magnet."""

    reference_A = SuperconductingMagnet.supply_A

    def travel_T(self, t_s):
        return abs(self.voltage_V(t_s)) / self.inductance_H * self.coil_T_per_A  # of one second


class Bench(STFMR):
    """The strip in a superconducting magnet."""

    def __init__(self, lab, streams, noise):
        super().__init__(lab, streams, noise)
        self.magnet = self.sc_magnet = Magnet(coil_T_per_A=0.1, has_switch=False)
'''


@pytest.fixture
def station_file(tmp_path):
    """Writes a shipped bench and its station, each with edits, and returns the station file."""

    def write(name, bench=lambda text: text, station=lambda text: text):
        (tmp_path / "on_ami.py").write_text(ON_AMI, encoding="utf-8")
        text = (PACKAGE / "simulated" / "benches" / f"{name}.yaml").read_text(encoding="utf-8")
        (tmp_path / "bench.yaml").write_text(bench(text), encoding="utf-8")
        library = f"{(tmp_path / 'bench.yaml').as_posix()}?clock=virtual&seed=5@sotlab"
        text = (PACKAGE / "instruments" / "stations" / f"{name}.toml").read_text(encoding="utf-8")
        text = re.sub('visa_library = ".*"', f'visa_library = "{library}"', text).replace('"samples/', f'"{SAMPLES}/')
        path = tmp_path / "station.toml"
        path.write_text(station(text), encoding="utf-8")
        return str(path)

    return write


def role(text, name, table):
    """Return a station file with another table for a role."""
    start = text.index(f"[roles.{name}]")
    rest = re.search(rf"^\[(?!roles\.{name}\b)", text[start:], re.MULTILINE)
    return text[:start] + table + "\n" + text[start + rest.start() :]


def measure(scan, tmp_path, operator=None):
    scan.operator = operator
    run = Run(scan, tmp_path / "runs", "film")
    with run:
        assert run.wait(120)
    run.raise_error()
    return run


# -- ST-FMR


SWEEP = {"points": 61, "start": "30 mT", "stop": "95 mT", "averages": 2}
NAMES = ("v_sym", "v_asym", "field_res", "width")


def line(station, tmp_path, operator=None, **settings):
    run = measure(STFMRFieldSweep(station=station, **SWEEP, **settings), tmp_path, operator)
    spectrum = reduce_runs([run.folder]).json["spectra"][0]
    return {name: spectrum[name] for name in NAMES}


@pytest.fixture
def usual(station_file, tmp_path):
    """The line with nanovoltmeter, Kepco and gaussmeter."""
    return line(station_file("stfmr"), tmp_path)


def assert_same_line(found, usual):
    for name in NAMES:
        sigma = np.hypot(found[name]["sigma"], usual[name]["sigma"])
        assert abs(found[name]["value"] - usual[name]["value"]) < 4 * sigma, name
        assert found[name]["sigma"] < 10 * usual[name]["sigma"], name


LOCKIN_VOLTMETER = """[roles.voltmeter]
driver = "LockinVoltmeter"
[roles.voltmeter.options]
lockin = "lockin"
modulation = "square_am"
"""


def test_a_lock_in_with_modulated_microwave_reads_the_nanovoltmeters_line(station_file, tmp_path, usual):
    def edit(text):
        text = role(text, "voltmeter", LOCKIN_VOLTMETER)
        return text.replace(
            "[roles.microwave.limits]", '[roles.microwave.options]\nmodulation = "square_am"\n[roles.microwave.limits]'
        )

    assert_same_line(line(station_file("stfmr", station=edit), tmp_path), usual)


def test_spectra_with_a_direct_current_are_measured_by_lock_in_and_source_meter(station_file, tmp_path):
    def edit(text):
        text = role(text, "voltmeter", LOCKIN_VOLTMETER).replace("sensitivity_V = 1e-5", "sensitivity_V = 5e-3")
        return text.replace(
            "[roles.microwave.limits]", '[roles.microwave.options]\nmodulation = "square_am"\n[roles.microwave.limits]'
        )

    scan = STFMRBiasSeries(station=station_file("stfmr", station=edit), biases=2, points=8, signs="positive")
    run = measure(scan, tmp_path)
    rows = pd.read_csv(run.folder.data, comment="#")
    assert list(dict.fromkeys(rows["Bias (A)"])) == [-2e-3, 2e-3]
    assert len(rows) == 16
    # What the microwave's heat adds to the resistance drops along with the direct current, and changes sign with it.
    low, high = (group["Voltage (V)"].mean() for _, group in rows.groupby("Bias (A)"))
    assert low < -1e-4
    assert high > 1e-4


AMI = """[roles.field]
driver = "AMI430"
resource = "TCPIP0::ami430.example::7180::SOCKET"
timeout_s = 5
[roles.field.options]
tesla_per_ampere = 0.1
[roles.field.limits]
field_T = [-0.38, 0.38]
field_rate_T_per_s = 0.02
"""


def test_a_superconducting_magnet_gives_the_line_of_the_electromagnet(station_file, tmp_path, usual):
    def bench(text):
        text = text.replace("class: kepco_bop:KepcoBOP5020MG", "class: ami_430:AMI430")
        text = text.replace("GPIB0::6::INSTR: {device: field}", "TCPIP0::ami430.example::7180::SOCKET: {device: field}")
        return text.replace("bench: stfmr:STFMR", 'bench: "on_ami.py:Bench"')

    station = station_file("stfmr", bench, lambda text: role(text, "field", AMI))
    assert_same_line(line(station, tmp_path), usual)


AZIMUTH_BY_HAND = """[roles.azimuth]
driver = "ManualRotator"
[roles.azimuth.options]
start_deg = 45
[roles.azimuth.limits]
angle_deg = [-90, 180]
"""


def test_a_field_that_is_turned_by_hand_gives_the_line_of_the_motor(station_file, tmp_path, usual):
    motor = line(station_file("stfmr"), tmp_path, angle="65 deg")
    path = station_file("stfmr", station=lambda text: role(text, "azimuth", AZIMUTH_BY_HAND))
    asked = []
    with Station.open(path, roles=()) as bench:  # kept open: the lab is the same one
        lab = bench.visa_library.lab

        def operator(message):
            asked.append(float(re.search(r"(-?[\d.]+) ?deg", message)[1]))
            lab.before_change()
            lab.clock.wait_until(lab.bench.stage[3].move(lab.clock.now(), asked[-1], 20.0, 80.0))

        by_hand = line(path, tmp_path, operator, angle="65 deg")
    assert asked == [65.0]
    assert_same_line(by_hand, motor)
    # The line goes as cos^2 sin of the angle: at 65 deg it is 0.46 of that at 45 deg.
    assert abs(motor["v_sym"]["value"]) < abs(usual["v_sym"]["value"]) - 5 * motor["v_sym"]["sigma"]


# -- harmonic Hall


SCAN = {"points": 13, "start": "0 deg", "stop": "180 deg", "field": "2 T", "amplitude": "2 mA"}


def rows(station, tmp_path, operator=None):
    run = measure(HarmonicHallAngleScan(station=station, **SCAN), tmp_path, operator)
    return pd.read_csv(run.folder.data, comment="#")


@pytest.fixture
def two_sr830(station_file, tmp_path):
    """The scan with two SR830 and a motorised rotator."""
    return rows(station_file("harmonic_hall"), tmp_path)


def assert_same_scan(found, usual):
    # 3 nV/rtHz and the arms' Johnson noise make 5 nV rms in 0.3 s; a count of the 20 mV range is 0.7 uV.
    np.testing.assert_allclose(found["X 1w (V)"], usual["X 1w (V)"], atol=3e-6)
    np.testing.assert_allclose(found["Y 2w (V)"], usual["Y 2w (V)"], atol=5e-8)
    assert np.ptp(usual["X 1w (V)"]) > 1e-3
    assert np.ptp(usual["Y 2w (V)"]) > 3e-7


def test_an_sr865a_gives_the_scan_of_an_sr830(station_file, tmp_path, two_sr830):
    def bench(text):
        return text.replace("class: sr830:SR830", "class: sr865a:SR865A")

    def station(text):
        return text.replace('driver = "SR830"', 'driver = "SR865A"')

    assert_same_scan(rows(station_file("harmonic_hall", bench, station), tmp_path), two_sr830)


MANUAL = """[roles.rotator]
driver = "ManualRotator"
[roles.rotator.options]
start_deg = 0
"""


def test_a_stage_that_is_turned_by_hand_gives_the_scan_of_the_motor(station_file, tmp_path, two_sr830):
    path = station_file("harmonic_hall", station=lambda text: role(text, "rotator", MANUAL))
    asked = []
    with Station.open(path, roles=()) as bench:
        lab = bench.visa_library.lab

        def operator(message):
            angle_deg = float(re.search(r"(-?[\d.]+) ?deg", message)[1])
            asked.append(angle_deg)
            lab.before_change()
            settled_s = lab.bench.stage[2].move(lab.clock.now(), angle_deg, 20.0, 80.0)
            lab.clock.wait_until(settled_s)

        found = rows(path, tmp_path, operator)
    assert_same_scan(found, two_sr830)
    assert asked == [15.0 * k for k in range(1, 13)]
