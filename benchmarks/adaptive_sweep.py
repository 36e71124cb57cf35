"""Adaptive against uniform field sweeps at equal sigma: in points, and in time with travel and settling.

Both sweep the same window, of 10, 20 and 40 half widths of the line, with white noise of a tenth of the line at each
point. The uniform sweep has 201 points. The adaptive one is ``STFMRAdaptiveSweep`` as it is by default, 101 points with
its two refinements, asked for the line, and for more than it can reach. A sweep's sigma is the scatter of what
``fit_lineshape`` gives of either; the gain is how many points (how much time) a uniform sweep needs to reach the
adaptive one's, over what that took, the geometric mean of V_S, V_A, B0 and W. It is known to some 3 %. To reach, in
points: 1.5, 1.9 and 3.

"Bound" is what the best of all designs would gain that knows the line beforehand, on all points and on those after the
coarse sweep. "Lost" are spectra that the fit refuses, of as many points evenly (a line of ten half widths is easily a
smooth step, too) and adaptively. Time is that of the virtual bench's magnet and meters, as the procedure predicts it,
with one reading at each point and with twenty.

Run from the project's root: ``python benchmarks/adaptive_sweep.py``; it takes some four minutes.
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
NOISE, WIDTH_T, CENTRE_T, TRIALS = 0.1, 4e-3, 0.12, 1000
TO_REACH = {10: 1.5, 20: 1.9, 40: 3.0}
AVERAGES = (1, 20)
#: A uniform sweep costs nothing here: several of each line, so that the scatter is the adaptive one's alone.
UNIFORM_SWEEPS = 4
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
    total_s, before = 0.0, None
    for point in points:
        back = before is not None and point.settings["field_T"] < before.settings["field_T"]
        if back:
            run_up_T = point.settings["field_T"] - float(scan.run_up)
            total_s += bench["field"].ramp_time_s(before.settings["field_T"], run_up_T)
        total_s += scan.point_time_s(None if back else before, point, bench)
        before = point
    return total_s


def bound(line: np.ndarray, even_T: np.ndarray, coarse: float) -> float:
    """Return the log of what the best design gains for a known line, a part ``coarse`` of its points being even.

    The design is found on a grid of fields by the multiplicative algorithm (Silvey, Titterington and Torsney 1978).
    """
    steps = np.diag([1e-5, 1e-5, 1e-5 * WIDTH_T, 1e-5 * WIDTH_T])
    fields_T = np.linspace(even_T[0], even_T[-1], 401)
    rows = [(lineshape(fields_T, *(line + d)) - lineshape(fields_T, *(line - d))) / (2 * d.sum()) for d in steps]
    rows[2], rows[3] = WIDTH_T * rows[2], WIDTH_T * rows[3]
    design = np.stack([*rows, np.ones_like(fields_T), (fields_T - CENTRE_T) / np.ptp(fields_T)], axis=1)
    even, weight = design.T @ design / len(fields_T), np.full(len(fields_T), 1 / len(fields_T))
    for _ in range(150):
        covariance = np.linalg.inv(coarse * even + (1 - coarse) * (design.T * weight) @ design)
        told = ((design @ covariance)[:, :4] ** 2 / np.diag(covariance)[:4]).sum(axis=1)
        weight *= told**0.7
        weight /= weight.sum()
    covariance = np.linalg.inv(coarse * even + (1 - coarse) * (design.T * weight) @ design)
    return float(np.mean(np.log(np.diag(np.linalg.inv(even))[:4] / np.diag(covariance)[:4])))


def main() -> int:
    missed = False
    print(
        f"{'window (HWHM)':<15}{'points':>8}{'gain':>8}{'to reach':>10}{'bound, all':>12}{'after coarse':>14}", end=""
    )
    print(f"{'lost: even':>12}{'adaptive':>10}" + "".join(f"{f'in time, {n} readings':>24}" for n in AVERAGES))
    with Station.open("virtual:stfmr", STFMRFieldSweep.ROLES) as bench:
        for window, least in TO_REACH.items():
            rng = np.random.default_rng(0)
            half_T = window * WIDTH_T / 2
            ends = {"start": CENTRE_T - half_T, "stop": CENTRE_T + half_T}
            coarse = int(STFMRAdaptiveSweep().points)
            scan = STFMRAdaptiveSweep(most=ADAPTIVE - coarse, target="line", wanted=1e-6, **ends)
            lines = np.array([truth(rng, window) for _ in range(TRIALS)])
            often = np.tile(lines, (UNIFORM_SWEEPS, 1))
            even_T, fewer_T = (np.linspace(ends["start"], ends["stop"], n) for n in (UNIFORM, ADAPTIVE))
            evenly = fit_lineshape(even_T, np.array([read(rng, line, even_T) for line in often]))
            fewer = fit_lineshape(fewer_T, np.array([read(rng, line, fewer_T) for line in often]))
            swept = [adaptive(rng, line, scan) for line in lines]
            fit = fit_lineshape([field for field, _ in swept], [voltage for _, voltage in swept])
            count = np.mean([len(field) for field, _ in swept])
            variance = (scatter(evenly, often) / scatter(fit, lines)) ** 2
            needed = UNIFORM * np.exp(np.mean(np.log(variance)))
            gain = needed / count
            bounds = [
                np.exp(np.mean([bound(line, even_T, k) for line in lines[:20]])) for k in (0.0, coarse / ADAPTIVE)
            ]
            cells = []
            for averages in AVERAGES:
                scans = [kind(averages=averages, **ends) for kind in (STFMRFieldSweep, STFMRAdaptiveSweep)]
                uniform_s = seconds(scans[0], np.linspace(ends["start"], ends["stop"], round(needed)), bench)
                adaptive_s = np.mean([seconds(scans[1], field, bench) for field, _ in swept[:20]])
                cells.append(f"{uniform_s / adaptive_s:.2f} ({uniform_s:.0f} s : {adaptive_s:.0f} s)")
            missed |= gain < least
            print(f"{window:<15}{count:>8.0f}{gain:>8.2f}{least:>10.1f}{bounds[0]:>12.2f}{bounds[1]:>14.2f}", end="")
            print(f"{100 * np.mean(~fewer.good):>11.1f}%{100 * np.mean(~fit.good):>9.1f}%", end="")
            print("".join(f"{cell:>24}" for cell in cells), flush=True)
    print("MISSED" if missed else "reached")
    return int(missed)


if __name__ == "__main__":
    raise SystemExit(main())
