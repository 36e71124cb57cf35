"""What an analysis returns: values with uncertainties, and the reduction that collects them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

__all__ = ["Curve", "LiveFit", "Reduction", "Value", "plain", "rows_of"]


@dataclass(frozen=True)
class Value:
    """A value with its standard uncertainty.

    Parameters
    ----------
    value, sigma : float or None
        The value and one standard deviation, in ``unit``; None where the data do not determine it.
    unit : str
        The SI unit, "" for a plain number.
    """

    value: float | None
    sigma: float | None
    unit: str

    @classmethod
    def of(cls, value: float, sigma: float, unit: str) -> Value:
        """Return the value, or None for both numbers where one of them is not finite."""
        if not (math.isfinite(value) and math.isfinite(sigma)):
            return cls(None, None, unit)
        return cls(float(value), float(sigma), unit)

    def to_json(self) -> dict[str, Any]:
        """Return ``{"value", "sigma", "unit"}`` in plain Python types."""
        return {"value": plain(self.value), "sigma": plain(self.sigma), "unit": self.unit}


@dataclass(frozen=True, eq=False)
class Curve:
    """A curve that is shown beside the points, as a spectrum beside its trace.

    Parameters
    ----------
    name : str
        What it is of.
    x, y : (M,) float
        The curve, in SI units.
    sigma : (M,) float
        The standard uncertainty of ``y``: what lies below is noise. NaN where it is not known.
    x_header, y_header : str
        What they are, with their units, as the headers of columns.
    """

    name: str
    x: np.ndarray
    y: np.ndarray
    sigma: np.ndarray
    x_header: str
    y_header: str


@dataclass(frozen=True)
class LiveFit:
    """A fit of the rows so far, for who watches.

    Parameters
    ----------
    values : dict of str to Value
        What has come out so far.
    x, y : (N,) float
        The fit at the measured points, in SI units.
    curve_x, curve_y : (M,) float
        The fit as a smooth curve over the same range, in order.
    flags : tuple of str
        What the watcher should know.
    rows : (N,) int or None
        Which of the rows so far it is a fit of; None for the first N.
    parts : dict of str to (M,) float
        What the fit is made of, each on its baseline over ``curve_x``, by its name among ``values``.
    beside : tuple of Curve
        What is shown beside the points, on axes of its own.
    name : str
        What a watcher is to call the curve.
    """

    values: dict[str, Value]
    x: np.ndarray
    y: np.ndarray
    curve_x: np.ndarray
    curve_y: np.ndarray
    flags: tuple[str, ...] = ()
    rows: np.ndarray | None = None
    parts: Mapping[str, np.ndarray] = field(default_factory=dict)
    beside: tuple[Curve, ...] = ()
    name: str = "fit"


@dataclass(frozen=True)
class Reduction:
    """The result of one analysis.

    Parameters
    ----------
    kind : str
        The analysis, as it is called on the command line.
    schema : int
        The version of the result's layout.
    results : dict of str to Value
        What holds for the whole of the data; a value not determined has a flag that says why.
    rows : list of dict
        What belongs to one spectrum or scan each, with a ``name`` and ``flags``.
    flags : list of str
        What the reader of the results must know.
    simulated : bool
        True if any of the data came from virtual instruments.
    inputs : list of str
        The names of the spectra that went in.
    settings : dict
        What the analysis was told, in SI units.
    rows_are : {"spectra", "scans"}
        What JSON calls the rows.
    parts : sequence
        What was fitted, in the order of ``rows``, for the plots of this analysis; not in JSON.
    method : str
        Which of several ways it was reduced by; "" where there is one only.
    details : dict
        What stands behind the results, as their uncertainty budgets; by name, with values where there are any.
    """

    kind: str
    schema: int
    results: dict[str, Value]
    rows: list[dict[str, Any]] = field(default_factory=list)
    flags: list[str] = field(default_factory=list)
    simulated: bool = False
    inputs: list[str] = field(default_factory=list)
    settings: dict[str, Any] = field(default_factory=dict)
    rows_are: Literal["spectra", "scans"] = "spectra"
    parts: Sequence[Any] = field(default=(), repr=False, compare=False)
    method: str = ""
    details: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        analysis: Any,
        datasets: Sequence[Any],
        settings: Any,
        results: dict[str, Value],
        rows: list[dict[str, Any]],
        flags: Iterable[str],
        *,
        beside: Sequence[Any] = (),
        **more: Any,
    ) -> Reduction:
        """Return what an analysis has made of its data sets with its settings; each flag stands once.

        Parameters
        ----------
        analysis : Analysis
            Whose ``kind`` and ``schema`` it has.
        datasets : sequence
            With a ``name`` each, and whether they are ``simulated``.
        settings : BaseModel
            What the analysis was told.
        results, rows, flags, **more
            As they are called above.
        beside : sequence
            What the data sets were compared with: not named among the inputs, but it may be ``simulated``, too.
        """
        return cls(
            analysis.kind,
            analysis.schema,
            results,
            rows,
            list(dict.fromkeys(flags)),
            any(dataset.simulated for dataset in (*datasets, *beside)),
            list(dict.fromkeys(dataset.name for dataset in datasets)),
            settings.model_dump(),
            **more,
        )

    def to_json(self) -> dict[str, Any]:
        """Return the reduction in plain Python types; a number that is not finite becomes None."""
        return {
            "kind": self.kind,
            "schema": self.schema,
            **({"method": self.method} if self.method else {}),
            "results": {name: value.to_json() for name, value in self.results.items()},
            self.rows_are: plain(self.rows),
            "flags": list(self.flags),
            "simulated": bool(self.simulated),
            "inputs": list(self.inputs),
            "settings": plain(self.settings),
            **({"details": plain(self.details)} if self.details else {}),
        }


def rows_of(reduction: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the rows of a reduction as JSON has it, whatever it calls them."""
    return reduction.get("spectra", reduction.get("scans", []))


def plain(item: Any) -> Any:
    """Return ``item`` in plain Python types: numpy numbers and arrays unpacked, NaN and infinity as None."""
    if isinstance(item, Value):
        return item.to_json()
    if isinstance(item, dict):
        return {str(key): plain(entry) for key, entry in item.items()}
    if isinstance(item, list | tuple):
        return [plain(entry) for entry in item]
    if hasattr(item, "tolist"):  # a numpy scalar or array; tolist() of a scalar is a plain number
        return plain(item.tolist())
    if isinstance(item, float) and not math.isfinite(item):
        return None
    return item
