"""How often one sigma of the line-shape fit covers the truth, under white and correlated noise.

Lines of any phase at any place of the window, 201 points, amplitude 40 and 7 times the noise. Correlated noise is a
first-order autoregression with a correlation time in point spacings. A gaussian sigma covers 0.683; to reach:
0.64-0.70 for each parameter. Beside it the standard deviation of the pulls, and what the usual sigma would cover,
which takes the noise for white.

Run from the project's root: ``python benchmarks/lineshape_coverage.py``.
"""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import sys
from pathlib import Path

import numpy as np
from scipy.signal import lfilter

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from sotlab.analysis.lineshape import PARAMETERS, LineFit, fit_lineshape, lineshape

POINTS, SPECTRA, WINDOW_T, WIDTH_T = 201, 10000, (0.02, 0.12), 0.005
SHOWN = PARAMETERS[:4]
LEAST, MOST = 0.64, 0.70


def noise(rng: np.random.Generator, shape: tuple[int, int], correlation_time: float) -> np.ndarray:
    """Return unit noise (spectra, points) with the correlation time in point spacings, 0 for white noise."""
    run_in = 200
    white = rng.normal(size=(shape[0], shape[1] + run_in))
    if correlation_time == 0:
        return white[:, run_in:]
    rho = np.exp(-1 / correlation_time)
    return lfilter([np.sqrt(1 - rho**2)], [1, -rho], white, axis=1)[:, run_in:]


def simulate(rng: np.random.Generator, amplitude: float, correlation_time: float) -> tuple[np.ndarray, LineFit]:
    """Return the true V_S, V_A, B0, W (spectra, 4) and the fits; amplitudes in units of the noise."""
    field_T = np.linspace(*WINDOW_T, POINTS)
    phase = rng.uniform(0, 2 * np.pi, SPECTRA)
    truth = np.stack(
        [
            amplitude * np.cos(phase),
            amplitude * np.sin(phase),
            rng.uniform(0.05, 0.09, SPECTRA),
            np.full(SPECTRA, WIDTH_T),
        ],
        axis=1,
    )
    voltage = lineshape(field_T, *(column[:, None] for column in truth.T))
    return truth, fit_lineshape(field_T, voltage + noise(rng, voltage.shape, correlation_time))


def naive_sigmas(truth: np.ndarray) -> np.ndarray:
    """Return the sigmas (spectra, 4) for unit white noise, from the Jacobian at the truth."""
    field_T = np.linspace(*WINDOW_T, POINTS)
    v_sym, v_asym, b0, w = (column[:, None] for column in truth.T)
    x = (field_T - b0) / w
    line, wave = 1 / (1 + x * x), x / (1 + x * x)
    even, odd = 2 * line**2 - line, 2 * line * wave
    columns = [
        line,
        wave,
        (v_sym * odd - v_asym * even) / w,
        (v_sym * (line - even) + v_asym * (wave - odd)) / w,
        np.ones_like(x),
        x,
    ]
    jacobian = np.stack(columns, axis=1)
    covariance = np.linalg.inv(jacobian @ jacobian.transpose(0, 2, 1))
    return np.sqrt(np.einsum("kpp->kp", covariance))[:, :4]


def main() -> int:
    good = True
    print(f"coverage of 1 sigma over {SPECTRA} spectra (its own scatter is 0.005); in brackets the pulls' deviation")
    print(
        f"{'S/noise':>8}{'corr. time':>12}  "
        + "".join(f"{name:>15}" for name in SHOWN)
        + "  white-noise sigma  refused"
    )
    for amplitude in (40, 7):
        for seed, correlation_time in enumerate((0, 0.5, 1, 3)):
            rng = np.random.default_rng(seed)
            truth, fit = simulate(rng, amplitude, correlation_time)
            values = np.stack([getattr(fit, name) for name in SHOWN], axis=1)
            sigmas = np.stack([getattr(fit, f"{name}_sigma") for name in SHOWN], axis=1)
            errors = (values - truth)[fit.good]
            pulls = errors / sigmas[fit.good]
            covered = (np.abs(pulls) < 1).mean(axis=0)
            good &= bool(((covered > LEAST) & (covered < MOST)).all())
            cells = "".join(f"{c:>8.3f} ({d:.2f})" for c, d in zip(covered, pulls.std(axis=0), strict=True))
            naive = (np.abs(errors) < naive_sigmas(truth)[fit.good]).mean()
            print(f"{amplitude:>8}{correlation_time:>12g}  {cells}{naive:>19.2f}{np.count_nonzero(~fit.good):>9}")
    print(f"\nto reach: every one within {LEAST}-{MOST}: {'reached' if good else 'MISSED'}")
    return 0 if good else 1


if __name__ == "__main__":
    raise SystemExit(main())
