"""The analyses ``hall-loop``, ``van-der-pauw``, ``sheet-resistance`` and ``parallel-conduction``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict

from sotlab.analysis.datasets import Dataset, PlainDatasets, combined, conditions_differ, mean_of, none_of
from sotlab.analysis.hall_loop import TAIL, fit_hall_loop
from sotlab.analysis.harmonic_hall import not_determined
from sotlab.analysis.joint import fit_joint, number, spread
from sotlab.analysis.lockin_readings import resistance_ohm
from sotlab.analysis.protocol import setting
from sotlab.analysis.transport import (
    DISAGREEMENT,
    fit_parallel_conduction,
    fit_sheet_resistance,
    parallel_conduction_ohm,
    van_der_pauw,
)
from sotlab.analysis.values import LiveFit, Reduction, Value
from sotlab.errors import DataError, FitError, UsageError

__all__ = ["STRICT", "HallLoop", "ParallelConduction", "SheetResistance", "TransportAnalysis", "VanDerPauw"]

#: Of the curves that are drawn while the data arrive.
CURVE_POINTS = 361
STRICT = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class TransportAnalysis(PlainDatasets):
    """What these four share: plain datasets, one row each, and results that hold for all of them."""

    kind: ClassVar[str]
    schema: ClassVar[int] = 1
    columns: ClassVar[dict[str, str]]
    axes: ClassVar[dict[str, str]]
    #: The results with their units.
    units: ClassVar[dict[str, str]]

    def reduce(self, datasets: Sequence[Dataset], settings: Any = None) -> Reduction:
        """Reduce all datasets together."""
        raise NotImplementedError

    def live(self, columns: Mapping[str, np.ndarray], settings: Any) -> LiveFit | None:
        """Return what the rows so far say, with the curve through them where there is one; None while it is nothing."""
        axes = {axis: float(columns[axis][-1]) for axis in self.axes if axis in columns}
        rows = Dataset({role: column for role, column in columns.items() if role in self.columns}, axes)
        reduction = self.reduce([rows], settings)
        found = {name: value for name, value in reduction.results.items() if value.value is not None}
        if not found:
            return None
        flags = tuple(dict.fromkeys([*reduction.flags, *reduction.rows[0]["flags"]]))
        drawn = self.curve(rows, {name: number(value) for name, value in found.items()}, settings)
        if drawn is None:
            nothing = np.empty(0)
            return LiveFit(found, nothing, nothing, nothing, nothing, flags)
        role, along = drawn
        smooth = np.linspace(np.nanmin(rows[role]), np.nanmax(rows[role]), CURVE_POINTS)
        return LiveFit(found, rows[role], along(rows[role]), smooth, along(smooth), flags)

    def curve(
        self, rows: Dataset, found: Mapping[str, float], settings: Any
    ) -> tuple[str, Callable[[np.ndarray], np.ndarray]] | None:
        """Return what is drawn through the rows: the role along the abscissa and the fit as its function.

        ``found`` are the results that were determined, in SI units; None where no curve goes through the rows.
        """
        return None

    def reduced(
        self,
        datasets: Sequence[Dataset],
        settings: BaseModel,
        fit: Callable[[Dataset], tuple[Mapping[str, Value], Sequence[str]]],
    ) -> Reduction:
        """Fit each dataset, then say what holds for all: the mean, unless they were measured under other conditions."""
        rows: list[dict[str, Any]] = []
        for dataset in datasets:
            row: dict[str, Any] = {"name": dataset.name, **{axis: dataset.axes.get(axis) for axis in self.axes}}
            try:
                values, flags = fit(dataset)
            except FitError as error:
                values, flags = none_of(self.units), [not_determined(", ".join(self.units), str(error))]
            rows.append({**row, **values, "flags": list(flags)})
        results, flags = self.of_all(rows)
        return Reduction.of(
            self,
            datasets,
            settings,
            results,
            rows,
            flags,
            rows_are="scans",
            parts=list(datasets),
        )

    def of_all(self, rows: Sequence[Mapping[str, Any]]) -> tuple[dict[str, Value], list[str]]:
        """Return what holds for all rows, and a flag for what does not."""
        units = {name: unit for name, unit in self.units.items() if any(name in row for row in rows)}
        if conditions_differ(rows, "temperature"):
            why = "the temperatures differ; each has its own in the scans"
            return none_of(units), [not_determined(", ".join(units), why)]
        results, flags = {}, []
        for name, unit in units.items():
            results[name], said = combined(name, [row[name] for row in rows if name in row], unit)
            flags += said
        return results, flags


class HallLoopSettings(BaseModel):
    """What the analysis ``hall-loop`` must be told."""

    model_config = STRICT

    tail: float = setting(TAIL, "Part of the largest field from which the film is taken as saturated", ge=0.3, le=0.95)
    current: float | None = setting(None, "Current of voltages, where no column has it", "A", gt=0)
    current_convention: Literal["peak", "rms"] | None = setting(None, "Of the current; dc counts as rms")


class HallLoop(TransportAnalysis):
    """The analysis ``hall-loop``: R_A (half swing), ordinary slope, coercivity, remanence of loops along the normal."""

    kind: ClassVar[str] = "hall-loop"
    title: ClassVar[str] = "Anomalous Hall loop"
    columns: ClassVar[dict[str, str]] = {"field": "T", "resistance": "ohm", "voltage": "V"}
    axes: ClassVar[dict[str, str]] = {"temperature": "K", "current": "A"}
    required: ClassVar[tuple[tuple[str, ...], ...]] = (("field", "resistance"), ("field", "voltage"))
    settings: ClassVar[type[HallLoopSettings]] = HallLoopSettings
    units: ClassVar[dict[str, str]] = {
        "r_a": "ohm",
        "r_ohe": "ohm/T",
        "r_offset": "ohm",
        "coercivity": "T",
        "loop_shift": "T",
        "remanence": "",
        "b_k": "T",
        "mu0_meff": "T",
    }

    def reduce(self, datasets: Sequence[Dataset], settings: HallLoopSettings | None = None) -> Reduction:
        """Fit each loop; loops at one temperature are taken together.

        Returns
        -------
        Reduction
            ``r_a`` [ohm], ``r_ohe`` [ohm/T], ``r_offset`` [ohm], ``coercivity``, ``loop_shift`` [T], ``remanence``,
            ``b_k``, ``mu0_meff`` [T].

        Raises
        ------
        UsageError
            If voltages come without current or convention.
        """
        settings = settings or HallLoopSettings()

        def fit(loop: Dataset) -> tuple[Mapping[str, Value], Sequence[str]]:
            found = fit_hall_loop(loop["field"], _resistance(loop, "", settings), tail=settings.tail)
            return found.results, found.flags

        return self.reduced(datasets, settings, fit)

    def curve(
        self, rows: Dataset, found: Mapping[str, float], settings: HallLoopSettings
    ) -> tuple[str, Callable[[np.ndarray], np.ndarray]] | None:
        """Return the saturated states, which are what is fitted; nothing between them."""
        if not {"r_a", "r_offset"} <= set(found) or "resistance" not in rows:
            return None
        field_T = rows["field"]
        from_T = settings.tail * min(np.nanmax(field_T), -np.nanmin(field_T))

        def saturated_ohm(at_T: np.ndarray) -> np.ndarray:
            states = found["r_offset"] + found.get("r_ohe", 0.0) * at_T + found["r_a"] * np.sign(at_T)
            return np.where(np.abs(at_T) >= from_T, states, np.nan)

        return "field", saturated_ohm


class VanDerPauwSettings(BaseModel):
    """What the analysis ``van-der-pauw`` must be told."""

    model_config = STRICT

    thickness: Value | None = setting(None, "Of the film, for its resistivity", "m")


class VanDerPauw(TransportAnalysis):
    """The analysis ``van-der-pauw``: the sheet resistance from two neighbouring configurations.

    Rows are repeated readings: of resistances ``r_a`` and ``r_b``, or of a current and the voltages ``v_a``, ``v_b``
    that it makes, whose slopes are taken. ``..._reciprocal`` are those with current and voltage contacts exchanged.
    """

    kind: ClassVar[str] = "van-der-pauw"
    title: ClassVar[str] = "Sheet resistance by van der Pauw"
    columns: ClassVar[dict[str, str]] = {
        "r_a": "ohm",
        "r_b": "ohm",
        "r_a_reciprocal": "ohm",
        "r_b_reciprocal": "ohm",
        "current": "A",
        "v_a": "V",
        "v_b": "V",
        "v_a_reciprocal": "V",
        "v_b_reciprocal": "V",
    }
    axes: ClassVar[dict[str, str]] = {"temperature": "K"}
    required: ClassVar[tuple[tuple[str, ...], ...]] = (("r_a", "r_b"), ("current", "v_a", "v_b"))
    settings: ClassVar[type[VanDerPauwSettings]] = VanDerPauwSettings
    units: ClassVar[dict[str, str]] = {"sheet_resistance": "ohm", "resistivity": "ohm*m", "r_a": "ohm", "r_b": "ohm"}

    def reduce(self, datasets: Sequence[Dataset], settings: VanDerPauwSettings | None = None) -> Reduction:
        """Solve van der Pauw's equation for each dataset.

        Returns
        -------
        Reduction
            ``sheet_resistance``, ``r_a``, ``r_b`` [ohm]; with the thickness also ``resistivity`` [ohm*m].
        """
        settings = settings or VanDerPauwSettings()

        def fit(readings: Dataset) -> tuple[Mapping[str, Value], Sequence[str]]:
            r_a, flags_a = _configuration(readings, "a")
            r_b, flags_b = _configuration(readings, "b")
            found = van_der_pauw(r_a, r_b)
            sheet = found.results["sheet_resistance"]
            flags = [*flags_a, *flags_b, *found.flags, *_single(readings, ("r_a", "r_b"))]
            return {"sheet_resistance": sheet, **_resistivity(sheet, settings.thickness), "r_a": r_a, "r_b": r_b}, flags

        return self.reduced(datasets, settings, fit)


class SheetResistanceSettings(BaseModel):
    """What the analysis ``sheet-resistance`` must be told."""

    model_config = STRICT

    width: Value | None = setting(None, "Of the strip", "m")
    length: Value | None = setting(None, "Between the voltage contacts", "m")


class SheetResistance(TransportAnalysis):
    """The analysis ``sheet-resistance``: R_sh(t) of films of several thicknesses, or R_sh of a strip by four points."""

    kind: ClassVar[str] = "sheet-resistance"
    title: ClassVar[str] = "Sheet resistance"
    columns: ClassVar[dict[str, str]] = {
        "thickness": "m",
        "sheet_resistance": "ohm",
        "sheet_resistance_sigma": "ohm",
        "resistance": "ohm",
        "current": "A",
        "voltage": "V",
    }
    axes: ClassVar[dict[str, str]] = {"temperature": "K"}
    required: ClassVar[tuple[tuple[str, ...], ...]] = (
        ("thickness", "sheet_resistance"),
        ("thickness", "resistance"),
        ("resistance",),
        ("current", "voltage"),
    )
    settings: ClassVar[type[SheetResistanceSettings]] = SheetResistanceSettings
    units: ClassVar[dict[str, str]] = {"resistivity_0": "ohm*m", "mean_free_path": "m", "sheet_resistance": "ohm"}

    def reduce(self, datasets: Sequence[Dataset], settings: SheetResistanceSettings | None = None) -> Reduction:
        """Fit R_sh = rho_0/t [1 + 3 l(1 - p)/(8 t)] where there are thicknesses, else take the mean or the slope V(I).

        Returns
        -------
        Reduction
            ``resistivity_0`` [ohm*m] and ``mean_free_path`` [m]; or ``sheet_resistance`` [ohm].

        Raises
        ------
        UsageError
            If resistances come without the strip's width and length.
        """
        settings = settings or SheetResistanceSettings()
        datasets = _joined(datasets)

        def fit(films: Dataset) -> tuple[Mapping[str, Value], Sequence[str]]:
            if "thickness" not in films:
                measured = mean_of(films["resistance"], "ohm") if "resistance" in films else _slope(films, "voltage")
                return {"sheet_resistance": _squares(measured, settings)}, _single(films, ("resistance",))
            if "sheet_resistance" in films:
                sheet, sigma = films["sheet_resistance"], films.columns.get("sheet_resistance_sigma")
                common = 0.0
            else:
                one = _squares(Value(1.0, 0.0, "ohm"), settings)
                sheet, sigma, common = number(one) * films["resistance"], None, spread(one) / number(one)
            found = fit_sheet_resistance(films["thickness"], sheet, sigma)
            results = dict(found.results)
            rho = results["resistivity_0"]
            if rho.value is not None and common:  # width and length are the same for all of them
                results["resistivity_0"] = Value.of(
                    number(rho), float(np.hypot(spread(rho), common * number(rho))), rho.unit
                )
            return results, found.flags

        return self.reduced(datasets, settings, fit)

    def curve(
        self, rows: Dataset, found: Mapping[str, float], settings: SheetResistanceSettings
    ) -> tuple[str, Callable[[np.ndarray], np.ndarray]] | None:
        """Return the straight line V(I) of a strip; films of several thicknesses are not measured in one run."""
        if "voltage" not in rows:
            return None
        line = np.polynomial.Polynomial.fit(rows["current"], rows["voltage"], 1)
        return "current", line


class ParallelConductionSettings(BaseModel):
    """What the analysis ``parallel-conduction`` must be told."""

    model_config = STRICT

    hopping: Literal["activated", "mott"] = setting("activated", "Law of the hopping channel")
    metal_slope: Value | None = setting(None, "Temperature coefficient of the metallic channel, if known", "1/K")


class ParallelConduction(TransportAnalysis):
    """The analysis ``parallel-conduction``: R(T) as a metallic and a hopping channel in parallel."""

    kind: ClassVar[str] = "parallel-conduction"
    title: ClassVar[str] = "Parallel conduction"
    columns: ClassVar[dict[str, str]] = {"temperature": "K", "resistance": "ohm"}
    axes: ClassVar[dict[str, str]] = {}
    required: ClassVar[tuple[tuple[str, ...], ...]] = (("temperature", "resistance"),)
    settings: ClassVar[type[ParallelConductionSettings]] = ParallelConductionSettings
    units: ClassVar[dict[str, str]] = {
        "resistance_300": "ohm",
        "metallic_share": "",
        "hopping_temperature": "K",
        "metal_slope": "1/K",
    }

    def reduce(self, datasets: Sequence[Dataset], settings: ParallelConductionSettings | None = None) -> Reduction:
        """Fit each R(T).

        Returns
        -------
        Reduction
            ``resistance_300`` [ohm], ``metallic_share``, ``hopping_temperature`` [K], ``metal_slope`` [1/K].
        """
        settings = settings or ParallelConductionSettings()

        def fit(curve: Dataset) -> tuple[Mapping[str, Value], Sequence[str]]:
            found = fit_parallel_conduction(
                curve["temperature"],
                curve["resistance"],
                hopping=settings.hopping,
                metal_slope=settings.metal_slope,
            )
            return found.results, found.flags

        return self.reduced(datasets, settings, fit)

    def curve(
        self, rows: Dataset, found: Mapping[str, float], settings: ParallelConductionSettings
    ) -> tuple[str, Callable[[np.ndarray], np.ndarray]] | None:
        """Return R(T) of both channels."""
        if set(self.units) - set(found):
            return None
        return "temperature", lambda at_K: parallel_conduction_ohm(at_K, found, hopping=settings.hopping)


def _resistance(dataset: Dataset, suffix: str, settings: HallLoopSettings) -> np.ndarray:
    """Return resistances as they were given, or of voltages and the current."""
    if f"resistance{suffix}" in dataset:
        return dataset[f"resistance{suffix}"]
    current_A = settings.current if settings.current is not None else dataset.axes.get("current")
    if current_A is None:
        raise UsageError(
            f"{dataset.name}: voltages need the current; give --column current=NAME:mA, or --set current=2mA"
        )
    if settings.current_convention is None:
        raise UsageError(f"{dataset.name}: say what the current is: --set current_convention=peak or rms (dc is rms)")
    return resistance_ohm(dataset[f"voltage{suffix}"], current_A, current_convention=settings.current_convention)


def _single(readings: Dataset, roles: Sequence[str]) -> list[str]:
    """Return a flag for each role that was read once, so that nothing says how much it scatters."""
    once = [role for role in roles if role in readings and np.count_nonzero(np.isfinite(readings[role])) == 1]
    return [f"{role}: a single reading: its noise is not known and not in the sigmas; repeat it" for role in once]


def _slope(readings: Dataset, voltage: str) -> Value:
    """Return dV/dI: a thermal voltage that is the same for all currents is taken out."""
    current = readings["current"]
    if np.ptp(current[np.isfinite(current)]) == 0:
        raise FitError(f"{voltage}: all currents are alike, so that a thermal voltage stays in; measure at +I and -I")
    design = {"offset": np.ones_like(current), "slope": current}
    return fit_joint(design, readings[voltage], who=voltage).value("slope", "ohm")


def _configuration(readings: Dataset, which: str) -> tuple[Value, list[str]]:
    """Return the resistance of one configuration, with its reciprocal where that was measured."""

    def of(suffix: str) -> Value | None:
        if f"r_{which}{suffix}" in readings:
            return mean_of(readings[f"r_{which}{suffix}"], "ohm")
        return _slope(readings, f"v_{which}{suffix}") if f"v_{which}{suffix}" in readings else None

    first, second = of(""), of("_reciprocal")
    if first is None:
        raise DataError(f"{readings.name}: no column r_{which} or v_{which}")
    if second is None:
        return first, []
    apart, sigma = number(first) - number(second), float(np.hypot(spread(first), spread(second)))
    flags = []
    if abs(apart) > DISAGREEMENT * sigma and abs(apart) > 1e-9 * abs(number(first)):
        flags.append(
            f"r_{which}: differs from its reciprocal by {apart:.3g} +- {sigma:.1g} ohm: contacts rectify, leak, or are"
            " connected in another order"
        )
    # Half of the difference counts as an uncertainty: nobody knows which of the two is right.
    total = float(np.hypot(sigma / 2, apart / 2)) if flags else sigma / 2
    return Value.of((number(first) + number(second)) / 2, total, "ohm"), flags


def _resistivity(sheet: Value, thickness: Value | None) -> dict[str, Value]:
    if thickness is None or sheet.value is None:
        return {}
    if not number(thickness) > 0:
        raise UsageError(f"--set thickness: {number(thickness)} m is no thickness; it must be above 0")
    rho = number(sheet) * number(thickness)
    relative = np.hypot(spread(sheet) / number(sheet), spread(thickness) / number(thickness))
    return {"resistivity": Value.of(rho, float(abs(rho) * relative), "ohm*m")}


def _squares(measured: Value, settings: SheetResistanceSettings) -> Value:
    """Return R w/L."""
    width, length = settings.width, settings.length
    if width is None or length is None:
        raise UsageError("resistances need the strip: --set width=10+-0.1um --set length=40um")
    if not (number(width) > 0 and number(length) > 0):
        raise UsageError(f"width {number(width)} m and length {number(length)} m must be above 0")
    if measured.value is None:
        return Value(None, None, "ohm")
    sheet = number(measured) * number(width) / number(length)
    relative = np.sqrt(
        (spread(measured) / number(measured)) ** 2
        + (spread(width) / number(width)) ** 2
        + (spread(length) / number(length)) ** 2
    )
    return Value.of(sheet, float(abs(sheet) * relative), "ohm")


def _joined(datasets: Sequence[Dataset]) -> list[Dataset]:
    """Return datasets of films as one for each temperature: each file may hold one thickness."""
    films = [dataset for dataset in datasets if "thickness" in dataset]
    others = [dataset for dataset in datasets if "thickness" not in dataset]
    groups: dict[tuple[Any, ...], list[Dataset]] = {}
    for dataset in films:
        groups.setdefault((dataset.axes.get("temperature"), tuple(sorted(dataset.columns))), []).append(dataset)
    return [_concatenated(group) for group in groups.values()] + others


def _concatenated(group: Sequence[Dataset]) -> Dataset:
    columns = {role: np.concatenate([dataset[role] for dataset in group]) for role in group[0].columns}
    name = ", ".join(dict.fromkeys(dataset.name for dataset in group))
    return Dataset(columns, group[0].axes, name, any(dataset.simulated for dataset in group))
