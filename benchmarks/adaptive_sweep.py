"""Adaptive against uniform field sweeps at equal sigma: in points, and in time with travel and settling.

Both sweep the same window, of 10, 20 and 40 half widths of the line, with white noise of a tenth of the line at each
point. The uniform sweep has 201 points. The adaptive one is that of ``STFMRAdaptiveSweep``, 101 points with its two
refinements, asked for more than it can reach. A sweep's sigma is the scatter of what is fitted; the gain is how
many points (how much time) a uniform sweep needs to reach the adaptive one's, over what that took, the geometric mean
of the four values of the line. Time is that of the virtual bench's magnet and meters, as the procedure predicts it,
with one reading at each point and with twenty. To reach, in points: 1.5, 1.9 and 3.

Run from the project's root: ``python benchmarks/adaptive_sweep.py``.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import sys
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from sotlab.analysis.lineshape import PARAMETERS, LineFit, fit_lineshape, lineshape
from sotlab.instruments.station import Station
from sotlab.procedures.runs.scan import Point
from sotlab.procedures.stfmr_adaptive_sweep import STFMRAdaptiveSweep
from sotlab.procedures.stfmr_field_sweep import STFMRFieldSweep

UNIFORM, ADAPTIVE = 201, 101
NOISE, WIDTH_T, CENTRE_T, TRIALS = 0.1, 4e-3, 0.12, 600
TO_REACH = {10: 1.5, 20: 1.9, 40: 3.0}
#: Of the coarse sweep: three of its points must lie within the line for it to be seen at all.
COARSE = {10: 41, 20: 41, 40: 61}
AVERAGES = (1, 20)
SHOWN = PARAMETERS[:4]


def truth(rng: np.random.Generator, window: float) -> np.ndarray:
    """Return a line of unit amplitude and any phase, within a quarter of the window of its middle."""
    phase, b0 = rng.uniform(0, 2 * np.pi), CENTRE_T + rng.uniform(-0.25, 0.25) * window * WIDTH_T
    return np.array([np.cos(phase), np.sin(phase), b0, WIDTH_T])


def read(rng: np.random.Generator, line: np.ndarray, field_T: np.ndarray) -> np.ndarray:
    return lineshape(field_T, *line) + NOISE * rng.normal(size=len(field_T))


def adaptive(rng: np.random.Generator, line: np.ndarray, scan: STFMRAdaptiveSweep) -> tuple[np.ndarray, np.ndarray]:
    """Return fields and voltages, in the order of measurement, of one adaptive sweep."""
    rows: list[dict[str, float]] = []
    planned = [point["field_T"] for point in scan.plan()]
    while planned:
        for field_T, voltage in zip(planned, read(rng, line, np.array(planned)), strict=True):
            known = {"Index": len(rows), "Field Set (T)": field_T, "Field (T)": field_T, "Voltage (V)": voltage}
            rows.append(known)
        planned = [point["field_T"] for point in scan.refine(rows)]
    return tuple(np.array([row[name] for row in rows]) for name in ("Field Set (T)", "Voltage (V)"))  # type: ignore


def scatter(fit: LineFit, lines: np.ndarray) -> np.ndarray:
    """Return the scatter of the four values about the truth, of the lines that were found near where they are."""
    values = np.stack([getattr(fit, name) for name in SHOWN], axis=1)
    found = fit.good & (np.abs(values[:, 2] - lines[:, 2]) < WIDTH_T)
    return np.sqrt(np.mean((values - lines)[found] ** 2, axis=0))


def seconds(scan: STFMRFieldSweep, field_T: np.ndarray, bench: Station) -> float:
    """Return how long a sweep takes: ramps, settling, readings, and the run-up of each pass."""
    points = [Point(k, {"field_T": float(b)}) for k, b in enumerate(field_T)]
    low_T = float(scan.start) - float(scan.run_up)
    total_s, before = 0.0, None
    for point in points:
        back = before is not None and point.settings["field_T"] < before.settings["field_T"]
        if back:
            total_s += bench["field"].ramp_time_s(before.settings["field_T"], low_T)
        total_s += scan.point_time_s(None if back else before, point, bench)
        before = point
    return total_s


def main() -> int:
    missed = False
    print(f"{'window (HWHM)':<15}{'points':>8}{'gain':>8}{'to reach':>10}{'lost':>7}", end="")
    print("".join(f"{f'in time, {n} readings':>24}" for n in AVERAGES))
    with Station.open("virtual:stfmr", STFMRFieldSweep.ROLES) as bench:
        for window, least in TO_REACH.items():
            rng = np.random.default_rng(0)
            half_T = window * WIDTH_T / 2
            ends = {"start": CENTRE_T - half_T, "stop": CENTRE_T + half_T}
            scan = STFMRAdaptiveSweep(points=COARSE[window], most=ADAPTIVE - COARSE[window], wanted=1e-6, **ends)
            lines = np.array([truth(rng, window) for _ in range(TRIALS)])
            even_T = np.linspace(ends["start"], ends["stop"], UNIFORM)
            evenly = fit_lineshape(even_T, np.array([read(rng, line, even_T) for line in lines]))
            swept = [adaptive(rng, line, scan) for line in lines]
            fit = fit_lineshape([field for field, _ in swept], [voltage for _, voltage in swept])
            count = np.mean([len(field) for field, _ in swept])
            variance = (scatter(evenly, lines) / scatter(fit, lines)) ** 2
            needed = UNIFORM * np.exp(np.mean(np.log(variance)))
            gain = needed / count
            cells = []
            for averages in AVERAGES:
                scans = [kind(averages=averages, **ends) for kind in (STFMRFieldSweep, STFMRAdaptiveSweep)]
                uniform_s = seconds(scans[0], np.linspace(ends["start"], ends["stop"], round(needed)), bench)
                adaptive_s = np.mean([seconds(scans[1], field, bench) for field, _ in swept[:20]])
                cells.append(f"{uniform_s / adaptive_s:.2f} ({uniform_s:.0f} s : {adaptive_s:.0f} s)")
            lost = np.mean(~fit.good)
            missed |= gain < least
            print(f"{window:<15}{count:>8.0f}{gain:>8.2f}{least:>10.1f}{100 * lost:>6.1f}%", end="")
            print("".join(f"{cell:>24}" for cell in cells), flush=True)
    print("MISSED" if missed else "reached")
    return int(missed)


if __name__ == "__main__":
    raise SystemExit(main())
