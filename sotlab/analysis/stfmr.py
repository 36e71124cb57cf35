"""The ST-FMR analysis: from spectra at several frequencies to mu0*M_eff, damping and zero-frequency width."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from sotlab.analysis.joint import number, spread
from sotlab.analysis.kittel import fit_linewidth
from sotlab.analysis.line_models import TwoLines, fit_derivative, recognised_pairs
from sotlab.analysis.lineshape import PARAMETERS, ZERO_CROSSING, LineFit, fit_lineshape, lineshape
from sotlab.analysis.stfmr_bias import reduce_bias
from sotlab.analysis.stfmr_pumping import reduce_pumping
from sotlab.analysis.stfmr_resonance import Known, fit_resonances
from sotlab.analysis.stfmr_torques import StripSettings, reduce_torques
from sotlab.analysis.torques import METHODS_DIFFER
from sotlab.analysis.values import LiveFit, Reduction, Value
from sotlab.errors import DataError

__all__ = ["STFMR", "STFMRSettings", "Spectrum"]

#: The unit of each parameter of the line.
UNITS = {"v_sym": "V", "v_asym": "V", "field_res": "T", "width": "T"}
#: Points of a curve that looks smooth however narrow the line is in its window.
CURVE_POINTS = 600
#: Above this lag-1 autocorrelation the reader is told that the model leaves more than noise.
STRONG_CORRELATION = 0.5


@dataclass(frozen=True)
class Spectrum:
    """One ST-FMR spectrum: rectified voltage against field, in the order of measurement.

    Parameters
    ----------
    field_T : (N,) float
        Field mu0*H in the plane [T].
    voltage_V : (N,) float
        Rectified voltage, as its DC equivalent [V].
    frequency_Hz : float
        Microwave frequency.
    power_dBm, angle_deg : float or None
        Power, and angle of the field to the current.
    current_A, current_sigma_A : float or None
        Microwave current through the strip, peak or rms as the settings say, and what of its standard deviation it
        shares with spectra of the same frequency only.
    bias_A : float or None
        Direct current.
    name : str
        Where it comes from.
    simulated : bool
        True if virtual instruments measured it.
    """

    field_T: np.ndarray
    voltage_V: np.ndarray
    frequency_Hz: float
    power_dBm: float | None = None
    angle_deg: float | None = None
    name: str = ""
    simulated: bool = False
    current_A: float | None = None
    bias_A: float | None = None
    current_sigma_A: float | None = None


class STFMRSettings(StripSettings):
    """What the analysis must be told; what is known of the strip is in :class:`StripSettings`."""

    g: float = Field(default=2.0, ge=0.5, le=5.0, description="g factor")
    g_sigma: float = Field(default=0.0, ge=0.0, description="Its standard deviation; inf leaves it to the data")
    kittel: Literal["in-plane", "uniaxial", "perpendicular"] = Field(
        default="in-plane",
        description="Field in the plane, without or with an easy axis in the plane, or along the film's normal",
    )
    line: Literal["lorentzian", "derivative"] = Field(
        default="lorentzian", description="derivative for a modulated field: amplitudes are then in V*T"
    )
    field_offset_sigma: float = Field(
        default=0.0,
        ge=0.0,
        le=1.0,
        description="How well the gaussmeter's zero is known, one standard deviation",
        json_schema_extra={"unit": "T"},
    )
    field_scale_sigma: float = Field(
        default=0.0,
        ge=0.0,
        le=1.0,
        description="How well the field's scale is known, relative, one standard deviation; common to all spectra",
    )


class STFMR:
    """The analysis ``stfmr``: a line in each spectrum, Kittel's formula and the width over the frequencies."""

    kind: ClassVar[str] = "stfmr"
    title: ClassVar[str] = "ST-FMR"
    schema: ClassVar[int] = 1
    columns: ClassVar[dict[str, str]] = {"field": "T", "voltage": "V"}
    axes: ClassVar[dict[str, str]] = {
        "frequency": "Hz", "power": "dBm", "angle": "deg", "current": "A", "current_sigma": "A", "bias": "A",
    }  # fmt: skip
    required: ClassVar[tuple[tuple[str, ...], ...]] = (("field", "voltage"),)
    settings: ClassVar[type[STFMRSettings]] = STFMRSettings

    def dataset(
        self,
        columns: Mapping[str, np.ndarray],
        axes: Mapping[str, float],
        *,
        name: str = "",
        simulated: bool = False,
    ) -> Spectrum:
        """Return the spectrum of ``columns`` and of ``axes`` by role, both in the units declared above.

        Raises
        ------
        DataError
            If the frequency is neither a column nor in the header.
        """
        frequency_Hz = axes.get("frequency")
        if frequency_Hz is None or not (np.isfinite(frequency_Hz) and frequency_Hz > 0):
            raise DataError(f"{name}: no frequency above 0 Hz in header or columns; give --column frequency=NAME:GHz")
        return Spectrum(
            np.asarray(columns["field"], float),
            np.asarray(columns["voltage"], float),
            float(frequency_Hz),
            axes.get("power"),
            axes.get("angle"),
            name,
            simulated,
            _known(axes.get("current")),
            axes.get("bias"),
            _known(axes.get("current_sigma")),
        )

    def fit_one(self, field_T: np.ndarray, voltage_V: np.ndarray) -> LineFit:
        """Fit the line of one spectrum, as far as it has been measured."""
        return fit_lineshape(field_T, voltage_V)

    def live(self, columns: Mapping[str, np.ndarray], settings: STFMRSettings | None = None) -> LiveFit | None:
        """Return the line in the spectrum that the last row belongs to, or None while there is none."""
        same = np.ones(len(columns["field"]), dtype=bool)
        for name in ("frequency", "power", "angle", "bias"):
            if name in columns:
                same &= (columns[name] == columns[name][-1]) | np.isnan(columns[name])
        rows = np.flatnonzero(same)
        field_T = columns["field"][rows]
        fit = self.fit_one(field_T, columns["voltage"][rows])
        if not fit.good[0]:
            return None
        curve_T = np.linspace(np.nanmin(field_T), np.nanmax(field_T), CURVE_POINTS)
        line_V, curve_V = fit.model(field_T)[0], fit.model(curve_T)[0]
        line = {name: getattr(fit, name)[0] for name in PARAMETERS}
        parts = {}
        for name, other in (("v_sym", "v_asym"), ("v_asym", "v_sym")):
            one = line | {other: 0.0}
            parts[name] = lineshape(fit.field_sign[0] * curve_T, *one.values())
        values = _values(fit, 0, STFMRSettings())
        return LiveFit(values, field_T, line_V, curve_T, curve_V, tuple(fit.flags[0]), rows, parts)

    def reduce(self, datasets: Sequence[Spectrum], settings: STFMRSettings | None = None) -> Reduction:
        """Fit all spectra, then mu0*M_eff, alpha and the width at zero frequency.

        Parameters
        ----------
        datasets : sequence of Spectrum
            One that spans both signs of field is taken as two, since it holds two resonances.
        settings : STFMRSettings, optional
            g, the uncertainty of the gaussmeter's zero and of the field's scale, and what is known of the strip.

        Returns
        -------
        Reduction
            Results ``mu0_meff`` [T], ``alpha``, ``width_0`` [T]; ``b_k`` [T] and ``easy_axis`` [rad] with an easy axis;
            ``g``, as it was given or as the data say; ``delta_alpha``, ``g_eff`` and ``re_g_eff`` with the damping of a
            reference; and those of
            :func:`~sotlab.analysis.torques.fit_torques` where the strip is known, with the uncertainty budget of each
            in ``details``. Flagged spectra have no values and do not enter.
            Each ``field_res`` is a magnitude; its sigma contains the gaussmeter's zero and the field's scale, that of
            ``width`` the scale. ``parts`` are the spectra.
        """
        settings = settings or STFMRSettings()
        sides = [side for spectrum in datasets for side in _sides(spectrum)]
        flags: list[str] = []
        rows: list[dict[str, Any]] = []
        fit, pairs = _fitted(sides, settings) if sides else (None, {})
        if fit is not None:
            rows = [_row(side, fit, k, settings, pairs.get(k)) for k, side in enumerate(sides)]
            flags += _correlation_flags(fit)
        results, details = self._over_frequency(sides, fit, settings, flags)
        return Reduction.of(
            self,
            datasets,
            settings,
            results,
            rows,
            flags,
            parts=sides,
            details=details,
        )

    def _over_frequency(
        self, sides: Sequence[Spectrum], fit: LineFit | None, settings: STFMRSettings, flags: list[str]
    ) -> tuple[dict[str, Value], dict[str, Any]]:
        good = fit.good if fit is not None else np.zeros(0, bool)
        if fit is None or not good.any():
            units = {"mu0_meff": "T", "alpha": "", "width_0": "T"}
            flags += [f"{name}: not determined: no spectrum has a line" for name in units]
            return {name: Value(None, None, unit) for name, unit in units.items()}, {}
        if not good.all():
            flags.append(f"{np.count_nonzero(~good)} of {len(good)} spectra have no line to be believed: left out")
        frequency_Hz = np.array([s.frequency_Hz for s in sides])[good]
        kittel, results, said = fit_resonances(
            settings.kittel,
            frequency_Hz,
            (fit.field_sign * fit.field_res)[good],
            fit.field_res_sigma[good],
            [settings.angle if s.angle_deg is None else s.angle_deg for s, one in zip(sides, good, strict=True) if one],
            Known(settings.g, settings.g_sigma, settings.field_offset_sigma, settings.field_scale_sigma),
        )
        g = number(kittel.g) if kittel.g.value is not None else settings.g
        linewidth = fit_linewidth(frequency_Hz, fit.width[good], fit.width_sigma[good], g=g)
        flags += [*said, *linewidth.flags]
        alpha = _with_relative(linewidth.alpha, spread(kittel.g) / g)  # alpha = (gamma/2pi) dW/df goes with g
        if kittel.g.value is None and alpha.value is not None:
            flags.append("alpha: not determined: it is proportional to g, which is not")
            alpha = Value(None, None, "")
        widths = {"alpha": alpha, "width_0": linewidth.width_0}  # both go with the field's scale
        results |= {name: _with_relative(value, settings.field_scale_sigma) for name, value in widths.items()}
        results["g"] = kittel.g
        results |= reduce_pumping(settings, results["alpha"], kittel.g, flags)
        if settings.kittel == "perpendicular":
            flags.append("torques: not determined: with the field along the normal the current rectifies nothing")
            return results, {}
        torques, details = reduce_torques(
            fit,
            kittel,
            settings,
            angle_deg=[s.angle_deg for s in sides],
            current_A=[s.current_A for s in sides],
            power_dBm=[s.power_dBm for s in sides],
            flags=flags,
            frequency_Hz=[s.frequency_Hz for s in sides],
            current_sigma_A=[s.current_sigma_A for s in sides],
        )
        biased = reduce_bias(
            fit,
            kittel,
            settings,
            bias_A=[s.bias_A for s in sides],
            angle_deg=[s.angle_deg for s in sides],
            frequency_Hz=[s.frequency_Hz for s in sides],
            flags=flags,
        )
        flags += _bias_compared(torques.get("xi_dl_E"), biased.get("xi_dl_E_bias"))
        return results | torques | biased, details


def _bias_compared(by_width: Value | None, by_bias: Value | None) -> list[str]:
    """Return whether the amplitudes and the width under a direct current give different efficiencies.

    Magnetisation and geometry are in both; as if they were not, a difference is flagged rather too seldom.
    """
    if by_width is None or by_bias is None or by_width.value is None or by_bias.value is None:
        return []
    sigmas = abs(by_width.value - by_bias.value) / float(np.hypot(spread(by_width), spread(by_bias)))
    if sigmas <= METHODS_DIFFER:
        return []
    return [
        f"xi_dl_E, xi_dl_E_bias: the amplitudes give {by_width.value:.3g}, the width under a direct current"
        f" {by_bias.value:.3g}: they differ by {sigmas:.1f} sigma"
    ]


def _known(number: float | None) -> float | None:
    """Return the number, None for a nan, as a run has it where nothing was calibrated."""
    return number if number is not None and np.isfinite(number) else None


def _sides(spectrum: Spectrum) -> list[Spectrum]:
    """Return the spectrum, or its two sides if it spans both signs of field."""
    field_T = np.asarray(spectrum.field_T, float)
    top, bottom = np.nanmax(field_T, initial=0.0), -np.nanmin(field_T, initial=0.0)
    if min(top, bottom) <= ZERO_CROSSING * max(top, bottom):
        return [spectrum]
    voltage_V = np.asarray(spectrum.voltage_V, float)
    return [
        replace(spectrum, field_T=field_T[side], voltage_V=voltage_V[side], name=f"{spectrum.name} ({which})")
        for side, which in ((field_T > 0, "B > 0"), (field_T < 0, "B < 0"))
    ]


def _fitted(sides: Sequence[Spectrum], settings: STFMRSettings) -> tuple[LineFit, dict[int, TwoLines]]:
    """Return the lines, and those spectra that hold two."""
    field_T, voltage_V = [s.field_T for s in sides], [s.voltage_V for s in sides]
    if settings.line == "derivative":
        return fit_derivative(field_T, voltage_V), {}
    return recognised_pairs(fit_lineshape(field_T, voltage_V), field_T, voltage_V)


def _with_relative(value: Value, sigma: float) -> Value:
    """Return a value with the relative sigma of something that it is proportional to in its own."""
    if value.value is None or value.sigma is None:
        return value
    return Value(value.value, float(np.hypot(value.sigma, sigma * value.value)), value.unit)


def _values(fit: LineFit, k: int, settings: STFMRSettings) -> dict[str, Value]:
    """Return the line of spectrum ``k`` as values; the sigmas of the fields contain the gaussmeter's."""
    values = {name: Value.of(getattr(fit, name)[k], getattr(fit, f"{name}_sigma")[k], UNITS[name]) for name in UNITS}
    sigma = float(np.hypot(fit.field_res_sigma[k], settings.field_offset_sigma))
    values["field_res"] = Value.of(fit.field_res[k], sigma, "T")
    return values | {name: _with_relative(values[name], settings.field_scale_sigma) for name in ("field_res", "width")}


def _row(spectrum: Spectrum, fit: LineFit, k: int, settings: STFMRSettings, pair: TwoLines | None) -> dict[str, Any]:
    """Return what is said of one spectrum; ``fit`` has the line's parameters as plain numbers, for drawing it."""
    line = None
    if fit.good[k]:
        line = {name: float(getattr(fit, name)[k]) for name in PARAMETERS}
        line["absolute_field"] = bool(fit.field_sign[k] < 0)
    values = _values(fit, k, settings)
    if settings.line == "derivative":
        amplitudes = {name: replace(values[name], unit="V*T") for name in ("v_sym", "v_asym")}
        values |= amplitudes
        line = None
    second = {}
    if pair is not None:
        sigma = np.sqrt(np.diag(pair.covariance[1]))
        second = {
            "second_line": {
                name: Value.of(float(pair.values[1, j]), float(sigma[j]), UNITS[name]) for j, name in enumerate(UNITS)
            }
        }
    return {
        "name": spectrum.name,
        "frequency": spectrum.frequency_Hz,
        "power": spectrum.power_dBm,
        "angle": spectrum.angle_deg,
        "bias": spectrum.bias_A,
        "current_rf": settings.peak_A(spectrum.current_A, spectrum.power_dBm),
        **{name: value.to_json() for name, value in values.items()},
        "points": int(fit.points[k]),
        "lag1": float(fit.lag1[k]),
        "fit": line,
        **second,
        "flags": list(fit.flags[k]),
    }


def _correlation_flags(fit: LineFit) -> list[str]:
    strong = fit.good & (fit.lag1 > STRONG_CORRELATION)
    if not strong.any():
        return []
    count, worst = np.count_nonzero(strong), fit.lag1[strong].max()
    return [
        f"residuals of {count} of {len(fit)} spectra are strongly correlated (lag1 up to {worst:.2f}): sigmas allow for"
        " it, but drift or a wrong baseline may bias the values"
    ]
