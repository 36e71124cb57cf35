"""The analysis ``halves``: half the difference and half the sum of two series, what is odd and what even between them.

Two stacks that differ in the sign of one thing, as a composition gradient upwards and downwards, have
``xi_A = even + odd`` and ``xi_B = even - odd``: the odd part is the gradient's, the even part that of all else.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from pydantic import BaseModel, ConfigDict

from sotlab.analysis.protocol import setting
from sotlab.analysis.values import LiveFit, Reduction, Value
from sotlab.errors import DataError

__all__ = ["Halves", "HalvesSettings", "Series"]

_PER_FIELD = "1/(ohm*m)"
QUANTITIES = {"xi_dl_E": _PER_FIELD, "xi_fl_E": _PER_FIELD}
#: Films whose thicknesses differ by less than this, relative, are a pair.
SAME_THICKNESS = 0.05


@dataclass(frozen=True)
class Series:
    """Efficiencies of the N films of one stack.

    Parameters
    ----------
    values, sigmas : dict of str to (N,) float
        By quantity [1/(ohm m)]; NaN where there is none.
    thickness_m : (N,) float or None
        Of the spin-orbit layer; None where the films are paired as they come.
    name : str
        Where it comes from.
    simulated : bool
        True if virtual instruments measured it.
    """

    values: dict[str, np.ndarray]
    sigmas: dict[str, np.ndarray]
    thickness_m: np.ndarray | None
    name: str
    simulated: bool


class HalvesSettings(BaseModel):
    """What the analysis must be told."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    scale_sigma: float = setting(
        0.0,
        "Relative sigma common to both series, contained in theirs: as the thickness of one deposition",
        ge=0.0,
        le=1.0,
    )


class Halves:
    """The analysis ``halves`` of two series, A and B in the order in which they are given."""

    kind: ClassVar[str] = "halves"
    title: ClassVar[str] = "Half difference and half sum"
    schema: ClassVar[int] = 1
    columns: ClassVar[dict[str, str]] = {
        "thickness": "m",
        **QUANTITIES,
        **{f"sigma_{name}": unit for name, unit in QUANTITIES.items()},
    }
    axes: ClassVar[dict[str, str]] = {}
    required: ClassVar[tuple[tuple[str, ...], ...]] = tuple((name,) for name in QUANTITIES)
    settings: ClassVar[type[HalvesSettings]] = HalvesSettings

    def dataset(
        self, columns: Mapping[str, np.ndarray], axes: Mapping[str, float], *, name: str = "", simulated: bool = False
    ) -> Series:
        """Return one series of ``columns`` by role."""
        found = {role: np.atleast_1d(np.asarray(values, float)) for role, values in columns.items()}
        values = {name: found[name] for name in QUANTITIES if name in found}
        sigmas = {name: found.get(f"sigma_{name}", np.full(v.shape, np.nan)) for name, v in values.items()}
        return Series(values, sigmas, found.get("thickness"), name, simulated)

    def live(self, columns: Mapping[str, np.ndarray], settings: Any) -> LiveFit | None:
        """Return None: series are compared when they are whole."""
        return None

    def reduce(self, datasets: Sequence[Series], settings: HalvesSettings | None = None) -> Reduction:
        """Return the halves of each pair of films, and of one pair as the results.

        Returns
        -------
        Reduction
            Each pair has a row with ``<quantity>_odd``, ``(A - B)/2``, and ``<quantity>_even``, ``(A + B)/2``
            [1/(ohm m)]. Where there is one pair its values are the results, too; of several pairs each is at a
            thickness of its own, and results are those of the thickest.

        Raises
        ------
        DataError
            If there are not two series, or no film of one has its like in the other.
        """
        common = (settings or HalvesSettings()).scale_sigma
        if len(datasets) != 2:
            raise DataError(f"halves: two series are compared, not {len(datasets)}; give the one, then the other")
        first, second = datasets
        pairs = _pairs(first, second)
        names = [name for name in first.values if name in second.values]
        if not (pairs and names):
            raise DataError(f"halves: no film of '{first.name}' has its like in '{second.name}'")
        rows, flags = [], []
        for i, j, thickness_m in pairs:
            row: dict[str, Any] = {"name": f"{first.name}, {second.name}", "thickness": thickness_m, "flags": []}
            for name in names:
                a, b = first.values[name][i], second.values[name][j]
                row |= _halves(name, a, first.sigmas[name][i], b, second.sigmas[name][j], common)
            rows.append(row)
        lost = [
            f"{role}: not determined: one of the pair has no value" for role in rows[-1] if _is_lost(rows[-1][role])
        ]
        flags += lost
        if len(pairs) > 1:
            flags.append(f"results are those at {1e9 * pairs[-1][2]:.3g} nm, the thickest; the others are in the rows")
        results = {role: value for role, value in rows[-1].items() if isinstance(value, Value)}
        return Reduction(
            self.kind,
            self.schema,
            results,
            rows,
            flags,
            first.simulated or second.simulated,
            [first.name, second.name],
            {"scale_sigma": common},
            rows_are="scans",
        )


def _pairs(first: Series, second: Series) -> list[tuple[int, int, float]]:
    """Return which films are compared, the thickest last, with their mean thickness [m], NaN if it is not known."""
    if first.thickness_m is None or second.thickness_m is None:
        sizes = [len(next(iter(series.values.values()))) for series in (first, second)]
        return [(0, 0, np.nan)] if sizes == [1, 1] else []
    found = []
    for i, one_m in enumerate(first.thickness_m):
        apart = np.abs(second.thickness_m / one_m - 1.0)
        j = int(np.argmin(apart))
        if apart[j] < SAME_THICKNESS:
            found.append((i, j, float(0.5 * (one_m + second.thickness_m[j]))))
    return sorted(found, key=lambda pair: pair[2])


def _halves(name: str, a: float, sigma_a: float, b: float, sigma_b: float, common: float) -> dict[str, Value]:
    """Return both halves; the common scale is taken out of the sigmas, and put onto the halves."""
    own = sum(max(sigma**2 - (common * value) ** 2, 0.0) for value, sigma in ((a, sigma_a), (b, sigma_b)))
    halves = {"odd": 0.5 * (a - b), "even": 0.5 * (a + b)}
    return {
        f"{name}_{which}": Value.of(half, float(np.hypot(0.5 * np.sqrt(own), common * half)), QUANTITIES[name])
        for which, half in halves.items()
    }


def _is_lost(value: Any) -> bool:
    return isinstance(value, Value) and value.value is None
