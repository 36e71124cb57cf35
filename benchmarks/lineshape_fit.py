"""Batched line-shape fits against lmfit and scipy's curve_fit: 201 points, six parameters, ratios of one run.

The peers are given a good first guess (the true values, 10 % off); ours has none, and also gives sigmas that allow
for correlated residuals. All must end at the same optimum, to 1e-3 of a standard deviation.

Run from the project's root: ``python benchmarks/lineshape_fit.py``.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # one core against one core
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import sys
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np
from scipy.optimize import curve_fit

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from sotlab.analysis.lineshape import PARAMETERS, LineFit, fit_lineshape, lineshape
from sotlab.analysis.stfmr import STFMR

POINTS, BATCH, NOISE, REPEATS, LIVE_POINTS = 201, 100, 1 / 40, 15, 2000


def spectra(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return one field axis, and true parameters and voltages of BATCH spectra; a unit amplitude of any phase."""
    field_T = np.linspace(0.02, 0.12, POINTS)
    phase = rng.uniform(0, 2 * np.pi, BATCH)
    truth = np.stack(
        [
            np.cos(phase),
            np.sin(phase),
            rng.uniform(0.05, 0.09, BATCH),
            rng.uniform(0.003, 0.008, BATCH),
            rng.normal(0, 0.3, BATCH),
            rng.normal(0, 3, BATCH),
        ],
        axis=1,
    )
    voltage_V = lineshape(field_T, *(column[:, None] for column in truth.T))
    return field_T, truth, voltage_V + rng.normal(0, NOISE, voltage_V.shape)


def with_lmfit(field_T: np.ndarray, voltage_V: np.ndarray, guesses: np.ndarray) -> np.ndarray:
    """Fit one after the other with lmfit's Model."""
    from lmfit import Model

    model = Model(lineshape)
    names = model.param_names
    found = []
    for v, guess in zip(voltage_V, guesses, strict=True):
        result = model.fit(v, model.make_params(**dict(zip(names, guess, strict=True))), field_T=field_T)
        found.append([result.params[name].value for name in names])
    return np.array(found)


def with_curve_fit(field_T: np.ndarray, voltage_V: np.ndarray, guesses: np.ndarray) -> np.ndarray:
    """Fit one after the other with scipy's Levenberg-Marquardt."""
    fits = (curve_fit(lineshape, field_T, v, guess) for v, guess in zip(voltage_V, guesses, strict=True))
    return np.array([found for found, _ in fits])


def one_by_one(field_T: np.ndarray, voltage_V: np.ndarray) -> list[LineFit]:
    """Fit one after the other with ours."""
    return [fit_lineshape(field_T, v) for v in voltage_V]


def seconds(run: Callable[[], object]) -> float:
    """Return the wall time of one call [s]."""
    start = time.perf_counter()
    run()
    return time.perf_counter() - start


def parameters(fit: LineFit) -> np.ndarray:
    """Return the fitted parameters (n, 6)."""
    return np.stack([getattr(fit, name) for name in PARAMETERS], axis=1)


def main() -> int:
    rng = np.random.default_rng(0)
    field_T, truth, voltage_V = spectra(rng)
    guesses = truth * (1 + rng.choice([-0.1, 0.1], truth.shape))
    guesses[:, 2] = truth[:, 2] + 0.3 * truth[:, 3]  # a tenth of the field itself would be many widths
    # Measured fields are never quite the same: an axis of its own for each spectrum.
    measured_T = field_T + rng.normal(0, 2e-5, voltage_V.shape)

    fit = fit_lineshape(field_T, voltage_V)
    sigma = np.sqrt(np.einsum("kpp->kp", fit.covariance))
    print(f"same optimum, {BATCH} spectra: largest difference in standard deviations (at most 1e-3)")
    same = True
    for name, peer in (("lmfit", with_lmfit), ("curve_fit", with_curve_fit)):
        worst = np.abs((peer(field_T, voltage_V, guesses) - parameters(fit)) / sigma).max()
        same &= bool(worst < 1e-3)
        print(f"  {name:<12}{worst:.1e}")

    few = slice(0, 20)
    runs: dict[str, tuple[int, Callable[[], object]]] = {
        "lmfit Model.fit": (20, lambda: with_lmfit(field_T, voltage_V[few], guesses[few])),
        "scipy curve_fit (lm)": (20, lambda: with_curve_fit(field_T, voltage_V[few], guesses[few])),
        "ours, one by one": (20, lambda: one_by_one(field_T, voltage_V[few])),
        f"ours, {BATCH} on one field axis": (BATCH, lambda: fit_lineshape(field_T, voltage_V)),
        f"ours, {BATCH} on {BATCH} field axes": (BATCH, lambda: fit_lineshape(measured_T, voltage_V)),
    }
    # Taken in turns, so that whatever else the machine does hits all of them.
    times: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(REPEATS):
        for name, (count, run) in runs.items():
            times[name].append(seconds(run) / count)
    cost = {name: median(each) for name, each in times.items()}
    print(f"\n{'fits of 201 points':<32}{'x lmfit':>10}{'x curve_fit':>13}")
    for name, each in cost.items():
        print(f"{name:<32}{cost['lmfit Model.fit'] / each:>10.1f}{cost['scipy curve_fit (lm)'] / each:>13.1f}")
    batch = cost[f"ours, {BATCH} on one field axis"]
    single = cost["lmfit Model.fit"] / cost["ours, one by one"]
    reached = cost["lmfit Model.fit"] / batch >= 60 and cost["scipy curve_fit (lm)"] / batch >= 8 and single >= 4
    print("\nto reach: 60 x lmfit and 8 x curve_fit on one field axis, 4 x lmfit one by one, same optimum:", end=" ")
    print("reached" if same and reached else "MISSED")
    live_T = np.linspace(0.02, 0.12, LIVE_POINTS)
    live_V = np.interp(live_T, field_T, voltage_V[0])
    analysis = STFMR()
    took = [seconds(lambda: analysis.live({"field": live_T, "voltage": live_V})) for _ in range(50)]
    print(f"live fit on {LIVE_POINTS} points: {1e3 * median(took):.1f} ms (to reach: 5)")
    return 0 if same and reached else 1


if __name__ == "__main__":
    raise SystemExit(main())
