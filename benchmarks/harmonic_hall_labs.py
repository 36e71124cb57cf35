"""Many harmonic Hall labs: how honest the sigmas are, and how often mistakes are named.

Labs 0 to N-1 of three geometries, each with its own noise and its own errors of all that the analysis is told; in
process, with the physics and the noise of the virtual bench. ``--wire`` more of each go over the whole wire: bench,
VISA, procedure, file, analysis. Asked for: 0.64 to 0.72 of the values within one sigma, a mean pull within 0.15, a
standard deviation of 0.9 to 1.1; mistakes named in 95 % of the labs, and in 5 % at most where there are none.

Run it with ``python benchmarks/harmonic_hall_labs.py [--labs 800] [--mistakes 200] [--wire 20]``.
"""

import argparse
import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import sys
import tempfile
from collections import defaultdict
from pathlib import Path

import numpy as np
import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import sotlab.instruments
import sotlab.simulated.benches
from sotlab.analysis.values import Value
from sotlab.instruments.station import Station
from sotlab.procedures.harmonic_hall_angle_scan import HarmonicHallAngleScan
from sotlab.procedures.harmonic_hall_field_sweep import HarmonicHallFieldSweep
from sotlab.procedures.harmonic_scan import HarmonicScan
from sotlab.procedures.runs.reduce import reduce_runs
from sotlab.procedures.runs.run import Run
from tests.closed_loop.hall_labs import (
    KNOWN,
    MISTAKES,
    STRIP,
    UNITS,
    Cross,
    Measured,
    flagged,
    in_plane,
    low_field,
    out_of_plane,
    pulls,
    rate,
)

COTB, NIFE = Cross("cotb_bisb_10nm.yaml"), Cross("nife_bisb_hall.yaml")
NAMES = {
    "out-of-plane": ("r_a", "b_dl", "b_fl", "r_ane", "r_one", "xi_dl_E", "xi_fl_E", "xi_dl_j"),
    "in-plane": ("r_p", "b_dl", "b_fl", "r_ane", "r_one", "xi_dl_E", "xi_fl_E", "xi_dl_j"),
    "low-field": ("b_k", "b_dl", "b_fl", "xi_dl_E", "xi_fl_E", "xi_dl_j"),
}
STEEP_T, FLAT_T, LOW_T = np.linspace(1.2, 3.9, 3), np.geomspace(0.1, 3.0, 5), 0.1


def line(name: str, pull: np.ndarray) -> str:
    """Return one row of the table."""
    known = pull[np.isfinite(pull)]
    covered, mean, deviation = np.mean(np.abs(known) < 1), known.mean(), known.std(ddof=1)
    good = 0.64 <= covered <= 0.72 and abs(mean) <= 0.15 and 0.9 <= deviation <= 1.1
    return f"{name:>24} {len(known):6d} {covered:8.3f} {mean:+8.3f} {deviation:8.3f}  {'' if good else '!'}"


def statistics(measured: dict[str, Measured], labs: int) -> None:
    print(f"{'':>24} {'labs':>6} {'covered':>8} {'mean':>8} {'std':>8}")
    for geometry, one in measured.items():
        print(geometry)
        for name, pull in pulls(one, labs, NAMES[geometry]).items():
            print(line(name, pull))


def mistakes(measured: dict[str, Measured], labs: int) -> None:
    print(f"\n{'mistake':>24} {'geometry':>14} {'named':>7} {'false':>7}")
    for geometry in ("out-of-plane", "in-plane"):
        clean = flagged(measured[geometry], labs)
        for word, mistaken in MISTAKES.items():
            named = rate(flagged(mistaken(measured[geometry]), labs), word)
            print(f"{word:>24} {geometry:>14} {named:7.3f} {rate(clean, word):7.3f}")
    semimetal = measured["in-plane"]
    truth, word, biased = semimetal.cross.truth()["b_dl"], "r_one: left out, but", []
    for seed in range(labs):
        reduction = semimetal.lab(seed, left_out=("r_one",))
        b_dl = reduction.results["b_dl"]
        if abs(b_dl.value - truth) > 3 * b_dl.sigma:
            biased.append(any(flag.startswith(word) for flag in reduction.flags))
    metal = flagged(semimetal.again(one_ohm_per_A_T=0.0), labs, left_out=("r_one",))
    print(f"{'r_one left out':>24} {'in-plane':>14} {np.mean(biased):7.3f} {rate(metal, word):7.3f}"
          f"   (biased by more than 3 sigma: {len(biased)} of {labs})")  # fmt: skip


def station(folder: Path, sample: str) -> Path:
    """Write a station whose bench has another sample, and return it."""
    shipped = Path(sotlab.simulated.benches.__file__).with_name("harmonic_hall.yaml")
    bench = yaml.safe_load(shipped.read_text(encoding="utf-8"))
    bench["lab"]["sample"] = sample
    (folder / "bench.yaml").write_text(yaml.safe_dump(bench), encoding="utf-8")
    return folder / "bench.yaml"


def over_the_wire(labs: int) -> None:
    """Print the pulls of labs that are measured on the bench, with what the analysis is told drawn."""
    print(f"\nover the wire {'labs':>17} {'covered':>8} {'mean':>8} {'std':>8}")
    for geometry, cross, told in (
        ("out-of-plane", COTB, ("r_p",)),
        ("in-plane", NIFE, ("r_a", "mu0_meff")),
        ("low-field", COTB, ("r_p", "r_ane", "r_one")),
    ):
        truth, found = cross.truth(), defaultdict(list)
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            for seed in range(labs):
                results = measure(folder, geometry, cross, told, seed)
                for result in NAMES[geometry]:
                    value = results[result]
                    if value["value"] is not None:
                        found[result].append((value["value"] - truth[result]) / value["sigma"])
        print(geometry)
        for result, pull in found.items():
            print(line(result, np.array(pull)))


def measure(folder: Path, geometry: str, cross: Cross, told: tuple[str, ...], seed: int) -> dict:
    """Measure one lab on the virtual bench and reduce its runs."""
    rng, truth = np.random.default_rng([seed, len(geometry)]), cross.truth()
    settings = {}
    for name in (*STRIP, *told):
        sigma = abs(truth[name]) * KNOWN[name]
        settings[name] = Value(rng.normal(truth[name], sigma), sigma, UNITS[name])
    library = f"{station(folder, cross.sample)}?seed={seed}&clock=virtual@sotlab"
    spec = folder / "station.toml"
    shipped = Path(sotlab.instruments.__file__).parent / "stations" / "harmonic_hall.toml"
    text = shipped.read_text(encoding="utf-8").replace("harmonic_hall?clock=virtual@sotlab", library)
    sample = (shipped.parent / "samples" / "cotb_bisb_10nm.toml").as_posix()
    spec.write_text(text.replace("samples/cotb_bisb_10nm.toml", sample), encoding="utf-8")
    folders = []
    planned = scans(geometry, spec, cross, rng)
    with Station.open(str(spec), planned[0].ROLES) as bench:
        for scan in planned:
            scan.use(bench)
            with Run(scan, folder, "film") as run:
                run.wait()
            run.raise_error()
            folders.append(run.folder)
    return reduce_runs(folders, settings).json["results"]


def scans(geometry: str, spec: Path, cross: Cross, rng: np.random.Generator) -> list[HarmonicScan]:
    """Return the procedures that measure a geometry as the labs in process do, each at angles or fields of its own.

    The first harmonic is rounded by the lock-in's digits rather than noisy: at the same points all labs would share
    one error.
    """
    known, turned_deg = {"station": str(spec), "amplitude": cross.peak_A}, rng.uniform(-2.0, 2.0)
    if geometry == "low-field":
        return [HarmonicHallFieldSweep(field=LOW_T * rng.uniform(0.96, 1.0), points=25, **known)]
    if geometry == "out-of-plane":
        turn = {"axis": "rotator", "start": 5.0 + turned_deg, "stop": 347.0 + turned_deg, "points": 20}
        return [HarmonicHallAngleScan(field=float(field_T), **turn, **known) for field_T in STEEP_T]
    turn = {"axis": "azimuth", "start": turned_deg, "stop": 340.0 + turned_deg, "points": 18}
    return [HarmonicHallAngleScan(field=float(field_T), **turn, **known) for field_T in FLAT_T]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--labs", type=int, default=800)
    parser.add_argument("--mistakes", type=int, default=200)
    parser.add_argument("--wire", type=int, default=20)
    asked = parser.parse_args()
    measured = {
        "out-of-plane": out_of_plane(COTB, STEEP_T, 20),
        "in-plane": in_plane(NIFE, FLAT_T, 18),
        "low-field": low_field(COTB, LOW_T, 25),
    }
    if asked.labs:
        statistics(measured, asked.labs)
    if asked.mistakes:
        mistakes(measured, asked.mistakes)
    if asked.wire:
        over_the_wire(asked.wire)


if __name__ == "__main__":
    main()
