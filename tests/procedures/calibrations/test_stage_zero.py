"""The delay stage's zero on the terahertz bench."""

import importlib.resources
import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml

from sotlab.errors import DataError
from sotlab.instruments.delay_line import DelayLine
from sotlab.instruments.station import Station
from sotlab.procedures.calibrations.base import calibration_of, find_calibration
from sotlab.procedures.calibrations.keep import keep
from sotlab.procedures.calibrations.stage_zero import along_its_axis
from sotlab.procedures.runs.reader import read_run
from sotlab.procedures.runs.run import Run

ROLES = ("delay", "lockin", "field", "shutter", "pump_attenuator", "chopper")
ZERO_M = 120e-6


@pytest.fixture
def trace(tmp_path, monkeypatch):
    """Scan a pulse on a bench whose zero is elsewhere, and whose stage has no backlash; return the calibration."""
    monkeypatch.chdir(tmp_path)
    package = Path(str(importlib.resources.files("sotlab")))
    bench = yaml.safe_load((package / "simulated/benches/thz.yaml").read_text(encoding="utf-8"))
    bench["lab"]["delay"] |= {"zero_m": ZERO_M, "backlash_m": 0.0}
    (tmp_path / "bench.yaml").write_text(yaml.safe_dump(bench), encoding="utf-8")
    shutil.copytree(package / "instruments/stations/samples", tmp_path / "samples")
    text = (package / "instruments/stations/thz.toml").read_text(encoding="utf-8")

    def scan(seed, extra="", phase_deg=0.0, without=(), operator=None, keeping=False, **settings):
        settings = {"start": ZERO_M - 75e-6, "stop": ZERO_M + 75e-6, "points": 31, **settings}
        file = tmp_path / "station.toml"
        library = f"{(tmp_path / 'bench.yaml').as_posix()}?clock=virtual&seed={seed}@"
        file.write_text(text.replace("thz?clock=virtual@", library) + extra, encoding="utf-8")
        with Station.open(str(file), ROLES) as station:
            station["lockin"].set_phase(phase_deg)
            for role in without:
                del station.config.roles[role]
            procedure = find_calibration("stage_zero")(**settings)
            procedure.operator = None if operator is None else lambda message: operator(station, message)
            procedure.use(station)
            run = Run(procedure, tmp_path / "runs", "film")
            run.start()
            assert run.wait(120)
            run.raise_error()
            done = read_run(run.folder.path)
            return keep(procedure, done, station) if keeping else calibration_of(procedure, done)

    return scan


def test_the_zero_is_the_benchs_within_its_sigma(trace):
    found = [trace(seed).values["zero"] for seed in range(8)]
    # The bench's delay wanders by 10 fs rms, as ``drift`` says. Of 8, chi squared / 8 lies between 0.08 and 3.5 in 999
    # of 1000 cases.
    pulls = np.array([(zero.value - ZERO_M) / zero.sigma for zero in found])
    assert abs(pulls.mean()) < 4 / np.sqrt(len(pulls))
    assert 0.05 < np.mean(pulls**2) < 3.5


def test_the_stage_in_use_knows_the_delay(trace, tmp_path):
    kept = trace(0, passes=2, sign="-1", keeping=True)
    extra = f'\n[calibrations]\ndelay = "calibrations/{kept.file.name}"\n'
    again = trace(1, extra=extra)
    assert again.values["zero"].value == pytest.approx(ZERO_M, abs=8e-6)  # positions stay the stage's own
    with Station.open(str(tmp_path / "station.toml"), ["delay"]) as station:
        line = station["delay"].delay_line
    assert line.passes == -2.0
    zero_m = kept.calibration.values["zero"].value
    assert line.delay_s(zero_m) == 0.0
    assert line.delay_s(zero_m + 15e-6) == pytest.approx(-2 * 2 * 15e-6 / 299792458)
    assert line.position_m(line.delay_s(1e-3)) == pytest.approx(1e-3, rel=1e-12)


def test_without_a_pulse_there_is_no_zero(trace):
    with pytest.raises(DataError, match=r"no pulse stands out|end of the scan"):
        trace(0, transmission=1e-4)


def test_the_lock_in_need_not_be_in_phase(trace):
    straight, turned = (trace(3, phase_deg=phase_deg) for phase_deg in (0.0, 70.0))
    assert turned.values["zero"].value == pytest.approx(straight.values["zero"].value, abs=2e-6)
    assert abs(turned.values["peak"].value) == pytest.approx(abs(straight.values["peak"].value), rel=0.05)


def test_what_the_station_has_no_role_for_the_operator_is_asked_to_do(trace):
    asked = []

    def operator(station, message):
        asked.append(message)
        station.drivers["shutter"].set_open(True)

    found = trace(0, without=["shutter"], operator=operator)
    assert asked == ["open the shutter; both beams on the sample"]
    assert found.values["zero"].value == pytest.approx(ZERO_M, abs=8e-6)


def test_the_axis_is_found_whatever_the_phase():
    rng = np.random.default_rng(0)
    pulse = np.exp(-(np.linspace(-3, 3, 61) ** 2))
    for phase in np.linspace(-1.5, 1.5, 7):
        found = along_its_axis(pulse * np.exp(1j * phase) + 1e-3 * (rng.normal(size=61) + 1j * rng.normal(size=61)))
        np.testing.assert_allclose(found, pulse, atol=6e-3)


def test_a_line_and_its_inverse_agree():
    line = DelayLine(1e-3, -1.0)
    assert line.delay_s(1e-3 + 149.896229e-6) == pytest.approx(-1e-12)
