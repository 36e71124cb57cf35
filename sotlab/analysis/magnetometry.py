"""The analysis ``magnetometry``: M_s and the dead layer from moments of films of several thicknesses.

    m/A = M_s (t - t_dead)

with the moment m at saturation (VSM or SQUID, the substrate's part taken off), the area A and the nominal thickness t.
Errors of the thickness count as those of the moment do: chi squared is over (sigma_m/A)^2 + (m sigma_A/A^2)^2 +
(M_s sigma_t)^2.

References
----------
York et al., Am. J. Phys. 72, 367 (2004), for a straight line with errors in both coordinates.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from pydantic import BaseModel, ConfigDict
from scipy import special
from scipy.constants import mu_0

from sotlab.analysis.joint import number, spread
from sotlab.analysis.protocol import setting
from sotlab.analysis.values import LiveFit, Reduction, Value
from sotlab.errors import DataError, FitError

__all__ = ["FilmMoments", "Magnetometry", "MagnetometrySettings", "MomentFit", "fit_moments"]

#: A scatter that chance gives less often than this is taken for real.
CHANCE = 0.01
_ROUNDS = 50
_SIGMAS = ("sigma_moment", "sigma_area", "sigma_thickness")


@dataclass(frozen=True)
class MomentFit:
    """The result of :func:`fit_moments`.

    Parameters
    ----------
    results : dict of str to Value
        `m_s` [A/m], `mu0_ms` [T], `dead_layer` [m].
    covariance : (2, 2) float
        Of M_s [A/m] and the dead layer [m].
    chi2_reduced : float or None
        By the sigmas as given.
    flags : tuple of str
        What the reader must know.
    """

    results: dict[str, Value]
    covariance: np.ndarray
    chi2_reduced: float | None
    flags: tuple[str, ...] = ()


def fit_moments(
    moment_A_m2: np.ndarray,
    area_m2: np.ndarray,
    thickness_m: np.ndarray,
    *,
    sigma_moment: np.ndarray | None = None,
    sigma_area: np.ndarray | None = None,
    sigma_thickness: np.ndarray | None = None,
    dead_layer: Value | None = None,
    scale_sigma: float = 0.0,
    rate_sigma: float = 0.0,
) -> MomentFit:
    """Fit M_s and the dead layer.

    Parameters
    ----------
    moment_A_m2, area_m2, thickness_m : (n,) float
        Moments at saturation, areas, and nominal thicknesses.
    sigma_moment, sigma_area, sigma_thickness : (n,) float, optional
        Standard deviations, independent from film to film. With none of them the scatter says how large.
    dead_layer : Value, optional
        What is known of it: a datum of the fit. One thickness alone needs it.
    scale_sigma, rate_sigma : float
        Relative standard deviations common to all moments (the magnetometer's calibration) and to all thicknesses (the
        deposition rate's).

    Raises
    ------
    FitError
        If there are no films, or numbers that cannot be.
    """
    m, area, t = (np.atleast_1d(np.asarray(one, float)) for one in (moment_A_m2, area_m2, thickness_m))
    if not (m.shape == area.shape == t.shape and m.ndim == 1 and len(m)):
        raise FitError("magnetometry: give one moment, one area and one thickness for each film")
    if not (np.isfinite(m).all() and np.all(area > 0) and np.all(t > 0)):
        raise FitError("magnetometry: areas [m**2] and thicknesses [m] must be above 0, moments finite")
    given = [sigma_moment, sigma_area, sigma_thickness]
    known = any(one is not None for one in given)
    s_m, s_a, s_t = (
        np.zeros_like(t) if one is None else np.broadcast_to(np.asarray(one, float), t.shape) for one in given
    )
    if any(np.any(~(one >= 0)) for one in (s_m, s_a, s_t)):
        raise FitError("magnetometry: sigmas must be 0 or more")
    y = m / area
    prior = dead_layer if dead_layer is not None and dead_layer.value is not None else None
    exact = prior is not None and not prior.sigma
    distinct = len(np.unique(t))
    units = {"m_s": "A/m", "mu0_ms": "T", "dead_layer": "m"}
    if distinct < 2 and prior is None:
        reason = "not determined: one thickness does not tell M_s from the dead layer; measure two, or give dead_layer"
        nothing = {name: Value(None, None, unit) for name, unit in units.items()}
        return MomentFit(nothing, np.full((2, 2), np.nan), None, (f"m_s, mu0_ms, dead_layer: {reason}",))
    freedom = len(t) - (1 if prior is not None else 2)
    if not known and freedom < 1:
        reason = f"not determined: {len(t)} films without sigmas leave no scatter to estimate them from; give sigmas"
        nothing = {name: Value(None, None, unit) for name, unit in units.items()}
        return MomentFit(nothing, np.full((2, 2), np.nan), None, (f"m_s, mu0_ms, dead_layer: {reason}",))
    dead = number(prior) if prior is not None else 0.0
    slope = float(np.sum(y * (t - dead)) / np.sum((t - dead) ** 2))
    floor = 1e-12 * np.abs(y).max()
    for _ in range(_ROUNDS):
        model = slope * (t - dead)
        variance = (s_m / area) ** 2 + (model * s_a / area) ** 2 + (slope * s_t) ** 2 if known else np.ones_like(t)
        if known and np.any(variance <= floor**2):
            raise FitError("magnetometry: a film has no sigma at all; give one of moment, area or thickness")
        normal, right = _normal(t, y, variance, slope, prior)
        inverse = np.linalg.inv(normal / (size := np.outer(d := np.sqrt(np.diag(normal)), d))) / size
        new = inverse @ right
        slope_new, dead_new = (float(new[0]), dead) if exact else (float(new[0]), float(-new[1] / new[0]))
        moved = abs(slope_new - slope) / abs(slope_new) + abs(dead_new - dead) / t.max()
        slope, dead = slope_new, dead_new
        if moved < 1e-12:
            break
    rest = y - slope * (t - dead)
    chi2 = float(np.sum(rest**2 / variance))
    if prior is not None and not exact:
        chi2 += ((dead - number(prior)) / spread(prior)) ** 2
    flags, scale2, chi2_reduced = [], 1.0, None
    if not known:
        scale2 = chi2 / freedom * (1 + 0.5 / freedom) ** 2
    elif freedom > 0:
        chi2_reduced = chi2 / freedom
        if special.chdtrc(freedom, chi2) < CHANCE:
            scale2 = chi2_reduced
            flags.append(
                f"m_s, dead_layer: films scatter {np.sqrt(scale2):.2g} times as much as their sigmas say: enlarged"
            )
    covariance = _of_dead(inverse, slope, dead, exact) * scale2
    # Common errors: of the moments M_s alone, of the thicknesses M_s and the dead layer in opposite directions.
    common = np.outer(by_rate := np.array([-slope, dead]) * rate_sigma, by_rate)
    common[0, 0] += (slope * scale_sigma) ** 2
    covariance = covariance + common
    errors = np.sqrt(np.diag(covariance))
    results = {
        "m_s": Value.of(slope, errors[0], "A/m"),
        "mu0_ms": Value.of(mu_0 * slope, mu_0 * errors[0], "T"),
        "dead_layer": Value.of(dead, errors[1], "m"),
    }
    if distinct < 2:
        flags.append("m_s, mu0_ms: from one thickness, they hold for the dead layer as given only")
    if dead < -2 * errors[1]:
        flags.append(
            f"dead_layer: negative by {-dead / errors[1]:.2g} sigma: another magnetic layer, or the substrate's moment"
        )
    if slope < 0:
        flags.append("m_s: negative: the substrate's moment was not taken off, or the sign of the moments is wrong")
    return MomentFit(results, covariance, chi2_reduced, tuple(flags))


def _normal(
    t: np.ndarray, y: np.ndarray, variance: np.ndarray, slope: float, prior: Value | None
) -> tuple[np.ndarray, np.ndarray]:
    """Return the normal equations of y = a t + b, b = -a t_dead; what is known of t_dead enters as a datum."""
    if prior is not None and not prior.sigma:
        x = t - number(prior)
        return np.array([[np.sum(x * x / variance)]]), np.array([np.sum(x * y / variance)])
    design = np.stack([t, np.ones_like(t)])
    normal, right = (design / variance) @ design.T, (design / variance) @ y
    if prior is not None:
        datum = np.array([number(prior), 1.0]) / (slope * spread(prior))  # a t_0 + b = 0 within a sigma_0
        normal = normal + np.outer(datum, datum)
    return normal, right


def _of_dead(inverse: np.ndarray, slope: float, dead: float, exact: bool) -> np.ndarray:
    """Return the covariance of (a, t_dead) from that of (a, b)."""
    if exact:
        return np.array([[inverse[0, 0], 0.0], [0.0, 0.0]])
    turn = np.array([[1.0, 0.0], [-dead / slope, -1 / slope]])
    return turn @ inverse @ turn.T


@dataclass(frozen=True)
class FilmMoments:
    """Moments of N films, as columns of :class:`Magnetometry`.

    Parameters
    ----------
    columns : dict of str to (N,) float
        By role.
    name : str
        Where they come from.
    simulated : bool
        True if virtual instruments measured them.
    """

    columns: dict[str, np.ndarray]
    name: str = ""
    simulated: bool = False


class MagnetometrySettings(BaseModel):
    """What the analysis may be told."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    dead_layer: Value | None = setting(None, "Thickness of the dead layer, where it is known", "m")
    scale_sigma: float = setting(0.0, "Relative sigma common to all moments", ge=0.0, le=1.0)
    rate_sigma: float = setting(0.0, "Relative sigma common to all thicknesses", ge=0.0, le=1.0)


class Magnetometry:
    """The analysis ``magnetometry``: one table of films, or several.

    ``sigma_moment``, ``sigma_area`` and ``sigma_thickness`` are columns that may be missing.
    """

    kind: ClassVar[str] = "magnetometry"
    title: ClassVar[str] = "Magnetometry"
    schema: ClassVar[int] = 1
    columns: ClassVar[dict[str, str]] = {
        "moment": "A*m**2",
        "area": "m**2",
        "thickness": "m",
        "sigma_moment": "A*m**2",
        "sigma_area": "m**2",
        "sigma_thickness": "m",
    }
    axes: ClassVar[dict[str, str]] = {}
    required: ClassVar[tuple[tuple[str, ...], ...]] = (("moment", "area", "thickness"),)
    settings: ClassVar[type[MagnetometrySettings]] = MagnetometrySettings

    def dataset(
        self, columns: Mapping[str, np.ndarray], axes: Mapping[str, float], *, name: str = "", simulated: bool = False
    ) -> FilmMoments:
        """Return the films of ``columns`` by role.

        Raises
        ------
        DataError
            If a number is not finite, or an area or thickness not above 0.
        """
        found = {role: np.asarray(values, float) for role, values in columns.items()}
        for role, values in found.items():
            if not np.isfinite(values).all():
                raise DataError(f"{name}: {role} has {np.count_nonzero(~np.isfinite(values))} numbers not finite")
            if role in ("area", "thickness") and np.any(values <= 0):
                raise DataError(f"{name}: {role} must be above 0")
        if not len(found["moment"]):
            raise DataError(f"{name}: no films")
        return FilmMoments(found, name, simulated)

    def live(self, columns: Mapping[str, np.ndarray], settings: Any) -> LiveFit | None:
        """Return None: a table is fitted when it is whole."""
        return None

    def reduce(self, datasets: Sequence[FilmMoments], settings: MagnetometrySettings | None = None) -> Reduction:
        """Fit all films of all files together.

        Returns
        -------
        Reduction
            Results ``m_s`` [A/m], ``mu0_ms`` [T], ``dead_layer`` [m]; a row for each film with its moment per area.

        Raises
        ------
        FitError
            If the numbers cannot be.
        DataError
            If only some of the files have a sigma.
        """
        settings = settings or MagnetometrySettings()
        table: dict[str, Any] = {}
        for role in self.columns:
            parts = [one.columns[role] for one in datasets if role in one.columns]
            missing = len(datasets) - len(parts)
            if parts and missing:
                raise DataError(
                    f"{role}: {missing} of {len(datasets)} files have none; give it in all of them, or in none"
                )
            table[role] = np.concatenate(parts) if parts else None
        fit = fit_moments(
            table["moment"],
            table["area"],
            table["thickness"],
            **{name: table[name] for name in _SIGMAS},
            dead_layer=settings.dead_layer,
            scale_sigma=settings.scale_sigma,
            rate_sigma=settings.rate_sigma,
        )
        names = [one.name for one in datasets for _ in one.columns["moment"]]
        rows = [
            {
                "name": name,
                "thickness": float(t),
                "moment_per_area": Value(float(m / a), sigma, "A"),
                "flags": [],
            }
            for name, t, m, a, sigma in zip(
                names, table["thickness"], table["moment"], table["area"], _per_area_sigma(table), strict=True
            )
        ]
        return Reduction.of(
            self,
            datasets,
            settings,
            fit.results,
            rows,
            fit.flags,
            details={} if fit.chi2_reduced is None else {"chi2_reduced": fit.chi2_reduced},
        )


def _per_area_sigma(table: Mapping[str, np.ndarray | None]) -> list[float | None]:
    """Return the sigma of each moment per area [A], that of the thickness left out; None without one."""
    moment, area = table["moment"], table["area"]
    s_m, s_a = table["sigma_moment"], table["sigma_area"]
    if moment is None or area is None or (s_m is None and s_a is None):
        return [None] * (0 if moment is None else len(moment))
    by_moment = 0.0 if s_m is None else s_m / area
    by_area = 0.0 if s_a is None else moment * s_a / area**2
    return np.hypot(by_moment, by_area).tolist()
