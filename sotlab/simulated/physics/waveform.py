"""The waveform that a delay scan goes through, on a fine grid: emitter, substrate, air and crystal together.

A grid holds the two shapes of a sample at one humidity: that which follows the magnetisation (odd) and that which does
not (even). Both have a peak of 1 of the first pulse at delay 0 in dry air, so that amplitudes are set elsewhere; the
even shape is scaled to the odd one's energy in the detected band. Between the grid's points a cubic with the exact
slopes at both ends is taken (relative error below 1e-5 at 2.5 THz).
"""

from __future__ import annotations

import math
from collections import OrderedDict
from typing import Any

import numpy as np

from sotlab.simulated.physics.emission import Emitter, pulse_spectrum
from sotlab.simulated.physics.eo_sampling import ZnTe
from sotlab.simulated.physics.water import number_density_per_m3, refractivity

__all__ = ["BAND_HZ", "Waveforms"]

#: The detected band, in which ratios are stated [Hz].
BAND_HZ = (0.3e12, 2.5e12)

STEP_S, POINTS, START_S = 12.5e-15, 2**15, -60e-12
#: Relative humidity of the driest grid but that of no water at all, and the factor from each to the next.
DRIEST, FACTOR = 2e-3, 1.15
LOG_FACTOR = math.log(FACTOR)
#: Grids that are kept.
KEPT = 12


class Waveforms:
    """All waveforms of a bench.

    Parameters
    ----------
    crystal : ZnTe
        Detects.
    pump_fwhm_s, relaxation_s : float
        Of :func:`~sotlab.simulated.physics.emission.pulse_spectrum`.
    air_path_m : float
        Way of the terahertz beam through the air [m].
    temperature_K : float
        Of the air [K].
    """

    def __init__(
        self, crystal: ZnTe, pump_fwhm_s: float, relaxation_s: float, air_path_m: float, temperature_K: float
    ) -> None:
        self.frequency_Hz = np.fft.rfftfreq(POINTS, STEP_S)
        f = self.frequency_Hz
        odd = pulse_spectrum(f, pump_fwhm_s, relaxation_s)
        # A shift current follows the pump without the delay of the spins, by one derivative more.
        even = -2j * np.pi * f * pulse_spectrum(f, pump_fwhm_s, relaxation_s)
        self._emitted_peak = 1.0 / _first_peak(odd)[0]
        response = crystal.response(f)
        odd, even = odd * response, even * response
        peak, peak_s = _first_peak(odd)
        #: Peak of the field inside the crystal, over the peak of the field that the film emits.
        self.peak_inside = abs(peak) * self._emitted_peak
        in_band = (f >= BAND_HZ[0]) & (f <= BAND_HZ[1])
        to_zero = np.exp(-2j * np.pi * f * peak_s) / peak
        scale = np.sqrt(np.sum(np.abs(odd[in_band]) ** 2) / np.sum(np.abs(even[in_band]) ** 2))
        self._shapes = odd * to_zero, even * to_zero * scale
        self._crystal_echo = crystal.echo(f)
        self._path_m, self._temperature_K = air_path_m, temperature_K
        self._cross_section_m2 = refractivity(f, temperature_K)
        self._grids: OrderedDict[tuple[str, int], np.ndarray] = OrderedDict()
        self._between: tuple[Any, float, float, Any, Any] = (None, 0.0, 0.0, None, None)  # the two grids in use

    def spectra(self, emitter: Emitter, relative_humidity: float) -> tuple[np.ndarray, np.ndarray]:
        """Return the odd and the even shape's spectrum at :attr:`frequency_Hz`, in the convention exp(-i omega t)."""
        molecules = number_density_per_m3(relative_humidity, self._temperature_K)
        air = np.exp(-0.5 * molecules * self._path_m * self._cross_section_m2)
        on_the_way = emitter.echo(self.frequency_Hz) * self._crystal_echo * air
        odd, even = self._shapes
        return odd * on_the_way, even * on_the_way

    def at(self, emitter: Emitter, relative_humidity: float, delay_s: float) -> tuple[float, float]:
        """Return the odd and the even shape at a delay; 0 outside the grid."""
        cell, u, dry, wet, part = self._find(emitter, relative_humidity, delay_s)
        if dry is None:
            return 0.0, 0.0
        a, b, c, d, e, f, g, h = dry[cell].tolist()
        odd, even = ((d * u + c) * u + b) * u + a, ((h * u + g) * u + f) * u + e
        a, b, c, d, e, f, g, h = wet[cell].tolist()
        return (
            odd + part * (((d * u + c) * u + b) * u + a - odd),
            even + part * (((h * u + g) * u + f) * u + e - even),
        )

    def slopes_per_s(self, emitter: Emitter, relative_humidity: float, delay_s: float) -> tuple[float, float]:
        """Return how steep the odd and the even shape are at a delay [1/s]."""
        cell, u, dry, wet, part = self._find(emitter, relative_humidity, delay_s)
        if dry is None:
            return 0.0, 0.0
        _, b, c, d, _, f, g, h = (dry[cell] + part * (wet[cell] - dry[cell])).tolist()
        return ((3.0 * d * u + 2.0 * c) * u + b) / STEP_S, ((3.0 * h * u + 2.0 * g) * u + f) / STEP_S

    def _find(self, emitter: Emitter, humidity: float, delay_s: float) -> tuple[int, float, Any, Any, float]:
        """Return cell and place in it, the grids of the next drier and wetter air, and the place between them."""
        x = (delay_s - START_S) / STEP_S
        cell = math.floor(x)
        if not 0 <= cell < POINTS - 1:
            return 0, 0.0, None, None, 0.0
        known, low, high, dry, wet = self._between
        if not (known is emitter and low <= humidity < high):
            node = 0 if humidity < DRIEST else math.floor(math.log(humidity / DRIEST) / LOG_FACTOR) + 1
            low, high = _humidity(node), _humidity(node + 1)
            dry, wet = self._grid(emitter, node), self._grid(emitter, node + 1)
            self._between = emitter, low, high, dry, wet
        return cell, x - cell, dry, wet, (humidity - low) / (high - low)

    def _grid(self, emitter: Emitter, node: int) -> np.ndarray:
        """Return a row of coefficients of two cubics for each cell; node 0 is air without water."""
        key = emitter.name, node
        grid = self._grids.get(key)
        if grid is None:
            spectra = self.spectra(emitter, _humidity(node))
            columns = [_cubics(spectrum, self.frequency_Hz) for spectrum in spectra]
            grid = self._grids[key] = np.ascontiguousarray(np.concatenate(columns).T)
            while len(self._grids) > KEPT:
                self._grids.popitem(last=False)
        else:
            self._grids.move_to_end(key)
        return grid


def _humidity(node: int) -> float:
    """Return the relative humidity of a grid."""
    return DRIEST * FACTOR ** (node - 1) if node else 0.0


def _in_time(spectrum: np.ndarray) -> np.ndarray:
    """Return a real function of time from its spectrum in the convention exp(-i omega t), which is not numpy's."""
    return np.fft.irfft(np.conj(spectrum), POINTS)


def _cubics(spectrum: np.ndarray, frequency_Hz: np.ndarray) -> np.ndarray:
    """Return the four coefficients in each cell of a function on the grid, from its values and slopes."""
    placed = spectrum * np.exp(-2j * np.pi * frequency_Hz * START_S)
    y, slope = _in_time(placed), _in_time(-2j * np.pi * frequency_Hz * placed) * STEP_S
    rise, next_slope = np.roll(y, -1) - y, np.roll(slope, -1)
    return np.stack([y, slope, 3.0 * rise - 2.0 * slope - next_slope, slope + next_slope - 2.0 * rise])


def _first_peak(spectrum: np.ndarray) -> tuple[float, float]:
    """Return height, with its sign, and time of the largest extreme of a pulse near time 0."""
    y = _in_time(spectrum)
    i = int(np.argmax(np.abs(y)))
    left, middle, right = y[i - 1], y[i], y[(i + 1) % POINTS]
    offset = 0.5 * (left - right) / (left - 2.0 * middle + right)
    height = middle - 0.25 * (left - right) * offset
    index = i if i < POINTS // 2 else i - POINTS
    return float(height), float((index + offset) * STEP_S)
