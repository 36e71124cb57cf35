"""From the amplitudes of ST-FMR lines to effective fields and efficiencies, with all uncertainties.

With B0 and W the line's field and half width, M = mu0*M_eff, I the peak current and dR = R_parallel - R_transverse::

    V_S = -(I dR/2) h_n sqrt(B0 (B0 + M))/[W (2 B0 + M)]
    V_A = -(I dR/2) h_p (B0 + M)/[W (2 B0 + M)]

h_n and h_p are the drives of :mod:`sotlab.analysis.angular`; with torques along y alone h_n = sin 2phi cos phi B_DL and
h_p = sin 2phi cos phi (B_FL + B_Oe). phi is the direction of the field from the current: a negative field has pi more.
The measured width stands in the formulas, not alpha omega/gamma: they hold with inhomogeneous broadening too.

Signs are those of V measured + at the end that I enters on its positive half period. The current counts twice in an
efficiency, as V is proportional to its square: that is in the sigmas.

References
----------
Liu et al., Phys. Rev. Lett. 106, 036601 (2011); Karimeddiny et al., Phys. Rev. Appl. 14, 024024 (2020), for the
prefactors with M_eff; Meier, Biometrics 9, 59 (1953), for means whose weights are estimates. Checked against an
integration of the Landau-Lifshitz-Gilbert equation to 1e-3.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache

import numpy as np
from scipy import special

from sotlab.analysis.angular import CHANCE, MODELS, TERMS, AngularFit, AngularModel, fit_angular
from sotlab.analysis.artefacts import frequency_trend
from sotlab.analysis.budget import Budget, Source, combine
from sotlab.analysis.joint import number, spread
from sotlab.analysis.kittel import KittelFit
from sotlab.analysis.lineshape import LineFit
from sotlab.analysis.spin_orbit_efficiency import EFFICIENCY_UNITS, Geometry, efficiencies
from sotlab.analysis.values import Value
from sotlab.errors import FitError

__all__ = ["METHODS_DIFFER", "TORQUE_UNITS", "TorqueFit", "fit_torques"]

#: Results, with units.
TORQUE_UNITS = {"b_dl": "T", "b_fl": "T", **dict.fromkeys(TERMS, "T"), **EFFICIENCY_UNITS, "current_rf": "A"}
#: Methods whose results differ by more sigmas are flagged.
METHODS_DIFFER = 2.0
#: Below so many sigmas a field is no denominator.
DENOMINATOR = 3.0


@dataclass(frozen=True)
class TorqueFit:
    """Fields and efficiencies of one strip.

    Parameters
    ----------
    results : dict of str to Value
        By the names of ``TORQUE_UNITS``: None where not determined, with a flag. `b_dl` and `b_fl` are the components
        along y of the model that the data prefer, `b_dl_y` and so on those of the model with all components that the
        data can tell apart. `b_fl` and `b_fl_y` contain the Oersted field, `xi_fl_E` and `xi_fl_j` do not.
    budget : dict of str to dict
        For each result the standard deviation that each source alone would give, the largest first.
    models : dict of str to dict
        For each angular model `weight` (Akaike's), `criterion`, and its components as values.
    angle_offset : Value
        What must be added to the angles [rad].
    flags : tuple of str
        What the reader must know.
    """

    results: dict[str, Value]
    budget: dict[str, dict[str, float]] = field(default_factory=dict)
    models: dict[str, dict] = field(default_factory=dict)
    angle_offset: Value = field(default_factory=lambda: Value(None, None, "rad"))
    flags: tuple[str, ...] = ()


def fit_torques(
    lines: LineFit,
    angle_rad: np.ndarray,
    current_A_peak: np.ndarray,
    *,
    kittel: KittelFit,
    delta_resistance: Value,
    current_relative_sigma: float = 0.0,
    current_own_sigma: np.ndarray | float = 0.0,
    geometry: Geometry | None = None,
    angle_sigma_rad: float | None = None,
    models: Sequence[str] = MODELS,
    frequency_Hz: np.ndarray | None = None,
) -> TorqueFit:
    """Return effective fields and efficiencies from the lines of one strip.

    Parameters
    ----------
    lines : LineFit
        Of n spectra; those without a line are left out.
    angle_rad : (n,) float
        Angle from the current to the positive direction of the field's axis.
    current_A_peak : (n,) float
        Peak current of each spectrum; the fields are given at the mean of them.
    kittel : KittelFit
        mu0*M_eff and the gaussmeter's zero from the same spectra, with their covariance.
    delta_resistance : Value
        dR of the anisotropic magnetoresistance [ohm].
    current_relative_sigma : float
        Relative standard deviation of the current, common to all spectra.
    current_own_sigma : (n,) float
        Besides, the relative standard deviation that the current of each frequency has of its own; of each spectrum,
        where no frequencies are given.
    geometry : Geometry, optional
        For the efficiencies; its current is replaced by the mean of ``current_A_peak``.
    angle_sigma_rad : float, optional
        How well the rotator's zero is known, see :func:`~sotlab.analysis.angular.fit_angular`.
    models : sequence of str
        Angular models to compare.
    frequency_Hz : (n,) float, optional
        Of each spectrum, to see whether the fields depend on it, and which spectra share an error of the current.

    Raises
    ------
    FitError
        If no spectrum has a line, a current or dR is not above 0, or the angles determine nothing.
    """
    good = lines.good
    azimuth = np.broadcast_to(np.asarray(angle_rad, float), good.shape)[good]
    current = np.broadcast_to(np.asarray(current_A_peak, float), good.shape)[good]
    if not good.any():
        raise FitError("torques: no spectrum has a line")
    if not (np.isfinite(current).all() and (current > 0).all()):
        raise FitError(f"torques: a current of {current.min():g} A is not possible; give peak amplitudes above 0 A")
    if delta_resistance.value is None or not delta_resistance.value:
        raise FitError(f"torques: delta_resistance is {delta_resistance.value} ohm; without it there is no signal")
    if kittel.mu0_meff.value is None:
        raise FitError("torques: mu0_meff is not determined; give more frequencies, or g")
    own = np.broadcast_to(np.asarray(current_own_sigma, float), good.shape)[good]
    frequency = np.arange(len(own)) if frequency_Hz is None else np.asarray(frequency_Hz, float)[good]
    sign = lines.field_sign[good]
    azimuth = np.where(sign < 0, azimuth + np.pi, azimuth)
    mean_A = float(current.mean())
    drives = _Drives(
        lines.v_sym[good],
        lines.v_asym[good],
        lines.field_res[good],
        lines.width[good],
        lines.covariance[good][:, :4, :4],
        sign,
        current,
        np.unique(frequency, return_inverse=True)[1],
        own,
        lines.noise_freedom[good],
    )
    nominal = {
        "delta_resistance": number(delta_resistance),
        "mu0_meff": number(kittel.mu0_meff),
        "field_offset": number(kittel.field_offset),
    }
    if np.any(drives.fields(**nominal) <= max(0.0, -nominal["mu0_meff"])):
        raise FitError("torques: a resonance field at which the magnetisation does not lie in the plane")
    angular = _fit(drives, nominal, azimuth, angle_sigma_rad, models)
    of_each = drives.source()
    by_scale = kittel.by_scale[:2]
    sources = [
        Source.of("current", Value(mean_A, current_relative_sigma * mean_A, "A")),
        of_each,
        Source.of("delta_resistance", delta_resistance),
        Source(
            "resonance fields",
            ("mu0_meff", "field_offset"),
            np.array([nominal["mu0_meff"], nominal["field_offset"]]),
            kittel.covariance[:2, :2] - kittel.field_scale_sigma**2 * np.outer(by_scale, by_scale),
        ),
        Source.of("field_scale", Value(0.0, kittel.field_scale_sigma, "")),
    ]
    noise = [_noise_source("full", angular.full, drives, nominal, azimuth)]
    noise += [_noise_source("best", angular.best, drives, nominal, azimuth, angular)]
    sample = [] if geometry is None else [s for s in _sample(geometry, mean_A) if s.name != "current"]

    best = {"b_dl": "b_dl_y", "b_fl": "b_fl_y"}
    noise_of = {term: f"full {term}" for term in angular.full.terms} | {
        name: f"best {term}" for name, term in best.items()
    }
    gain = np.vstack([angular.full.gain, [angular.best.gain[angular.best.terms.index(term)] for term in best.values()]])
    unknown = {term: float("nan") for term in TERMS if term not in noise_of}

    @cache  # most inputs of the efficiencies change nothing here
    def changed(
        delta_resistance: float, mu0_meff: float, field_offset: float, scale: float, *each: float
    ) -> tuple[list[float], float]:
        """Return the fields (in the order of ``noise_of``) and the mean current, but for the common scale of both."""
        meff, offset = mu0_meff + by_scale[0] * scale, field_offset + by_scale[1] * scale
        factors = np.array(each)[drives.shared]
        h = drives.scaled(scale).drives(delta_resistance, meff, offset, factors)
        return (gain @ np.concatenate(h)).tolist(), float(np.mean(drives.current * factors))

    def fields_of(p: Mapping[str, float]) -> dict[str, float]:
        factors = [p[name] for name in of_each.inputs]
        read_T, read_A = changed(p["delta_resistance"], p["mu0_meff"], p["field_offset"], p["field_scale"], *factors)
        scale = p["current"] / mean_A
        found = {name: one / scale + p[noise] for (name, noise), one in zip(noise_of.items(), read_T, strict=True)}
        return found | unknown | {"current_rf": scale * read_A}

    def everything(p: Mapping[str, float]) -> dict[str, float]:
        found = fields_of(p)
        if geometry is None:
            return found
        inputs = {**p, "current": found["current_rf"], "b_dl": found["b_dl"], "b_fl": found["b_fl"]}
        found |= efficiencies(inputs, geometry.nm_side)
        found["difference"] = found["xi_fmr"] - found["xi_dl_j"]
        return found

    budget = combine(everything, [*sources, *noise, *sample])
    flags = [*angular.flags, *_even_in_field(angular, azimuth, sign)]
    if frequency_Hz is not None:
        flags += _trends(drives, nominal, angular, azimuth, np.asarray(frequency_Hz, float)[good])
    results = {name: Value(None, None, unit) for name, unit in TORQUE_UNITS.items()}
    results |= {name: budget.value(name, TORQUE_UNITS[name]) for name in budget.names if name in TORQUE_UNITS}
    flags += _missing(results, geometry, angular)
    flags += _ratio(results, budget)
    return TorqueFit(
        results,
        {name: _merged(budget.of(name)) for name, value in results.items() if value.value is not None},
        {one.name: _model(one, angular.weights[one.name]) for one in angular.models},
        angular.full.offset,
        tuple(flags),
    )


@dataclass(frozen=True)
class _Drives:
    """What the lines say of the drives; all (n,), the covariance (n, 4, 4) of the first four."""

    v_sym: np.ndarray
    v_asym: np.ndarray
    field_res: np.ndarray
    width: np.ndarray
    covariance: np.ndarray
    sign: np.ndarray
    current: np.ndarray
    shared: np.ndarray
    own: np.ndarray
    freedom: np.ndarray

    def scaled(self, relative: float) -> _Drives:
        """Return them with all fields changed by this part of themselves."""
        return replace(self, field_res=self.field_res * (1 + relative), width=self.width * (1 + relative))

    def source(self) -> Source:
        """Return what the current of each frequency may be wrong by, as factors of 1."""
        first = np.unique(self.shared, return_index=True)[1]
        names = tuple(f"current {k}" for k in range(len(first)))
        return Source("current of each frequency", names, np.ones(len(first)), np.diag(self.own[first] ** 2))

    def fields(self, *, field_offset: float, **_: float) -> np.ndarray:
        """Return the resonance fields without the gaussmeter's zero."""
        return self.field_res - self.sign * field_offset

    def factors(
        self, delta_resistance: float, mu0_meff: float, field_offset: float, each: np.ndarray | float = 1.0
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return what V_S and V_A are multiplied by to give h_n and h_p; ``each`` has factors on the currents."""
        b = self.fields(field_offset=field_offset)
        current = self.current * each
        # Fields grow with the current, voltages with its square: all are brought to the mean current.
        common = -2 * self.width * (2 * b + mu0_meff) * current.mean() / (current**2 * delta_resistance)
        return common / np.sqrt(b * (b + mu0_meff)), common / (b + mu0_meff)

    def drives(
        self, delta_resistance: float, mu0_meff: float, field_offset: float, each: np.ndarray | float = 1.0
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return h_n and h_p (n,) [T]."""
        normal, in_plane = self.factors(delta_resistance, mu0_meff, field_offset, each)
        return self.v_sym * normal, self.v_asym * in_plane

    def currents(self, h: np.ndarray) -> np.ndarray:
        """Return the covariance (2n, 2n) that the currents' own errors give to drives ``h`` (2, n)."""
        of_group = self.shared == np.arange(self.shared.max() + 1)[:, None]
        changes = 2 * np.tile(self.own * of_group, 2) * h.reshape(-1)
        return changes.T @ changes

    def lines(self, nominal: Mapping[str, float], h: np.ndarray) -> np.ndarray:
        """Return the covariance (n, 2, 2) of each line's own drives, for lines of the drives ``h`` (2, n).

        Noise of the width multiplies a drive, so that it must be taken at what the model says, not at what was read:
        weights that depend on the readings themselves would favour the small ones.
        """
        normal, in_plane = self.factors(**nominal)
        b, meff = self.fields(**nominal), nominal["mu0_meff"]
        common = 2 / (2 * b + meff)
        gradient = np.zeros((len(b), 2, 4))
        gradient[:, 0, 0], gradient[:, 1, 1] = normal, in_plane
        gradient[:, 0, 2] = h[0] * (common - 0.5 / b - 0.5 / (b + meff))
        gradient[:, 1, 2] = h[1] * (common - 1 / (b + meff))
        gradient[:, 0, 3], gradient[:, 1, 3] = h[0] / self.width, h[1] / self.width
        return gradient @ self.covariance @ gradient.transpose(0, 2, 1)

    def noise(self, nominal: Mapping[str, float], h: np.ndarray) -> np.ndarray:
        """Return the covariance (2n, 2n) of the drives for lines of the drives ``h`` (2, n): lines and own currents."""
        each = np.arange(len(self.width))
        total = self.currents(h).reshape(2, len(each), 2, len(each))
        total[:, each, :, each] += self.lines(nominal, h)
        return total.reshape(2 * len(each), 2 * len(each))

    def weighing(self, nominal: Mapping[str, float], h: np.ndarray, gain: np.ndarray) -> np.ndarray:
        """Return by what factor (P,) variances of components, ``gain`` (P, 2n) times the drives, are larger.

        The weights are made of sigmas that are estimates themselves: spectra whose noise happens to look small count
        for too much, and their mean is taken to be better known than it is. To the first order a part p of the variance
        from a line with nu degrees of freedom adds 4 p (1 - p)/nu (Meier 1953).
        """
        of_line = gain.reshape(len(gain), 2, -1)
        part = np.einsum("pin,nij,pjn->pn", of_line, self.lines(nominal, h), of_line)
        part /= np.maximum(part.sum(axis=1, keepdims=True), 1e-300)
        return 1 + 4 * np.sum(part * (1 - part) / self.freedom, axis=1)


def _fit(
    drives: _Drives, nominal: Mapping[str, float], azimuth: np.ndarray, prior: float | None, models: Sequence[str]
) -> AngularFit:
    """Fit the components; what the noise is, follows from what is fitted."""
    h = np.stack(drives.drives(**nominal))
    return fit_angular(
        h[0],
        h[1],
        drives.noise(nominal, h),
        azimuth,
        offset_sigma_rad=prior,
        models=models,
        refined=lambda expected: drives.noise(nominal, expected),
    )


def _sample(geometry: Geometry, current_A: float) -> list[Source]:
    return replace(geometry, current=Value(current_A, 0.0, "A")).sources()


def _noise_source(
    which: str,
    model: AngularModel,
    drives: _Drives,
    nominal: Mapping[str, float],
    azimuth: np.ndarray,
    among: AngularFit | None = None,
) -> Source:
    """Return the noise of the lines as errors of the components that are added to them; the currents' is left out.

    With ``among``, for the component of a model that was chosen: to its variance comes what the other models say, by
    their weights (Burnham and Anderson).
    """
    expected = model.expected(azimuth)
    covariance = model.covariance - model.gain @ drives.currents(expected) @ model.gain.T
    grown = np.sqrt(drives.weighing(nominal, expected, model.gain))
    covariance = covariance * np.outer(grown, grown)
    if among is not None:
        for one in among.models:
            away = np.array([one.values[one.terms.index(term)] for term in model.terms if term in one.terms])
            shared = [k for k, term in enumerate(model.terms) if term in one.terms]
            more = np.array(
                [one.covariance[one.terms.index(t), one.terms.index(t)] for t in model.terms if t in one.terms]
            )
            own = np.diag(model.covariance)[shared]
            gain = among.weights[one.name] * np.maximum((away - model.values[shared]) ** 2 + more - own, 0.0)
            covariance[shared, shared] += gain
    return Source(
        f"{which} lines", tuple(f"{which} {term}" for term in model.terms), np.zeros(len(model.terms)), covariance
    )


def _merged(parts: Mapping[str, float]) -> dict[str, float]:
    """Return a budget in which the lines' noise has one name."""
    names = {"full lines": "lines", "best lines": "lines"}
    return {names.get(name, name): part for name, part in parts.items()}


def _model(model: AngularModel, weight: float) -> dict:
    return {
        "weight": weight,
        "criterion": model.criterion,
        **{term: model.value(term) for term in model.terms},
    }


def _even_in_field(angular: AngularFit, azimuth: np.ndarray, sign: np.ndarray) -> list[str]:
    """Return what is to be said of the part that does not change sign with the field."""
    if "z" not in angular.full.name:
        one_sided = len(set(sign)) == 1 and len(np.unique(np.round(np.cos(azimuth), 6))) == 1
        said = "b_dl, b_fl: one sign of field only: spins along z, and artefacts that do not change sign, are in them"
        return [said] if one_sided else []
    flags = []
    for term, own, where in (("b_fl_z", "b_dl_y", "v_sym"), ("b_dl_z", "b_fl_y", "v_asym")):
        even, odd = angular.full.value(term), angular.full.value(own)
        sigmas = abs(number(even)) / (spread(even) or np.inf)
        if special.erfc(sigmas / np.sqrt(2)) < CHANCE:
            flags.append(
                f"{where}: a part of {abs(number(even) / number(odd)):.2g} of the odd one does not change sign with the"
                f" field ({sigmas:.1f} sigma): spins along z ({term}) or an artefact; it is not in b_dl, b_fl"
            )
    return flags


def _trends(
    drives: _Drives, nominal: Mapping[str, float], angular: AngularFit, azimuth: np.ndarray, frequency_Hz: np.ndarray
) -> list[str]:
    """Return whether the drives, over what the model says, depend on the frequency."""
    flags = []
    if len(np.unique(frequency_Hz)) < 3:
        return flags
    h, expected = np.stack(drives.drives(**nominal)), angular.full.expected(azimuth)
    noise = np.sqrt(np.diag(drives.noise(nominal, expected))).reshape(2, -1) * angular.scatter
    for name, read, model, sigma in zip(("b_dl", "b_fl"), h, expected, noise, strict=True):
        large = np.abs(model) > 0.1 * np.abs(model).max(initial=0.0)
        if len(np.unique(frequency_Hz[large])) >= 3:
            ratio, error = read[large] / model[large], sigma[large] / np.abs(model[large])
            flags += frequency_trend(frequency_Hz[large], ratio, error, name=name).flags
    return flags


def _missing(results: Mapping[str, Value], geometry: Geometry | None, angular: AngularFit) -> list[str]:
    flags = []
    absent = [term for term in TERMS if results[term].value is None]
    if absent:
        flags.append(
            f"{', '.join(absent)}: not determined: the angles and signs of field that there are do not tell them"
            " from the others; measure an angle series with both signs"
        )
    if geometry is None:
        flags.append(f"{', '.join(EFFICIENCY_UNITS)}: not determined: the sample's geometry is needed")
    elif geometry.nm_resistivity is None or geometry.nm_thickness is None:
        lacking = [name for name in EFFICIENCY_UNITS if results[name].value is None]
        flags.append(
            f"{', '.join(lacking)}: not determined: resistivity and thickness of the spin-orbit layer are needed"
        )
    if results["b_fl"].value is not None:
        flags.append("b_fl: contains the Oersted field")
    return flags


def _ratio(results: dict[str, Value], budget: Budget) -> list[str]:
    """Withdraw the ratio method where its denominator may be zero, and compare it with the other."""
    if results["xi_fmr"].value is None:
        return []
    b_fl = results["b_fl"]
    if abs(number(b_fl)) < DENOMINATOR * spread(b_fl):
        results["xi_fmr"] = Value(None, None, "")
        return [f"xi_fmr: not determined: v_asym, its denominator, is within {DENOMINATOR:g} sigma of zero"]
    if "difference" not in budget.names or results["xi_dl_j"].value is None:
        return []
    difference = budget.value("difference", "")
    if difference.value is None or abs(difference.value) <= METHODS_DIFFER * spread(difference):
        return []
    return [
        f"xi_fmr, xi_dl_j: the ratio method gives {number(results['xi_fmr']):.3g}, the measured width"
        f" {number(results['xi_dl_j']):.3g}: they differ by {abs(difference.value) / spread(difference):.1f} sigma, as"
        " with a field-like torque besides the Oersted field's, or a wrong current"
    ]
