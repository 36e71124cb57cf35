"""Spin polarisation of photoelectrons from four measurements, and what is made of maps of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sotlab.errors import DataError, UsageError

__all__ = [
    "FourCounts",
    "Polarisation",
    "VectorMap",
    "convolve_map",
    "gains",
    "momentum",
    "polarisation",
    "two_measurement_polarisation",
    "vector_map",
]

#: sqrt(2 m_e) / hbar [1/(m sqrt(eV))].
MOMENTUM_PER_SQRT_EV = 0.5123167e10
FWHM_PER_SIGMA = 2 * np.sqrt(2 * np.log(2))


@dataclass(frozen=True)
class FourCounts:
    """Counts of the four settings of a spin detector, at the same N points.

    The first sign is that of the target's magnetisation M, the second that of the spin manipulator S. Expected:
    ``I[M, S] = N g_M g_S (1 + M S A)``, ``A = Sherman function times polarisation``.

    Parameters
    ----------
    pp, pm, mp, mm : (N,) float
        Counts, not rates: their Poisson noise is the uncertainty.
    """

    pp: np.ndarray
    pm: np.ndarray
    mp: np.ndarray
    mm: np.ndarray

    @property
    def total(self) -> np.ndarray:
        """The sum of all four, proportional to the density of states."""
        return self.pp + self.pm + self.mp + self.mm

    @property
    def positive(self) -> np.ndarray:
        """Where all four are finite and above 0, so that a polarisation is determined."""
        return np.all([np.isfinite(each) & (each > 0) for each in (self.pp, self.pm, self.mp, self.mm)], axis=0)

    def __add__(self, other: FourCounts) -> FourCounts:
        return FourCounts(self.pp + other.pp, self.pm + other.pm, self.mp + other.mp, self.mm + other.mm)


@dataclass(frozen=True)
class Polarisation:
    """Polarisation with one standard deviation from counting; NaN where a count is 0."""

    value: np.ndarray
    sigma: np.ndarray


@dataclass(frozen=True)
class VectorMap:
    """Averages over cells of momentum space.

    Parameters
    ----------
    kx_per_m, ky_per_m : (C,) float
        Mean position of the points in the cell [1/m].
    p_x, p_y, sigma_x, sigma_y : (C,) float
        Intensity-weighted mean polarisation, and one standard deviation.
    intensity : (C,) float
        Summed counts.
    points : (C,) int
        Points in the cell.
    shown : (C,) bool
        True where an arrow is worth showing: intense enough, and of enough points.
    """

    kx_per_m: np.ndarray
    ky_per_m: np.ndarray
    p_x: np.ndarray
    p_y: np.ndarray
    sigma_x: np.ndarray
    sigma_y: np.ndarray
    intensity: np.ndarray
    points: np.ndarray
    shown: np.ndarray


def polarisation(counts: FourCounts, sherman: float) -> Polarisation:
    """Return the polarisation from all four measurements.

    ``I+ = sqrt(I[++] I[--])``, ``I- = sqrt(I[+-] I[-+])``, ``P = (1/Sh) (I+ - I-) / (I+ + I-)``; gains that depend on
    M alone or on S alone cancel exactly. ``sigma = (1 - A**2) / (4 Sh) sqrt(sum 1/I)``, A = Sh P.

    Parameters
    ----------
    counts : FourCounts
        The counts.
    sherman : float
        Sherman function Sh, between 0 and 1; its own uncertainty is common to all points and not in sigma.

    Raises
    ------
    UsageError
        If the Sherman function is not above 0 and up to 1.

    References
    ----------
    Seed 002, Methods.

    Notes
    -----
    A source that drifts between the four measurements does not cancel; sigma knows only the counting.
    """
    if not 0 < sherman <= 1:
        raise UsageError(f"Sherman function: {sherman:g} asked, it lies above 0 and up to 1")
    good = counts.positive
    pp, pm, mp, mm = (np.where(good, each, np.nan) for each in (counts.pp, counts.pm, counts.mp, counts.mm))
    plus, minus = np.sqrt(pp * mm), np.sqrt(pm * mp)
    asymmetry = (plus - minus) / (plus + minus)
    sigma = (1 - asymmetry**2) / (4 * sherman) * np.sqrt(1 / pp + 1 / pm + 1 / mp + 1 / mm)
    return Polarisation(asymmetry / sherman, sigma)


def two_measurement_polarisation(counts: FourCounts, sherman: float) -> np.ndarray:
    """Return what reversing the magnetisation alone would give: it contains the gain's asymmetry."""
    return (counts.pp - counts.mp) / (counts.pp + counts.mp) / sherman


def gains(counts: FourCounts) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return the instrument's gain ratios, of M = + to - and of S = + to -, each with one standard deviation.

    From the sums over all points, ``sqrt(I[++] I[+-] / (I[-+] I[--]))`` and ``sqrt(I[++] I[-+] / (I[+-] I[--]))``.
    They are exact where points do not differ in polarisation, and good to A**2 otherwise.
    """
    good = counts.positive
    pp, pm, mp, mm = (float(each[good].sum()) for each in (counts.pp, counts.pm, counts.mp, counts.mm))
    if min(pp, pm, mp, mm) <= 0:
        return (np.nan, np.nan), (np.nan, np.nan)
    relative = np.sqrt(1 / pp + 1 / pm + 1 / mp + 1 / mm) / 2
    magnetisation, manipulator = np.sqrt(pp * pm / (mp * mm)), np.sqrt(pp * mp / (pm * mm))
    return (magnetisation, magnetisation * relative), (manipulator, manipulator * relative)


def momentum(angle_rad: np.ndarray, kinetic_energy_eV: float) -> np.ndarray:
    """Return the momentum parallel to the surface [1/m]: ``0.5123167 sqrt(E_kin/eV) sin(theta)`` 1/angstrom.

    Notes
    -----
    Seed 002's 0.048 1/angstrom for 1.2 deg has the photon energy, 20 eV, for E_kin; less a work function of 4.3 eV it
    is 0.0425.
    """
    if not (np.isfinite(kinetic_energy_eV) and kinetic_energy_eV > 0):
        raise UsageError(f"kinetic energy: {kinetic_energy_eV:g} eV asked, it must be above 0")
    return MOMENTUM_PER_SQRT_EV * np.sqrt(kinetic_energy_eV) * np.sin(angle_rad)


def vector_map(
    kx_per_m: np.ndarray,
    ky_per_m: np.ndarray,
    along_x: Polarisation,
    along_y: Polarisation,
    intensity: np.ndarray,
    cell_per_m: float = 0.02e10,
    least_points: int = 3,
    threshold: float = 0.2,
) -> VectorMap:
    """Return intensity-weighted means of the in-plane polarisation over square cells.

    Parameters
    ----------
    kx_per_m, ky_per_m : (N,) float
        Positions [1/m].
    along_x, along_y : Polarisation
        Components there; points where either is NaN do not enter.
    intensity : (N,) float
        Counts.
    cell_per_m : float
        Side of a cell [1/m].
    least_points, threshold : int, float
        A cell is shown if it has so many points, and this share of the largest mean intensity of a cell.

    Notes
    -----
    Steps of 0.2 deg at 20 eV put 6 to 8 points into a cell of 0.02 x 0.02 1/angstrom**2, not the "twenty" of seed 002,
    for which it must be 0.036 wide.
    """
    if not (np.isfinite(cell_per_m) and cell_per_m > 0):
        raise UsageError(f"cell: {cell_per_m:g} 1/m asked, it must be above 0")
    usable = np.isfinite(along_x.value) & np.isfinite(along_y.value) & (intensity > 0)
    if not usable.any():
        raise DataError("vector map: at no point are both components determined")
    k = np.stack([kx_per_m, ky_per_m], axis=1)[usable]
    weight = np.asarray(intensity, float)[usable]
    _, cell, points = np.unique(np.floor(k / cell_per_m + 0.5), axis=0, return_inverse=True, return_counts=True)
    cell = cell.ravel()

    def summed(values: np.ndarray) -> np.ndarray:
        return np.bincount(cell, values, minlength=len(points))

    total = summed(weight)
    brightness = total / points
    return VectorMap(
        kx_per_m=summed(k[:, 0]) / points,
        ky_per_m=summed(k[:, 1]) / points,
        p_x=summed(weight * along_x.value[usable]) / total,
        p_y=summed(weight * along_y.value[usable]) / total,
        sigma_x=np.sqrt(summed((weight * along_x.sigma[usable]) ** 2)) / total,
        sigma_y=np.sqrt(summed((weight * along_y.sigma[usable]) ** 2)) / total,
        intensity=total,
        points=points,
        shown=(points >= least_points) & (brightness >= threshold * brightness.max()),
    )


def convolve_map(dos: np.ndarray, step_per_m: float, resolution_per_m: float) -> np.ndarray:
    """Return maps (..., ny, nx) smeared by a Gaussian of the given full width at half height.

    Beyond the edge the map is taken as empty, so leave a margin of the resolution around what is compared.
    """
    from scipy.ndimage import gaussian_filter

    if not (step_per_m > 0 and resolution_per_m >= 0):
        raise UsageError("step and resolution of a map must be above 0")
    width = resolution_per_m / FWHM_PER_SIGMA / step_per_m
    sigma = (0.0,) * (dos.ndim - 2) + (width, width)
    return gaussian_filter(dos, sigma, mode="constant", truncate=5.0)
