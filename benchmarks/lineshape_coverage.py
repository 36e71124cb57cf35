"""How often one sigma of the line-shape fit covers the truth, under white and correlated noise.

Lines of any phase at any place of the window, 201 points, amplitude 40 and 7 times the noise. Correlated noise is a
first-order autoregression with a correlation time in point spacings, as behind one pole, or noise behind the four poles
of a lock-in amplifier's 24 dB/octave, with a time constant of so many spacings; weak lines are not asked for there,
since most are refused: slow noise of that kind may be drift. A gaussian sigma covers 0.683; to reach:
0.64-0.70 for each parameter, behind four poles 0.64-0.72. Beside it the standard deviation of the pulls, and what the
usual sigma would cover, which takes the noise for white.

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
LEAST, MOST = 0.64, {1: 0.70, 4: 0.72}
#: Poles, correlation time or time constant in point spacings.
NOISES = ((1, 0), (1, 0.5), (1, 1), (1, 3), (4, 0.3), (4, 1), (4, 2))
#: Steps of the filter from point to point.
FINE = 8


def noise(rng: np.random.Generator, shape: tuple[int, int], correlation_time: float, poles: int) -> np.ndarray:
    """Return unit noise (spectra, points) with the correlation time in point spacings, 0 for white noise."""
    if poles > 1:
        parts = np.array_split(np.arange(shape[0]), 8)  # each fits into memory
        return np.concatenate([_filtered(rng, len(part), correlation_time, poles) for part in parts])
    run_in = 200
    white = rng.normal(size=(shape[0], shape[1] + run_in))
    if correlation_time == 0:
        return white[:, run_in:]
    rho = np.exp(-1 / correlation_time)
    return lfilter([np.sqrt(1 - rho**2)], [1, -rho], white, axis=1)[:, run_in:]


def _filtered(rng: np.random.Generator, count: int, time_constant: float, poles: int) -> np.ndarray:
    """Return unit noise behind so many RC stages."""
    run_in, keep = 30 * FINE, np.exp(-1 / (time_constant * FINE))
    passed = rng.normal(size=(count, POINTS * FINE + run_in))
    for _ in range(poles):
        passed = lfilter([1 - keep], [1, -keep], passed, axis=1)
    return passed[:, run_in::FINE] / np.std(passed[:, run_in:])


def simulate(
    rng: np.random.Generator, amplitude: float, correlation_time: float, poles: int
) -> tuple[np.ndarray, LineFit]:
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
    return truth, fit_lineshape(field_T, voltage + noise(rng, voltage.shape, correlation_time, poles))


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
        f"{'S/noise':>8}{'poles':>7}{'corr. time':>12}  "
        + "".join(f"{name:>15}" for name in SHOWN)
        + "  white-noise sigma  refused"
    )
    for amplitude in (40, 7):
        for seed, (poles, correlation_time) in enumerate(NOISES):
            if poles > 1 and amplitude < 40:
                continue
            rng = np.random.default_rng(seed)
            truth, fit = simulate(rng, amplitude, correlation_time, poles)
            values = np.stack([getattr(fit, name) for name in SHOWN], axis=1)
            sigmas = np.stack([getattr(fit, f"{name}_sigma") for name in SHOWN], axis=1)
            errors = (values - truth)[fit.good]
            pulls = errors / sigmas[fit.good]
            covered = (np.abs(pulls) < 1).mean(axis=0)
            good &= bool(((covered > LEAST) & (covered < MOST[poles])).all())
            cells = "".join(f"{c:>8.3f} ({d:.2f})" for c, d in zip(covered, pulls.std(axis=0), strict=True))
            naive = (np.abs(errors) < naive_sigmas(truth)[fit.good]).mean()
            refused = np.count_nonzero(~fit.good)
            print(f"{amplitude:>8}{poles:>7}{correlation_time:>12g}  {cells}{naive:>19.2f}{refused:>9}")
    wanted = f"every one within {LEAST}-{MOST[1]}, behind four poles {LEAST}-{MOST[4]}"
    print(f"\nto reach: {wanted}: {'reached' if good else 'MISSED'}")
    return 0 if good else 1


if __name__ == "__main__":
    raise SystemExit(main())
