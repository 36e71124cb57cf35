"""A station file of its own beside a bench whose numbers are not the shipped ones, and runs on it."""

import importlib.resources
import shutil
from pathlib import Path

import pytest
import yaml

from sotlab.instruments.station import Station
from sotlab.procedures.calibrations.base import calibration_of, find_calibration
from sotlab.procedures.runs.reader import read_run
from sotlab.procedures.runs.run import Run

SHIPPED = Path(str(importlib.resources.files("sotlab"))) / "instruments" / "stations"
BENCHES = Path(str(importlib.resources.files("sotlab"))) / "simulated" / "benches"


class TestBench:
    """A station folder with a virtual bench, and what an operator would do there."""

    __test__ = False

    def __init__(self, folder):
        self.folder = folder
        self.file = folder / "station.toml"

    def describe(self, extra="", **sections):
        """Write station and bench; ``sections`` change values of the bench's ``lab:``."""
        bench = yaml.safe_load((BENCHES / "stfmr.yaml").read_text(encoding="utf-8"))
        for name, values in sections.items():
            bench["lab"][name] = bench["lab"][name] | values if isinstance(values, dict) else values
        (self.folder / "bench.yaml").write_text(yaml.safe_dump(bench), encoding="utf-8")
        shutil.copytree(SHIPPED / "samples", self.folder / "samples", dirs_exist_ok=True)
        text = (SHIPPED / "stfmr.toml").read_text(encoding="utf-8")
        self.file.write_text(text.replace("stfmr?clock=virtual@", "BENCH?clock=virtual@") + extra, encoding="utf-8")
        return self

    def spec(self, seed=0):
        """Return the name of the station with another seed: the file says it."""
        text = self.file.read_text(encoding="utf-8")
        before, _, after = text.partition('visa_library = "')
        library = f"{self.folder / 'bench.yaml'}?clock=virtual&seed={seed}@sotlab".replace("\\", "/")
        self.file.write_text(f'{before}visa_library = "{library}{after[after.index(chr(34)) :]}', encoding="utf-8")
        return str(self.file)

    def run(self, scan, seed=0, operator=None):
        """Run a scan, the operator doing what ``operator(lab, message)`` does; return run and bench truth."""
        with Station.open(self.spec(seed), scan.ROLES) as station:
            lab = station.visa_library.lab
            if operator is not None:
                scan.operator = lambda message: operator(lab, message)
            scan.use(station)
            run = Run(scan, self.folder / "runs", "film")
            run.start()
            assert run.wait(120)
            run.raise_error()
            truth = lab.truth
        return run, truth

    def calibrate(self, kind, seed=0, operator=None, **settings):
        """Return the calibration that a scan gives, without writing it."""
        scan = find_calibration(kind)(**settings)
        run, _ = self.run(scan, seed, operator)
        return calibration_of(scan, read_run(run.folder.path))


@pytest.fixture
def bench(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return TestBench(tmp_path)
