"""What a Hall cross with a slow alternating current shows a lock-in, from the rest of its magnetisation.

At each moment m rests where the fields of that moment let it (:mod:`equilibrium`), since 100 Hz is slow. The voltages
across the Hall arms and along the strip are

    V_xy = I [R_A m_z + 2 R_P m_x m_y + R_O B_z] + 2 I^2 [r_ANE m_x + r_ONE B_x] + eta V_xx
    V_xx = I [R_0 (1 + c_2 B^2 + c_1 |B|) + dR m_x^2 + u I m_y] - 2 I^2 (length/width) [r_ANE m_y + r_ONE B_y]

Their harmonics are projections of V(I(t)) over one period, without any expansion in the current: a polynomial through
V at Chebyshev's points, whose coefficients are the harmonics of a sine, since ``T_k(sin wt) = cos(k wt - k pi/2)``.

A phasor is what a lock-in shows: X + iY = (a + ib)/sqrt(2) for ``a sin(k wt) + b cos(k wt)``, the reference being the
sine of the current. So X of the first harmonic is ``R_1w I_rms``, and Y of the second ``R_2w I_rms`` with R_2w the
coefficient of cos(2 wt) over the peak current.
"""

from __future__ import annotations

from cmath import exp
from dataclasses import dataclass, replace
from functools import lru_cache
from math import cos, pi, sqrt

import numpy as np

from sotlab.simulated.physics.equilibrium import Vector
from sotlab.simulated.physics.hall_sample import HallFilm
from sotlab.simulated.physics.transport import Waveform

__all__ = ["HARMONICS", "Response", "next_well", "respond", "voltages_V"]

#: The highest harmonic that is worked out.
HARMONICS = 3
#: Degrees of the polynomial in the current that are tried, one after the other.
_DEGREES = (6, 12, 24, 48)
#: Good enough when the even and odd coefficients still fall by this factor, or are rounding errors beside the largest:
#: what the polynomial leaves out then adds less than 1e-6 to the harmonics.
_FALL, _ROUNDING = 0.03, 1e-12
#: Moments of a period at which a wave is sampled that is no sine, or that switches m on its way.
_SAMPLES = 512


@dataclass(frozen=True)
class Response:
    """Dc voltages, and rms phasors of the harmonics 1 to 3, across the arms and along the strip [V].

    Attributes
    ----------
    well : int
        Where m is after a period.
    """

    hall_dc_V: float
    hall_V: tuple[complex, ...]
    longitudinal_dc_V: float
    longitudinal_V: tuple[complex, ...]
    well: int


def _fields(film: HallFilm, field_T: Vector, current_A: float) -> tuple[Vector, float]:
    return (field_T[0], field_T[1] + film.in_plane_T_per_A * current_A, field_T[2]), film.dl_T_per_A * current_A


def next_well(film: HallFilm, field_T: Vector, current_A: float, well: int) -> int:
    """Return the well of m after field and current have come to these values."""
    return film.spin.next_well(*_fields(film, field_T, current_A), well)


def voltages_V(
    film: HallFilm, field_T: Vector, current_A: float, well: int, admixture: float, near: Vector | None = None
) -> tuple[float, float, Vector]:
    """Return the voltages across the arms and along the strip at a current [V], and m.

    Parameters
    ----------
    film : HallFilm
    field_T : (3,) float
        External field [T].
    current_A : float
        At this moment [A].
    well : int
        In which m is, if there is a choice.
    admixture : float
        eta.
    near : (3,) float, optional
        m at a similar current.
    """
    b_x, b_y, b_z = field_T
    x, y, z = m = film.spin.rest(*_fields(film, field_T, current_A), well, near)
    square_T2 = b_x * b_x + b_y * b_y + b_z * b_z
    strip_ohm = film.strip_ohm * (1.0 + film.mr_per_T2 * square_T2 + film.mr_per_T * sqrt(square_T2))
    twice = 2.0 * current_A * current_A
    along_V = current_A * (strip_ohm + film.amr_ohm * x * x + film.usmr_ohm_per_A * current_A * y)
    along_V -= twice * film.squares * (film.ane_ohm_per_A * y + film.one_ohm_per_A_T * b_y)
    across_V = current_A * (film.ahe_ohm * z + 2.0 * film.phe_ohm * x * y + film.ohe_ohm_per_T * b_z)
    across_V += twice * (film.ane_ohm_per_A * x + film.one_ohm_per_A_T * b_x)
    return across_V + admixture * along_V, along_V, m


def respond(film: HallFilm, field_T: Vector, wave: Waveform, well: int, admixture: float = 0.0) -> Response:
    """Return what dc meters and lock-ins find while a current flows.

    Parameters
    ----------
    film : HallFilm
    field_T : (3,) float
        External field [T].
    wave : Waveform
        The current [A]; its phasors are relative to its own phase zero.
    well : int
        In which m was before.
    admixture : float
        eta: share of the longitudinal in the Hall voltage.
    """
    none = (0j,) * HARMONICS
    if wave.shape == "dc" or wave.amplitude == 0.0:
        hall_V, along_V, _ = voltages_V(film, field_T, wave.offset, well, admixture)
        return Response(hall_V, none, along_V, none, well)
    for degree in _DEGREES:
        hall_V, along_V = [], []
        m: Vector | None = None
        for level in _levels(degree):
            current_A = wave.offset + wave.amplitude * level
            one_V, other_V, m = voltages_V(film, field_T, current_A, well, admixture, m)
            hall_V.append(one_V)
            along_V.append(other_V)
            if abs(level) == 1.0 and not film.spin.stays(*_fields(film, field_T, current_A), well):
                return _sampled(film, field_T, wave, well, admixture)
        found: list[list[float]] = (np.array((hall_V, along_V)) @ _cosines(degree)).tolist()
        if all(map(_is_enough, found)):
            break
    else:
        return _sampled(film, field_T, wave, well, admixture)
    if wave.shape == "sine":
        hall, along = ([c / sqrt(2.0) * (-1j) ** (k - 1) for k, c in enumerate(one[: HARMONICS + 1])] for one in found)
        turn = [exp(1j * k * wave.phase_deg * pi / 180.0) for k in range(HARMONICS + 1)]
        phasors = [tuple(one[k] * turn[k] for k in range(1, HARMONICS + 1)) for one in (hall, along)]
        return Response(found[0][0], phasors[0], found[1][0], phasors[1], well)
    shape = _shape(wave)
    hall_waves_V, along_waves_V = (np.polynomial.chebyshev.chebval(shape, one) for one in found)
    return _projected(hall_waves_V, along_waves_V, well)


@lru_cache
def _levels(degree: int) -> tuple[float, ...]:
    """Return Chebyshev's points from +1 to -1, both ends among them."""
    return (1.0, *(cos(pi * j / degree) for j in range(1, degree)), -1.0)


@lru_cache
def _cosines(degree: int) -> np.ndarray:
    """Return the matrix that turns V at :func:`_levels` into the coefficients of ``V = sum c_k T_k(x)``."""
    j = np.arange(degree + 1)
    ends = np.where((j == 0) | (j == degree), 0.5, 1.0)
    return 2.0 / degree * np.outer(ends, ends) * np.cos(np.pi * np.outer(j, j) / degree)


def _is_enough(c: list[float]) -> bool:
    """Return whether the coefficients fall so fast that those left out do not matter."""
    rounding = _ROUNDING * max(map(abs, c))
    even, odd = max(map(abs, c[2:-2:2])), max(map(abs, c[3:-2:2]))
    return abs(c[-3]) + abs(c[-1]) <= _FALL * even + rounding and abs(c[-2]) <= _FALL * odd + rounding


def _shape(wave: Waveform) -> np.ndarray:
    """Return the wave between -1 and 1 at the middles of equal parts of a period."""
    unit = replace(wave, amplitude=1.0, offset=0.0, frequency_Hz=1.0, start_s=0.0, stop_s=float("inf"))
    return np.array([unit.value((i + 0.5) / _SAMPLES) for i in range(_SAMPLES)])


def _sampled(film: HallFilm, field_T: Vector, wave: Waveform, well: int, admixture: float) -> Response:
    """Return the response by going through the period in small steps, in which m may switch; the second round counts.

    A switch is found to a step: harmonics are good to about 1 %.
    """
    currents_A = (wave.offset + wave.amplitude * _shape(wave)).tolist()
    hall_V, along_V, m = np.empty(_SAMPLES), np.empty(_SAMPLES), None
    for _ in range(2):
        for i, current_A in enumerate(currents_A):
            well = next_well(film, field_T, current_A, well)
            hall_V[i], along_V[i], m = voltages_V(film, field_T, current_A, well, admixture, m)
    return _projected(hall_V, along_V, well)


def _projected(hall_V: np.ndarray, along_V: np.ndarray, well: int) -> Response:
    middles = 2.0 * pi * (np.arange(_SAMPLES) + 0.5) / _SAMPLES

    def phasors(values: np.ndarray) -> tuple[complex, ...]:
        # a + ib of a sin + b cos is i times the sum over V exp(-ikt), twice its mean.
        return tuple(
            complex(1j * sqrt(2.0) * np.mean(values * np.exp(-1j * k * middles))) for k in range(1, HARMONICS + 1)
        )

    return Response(float(np.mean(hall_V)), phasors(hall_V), float(np.mean(along_V)), phasors(along_V), well)
