"""A script that sweeps the field at several frequencies and reduces all of it: what one would leave running overnight.

Run it with ``python examples/frequency_series.py [STATION]``; without a station it measures on the virtual bench.
"""

import sys
from pathlib import Path

from sotlab.instruments.station import Station
from sotlab.procedures.runs.reduce import reduce_runs, write_page
from sotlab.procedures.runs.run import Run
from sotlab.procedures.stfmr_field_sweep import STFMRFieldSweep
from sotlab.units import pretty

WINDOWS = {"5 GHz": ("15 mT", "55 mT"), "7 GHz": ("30 mT", "95 mT"), "9 GHz": ("50 mT", "150 mT")}


def main(station: str) -> None:
    folders = []
    with Station.open(station, STFMRFieldSweep.ROLES) as bench:
        for frequency, (start, stop) in WINDOWS.items():
            scan = STFMRFieldSweep(station=station, frequency=frequency, start=start, stop=stop, points=121)
            scan.use(bench)
            with Run(scan, Path("runs"), bench.sample().name) as run:
                run.wait()
            run.raise_error()
            folders.append(run.folder)
    outcome = reduce_runs(folders)
    write_page(folders[-1].report, outcome)
    for name, result in outcome.reduction.results.items():
        print(f"{name:<10} {pretty(result.value, result.sigma, result.unit)}")
    print(f"report: {folders[-1].report}")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "virtual:stfmr")
