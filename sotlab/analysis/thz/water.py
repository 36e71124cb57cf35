"""Lines of water vapour in a spectrum: where they stand, and whether they show."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sotlab.analysis.thz.spectrum import Spectrum
from sotlab.analysis.values import Value

__all__ = ["WATER_LINES_HZ", "WaterLines", "find_water"]

#: The stronger rotational lines of H2(16)O below 3 THz: differences of the term values of the ground state (Tennyson
#: et al., J. Quant. Spectrosc. Radiat. Transfer 117, 29 (2013)), rounded to 0.1 GHz.
WATER_LINES_HZ = 1e9 * np.array(
    [
        556.9, 752.0, 987.9, 1097.4, 1113.3, 1162.9, 1207.6, 1228.8, 1410.6, 1602.2, 1661.0, 1669.9, 1716.8, 1762.0,
        1794.8, 1867.7, 1919.4, 2040.5, 2074.4, 2164.1, 2196.3, 2221.8, 2264.1, 2391.6, 2462.9, 2640.5, 2774.0, 2968.7,
    ]
)  # fmt: skip
#: Lines stand out together by so many standard deviations, or are not claimed.
SIGNIFICANT = 4.0


@dataclass(frozen=True)
class WaterLines:
    """The result of :func:`find_water`.

    Parameters
    ----------
    depth : Value
        Mean of -ln(|F| on a line/|F| beside it) over the lines within the band; None where it does not stand out.
    lines_Hz : (L,) float
        The lines looked at.
    each : (L,) float
        Depth of each, and ``each_sigma`` its standard deviation.
    near : (F,) bool
        Which points of the spectrum lie on a line, within half of what it resolves.
    flags : tuple of str
        What the reader must know.
    """

    depth: Value
    lines_Hz: np.ndarray
    each: np.ndarray
    each_sigma: np.ndarray
    near: np.ndarray
    flags: tuple[str, ...]


def find_water(found: Spectrum, *, band_Hz: tuple[float, float] = (0.3e12, 2.5e12)) -> WaterLines:
    """Look for the lines of water vapour in a spectrum.

    Each line is compared with the spectrum one and a half to three resolutions to both sides; all together decide.

    Parameters
    ----------
    found : Spectrum
        Of a window long enough: 1/T of 60 GHz or less; the flag says so if it is not.
    band_Hz : (float, float)
        Where there is signal.
    """
    f, width = found.frequency_Hz, found.resolution_Hz
    inside = (WATER_LINES_HZ > band_Hz[0]) & (WATER_LINES_HZ < band_Hz[1]) & (WATER_LINES_HZ < f[-1])
    lines = WATER_LINES_HZ[inside]
    near = np.any(np.abs(f[:, None] - WATER_LINES_HZ) <= width / 2, axis=1)
    nothing = Value(None, None, "")
    if width > 60e9:
        flag = (
            f"water: not looked for: the window resolves {width / 1e9:.3g} GHz, 60 are needed to tell lines from gaps;"
            " scan longer, and dry the air meanwhile"
        )
        empty = np.full(len(lines), np.nan)
        return WaterLines(nothing, lines, empty, empty.copy(), near, (flag,))
    strong = np.abs(found.field) > 4 * found.sigma
    log = np.log(np.maximum(np.abs(found.field), 1e-300))
    log_sigma = found.amplitude_sigma / np.maximum(np.abs(found.field), 1e-300)
    alike = max(found.resolution_Hz / found.spacing_Hz, 1.0)
    each, sigma = np.full(len(lines), np.nan), np.full(len(lines), np.nan)
    # Between the lines, only where no other line stands.
    for k, line in enumerate(lines):
        on = (np.abs(f - line) <= width / 2) & strong
        beside = (np.abs(f - line) >= 1.5 * width) & (np.abs(f - line) <= 3 * width) & strong & ~near
        left, right = beside & (f < line), beside & (f > line)
        if not (on.any() and left.any() and right.any()):
            continue
        x = (f[beside] - line) / width
        line_fit = np.polyfit(x, log[beside], 1)
        each[k] = line_fit[1] - log[on].mean()
        noise = alike * sum(float(np.sum(log_sigma[part] ** 2)) / part.sum() ** 2 for part in (on, beside))
        # A spectrum that is not straight over these few points scatters by more than its noise.
        scatter = np.std(log[beside] - np.polyval(line_fit, x))
        sigma[k] = np.sqrt(noise + scatter**2)
    seen = np.isfinite(each)
    if seen.sum() < 2:
        return WaterLines(nothing, lines, each, sigma, near, ("water: no lines within the signal to look at",))
    weight = sigma[seen] ** -2
    depth, error = float(np.sum(weight * each[seen]) / weight.sum()), float(weight.sum() ** -0.5)
    if depth < SIGNIFICANT * error:
        return WaterLines(nothing, lines, each, sigma, near, ())
    clear = lines[seen][each[seen] > 3 * sigma[seen]] / 1e12
    flag = f"water: its lines show, {depth:.2g} deep in ln|F|: {', '.join(f'{one:.3f}' for one in clear)} THz"
    return WaterLines(Value.of(depth, error, ""), lines, each, sigma, near, (flag,))
