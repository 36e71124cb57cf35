"""The analysis ``stfmr-frequency``: rectified voltage against frequency at fixed field, a line in each spectrum.

A field-swept line goes with x = B - B0(f). At fixed B the frequency is swept, and B0(f) by Kittel's formula takes
the place of the field: with the magnetisation that the line's own place gives, each spectrum is fitted over u = B0(f),
with x = B - u. Widths are then half widths in field, and V_S, V_A those of a field sweep, with its signs. Along the
line the width grows with frequency; the line is a function of x/W(f), so that x is stretched by W(f0)/W(f): with W as
the spectra of all fields say, or in proportion to f while they do not.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from pydantic import BaseModel, ConfigDict

from sotlab.analysis.kittel import fit_kittel, fit_linewidth, gyromagnetic_Hz_per_T, resonance_field_T
from sotlab.analysis.lineshape import fit_lineshape
from sotlab.analysis.protocol import setting
from sotlab.analysis.values import LiveFit, Reduction, Value
from sotlab.errors import DataError

__all__ = ["FrequencySettings", "FrequencySpectrum", "STFMRFrequency"]

UNITS = {"v_sym": "V", "v_asym": "V", "width": "T"}
#: How often the line's place is put into the axis that it is fitted on; it moves by 1e-3 of a width after the first.
ROUNDS = 3


@dataclass(frozen=True)
class FrequencySpectrum:
    """One spectrum at fixed field, in the order of measurement.

    Parameters
    ----------
    frequency_Hz, voltage_V : (N,) float
        As measured.
    field_T : (N,) float
        What the gaussmeter said at each point; their mean counts.
    current : (N,) float or None
        Current in the strip at each frequency, in any unit, where it is known.
    power_dBm, angle_deg : float or None
        What stays the same.
    name : str
        Where it comes from.
    simulated : bool
        True if virtual instruments measured it.
    """

    frequency_Hz: np.ndarray
    voltage_V: np.ndarray
    field_T: np.ndarray
    current: np.ndarray | None
    power_dBm: float | None
    angle_deg: float | None
    name: str
    simulated: bool


class FrequencySettings(BaseModel):
    """What the analysis must be told."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    g: float = setting(2.0, "g factor", ge=0.5, le=5.0)
    field_offset_sigma: float = setting(0.0, "How well the gaussmeter's zero is known", "T", ge=0.0, le=1.0)
    field_scale_sigma: float = setting(0.0, "How well the field's scale is known, relative", ge=0.0, le=1.0)


class STFMRFrequency:
    """A line in each frequency sweep; with several fields Kittel's formula and the width over them."""

    kind: ClassVar[str] = "stfmr-frequency"
    title: ClassVar[str] = "ST-FMR against frequency"
    schema: ClassVar[int] = 1
    columns: ClassVar[dict[str, str]] = {"frequency": "Hz", "voltage": "V", "field": "T", "current": "A"}
    axes: ClassVar[dict[str, str]] = {"field_set": "T", "power": "dBm", "angle": "deg"}
    required: ClassVar[tuple[tuple[str, ...], ...]] = (("frequency", "voltage", "field"),)
    settings: ClassVar[type[FrequencySettings]] = FrequencySettings

    def dataset(
        self, columns: Mapping[str, np.ndarray], axes: Mapping[str, float], *, name: str = "", simulated: bool = False
    ) -> FrequencySpectrum:
        """Return the spectrum of ``columns`` and of ``axes`` by role.

        Raises
        ------
        DataError
            If a frequency is not above 0, or the field is 0.
        """
        found = {role: np.asarray(values, float) for role, values in columns.items()}
        if not np.all(found["frequency"] > 0):
            raise DataError(f"{name}: frequencies must be above 0 Hz")
        if not abs(float(np.mean(found["field"]))) > 0:
            raise DataError(f"{name}: the field must be a number other than 0")
        current = found.get("current")
        known = current is not None and bool(np.all(np.isfinite(current) & (current > 0)))
        return FrequencySpectrum(
            found["frequency"], found["voltage"], found["field"], current if known else None, axes.get("power"),
            axes.get("angle"), name, simulated,
        )  # fmt: skip

    def live(self, columns: Mapping[str, np.ndarray], settings: FrequencySettings | None = None) -> LiveFit | None:
        """Return None: the line is told when it is whole."""
        return None

    def reduce(self, datasets: Sequence[FrequencySpectrum], settings: FrequencySettings | None = None) -> Reduction:
        """Fit each spectrum, then mu0*M_eff, alpha and the width at zero frequency over the fields.

        Returns
        -------
        Reduction
            Results ``mu0_meff`` [T], ``alpha``, ``width_0`` [T]. Each spectrum has ``frequency_res`` [Hz], ``width``
            [T, half width in field], ``v_sym`` and ``v_asym`` [V, at the mean current of its points].
        """
        settings = settings or FrequencySettings()
        rows = [_fitted(spectrum, settings) for spectrum in datasets]
        growth_T = _growth_T([row for row in rows if row["frequency_res"].value is not None], settings)
        if growth_T is not None:
            rows = [_fitted(spectrum, settings, growth_T) for spectrum in datasets]
        good = [row for row in rows if row["frequency_res"].value is not None]
        results = {name: Value(None, None, unit) for name, unit in (("mu0_meff", "T"), ("alpha", ""), ("width_0", "T"))}
        flags = [] if good else [f"{name}: not determined: no spectrum has a line" for name in results]
        if good:
            if len(good) < len(rows):
                flags.append(f"{len(rows) - len(good)} of {len(rows)} spectra have no line to be believed: left out")
            frequency_Hz, sigma_Hz = np.array(
                [[row["frequency_res"].value, row["frequency_res"].sigma] for row in good]
            ).T
            field_T, slope = np.array([[row["field"], row["slope"]] for row in good]).T
            kittel = fit_kittel(
                frequency_Hz,
                field_T,
                sigma_Hz / slope,
                g=settings.g,
                field_offset_sigma_T=settings.field_offset_sigma,
                field_scale_sigma=settings.field_scale_sigma,
            )
            width_T, width_sigma_T = np.array([[row["width"].value, row["width"].sigma] for row in good]).T
            widths = fit_linewidth(frequency_Hz, width_T, width_sigma_T, g=settings.g)
            results = {"mu0_meff": kittel.mu0_meff, "alpha": widths.alpha, "width_0": widths.width_0}
            flags += [*kittel.flags, *widths.flags]
        unknown = sum(spectrum.current is None for spectrum in datasets)
        if unknown:
            flags.append(
                f"{unknown} of {len(datasets)} spectra do not know the current at each frequency: what the microwave's"
                " way does to it (some dB from one frequency to the next) is in lines and widths; calibrate rf_current"
                " at the frequencies of the sweep"
            )
        return Reduction.of(
            self,
            datasets,
            settings,
            results,
            rows,
            flags,
            parts=list(datasets),
        )


def _growth_T(rows: Sequence[Mapping[str, Any]], settings: FrequencySettings) -> tuple[float, float] | None:
    """Return the width at zero frequency and its growth per hertz, where the fields tell them [T, T/Hz]."""
    if len({row["field"] for row in rows}) < 2:
        return None
    numbers = [(row["frequency_res"].value, row["width"].value, row["width"].sigma) for row in rows]
    widths = fit_linewidth(*np.array(numbers).T, g=settings.g)
    if widths.alpha.value is None or widths.width_0.value is None or min(widths.alpha.value, widths.width_0.value) < 0:
        return None
    return widths.width_0.value, widths.alpha.value / gyromagnetic_Hz_per_T(settings.g)


def _fitted(
    spectrum: FrequencySpectrum, settings: FrequencySettings, growth_T: tuple[float, float] = (0.0, 1.0)
) -> dict[str, Any]:
    """Return what is said of one spectrum; ``curve_V`` is the fit at its points, None where there is no line.

    ``growth_T`` is the width at zero frequency and its growth with frequency; only their ratio matters.
    """
    field_T = float(np.mean(spectrum.field_T))
    voltage_V = spectrum.voltage_V
    if spectrum.current is not None:
        voltage_V = voltage_V * (np.mean(spectrum.current) / spectrum.current) ** 2
    row: dict[str, Any] = {
        "name": spectrum.name,
        "field": field_T,
        "power": spectrum.power_dBm,
        "angle": spectrum.angle_deg,
        "frequency_res": Value(None, None, "Hz"),
        **{name: Value(None, None, unit) for name, unit in UNITS.items()},
        "points": len(voltage_V),
        "curve_V": None,
    }
    size_T, gamma = abs(field_T), gyromagnetic_Hz_per_T(settings.g)
    fit = fit_lineshape([spectrum.frequency_Hz / 1e9], [voltage_V])  # where it is, in GHz
    at_Hz, meff_T, axis_T = float(fit.field_res[0]) * 1e9, 0.0, spectrum.frequency_Hz
    for _ in range(ROUNDS):
        if not fit.good[0]:
            break
        meff_T = (at_Hz / gamma) ** 2 / size_T - size_T
        stretched = (growth_T[0] + growth_T[1] * at_Hz) / (growth_T[0] + growth_T[1] * spectrum.frequency_Hz)
        away_T = resonance_field_T(spectrum.frequency_Hz, meff_T, g=settings.g) - size_T
        shift_T = 2.0 * float(np.max(np.abs(away_T * stretched)))  # a line shape's field has one sign
        axis_T = shift_T + away_T * stretched
        fit = fit_lineshape([axis_T], [voltage_V])
        u0_T = size_T + float(fit.field_res[0]) - shift_T
        at_Hz = float(gamma * np.sqrt(u0_T * (u0_T + meff_T))) if u0_T > 0.0 else np.nan
        if not np.isfinite(at_Hz):
            return row | {"lag1": float(fit.lag1[0]), "flags": ["the line's place is none of this magnetisation"]}
    row |= {"lag1": float(fit.lag1[0]), "flags": list(fit.flags[0])}
    if not fit.good[0]:
        return row
    slope = float(gamma**2 * (2.0 * size_T + meff_T) / (2.0 * at_Hz))  # df/dB at the line [Hz/T]
    row["slope"] = slope
    row["frequency_res"] = Value.of(at_Hz, slope * float(fit.field_res_sigma[0]), "Hz")
    row["width"] = Value.of(float(fit.width[0]), float(fit.width_sigma[0]), "T")
    row["v_sym"] = Value.of(float(fit.v_sym[0]), float(fit.v_sym_sigma[0]), "V")
    row["v_asym"] = Value.of(-float(fit.v_asym[0]), float(fit.v_asym_sigma[0]), "V")  # x = B - u: it turns round
    row["curve_V"] = fit.model(axis_T)[0].tolist()
    return row
