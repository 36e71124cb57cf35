"""A station of its own on a bench whose numbers are not the shipped ones, and its checks."""

import importlib.resources
import re
from pathlib import Path

import pytest
import yaml

from sotlab.instruments.station import Station
from sotlab.procedures.commissioning.commission import checks_of, commission

PACKAGE = Path(str(importlib.resources.files("sotlab")))

#: Fewer points than by default: what is tested is the verdict.
QUICK = {
    "field_drift": "readings = 60\nlargest = 5e-7",
    "field_symmetry": "pairs = 2\nreadings = 3",
    "lockin_noise": "readings = 12",
    "microwave_level": 'switch_position = "power_meter"\nexpected = "-11.6 dB"\npoints = 3',
    "power_linearity": "points = 4\naverages = 8\nlargest = 0.2",
    "probe_balance": "readings = 6",
    "reference_resistance": 'expected = "EXPECTED"',
    "second_harmonic_null": "repeats = 3",
    "up_down_split": "points = 41",
    "voltmeter_noise": "readings = 20",
}
EXPECTED = {"stfmr": "300 ohm", "harmonic_hall": "683 ohm", "thz": "1 ohm"}


@pytest.fixture
def bench(tmp_path, monkeypatch):
    """Write a bench and its station, with other numbers, other tables and other checks."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SOTLAB_CLOCK", raising=False)

    def write(name="stfmr", only=None, lab=None, faults=(), tables=None, seed=0, edit=lambda text: text):
        described = yaml.safe_load((PACKAGE / f"simulated/benches/{name}.yaml").read_text(encoding="utf-8"))
        for section, values in (lab or {}).items():
            described["lab"][section] |= values
        described["faults"] = list(faults)
        (tmp_path / "bench.yaml").write_text(yaml.safe_dump(described), encoding="utf-8")
        text = (PACKAGE / f"instruments/stations/{name}.toml").read_text(encoding="utf-8")
        library = f"{(tmp_path / 'bench.yaml').as_posix()}?clock=virtual&seed={seed}@sotlab"
        text = re.sub('visa_library = ".*"', f'visa_library = "{library}"', text)
        text = text.replace('"samples/', f'"{(PACKAGE / "instruments/stations/samples").as_posix()}/')
        text = text[: text.index("[commissioning.")] + text[text.index("[rehearsal]") :]
        said = {**QUICK, **(tables or {})}
        said["reference_resistance"] = said["reference_resistance"].replace("EXPECTED", EXPECTED[name])
        for check, lines in said.items():
            off = "" if only is None or check in only else "enabled = false\n"
            text += f"\n[commissioning.{check}]\n{off}{lines}\n"
        path = tmp_path / "station.toml"
        path.write_text(edit(text), encoding="utf-8")
        return str(path)

    return write


@pytest.fixture
def commissioned(bench, tmp_path):
    """Do the checks of a bench and return the outcomes by name."""

    def do(name="stfmr", operator=None, **changes):
        def follow(run):
            if operator is not None:
                run.procedure.operator = lambda message: operator(station.visa_library.lab, message)
            run.start()
            assert run.wait(120)

        with Station.open(bench(name, **changes), roles=()) as station:
            record = commission(station, tmp_path / "runs", follow).record
            lab = station.visa_library.lab
            assert not any(device.errors for device in lab.devices.values() if not lab.faults.describe())
        return {outcome.check: outcome for outcome in record.checks}

    return do


@pytest.fixture
def one_check(bench):
    """Return one check with the station's parameters, to evaluate rows that the test makes."""

    def make(name, station="stfmr", **changes):
        with Station.open(bench(station, **changes), roles=()) as opened:
            return next(check for check in checks_of(opened) if check.NAME == name)

    return make
