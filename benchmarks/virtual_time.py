"""How fast bench time passes: 2,000-point ST-FMR sweeps with recording, fsync and the live fit on.

Once as fast as the bench goes (one reading of 0.2 s a point), and once with a dwell of 18 s a point: 9 readings of 50
power-line cycles, with autozero 2 s each, 36,000 bench seconds in all. Prints bench seconds per wall second, and per
second of the processor, the same on an idle computer. Run it with ``python benchmarks/virtual_time.py``.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from importlib import resources
from pathlib import Path

from sotlab.instruments.station import Station
from sotlab.procedures.runs.run import Run
from sotlab.procedures.stfmr_field_sweep import STFMRFieldSweep

POINTS = 2000
REPEATS = 3
#: Power-line cycles of a reading, and readings averaged in a point.
DWELLS = {"as fast as it goes": (5, 1), "18 s a point": (50, 9)}


def station_file(folder: Path, nplc: int, seed: int) -> str:
    """Write the shipped station with another integration time, and return its name."""
    shipped = resources.files("sotlab.instruments") / "stations"
    text = (shipped / "stfmr.toml").read_text(encoding="utf-8")
    text = text.replace("nplc = 5", f"nplc = {nplc}").replace("stfmr?clock", f"stfmr?seed={seed}&clock")
    sample = Path(str(shipped / "samples" / "nife_bisb_10nm.toml")).as_posix()
    path = folder / f"station_{nplc}_{seed}.toml"
    path.write_text(text.replace("samples/nife_bisb_10nm.toml", sample), encoding="utf-8")
    return str(path)


def sweep(seed: int, nplc: int, averages: int, out: Path) -> tuple[float, float, float]:
    """Return the bench time, the wall time and the processor's time of one sweep [s]."""
    station = station_file(out, nplc, seed)
    with Station.open(station, STFMRFieldSweep.ROLES) as bench:
        scan = STFMRFieldSweep(
            station=station, frequency="7 GHz", start="20 mT", stop="160 mT", points=POINTS, averages=averages
        )
        scan.use(bench)
        run = Run(scan, out, "benchmark")
        bench_s, wall_s, work_s = bench.clock.now(), time.perf_counter(), time.process_time()
        run.start()
        run.wait()
        run.raise_error()
        if run.worker.results.rows != POINTS:
            raise RuntimeError(f"{run.worker.results.rows} rows instead of {POINTS}")
        return bench.clock.now() - bench_s, time.perf_counter() - wall_s, time.process_time() - work_s


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        sweep(0, 5, 1, out)  # imports and caches
        for name, (nplc, averages) in DWELLS.items():
            times = [sweep(seed, nplc, averages, out) for seed in range(REPEATS)]
            print(f"{name}: {POINTS} points, {times[0][0]:.0f} bench seconds, {REPEATS} sweeps")
            for what, index in (("wall", 1), ("processor", 2)):
                ratios = sorted(found[0] / found[index] for found in times)
                point_us = 1e6 * statistics.median(found[index] for found in times) / POINTS
                print(
                    f"  bench seconds per {what} second: median {statistics.median(ratios):.0f} "
                    f"({ratios[0]:.0f} to {ratios[-1]:.0f}); {point_us:.0f} us a point"
                )


if __name__ == "__main__":
    main()
