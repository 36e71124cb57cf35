"""What stands on the optical table beside the sample: pump laser, chopper wheel, power sensor."""

from __future__ import annotations

import math

import numpy as np

__all__ = ["Chopper", "PowerSensor", "PumpLaser"]

#: Responsivity of a silicon photodiode, typical: wavelength [m], current per power [A/W].
SILICON_M = (200e-9, 400e-9, 600e-9, 800e-9, 900e-9, 960e-9, 1000e-9, 1100e-9)
SILICON_A_PER_W = (0.08, 0.20, 0.40, 0.56, 0.63, 0.66, 0.60, 0.15)


class PumpLaser:
    """The pump beam: its mean power drifts as an Ornstein-Uhlenbeck process.

    ``P = transmission P0 (1 + x)``, with ``x(t + dt) = x exp(-dt / T) + sigma sqrt(1 - exp(-2 dt / T)) N(0, 1)``, which
    is exact for any times of asking.

    Parameters
    ----------
    power_W : float
        Mean power P0 [W].
    wavelength_m : float
        [m].
    drift : float
        Relative rms sigma of the drift.
    drift_s : float
        Its correlation time T [s].
    drifts : numpy.random.Generator or None
        Draws it; without it the power is constant.

    Attributes
    ----------
    transmission : float
        Of all that stands in the beam, 0 to 1: shutter and attenuator set it.
    """

    def __init__(
        self,
        power_W: float = 0.6,
        wavelength_m: float = 810e-9,
        drift: float = 5e-3,
        drift_s: float = 1800.0,
        drifts: np.random.Generator | None = None,
    ) -> None:
        self.wavelength_m, self.transmission = wavelength_m, 1.0
        self._power_W, self._sigma, self._drift_s, self._drifts = power_W, drift, drift_s, drifts
        self._x = 0.0 if drifts is None else drift * float(drifts.standard_normal())
        self._time_s = 0.0

    def power_W(self, t_s: float) -> float:
        """Return the mean power at the sample [W]."""
        if self._drifts is not None and t_s > self._time_s:
            kept = math.exp(-(t_s - self._time_s) / self._drift_s)
            self._x = self._x * kept + self._sigma * math.sqrt(1.0 - kept * kept) * float(
                self._drifts.standard_normal()
            )
            self._time_s = t_s
        return self.transmission * self._power_W * (1.0 + self._x)


class PowerSensor:
    """A photodiode that looks at a beam: dark offset, noise, and a responsivity that the meter must know.

    Parameters
    ----------
    beam : PumpLaser
        What it looks at.
    dark_W : float
        Reading in the dark before it is zeroed [W].
    noise_W : float
        Rms noise of one sample [W].
    readings : numpy.random.Generator or None
        Draws it; without it there is none.
    """

    def __init__(
        self,
        beam: PumpLaser,
        dark_W: float = 2e-7,
        noise_W: float = 1e-6,
        readings: np.random.Generator | None = None,
    ) -> None:
        self.beam, self.dark_W = beam, dark_W
        self._noise_W, self._readings = noise_W, readings

    @staticmethod
    def responsivity_A_per_W(wavelength_m: float) -> float:
        """Return the current per power at a wavelength."""
        return float(np.interp(wavelength_m, SILICON_M, SILICON_A_PER_W))

    def reading_W(self, t_s: float, wavelength_m: float, samples: int = 1) -> float:
        """Return the power that a meter shows which takes the light for this wavelength [W].

        The diode's current is divided by the wrong responsivity if the wavelength is not that of the beam.
        """
        ratio = self.responsivity_A_per_W(self.beam.wavelength_m) / self.responsivity_A_per_W(wavelength_m)
        noise = 0.0 if self._readings is None else self._noise_W * float(self._readings.standard_normal())
        return self.beam.power_W(t_s) * ratio + self.dark_W + noise / math.sqrt(samples)


class Chopper:
    """A wheel whose frequency approaches its target, ``df/dt = (f_target - f) / tau``; unpowered it coasts to rest.

    Parameters
    ----------
    spin_s, coast_s : float
        Time constant under power, without power [s].
    window : float
        It is locked when its frequency is nearer than this share to the target.
    jitter : float
        Relative rms of a reading of the frequency.
    readings : numpy.random.Generator or None
        Draws it; without it there is none.
    """

    def __init__(
        self,
        spin_s: float = 1.0,
        coast_s: float = 4.0,
        window: float = 1e-3,
        jitter: float = 1e-4,
        readings: np.random.Generator | None = None,
    ) -> None:
        self._spin_s, self._coast_s, self._window = spin_s, coast_s, window
        self._jitter, self._readings = jitter, readings
        self._start_s, self._start_Hz, self._target_Hz = 0.0, 0.0, 0.0

    def run(self, t_s: float, frequency_Hz: float) -> None:
        """Send the wheel to a frequency; 0 switches its motor off."""
        self._start_s, self._start_Hz, self._target_Hz = t_s, self.frequency_Hz(t_s), frequency_Hz

    def frequency_Hz(self, t_s: float) -> float:
        """Return the frequency at which it chops [Hz]."""
        tau_s = self._spin_s if self._target_Hz else self._coast_s
        decay = math.exp(-max(t_s - self._start_s, 0.0) / tau_s)
        return self._target_Hz + (self._start_Hz - self._target_Hz) * decay

    def reading_Hz(self, t_s: float) -> float:
        """Return what a counter reads, with the wheel's jitter [Hz]."""
        jitter = 0.0 if self._readings is None else self._jitter * float(self._readings.standard_normal())
        return self.frequency_Hz(t_s) * (1.0 + jitter)

    def is_locked(self, t_s: float) -> bool:
        """Return whether the wheel runs at its target."""
        return self._target_Hz > 0.0 and abs(self.frequency_Hz(t_s) - self._target_Hz) < self._window * self._target_Hz
