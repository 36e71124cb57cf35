"""The noise and the offsets that stand between the sample and a number on a display."""

from __future__ import annotations

from math import floor, sqrt

import numpy as np
from scipy.constants import k

__all__ = ["HallProbe", "VoltageInput", "quantise", "white_rms"]


def white_rms(density_per_rtHz: float, integration_s: float) -> float:
    """Return the rms of white noise averaged over a window, ``density / sqrt(2 t)``.

    The one-sided noise bandwidth of an average over the time t is ``1 / (2 t)``.
    """
    return density_per_rtHz / sqrt(2.0 * integration_s)


def quantise(value: float, step: float) -> float:
    """Return ``value`` at a resolution of ``step``."""
    return round(value / step) * step


class VoltageInput:
    """The leads from the sample to a voltmeter: thermal EMF, drift, Johnson noise and pick-up.

    Parameters
    ----------
    resistance_ohm, temperature_K : float
        Of the sample: its Johnson noise is ``sqrt(4 k T R)`` [V/rtHz].
    pickup_V_per_rtHz : float
        White noise of contacts and pick-up at the meter's input [V/rtHz]. An unshielded probe station shows
        10 to 50 nV/rtHz, well above a nanovoltmeter's own noise.
    thermal_emf_V, drift_V_per_s : float
        Standard deviations of the offset [V] and of its drift [V/s], each drawn once.
    offsets, readings : numpy.random.Generator
        Draw the offset and drift, and the noise of each reading.
    noise : bool
        Whether anything random is there at all.

    Attributes
    ----------
    variance_density : float
        Squared density of the white noise that the leads bring, without the meter's own [V^2/Hz].
    """

    def __init__(
        self,
        *,
        resistance_ohm: float,
        temperature_K: float,
        pickup_V_per_rtHz: float,
        thermal_emf_V: float,
        drift_V_per_s: float,
        offsets: np.random.Generator,
        readings: np.random.Generator,
        noise: bool,
    ) -> None:
        self._noise = noise
        self.variance_density = pickup_V_per_rtHz**2 + 4.0 * k * temperature_K * resistance_ohm
        self._readings = readings
        offset, drift = offsets.standard_normal(2)
        self._offset_V = float(offset) * thermal_emf_V if noise else 0.0
        self._drift_V_per_s = float(drift) * drift_V_per_s if noise else 0.0

    def added_V(self, start_s: float, stop_s: float, meter_V_per_rtHz: float) -> float:
        """Return what is added to the mean voltage of the window, with the meter's own noise [V]."""
        if not self._noise:
            return 0.0
        density = sqrt(self.variance_density + meter_V_per_rtHz**2)
        noise_V = white_rms(density, stop_s - start_s) * float(self._readings.standard_normal())
        return self._offset_V + self._drift_V_per_s * (start_s + stop_s) / 2 + noise_V

    def meter_V(self, start_s: float, stop_s: float, meter_V_per_rtHz: float) -> float:
        """Return what the meter reads over the window with its input shorted: its own noise alone [V]."""
        if not self._noise:
            return 0.0
        return white_rms(meter_V_per_rtHz, stop_s - start_s) * float(self._readings.standard_normal())


class HallProbe:
    """A gaussmeter's probe: a zero offset drawn once, and noise on each reading.

    The meter converts at its own pace: questions that come faster get the same reading again.

    Parameters
    ----------
    zero_T, noise_T : float
        Standard deviation of the zero offset, rms noise of a reading [T].
    update_s : float
        Time between two readings [s].
    zeros, readings : numpy.random.Generator
        Draw the offset, and the noise.
    noise : bool
        Whether anything random is there at all.
    """

    def __init__(
        self,
        zero_T: float,
        noise_T: float,
        update_s: float,
        zeros: np.random.Generator,
        readings: np.random.Generator,
        noise: bool,
    ) -> None:
        self._zero_T = float(zeros.standard_normal()) * zero_T if noise else 0.0
        self._noise_T = noise_T if noise else 0.0
        self._update_s = update_s
        self._readings = readings
        self._tick: int | None = None
        self._error_T = self._zero_T

    def reading_time_s(self, t_s: float) -> float:
        """Return when the reading was taken that the meter shows at ``t_s`` [s]."""
        return floor(t_s / self._update_s) * self._update_s

    def error_T(self, t_s: float) -> float:
        """Return what the meter's reading at ``t_s`` adds to the field [T]."""
        tick = floor(t_s / self._update_s)
        if tick != self._tick:
            self._tick = tick
            self._error_T = self._zero_T + self._noise_T * float(self._readings.standard_normal())
        return self._error_T

    def zero(self, shown_T: float) -> None:
        """Take what the meter shows now for zero, as ``ZPROBE`` does: the probe should be in a zero-gauss chamber."""
        self._zero_T -= shown_T
        self._tick = None
