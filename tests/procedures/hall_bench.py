"""Virtual benches of the Hall cross and of transport with other samples, wiring and roles, and runs on them."""

import importlib.resources
import shutil
from pathlib import Path

import yaml

from sotlab.cli import add_truth
from sotlab.instruments.station import Station
from sotlab.procedures.runs.reader import read_run
from sotlab.procedures.runs.reduce import reduce_runs
from sotlab.procedures.runs.run import Run

ROOT = Path(str(importlib.resources.files("sotlab")))
STATIONS = ROOT / "instruments" / "stations"


def write_station(folder, bench="harmonic_hall", replace=(), extra="", sample=None, **sections):
    """Write a station and its bench into a folder; return the station's file.

    ``sections`` change values of the bench's ``lab:``, ``replace`` pairs of text in the station file.
    """
    described = yaml.safe_load((ROOT / "simulated" / "benches" / f"{bench}.yaml").read_text(encoding="utf-8"))
    if sample is not None:
        described["lab"]["sample"] = sample
    for name, values in sections.items():
        if isinstance(values, dict):
            described["lab"][name] |= values
        else:
            described["lab"][name] = values
    (folder / "bench.yaml").write_text(yaml.safe_dump(described), encoding="utf-8")
    shutil.copytree(STATIONS / "samples", folder / "samples", dirs_exist_ok=True)
    text = (STATIONS / f"{bench}.toml").read_text(encoding="utf-8")
    text = text.replace(f"{bench}?clock=virtual@", f"{(folder / 'bench.yaml').as_posix()}?clock=virtual@")
    for old, new in replace:
        assert old in text
        text = text.replace(old, new)
    file = folder / "station.toml"
    file.write_text(text + extra, encoding="utf-8")
    return str(file)


def run(spec, scan, folder, operator=None):
    """Run a scan; return its record and the reduction with the truth beside it, None without an analysis."""
    with Station.open(spec, scan.ROLES) as bench:
        scan.operator = operator
        scan.use(bench)
        one = Run(scan, folder / "runs", "film")
        with one:
            one.wait()
        one.raise_error()
        told = None
        if scan.ANALYSIS is not None:
            told = reduce_runs([one.folder]).json
            add_truth(bench, told)
    return read_run(one.folder.path), told
