"""The analysis ``harmonic-hall``: effective fields and efficiencies from both harmonics of the Hall voltage.

Readings of one temperature and current are fitted together, from however many files and runs, by the geometry that the
field was turned or swept in. Whatever a mistake of wiring leaves in the readings is named.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict

from sotlab.analysis import harmonic_hall_checks as checks
from sotlab.analysis.datasets import Dataset, PlainDatasets, combined, conditions_differ, none_of
from sotlab.analysis.hall_signals import TERMS
from sotlab.analysis.harmonic_hall import HarmonicHallResult, not_determined
from sotlab.analysis.harmonic_hall_in_plane import fit_in_plane
from sotlab.analysis.harmonic_hall_low_field import LowFieldSweep, fit_low_field
from sotlab.analysis.harmonic_hall_out_of_plane import SLOPE_WINDOW, fit_out_of_plane
from sotlab.analysis.lockin_readings import CONVENTIONS, resistance_ohm
from sotlab.analysis.protocol import from_files, setting
from sotlab.analysis.spin_orbit_efficiency import Geometry, torque_efficiencies
from sotlab.analysis.values import LiveFit, Reduction, Value
from sotlab.errors import FitError, UsageError

__all__ = ["HarmonicHall", "HarmonicHallSettings"]

#: All results with their units.
UNITS = {
    "r_a": "ohm",
    "r_p": "ohm",
    "r_ohe": "ohm/T",
    "b_k": "T",
    "mu0_meff": "T",
    "b_dl": "T",
    "b_dl_slope": "T",
    "b_fl": "T",
    "b_oe": "T",
    "r_ane": "ohm",
    "r_one": "ohm/T",
    "angle_offset": "deg",
    "b_dl_per_j": "T*m**2/A",
    "xi_dl_E": "1/(ohm*m)",
    "xi_fl_E": "1/(ohm*m)",
    "xi_dl_j": "",
    "xi_fl_j": "",
}
#: Of these, those that are the same for all currents.
OF_ALL_CURRENTS = ("r_a", "r_p", "r_ohe", "b_k", "mu0_meff", "angle_offset", "b_dl_per_j", "xi_dl_E", "xi_fl_E")
OF_ALL_CURRENTS += ("xi_dl_j", "xi_fl_j")
CURVE_POINTS = 361
#: What is shown while the readings arrive.
_SHOWN = ("b_dl", "b_fl", "r_a", "r_p", "b_k")
#: A planar Hall resistance must stand out by so many sigmas: its size is above 0 even in noise.
SMALLEST_R_P = 4.0


class HarmonicHallSettings(BaseModel):
    """What the analysis must be told."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    geometry: Literal["in-plane", "out-of-plane", "low-field"] = setting(..., "How the field is turned or swept")
    current: float | None = setting(None, "Through the strip, where no column has it", "A", gt=0)
    current_convention: Literal["peak", "rms"] | None = setting(None, "Of the current; lock-ins read rms")
    azimuth: float = setting(0.0, "Of the plane in which an out-of-plane field turns, from the current", "deg")
    r_a: Value | None = setting(None, "Anomalous Hall resistance, half swing", "ohm")
    r_ohe: Value | None = setting(None, "Ordinary Hall resistance per field, of a loop", "ohm/T")
    r_p: Value | None = setting(None, "Planar Hall resistance, half swing", "ohm")
    b_k: Value | None = setting(None, "Anisotropy field, above 0 along the normal", "T")
    mu0_meff: Value | None = setting(None, "mu0*M_eff = -b_k", "T")
    b_dl: Value | None = setting(None, "Damping-like field from another geometry", "T")
    b_fl: Value | None = setting(None, "Field-like field from another geometry", "T")
    r_ane: Value | None = setting(None, "Anomalous Nernst effect from another geometry", "ohm")
    r_one: Value | None = setting(None, "Ordinary Nernst effect from another geometry", "ohm/T")
    left_out: tuple[Literal["b_dl", "b_fl", "r_ane", "r_one"], ...] = setting((), "Terms that the sample cannot have")
    slope_window: float = setting(SLOPE_WINDOW, "|sin theta| up to which the seed's slope is taken", gt=0, le=1)
    resistor: tuple[Any, ...] = from_files("Readings of a known resistor in place of the sample, with the same wiring")
    distortion_x: Value | None = setting(None, "Share of V_1w in X of 2w that a known resistor showed")
    distortion_y: Value | None = setting(None, "Likewise in Y, where R_2w is read")
    sheet_resistance: Value | None = setting(None, "Of all layers together", "ohm")
    width: Value | None = setting(None, "Of the strip", "m")
    mu0_ms: Value | None = setting(None, "Saturation magnetisation mu0*M_s", "T")
    fm_thickness: Value | None = setting(None, "Of the ferromagnet, without its dead layer", "m")
    temperatures: tuple[float, ...] = setting((), "At which the following two are known, rising", "K")
    mu0_ms_at: tuple[float, ...] = setting((), "mu0*M_s there, with the relative sigma of mu0_ms", "T")
    sheet_resistance_at: tuple[float, ...] = setting((), "Sheet resistance there, likewise", "ohm")
    nm_side: Literal[1, -1, "+1", "1", "-1"] | None = setting(None, "+1 with the spin-orbit layer below")
    nm_resistivity: Value | None = setting(None, "Of the spin-orbit layer", "ohm*m")
    nm_thickness: Value | None = setting(None, "Of the spin-orbit layer", "m")
    field_factor: Value | None = setting(None, "Effective field in the cross over that of the strip")


class HarmonicHall(PlainDatasets):
    """The analysis ``harmonic-hall``.

    ``r_1w`` is the voltage in phase with the current over its amplitude, ``r_2w`` the coefficient of cos 2wt over the
    amplitude; ``x_1w``, ``y_1w``, ``x_2w``, ``y_2w`` the rms readings of the lock-ins, X in phase with the current's
    sine. ``angle`` is the azimuth from the current (in-plane; low-field: 0 along, 90 deg across) or the polar angle
    from the normal (out-of-plane). ``state`` is the sign of m_z in a low-field sweep.
    """

    kind: ClassVar[str] = "harmonic-hall"
    title: ClassVar[str] = "Harmonic Hall"
    schema: ClassVar[int] = 1
    columns: ClassVar[dict[str, str]] = {
        "field": "T",
        "angle": "deg",
        "r_1w": "ohm",
        "r_2w": "ohm",
        "x_1w": "V",
        "y_1w": "V",
        "x_2w": "V",
        "y_2w": "V",
        "state": "1",
    }
    axes: ClassVar[dict[str, str]] = {"temperature": "K", "current": "A"}
    required: ClassVar[tuple[tuple[str, ...], ...]] = (
        ("field", "angle", "r_1w", "r_2w"),
        ("field", "angle", "x_1w", "y_2w"),
        ("field", "angle", "x_1w", "x_2w"),
    )
    settings: ClassVar[type[HarmonicHallSettings]] = HarmonicHallSettings

    def live(self, columns: Mapping[str, np.ndarray], settings: HarmonicHallSettings) -> LiveFit | None:
        """Return what the readings so far say, and a smooth curve through the second harmonic.

        That is a Fourier series of three orders in the angle, or at low field a line through the sweep that goes on.
        """
        signal = next(columns[role] for role in ("y_2w", "x_2w", "r_2w") if role in columns)
        if settings.geometry == "low-field":
            abscissa, terms = columns["field"], _line
            same = [columns[role] == columns[role][-1] for role in ("state",) if role in columns]
            own = np.logical_and.reduce([np.abs(columns["angle"] - columns["angle"][-1]) < 45.0, *same])
        else:
            abscissa, terms, own = columns["angle"], _fourier, np.ones(len(signal), bool)
        rows = np.flatnonzero(own)
        if len(rows) < 2 * terms(abscissa).shape[1]:
            return None
        axes = {axis: float(columns[axis][-1]) for axis in self.axes if axis in columns}
        readings = {role: column for role, column in columns.items() if role in self.columns}
        try:
            values, flags = self._fit(_Group([Dataset(readings, axes)], settings)).told()
        except FitError as error:
            values, flags = {}, [str(error)]
        fit = {name: values[name] for name in _SHOWN if name in values and values[name].value is not None}
        x = abscissa[rows]
        weights = np.linalg.lstsq(terms(x), signal[rows], rcond=None)[0]
        smooth = np.linspace(x.min(), x.max(), CURVE_POINTS)
        return LiveFit(fit, x, terms(x) @ weights, smooth, terms(smooth) @ weights, tuple(flags), rows)

    def reduce(self, datasets: Sequence[Dataset], settings: HarmonicHallSettings) -> Reduction:
        """Fit all readings of each temperature and current together.

        Returns
        -------
        Reduction
            ``r_a``, ``r_p`` (half swings) [ohm], ``r_ohe`` [ohm/T], ``b_k``, ``mu0_meff``, ``b_dl``, ``b_fl`` (with the
            Oersted field), ``b_oe`` [T], ``r_ane`` [ohm], ``r_one`` [ohm/T], ``angle_offset`` [deg], and, with the
            sample's geometry, ``b_dl_per_j`` [T m^2/A], ``xi_dl_E``, ``xi_fl_E`` [1/(ohm m)], ``xi_dl_j``,
            ``xi_fl_j``. Out of plane ``b_dl_slope`` is what the seed's slope gives.

        Raises
        ------
        UsageError
            If voltages come without current or convention, or low-field sweeps without the state of m_z.
        """
        groups: dict[tuple[float | None, float | None], list[Dataset]] = {}
        for dataset in datasets:
            groups.setdefault((dataset.axes.get("temperature"), dataset.axes.get("current")), []).append(dataset)
        fits = [self._fit(_Group(group, settings)) for group in groups.values()]
        if len(fits) == 1:
            results, flags = fits[0].told()
            rows = fits[0].rows()
        else:
            rows = [fit.row() for fit in fits]
            results, flags = _of_all(rows)
        if not settings.resistor and settings.distortion_y is None:
            flags = [
                *flags,
                "no known-resistor run: distortion of the source and an offset in 2w are not known; calibrate"
                " second_harmonic, or give --set resistor=FILE with the same wiring and current",
            ]
        return Reduction.of(
            self,
            datasets,
            settings,
            results,
            rows,
            flags,
            rows_are="scans",
            parts=[fitted for fit in fits for fitted in fit.result.fitted],
            method=fits[0].result.method or settings.geometry,
        )

    def _fit(self, group: _Group) -> _Fit:
        group.prepare()
        try:
            result = group.fit()
        except FitError as error:
            why = not_determined(", ".join(("r_a", "r_p", *TERMS)), str(error))
            result = HarmonicHallResult(none_of({name: UNITS[name] for name in ("r_a", "r_p", *TERMS)}), flags=(why,))
        return _Fit(group, result)


class _Group:
    """The readings of one temperature and current as resistances."""

    def __init__(self, datasets: Sequence[Dataset], settings: HarmonicHallSettings) -> None:
        self.datasets, self.settings = datasets, settings
        self.axes = datasets[0].axes
        self.flags: list[str] = []
        self.field = np.concatenate([dataset["field"] for dataset in datasets])
        self.angle = np.radians(np.concatenate([dataset["angle"] for dataset in datasets]))
        self.r_1w, self.r_2w = np.empty(0), np.empty(0)

    @property
    def amplitude_A(self) -> float | None:
        """Peak current; None where nothing says it."""
        current = self.settings.current if self.settings.current is not None else self.axes.get("current")
        if current is None or self.settings.current_convention is None:
            return None
        return current * math.sqrt(2.0) / CONVENTIONS[self.settings.current_convention]

    def prepare(self) -> None:
        """Turn readings into resistances, and look for mistakes in them."""
        whole = [_resistances(dataset, self.settings) for dataset in self.datasets]
        self.r_1w = np.concatenate([r_1w for r_1w, _, _ in whole])
        self.r_2w = np.concatenate([r_2w for _, r_2w, _ in whole])
        self.flags = [flag for _, _, flags in whole for flag in flags]
        for resistor in self.settings.resistor:
            r_1w, r_2w, _ = _resistances(resistor, self.settings)
            share, flags = checks.distortion(r_1w, r_2w)
            self.flags += flags
            if flags:
                self.r_2w = self.r_2w - share.value * self.r_1w
        self.flags += checks.known_distortion(self.settings.distortion_x, self.settings.distortion_y)
        self.flags += checks.harmonics(self.r_1w, self.r_2w)

    def fit(self) -> HarmonicHallResult:
        """Fit by the geometry."""
        settings = self.settings
        known = {name: getattr(settings, name) for name in TERMS if getattr(settings, name) is not None}
        shared: dict[str, Any] = {"known": known, "left_out": settings.left_out}
        mu0_meff, b_k = _anisotropy(settings)
        if settings.geometry == "in-plane":
            return fit_in_plane(
                self.field, self.angle, self.r_1w, self.r_2w, r_a=settings.r_a, mu0_meff=mu0_meff, **shared
            )
        if settings.geometry == "out-of-plane":
            return fit_out_of_plane(
                self.field,
                self.angle,
                self.r_1w,
                self.r_2w,
                azimuth_rad=math.radians(settings.azimuth),
                r_p=settings.r_p,
                b_k=b_k,
                r_ohe=settings.r_ohe,
                slope_window=settings.slope_window,
                **shared,
            )
        return fit_low_field(self._sweeps(), r_p=settings.r_p, r_a=settings.r_a, **shared)

    def _sweeps(self) -> list[LowFieldSweep]:
        """Return the low-field sweeps, by direction and state."""
        sweeps = []
        for dataset in self.datasets:
            if "state" not in dataset:
                raise UsageError(
                    f"{dataset.name}: low-field sweeps need the sign of m_z; give --column state=NAME:1 with +1 or -1"
                )
        state = np.concatenate([dataset["state"] for dataset in self.datasets])
        for up in (True, False):
            for across in (False, True):
                direction = np.abs(np.sin(self.angle)) > math.sqrt(0.5)
                own = (direction == across) & ((state > 0) == up)
                if own.any():
                    # A field along 180 or 270 deg is one of the other sign.
                    sign = np.sign(np.sin(self.angle[own]) if across else np.cos(self.angle[own]))
                    sweeps.append(
                        LowFieldSweep(sign * self.field[own], self.r_1w[own], self.r_2w[own], across=across, up=up)
                    )
        return sweeps


class _Fit:
    """A group with its result."""

    def __init__(self, group: _Group, result: HarmonicHallResult) -> None:
        self.group, self.result = group, result

    def told(self) -> tuple[dict[str, Value], list[str]]:
        """Return all results, and all flags."""
        settings, values = self.group.settings, dict(self.result.results)
        flags = [*self.group.flags, *self.result.flags]
        offset = values.get("angle_offset")
        if offset is not None and offset.value is not None and offset.sigma is not None:
            values["angle_offset"] = Value(math.degrees(offset.value), math.degrees(offset.sigma), "deg")
        elif offset is not None:
            values["angle_offset"] = Value(None, None, "deg")
        if settings.geometry == "out-of-plane":  # in the plane the planar Hall effect is even in the field itself
            flags += checks.arms(self.group.field, self.group.angle, self.group.r_1w, values["r_a"])
        if settings.geometry == "in-plane":
            r_p = values["r_p"]
            if r_p.value is not None and not abs(r_p.value) > SMALLEST_R_P * (r_p.sigma or 0.0):
                lost = [name for name in ("r_p", "b_fl", "angle_offset") if values.get(name) is not None]
                values |= none_of({name: UNITS[name] for name in lost})
                why = "R_1w shows no planar Hall effect; does the field turn in the plane?"
                flags.append(not_determined(", ".join(lost), why))
            flags += checks.conventions("r_p", values["r_p"], settings.r_p)
        else:
            flags += checks.conventions("r_a", values["r_a"], settings.r_a)
        more, said = self._efficiencies(values)
        return values | more, flags + said

    def _efficiencies(self, values: Mapping[str, Value]) -> tuple[dict[str, Value], list[str]]:
        settings = self.group.settings
        needed = ("sheet_resistance", "width", "mu0_ms", "fm_thickness", "nm_side")
        lacking = [name for name in needed if getattr(settings, name) is None]
        if self.group.amplitude_A is None:
            lacking.append("current and current_convention")
        if len([name for name in lacking if name in needed]) == len(needed):
            return {}, []  # nobody asks for efficiencies
        if lacking:
            names = ("xi_dl_E", "xi_fl_E", "xi_dl_j", "b_dl_per_j")
            return none_of({name: UNITS[name] for name in names}), [
                not_determined(", ".join(names), f"{', '.join(lacking)} {'is' if len(lacking) == 1 else 'are'} needed")
            ]
        geometry = Geometry(
            current=Value(self.group.amplitude_A, 0.0, "A"),
            sheet_resistance=self._here("sheet_resistance"),
            width=settings.width,  # type: ignore[arg-type]
            mu0_ms=self._here("mu0_ms"),  # type: ignore[arg-type]
            fm_thickness=settings.fm_thickness,  # type: ignore[arg-type]
            nm_side=int(settings.nm_side),  # type: ignore[arg-type]
            nm_resistivity=settings.nm_resistivity,
            nm_thickness=settings.nm_thickness,
            field_factor=settings.field_factor,
        )
        torques = torque_efficiencies(values["b_dl"], values["b_fl"], geometry)
        results = {name: replace(value, unit=UNITS[name]) for name, value in torques.results.items()}
        flags = list(torques.flags)
        named = (*needed[:-1], "nm_resistivity", "nm_thickness")
        exact = [name for name in named if (known := getattr(settings, name)) is not None and not known.sigma]
        if exact and any(value.value is not None for value in results.values()):
            flags.append(f"xi_dl_E, xi_fl_E, xi_dl_j: {', '.join(exact)} were given without a sigma and count as exact")
        flags += [
            not_determined(xi, f"{field} is not")
            for xi, field in (("xi_dl_E", "b_dl"), ("xi_fl_E", "b_fl"))
            if values[field].value is None
        ]
        return results, flags

    def _here(self, name: str) -> Value | None:
        """Return a value at the group's temperature, where it is known at several."""
        settings, kelvin = self.group.settings, self.group.axes.get("temperature")
        known, law = getattr(settings, name), getattr(settings, f"{name}_at")
        if known is None or known.value is None or not law or kelvin is None:
            return known
        if len(law) != len(settings.temperatures):
            raise UsageError(
                f"{name}_at has {len(law)} values for {len(settings.temperatures)} temperatures; give one each"
            )
        value = float(np.interp(kelvin, settings.temperatures, law))
        return Value(value, (known.sigma or 0.0) * value / known.value, known.unit)

    def _conditions(self) -> dict[str, float | None]:
        return {"temperature": self.group.axes.get("temperature"), "amplitude": self.group.amplitude_A}

    def rows(self) -> list[dict[str, Any]]:
        """Return what belongs to each field, or each sweep."""
        names = list(dict.fromkeys(dataset.name for dataset in self.group.datasets))
        label = ", ".join(names[:2]) + (" …" if len(names) > 2 else "")
        rows = self.result.scans or [{"flags": []}]
        return [{"name": label, **self._conditions(), **row} for row in rows]

    def row(self) -> dict[str, Any]:
        """Return the whole group as one row, with what belongs to each field inside."""
        values, flags = self.told()
        conditions = self._conditions()
        label = ", ".join(dict.fromkeys(dataset.name for dataset in self.group.datasets))
        return {"name": label, **conditions, **values, "fields": self.result.scans, "flags": flags}


def _of_all(rows: Sequence[Mapping[str, Any]]) -> tuple[dict[str, Value], list[str]]:
    """Return what holds for all temperatures and currents."""
    units = {name: unit for name, unit in UNITS.items() if any(name in row for row in rows)}
    if conditions_differ(rows, "temperature"):
        why = "the temperatures differ; each has its own in the scans"
        return none_of(units), [not_determined(", ".join(units), why)]
    results, flags = none_of(units), []
    for name in units:
        if name in OF_ALL_CURRENTS:
            results[name], said = combined(name, [row[name] for row in rows if name in row], units[name])
            flags += said
    own = [name for name in units if name not in OF_ALL_CURRENTS]
    flags.append(not_determined(", ".join(own), "they are proportional to the current; each has its own in the scans"))
    return results, [*flags, *_proportional(rows)]


def _proportional(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return a flag if an effective field is not proportional to the current: V_2w is not to I^2."""
    flags = []
    for name in ("b_dl", "b_fl"):
        known = [row for row in rows if row.get(name) and row[name].value is not None and row.get("amplitude")]
        per_A = [Value(r[name].value / r["amplitude"], r[name].sigma / r["amplitude"], "T/A") for r in known]
        _, said = combined(name, per_A, "T/A")
        if said:
            flags.append(f"{name}: not proportional to the current (V_2w not to I^2): heating, or a wrong harmonic")
    return flags


def _resistances(dataset: Dataset, settings: HarmonicHallSettings) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Return R_1w and R_2w, and what is to be said of the readings."""
    if "r_1w" in dataset and "r_2w" in dataset:
        (r_1w,), first = checks.without_overload("first", dataset["r_1w"])
        (r_2w,), second = checks.without_overload("second", dataset["r_2w"])
        return r_1w, r_2w - _share(settings.distortion_y) * r_1w, first + second
    current_A = settings.current if settings.current is not None else dataset.axes.get("current")
    if current_A is None:
        raise UsageError(
            f"{dataset.name}: voltages need the current; give --set current=2mA, or --column current=NAME:mA"
        )
    if settings.current_convention is None:
        raise UsageError(f"{dataset.name}: say what the current is: --set current_convention=peak, or rms")
    harmonics, flags = [], []
    for harmonic, which in ((1, "first"), (2, "second")):
        channels = [role for role in (f"x_{harmonic}w", f"y_{harmonic}w") if role in dataset]
        readings, said = checks.without_overload(which, *(dataset[role] for role in channels))
        flags += said
        if harmonic == 2:
            taken = {"x_2w": settings.distortion_x, "y_2w": settings.distortion_y}
            readings = [r - _share(taken[role]) * dataset["x_1w"] for role, r in zip(channels, readings, strict=True)]
        if len(readings) == 2:
            voltage, said = checks.along_signal(*readings, harmonic=harmonic)
            flags += said
        else:
            voltage = readings[0]
            if harmonic == 2:
                other = "y_2w" if channels == ["x_2w"] else "x_2w"
                flags.append(f"phase of the second harmonic not checked: give {other}, too, and what is in it is seen")
        harmonics.append(resistance_ohm(voltage, current_A, current_convention=settings.current_convention))
    return harmonics[0], harmonics[1], flags


def _share(distortion: Value | None) -> float:
    return 0.0 if distortion is None or distortion.value is None else distortion.value


def _anisotropy(settings: HarmonicHallSettings) -> tuple[Value | None, Value | None]:
    """Return mu0*M_eff and B_K, of which one may be given."""
    given = settings.mu0_meff, settings.b_k
    if all(given):
        raise UsageError("mu0_meff and b_k are one quantity of two signs (mu0_meff = -b_k); give one of them")
    known = given[0] or given[1]
    if known is None or known.value is None:
        return None, None
    other = Value(-known.value, known.sigma, known.unit)
    return (known, other) if given[0] else (other, known)


def _fourier(angle_deg: np.ndarray) -> np.ndarray:
    """Return the terms (N, 7) of a series of three orders."""
    angle = np.radians(angle_deg)
    waves = [function(order * angle) for order in (1, 2, 3) for function in (np.cos, np.sin)]
    return np.stack([np.ones_like(angle), *waves], axis=1)


def _line(field_T: np.ndarray) -> np.ndarray:
    return np.stack([np.ones_like(field_T), field_T], axis=1)
