"""The drift-diffusion fit: spin Hall conductivity, diffusion length and mixing conductance from a thickness series.

Both torques of all thicknesses in one least-squares fit of :func:`~sotlab.analysis.models.drift_diffusion.
torque_efficiency`, in ln S, ln lambda, ln Re G and Im G, with S = (2e/hbar) sigma_s (sigma_s in units of hbar/2e is the
plain number). S is linear and starts from a grid of the others. What the data leave open on one side, as Re G of a
transparent interface, is not given as a value but as a limit, from the profile of chi squared.

References
----------
Haney et al., Phys. Rev. B 87, 174411 (2013); seed 000, eqs. 1 and 2. Profile likelihood: Raue et al., Bioinformatics
25, 1923 (2009).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from scipy import optimize, special

from sotlab.analysis.joint import number, spread
from sotlab.analysis.models.drift_diffusion import torque_efficiency
from sotlab.analysis.values import Value
from sotlab.errors import FitError

__all__ = ["PARAMETERS", "UNITS", "DriftDiffusionFit", "fit_drift_diffusion"]

#: The results, in the order of a covariance.
PARAMETERS = ("sigma_s", "lambda_s", "re_g", "im_g")
UNITS = {"sigma_s": "1/(ohm*m)", "lambda_s": "m", "re_g": "1/(ohm*m**2)", "im_g": "1/(ohm*m**2)"}
#: Where a parameter is looked for: lambda from a fiftieth of the thinnest film to fifty times the thickest, Re G from
#: an insulating interface to beyond any metallic one [1/(ohm*m**2)], and Im G in the size of the latter.
LENGTHS, CONDUCTANCES = 50.0, (1e8, 1e17)
#: A relative sigma beyond this is no sigma of a value: the profile of chi squared is far from a parabola there.
LARGEST_RELATIVE = 0.4
#: sigma_s and lambda that are correlated by more than this, or known less well, are one product to the data.
NOT_SEPARATED, NOT_KNOWN = 0.99, 0.25
#: chi squared above the minimum at the one-sided limit of 95 %.
LIMIT_95 = 1.6449**2
#: A scatter that chance gives less often than this is taken for real.
CHANCE = 0.01
#: Scale of Im G in the fit [1/(ohm*m**2)].
_G_UNIT = 1e12


@dataclass(frozen=True)
class DriftDiffusionFit:
    """The result of :func:`fit_drift_diffusion`.

    Parameters
    ----------
    results : dict of str to Value
        `sigma_s` [hbar/2e 1/(ohm*m)], `lambda_s` [m], `re_g`, `im_g` [1/(ohm*m**2)]; None where the data give no more
        than a limit, with a flag.
    limits : dict of str to dict
        For each without a value: `lower` and `upper` limit at 95 %, one-sided, by the profile of chi squared; None
        where there is none.
    covariance : (4, 4) float
        Of ln sigma_s, ln lambda_s, ln Re G and Im G.
    correlation : float
        Of ln sigma_s and ln lambda_s.
    chi2_reduced : float or None
        By the sigmas as given.
    model : callable
        From thicknesses (n,) [m] to xi_dl_E and xi_fl_E (2, n) of the fit.
    flags : tuple of str
        What the reader must know.
    """

    results: dict[str, Value]
    limits: dict[str, dict[str, float | None]]
    covariance: np.ndarray
    correlation: float
    chi2_reduced: float | None
    model: Callable[[np.ndarray], np.ndarray] = field(compare=False)
    flags: tuple[str, ...] = ()


def fit_drift_diffusion(
    thickness_m: np.ndarray,
    xi_dl_E: np.ndarray,
    xi_fl_E: np.ndarray | None,
    rho: Value,
    *,
    sigma_dl: np.ndarray | None = None,
    sigma_fl: np.ndarray | None = None,
    rho_of_t: np.ndarray | None = None,
    scale_sigma: float = 0.0,
) -> DriftDiffusionFit:
    """Fit the torque efficiencies of a thickness series.

    Parameters
    ----------
    thickness_m : (n,) float
        Thicknesses of the spin-orbit layer.
    xi_dl_E, xi_fl_E : (n,) float
        Efficiencies per electric field [1/(ohm*m)], the Oersted field not in xi_fl_E; NaN for one that is missing.
        Without any xi_fl_E there is no Im G; what it does to xi_dl_E is in the other sigmas.
    rho : Value
        Resistivity of the layer (thick film) [ohm*m]. Only lambda rho G enters, so that its relative sigma is that of
        both conductances, and of nothing else.
    sigma_dl, sigma_fl : (n,) float, optional
        Standard deviations. Without them all are taken to be equally relative, and the scatter says how large.
    rho_of_t : (n,) float, optional
        Resistivity of each film: lambda rho is then the same in all of them and lambda(t) = lambda rho/rho(t), lambda
        being that at ``rho``.
    scale_sigma : float
        Relative standard deviation that is common to all efficiencies, as that of the microwave current: it is that of
        sigma_s, and of nothing else.

    Raises
    ------
    FitError
        If there are too few efficiencies, or numbers that cannot be.
    """
    t, y, sigma, relative = _checked(thickness_m, xi_dl_E, xi_fl_E, sigma_dl, sigma_fl, rho)
    if rho_of_t is not None and not np.all(np.asarray(rho_of_t, float) > 0):
        raise FitError("thickness: resistivities [ohm*m] must be above 0")
    stretch = np.ones_like(t) if rho_of_t is None else np.asarray(rho_of_t, float) / number(rho)
    used = np.isfinite(y)
    both = bool(used[1].any())
    problem = _Problem(t * stretch, y, sigma, used, number(rho), both)
    start = problem.start()
    fit = problem.solve(start)
    for _ in range(3 if relative else 0):  # relative errors are of the model, not of readings that came out small
        sizes = np.abs(np.where(used, problem.model(fit.x), 1.0))
        floor = 0.05 * sizes.max(axis=1, keepdims=True)
        problem = _Problem(t * stretch, y, np.maximum(sizes, floor), used, number(rho), both)
        fit = problem.solve(fit.x)
    freedom = int(used.sum()) - len(PARAMETERS)
    chi2 = 2 * float(fit.cost)
    scale2, flags = 1.0, []
    if relative:
        scale2 = chi2 / freedom
    elif special.chdtrc(freedom, chi2) < CHANCE:
        scale2 = chi2 / freedom
        flags.append(
            f"efficiencies scatter {np.sqrt(scale2):.2g} times as much as their sigmas say, or do not follow the model:"
            " sigmas enlarged"
        )
    # Student's t: the scatter is itself estimated.
    wider = (1 + 0.5 / freedom) ** 2 if scale2 != 1.0 or relative else 1.0
    inner = _inverse(fit.jac.T @ fit.jac) * scale2 * wider
    own = np.sqrt(np.diag(inner))
    from_rho = spread(rho) / number(rho)
    values, limits = problem.values(fit.x), {}
    sigmas = {
        "sigma_s": np.hypot(own[0], scale_sigma) * abs(values["sigma_s"]),
        "lambda_s": own[1] * values["lambda_s"],
        "re_g": np.hypot(own[2], from_rho) * values["re_g"],
        "im_g": np.hypot(own[3] * _G_UNIT, from_rho * values["im_g"]),
    }
    named = {name: Value.of(values[name], float(sigmas[name]), UNITS[name]) for name in PARAMETERS}
    for k, name in enumerate(PARAMETERS[:3]):
        if own[k] > LARGEST_RELATIVE:
            limits[name] = problem.limits(fit, k, scale2)
            named[name] = Value(None, None, UNITS[name])
            flags.append(f"{name}: not determined: {_said(name, limits[name])}")
    if not both:
        named["im_g"] = Value(None, None, UNITS["im_g"])
        flags.append("im_g: not determined: its sign and size show in xi_fl_E, of which there is none")
    together = float(inner[0, 1] / np.sqrt(inner[0, 0] * inner[1, 1]))
    flags += _separation(together, inner, t, values["lambda_s"])

    def model(at_m: np.ndarray) -> np.ndarray:
        return problem.model(fit.x, np.asarray(at_m, float))

    return DriftDiffusionFit(
        named,
        limits,
        inner,
        together,
        None if relative else chi2 / freedom,
        model,
        tuple(flags),
    )


def _checked(
    thickness_m, xi_dl_E, xi_fl_E, sigma_dl, sigma_fl, rho: Value
) -> tuple[np.ndarray, np.ndarray, np.ndarray, bool]:
    """Return thicknesses, efficiencies and sigmas (2, n), and whether the latter are only relative."""
    t = np.atleast_1d(np.asarray(thickness_m, float))
    nothing = np.full(t.shape, np.nan)
    columns = [nothing if one is None else np.atleast_1d(np.asarray(one, float)) for one in (xi_dl_E, xi_fl_E)]
    if any(column.shape != t.shape for column in columns) or t.ndim != 1:
        raise FitError("thickness: give one xi_dl_E, and one xi_fl_E or none, for each thickness")
    if rho.value is None or not rho.value > 0:
        raise FitError(f"thickness: rho is {rho.value} ohm*m; the resistivity of the layer must be given, above 0")
    y = np.stack(columns)
    used = np.isfinite(y)
    if not (np.all(np.isfinite(t)) and np.all(t > 0)):
        raise FitError("thickness: thicknesses [m] must be above 0; leave out what is not")
    parameters = len(PARAMETERS)
    if used.sum() <= parameters or len(np.unique(t[used.any(axis=0)])) < 3:
        raise FitError(
            f"thickness: {used.sum()} efficiencies at {len(np.unique(t))} thicknesses for {parameters} parameters;"
            f" {parameters + 1} at 3 thicknesses are needed"
        )
    given = [sigma_dl, sigma_fl if used[1].any() else sigma_dl]
    if any(one is None for one in given):
        size = np.nanmax(np.abs(y), axis=1, keepdims=True, initial=0.0, where=used)
        return t, y, np.where(used, np.maximum(np.abs(y), 0.05 * size), 1.0), True
    sigma = np.stack([np.broadcast_to(np.asarray(one, float), t.shape) for one in given])
    if not np.all(sigma[used] > 0):
        raise FitError("thickness: sigmas [1/(ohm*m)] must be above 0; leave out what has none")
    return t, y, np.where(used, sigma, 1.0), False


class _Problem:
    """The least-squares problem in (ln |S|, ln lambda, ln Re G, Im G/unit)."""

    def __init__(
        self, t: np.ndarray, y: np.ndarray, sigma: np.ndarray, used: np.ndarray, rho: float, both: bool
    ) -> None:
        self.t, self.sigma, self.used, self.rho, self.both = t, sigma, used, rho, both
        self.y = np.where(used, y, 0.0)
        self.sign = 1.0
        least, most = np.log(t.min() / LENGTHS), np.log(t.max() * LENGTHS)
        (poor, rich), most_im = np.log(CONDUCTANCES), CONDUCTANCES[1] / _G_UNIT
        # xi_dl_E is even in Im G: without the other torque there is no sign.
        self.bounds = (
            np.array([-np.inf, least, poor, -most_im if both else 0.0]),
            np.array([np.inf, most, rich, most_im]),
        )

    def model(self, p: np.ndarray, t: np.ndarray | None = None) -> np.ndarray:
        """Return xi_dl_E and xi_fl_E (2, n), or (2, m, n) for parameters (m, 4)."""
        p = np.asarray(p)[..., None, :] if np.ndim(p) == 2 else p
        found = torque_efficiency(
            self.t if t is None else t,
            self.sign * np.exp(p[..., 0]),
            np.exp(p[..., 1]),
            self.rho,
            np.exp(p[..., 2]) + 1j * p[..., 3] * _G_UNIT,
        )
        return np.stack([found.xi_dl_E, found.xi_fl_E])

    def residual(self, p: np.ndarray) -> np.ndarray:
        return ((self.model(p) - self.y) / self.sigma)[self.used]

    def jacobian(self, p: np.ndarray) -> np.ndarray:
        """Return the derivatives: that by ln S is the model itself, the others are central differences."""
        steps = np.array([0.0, 1e-5, 1e-5, 1e-5 * max(1.0, abs(p[3]))])
        moves = np.diag(steps)[1:]
        found = self.model(np.vstack([p, p + moves, p - moves])) / self.sigma[:, None]
        found = found.transpose(1, 0, 2)[:, self.used]  # (7, points)
        return np.column_stack([found[0], ((found[1:4] - found[4:]) / (2 * steps[1:, None])).T])

    def start(self) -> np.ndarray:
        """Return the best node of a grid, S being solved for."""
        lengths = np.geomspace(self.t.min() / 2, self.t.max() * 2, 7)
        angles = np.array([-5.0, -1.0, -0.2, 0.2, 1.0, 5.0])
        length, scaled, angle = (
            one.ravel() for one in np.meshgrid(lengths, np.geomspace(0.02, 50, 6), angles if self.both else angles[3:])
        )
        real = scaled / (2 * length * self.rho)
        nodes = np.stack([np.zeros(len(real)), np.log(length), np.log(real), angle * real / _G_UNIT], axis=1)
        shapes = (self.model(nodes) / self.sigma[:, None]).transpose(1, 0, 2)[:, self.used]
        data = (self.y / self.sigma)[self.used]
        scale = shapes @ data / np.einsum("mn,mn->m", shapes, shapes)
        best = int(np.argmax(scale * (shapes @ data)))
        self.sign = float(np.sign(scale[best])) or 1.0
        return np.array([np.log(abs(scale[best]) or 1.0), *nodes[best, 1:]])

    def solve(self, start: np.ndarray, fixed: int | None = None) -> optimize.OptimizeResult:
        """Return the fit from ``start``, one parameter held if asked."""
        free = [k for k in range(len(PARAMETERS)) if k != fixed]

        def whole(q: np.ndarray) -> np.ndarray:
            p = start.copy()
            p[free] = q
            return p

        low, high = self.bounds
        inside = np.clip(start[free], low[free] + 1e-9, high[free] - 1e-9)
        fit = optimize.least_squares(
            lambda q: self.residual(whole(q)),
            inside,
            lambda q: self.jacobian(whole(q))[:, free],  # type: ignore[arg-type]  # the stubs know names only
            bounds=(low[free], high[free]),
            x_scale="jac",
            xtol=1e-10,
            ftol=1e-12,
            gtol=1e-12,
            max_nfev=200,
        )
        fit.x = whole(fit.x)
        return fit

    def values(self, p: np.ndarray) -> dict[str, float]:
        numbers = self.sign * np.exp(p[0]), np.exp(p[1]), np.exp(p[2]), p[3] * _G_UNIT
        return dict(zip(PARAMETERS, map(float, numbers), strict=True))

    def limits(self, fit: optimize.OptimizeResult, k: int, scale2: float) -> dict[str, float | None]:
        """Return where the profile of chi squared over parameter ``k`` is at the limit of 95 %, on either side."""
        found: dict[str, float | None] = {"lower": None, "upper": None}
        least = 2 * fit.cost / scale2
        for side, direction in (("lower", -1.0), ("upper", 1.0)):
            inside, at, step = fit.x[k], fit.x.copy(), 0.3
            while True:
                edge = self.bounds[0 if direction < 0 else 1][k]
                trial = at.copy()
                trial[k] = inside + direction * step
                if (trial[k] - edge) * direction >= 0 or abs(trial[k] - fit.x[k]) > 12:
                    break
                solved = self.solve(trial, fixed=k)
                if 2 * solved.cost / scale2 - least > LIMIT_95:
                    found[side] = self._crossing(at, trial[k], k, least, scale2)
                    break
                inside, at, step = trial[k], solved.x, step * 1.4
        return found

    def _crossing(self, at: np.ndarray, outside: float, k: int, least: float, scale2: float) -> float:
        inside = at[k]
        for _ in range(8):
            middle = at.copy()
            middle[k] = (inside + outside) / 2
            if 2 * self.solve(middle, fixed=k).cost / scale2 - least > LIMIT_95:
                outside = middle[k]
            else:
                inside = middle[k]
        return float(np.exp((inside + outside) / 2))


def _inverse(normal: np.ndarray) -> np.ndarray:
    """Return the inverse of a normal matrix; a parameter that the data do not hold at all gets a huge variance."""
    size = np.sqrt(np.diag(normal))
    size = np.maximum(size, 1e-12 * size.max())
    scaled = normal / np.outer(size, size) + 1e-13 * np.eye(len(normal))
    return np.linalg.inv(scaled) / np.outer(size, size)


def _said(name: str, limits: dict[str, float | None]) -> str:
    lower, upper, unit = limits["lower"], limits["upper"], UNITS[name]
    if lower is None and upper is None:
        return "the efficiencies hardly depend on it"
    if upper is None:
        return f"only that it is above {lower:.3g} {unit} (95 %)"
    if lower is None:
        return f"only that it is below {upper:.3g} {unit} (95 %)"
    return f"between {lower:.3g} and {upper:.3g} {unit} (95 % each)"


def _separation(together: float, inner: np.ndarray, t: np.ndarray, length: float) -> list[str]:
    """Return a warning where the range of thicknesses does not separate sigma_s from lambda_s."""
    relative = np.sqrt(np.diag(inner))[:2]
    if together < NOT_SEPARATED and relative.max() < NOT_KNOWN:
        return []
    return [
        f"sigma_s, lambda_s: hardly told apart (correlated by {together:.3f}, {100 * relative[0]:.2g} and"
        f" {100 * relative[1]:.2g} %): films of {t.min():.3g} to {t.max():.3g} m do not reach from below to well above"
        f" lambda_s of about {length:.2g} m; measure thicker ones, to three times that"
    ]
