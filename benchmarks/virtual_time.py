"""How fast bench time passes: a 2,000-point ST-FMR sweep with recording, fsync and the live fit on.

Prints bench seconds per wall second, and the wall time of a point; run it with ``python benchmarks/virtual_time.py``.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path

from sotlab.instruments.station import Station
from sotlab.procedures.runs.run import Run
from sotlab.procedures.stfmr_field_sweep import STFMRFieldSweep

POINTS = 2000
REPEATS = 5
#: Readings averaged in a point: one, as fast as it goes, and as many as make a dwell of 18 s.
AVERAGES = (1, 90)


def sweep(seed: int, averages: int, out: Path) -> tuple[float, float]:
    """Return the bench and the wall time of one sweep [s]."""
    station = f"virtual:stfmr?seed={seed}"
    with Station.open(station, STFMRFieldSweep.ROLES) as bench:
        scan = STFMRFieldSweep(station=station, frequency="7 GHz", start="20 mT", stop="160 mT", points=POINTS)
        scan.use(bench)
        run = Run(scan, out, "benchmark")
        bench_s, wall_s = bench.clock.now(), time.perf_counter()
        run.start()
        run.wait()
        run.raise_error()
        if run.worker.results.rows != POINTS:
            raise RuntimeError(f"{run.worker.results.rows} rows instead of {POINTS}")
        return bench.clock.now() - bench_s, time.perf_counter() - wall_s


def main() -> None:
    with tempfile.TemporaryDirectory() as out:
        sweep(0, Path(out))  # imports and caches
        times = [sweep(seed, Path(out)) for seed in range(REPEATS)]
    ratios = sorted(bench_s / wall_s for bench_s, wall_s in times)
    wall_s = statistics.median(wall_s for _, wall_s in times)
    print(f"{POINTS} points, {times[0][0]:.0f} bench seconds each, {REPEATS} sweeps")
    median = statistics.median(ratios)
    print(f"bench seconds per wall second: median {median:.0f} ({ratios[0]:.0f} to {ratios[-1]:.0f})")
    print(f"wall time of a point: {1e6 * wall_s / POINTS:.0f} us")


if __name__ == "__main__":
    main()
