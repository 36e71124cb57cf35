"""The electro-optic crystal's response, and the field behind it: Wiener deconvolution."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import constants

from sotlab.analysis.thz.spectrum import window
from sotlab.analysis.thz.traces import Trace
from sotlab.errors import FitError

__all__ = ["GAP", "LARGEST_PHASE_RAD", "ZNTE", "Crystal", "deconvolve", "eo_response", "eo_signal"]

#: Above this phase the sine of the detection departs from its argument by more than 1.5 %.
LARGEST_PHASE_RAD = 0.3


@dataclass(frozen=True)
class Crystal:
    """An electro-optic crystal.

    Parameters
    ----------
    name : str
        Its name.
    index : callable
        Refractive index against vacuum wavelength [m].
    eps_inf, eps_step : float
        High-frequency permittivity, and what the phonon adds at zero frequency.
    phonon_Hz, damping_Hz : float
        Transverse optical phonon f_TO and damping gamma.
    r41_m_V : float
        Electro-optic coefficient without the lattice's part [m/V].
    lattice : float
        Faust-Henry coefficient C of the lattice's part.
    """

    name: str
    index: Callable[[np.ndarray], np.ndarray]
    eps_inf: float
    eps_step: float
    phonon_Hz: float
    damping_Hz: float
    r41_m_V: float
    lattice: float

    def thz_index(self, frequency_Hz: np.ndarray) -> np.ndarray:
        """Return n - i k from eps = eps_inf + eps_step f_TO^2/(f_TO^2 - f^2 + i gamma f)."""
        f = np.asarray(frequency_Hz, float)
        return np.sqrt(self.eps_inf + self.eps_step / self._detuning(f))

    def group_index(self, wavelength_m: float) -> float:
        """Return n_g = n - lambda dn/dlambda."""
        d = 1e-4 * wavelength_m
        slope = (self.index(np.array(wavelength_m + d)) - self.index(np.array(wavelength_m - d))) / (2 * d)
        return float(self.index(np.array(wavelength_m)) - wavelength_m * slope)

    def coefficient(self, frequency_Hz: np.ndarray) -> np.ndarray:
        """Return r41(f) = r41 (1 + C f_TO^2/(f_TO^2 - f^2 + i gamma f)) [m/V]."""
        return self.r41_m_V * (1 + self.lattice / self._detuning(np.asarray(frequency_Hz, float)))

    def _detuning(self, f: np.ndarray) -> np.ndarray:
        return (self.phonon_Hz**2 - f**2 + 1j * self.damping_Hz * f) / self.phonon_Hz**2


def _znte(wavelength_m: np.ndarray) -> np.ndarray:
    x = (np.asarray(wavelength_m, float) * 1e6) ** 2
    return np.sqrt(4.27 + 3.01 * x / (x - 0.142))


def _gap(wavelength_m: np.ndarray) -> np.ndarray:
    x = (np.asarray(wavelength_m, float) * 1e6) ** 2
    terms = ((1.390, 0.172), (4.131, 0.234), (2.570, 0.345), (2.056, 27.52))
    return np.sqrt(1 + sum(a * x / (x - b**2) for a, b in terms))


#: Index: Marple, J. Appl. Phys. 35, 539 (1964). Lattice: Leitenstorfer et al., Appl. Phys. Lett. 74, 1516 (1999), from
#: memory: unverified, except that it gives the table of |G| of the project's formula sheet.
ZNTE = Crystal("ZnTe", _znte, 7.4, 2.7, 5.3e12, 0.09e12, 4.0e-12, -0.07)
#: Index: Sellmeier's formula with four terms. Lattice: Leitenstorfer et al. (1999), from memory: unverified.
GAP = Crystal("GaP", _gap, 8.7, 1.8, 10.98e12, 0.02e12, 1.0e-12, -0.53)


def eo_response(
    frequency_Hz: np.ndarray,
    *,
    crystal: Crystal = ZNTE,
    thickness_m: float = 500e-6,
    wavelength_m: float = 810e-9,
    probe_fwhm_s: float = 100e-15,
) -> np.ndarray:
    """Return G(f) over G(0) of electro-optic sampling, complex: signal = G times field, with t at the entrance face.

    G = 2/(1+n) (1 - e^{-i x})/(i x) r41(f) A(f), x = 2 pi f (n - n_g) L/c with the complex n(f) = n - i k, and A the
    transform of the probe's intensity, exp(-(pi f tau)^2/(4 ln 2)) for a Gaussian.

    Parameters
    ----------
    frequency_Hz : (F,) float
        Frequencies.
    crystal : Crystal
        ZNTE or GAP.
    thickness_m : float
        Thickness L.
    wavelength_m : float
        Of the probe.
    probe_fwhm_s : float
        Duration tau of the probe, full width at half maximum of its intensity.

    References
    ----------
    Nahata, Auston, Heinz, Wu, Appl. Phys. Lett. 68, 150 (1996); Leitenstorfer et al., Appl. Phys. Lett. 74, 1516
    (1999).
    """
    f = np.atleast_1d(np.asarray(frequency_Hz, float))
    both = np.concatenate([[0.0], f])
    n = crystal.thz_index(both)
    x = 2 * np.pi * both * (n - crystal.group_index(wavelength_m)) * thickness_m / constants.c
    small = np.abs(x) < 1e-6
    matching = np.where(small, 1 - 0.5j * x, -np.expm1(-1j * x) / (1j * np.where(small, 1, x)))
    probe = np.exp(-((np.pi * both * probe_fwhm_s) ** 2) / (4 * np.log(2)))
    response = 2 / (1 + n) * matching * crystal.coefficient(both) * probe
    return response[1:] / response[0].real


def eo_signal(
    field_V_m: np.ndarray,
    *,
    crystal: Crystal = ZNTE,
    thickness_m: float = 500e-6,
    wavelength_m: float = 810e-9,
) -> np.ndarray:
    """Return the balanced signal dI/I = sin(2 pi n^3 r41 L E/lambda) of a field within the crystal, slowly varying.

    3.58 % per kV/cm for 500 um of ZnTe at 810 nm; its sine departs from linear by 1.5 % at ``LARGEST_PHASE_RAD``.
    """
    index = float(crystal.index(np.array(wavelength_m)))
    phase = 2 * np.pi * index**3 * crystal.r41_m_V * thickness_m * np.asarray(field_V_m, float) / wavelength_m
    return np.sin(phase)


def deconvolve(trace: Trace, response: Callable[[np.ndarray], np.ndarray], *, edge: float = 0.1) -> Trace:
    """Return the field before the detection, F/G weighted by Wiener's filter |G|^2/(|G|^2 + sigma^2/S).

    S is the power of the field itself, which is estimated from the trace: |F|^2 less its noise over |G|^2, both
    smoothed over the window's resolution, and less than nothing nowhere. The noise of the result is that of the filter;
    its bias, what the filter holds back, is not in it, and a flag says up to where at least half comes through.

    Parameters
    ----------
    trace : Trace
        With its noise: without it, nothing tells where to stop.
    response : callable
        G at frequencies [Hz], as :func:`eo_response`.
    edge : float
        Share of the window's ends that is tapered.

    Raises
    ------
    FitError
        If the trace has no noise given, or no signal stands out of it.
    """
    if not (trace.sigma_V > 0).any():
        raise FitError("deconvolution: the trace has no noise given, which tells where to stop; repeat the scan")
    n, step = len(trace.delay_s), trace.step_s
    w = window(n, edge=edge)
    size = 2 * n
    f = np.fft.rfftfreq(size, step)
    level = float(w @ trace.signal_V / w.sum())
    field = np.fft.rfft(w * (trace.signal_V - level), size)
    noise2 = float(np.sum(w**2 * trace.sigma_V**2))
    g = np.where(f > 0, response(np.where(f > 0, f, f[1])), 1.0)
    weight = np.abs(g) ** 2
    kernel = np.hanning(7)[1:-1]
    kernel /= kernel.sum()
    power = np.convolve(np.abs(field) ** 2 - noise2, kernel, "same")
    # It is the field that is smooth, not the detection. A smoothed |F|^2 of noise still varies by half of itself: less
    # than that is no signal.
    smooth = power / np.convolve(weight, kernel, "same")
    signal = np.where(power > noise2, smooth * weight, 0.0)
    peak = int(np.argmax(signal))
    if signal[peak] <= 5 * noise2:
        raise FitError("deconvolution: no signal stands out of the noise; average more")
    wiener = signal / (signal + noise2)
    # Beyond the first gap of the signal there are only islands of noise.
    gone = np.flatnonzero(signal[peak:] == 0)
    if len(gone):
        wiener[peak + int(gone[0]) :] = 0
    inverse = np.where(weight > 0, wiener / np.where(weight > 0, g, 1), 0)
    estimate = np.fft.irfft(field * inverse, size)[:n]
    kernel2 = np.fft.irfft(inverse, size) ** 2
    padded = np.concatenate([(w * trace.sigma_V) ** 2, np.zeros(n)])
    variance = np.fft.irfft(np.fft.rfft(kernel2) * np.fft.rfft(padded), size)[:n]
    half = f[peak + int(np.argmax(wiener[peak:] < 0.5))]
    return Trace(
        trace.delay_s,
        estimate,
        np.sqrt(np.maximum(variance, 0)),
        _colour(np.abs(inverse) ** 2, n),
        trace.amplitude_sigma,
        trace.delay_sigma_s,
        scans=trace.scans,
        name=trace.name,
        flags=(*trace.flags, f"deconvolved: half or more of the field is given up to {half / 1e12:.3g} THz"),
    )


def _colour(power: np.ndarray, points: int) -> np.ndarray:
    """Return the autocorrelation of white noise behind a filter of this power."""
    lags = np.fft.irfft(power)[: points // 4]
    return lags / lags[0] if lags[0] > 0 else np.ones(1)
