"""The analysis ``sarpes``: spin polarisation over momentum space, from maps of four measurements each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from sotlab.analysis.spin_polarisation import FourCounts, Polarisation, gains, momentum, polarisation, vector_map
from sotlab.analysis.values import LiveFit, Reduction, Value, plain
from sotlab.errors import DataError

__all__ = ["SARPES", "SarpesScan", "SarpesSettings"]

#: Roles of the four counts: sign of the target's magnetisation, then of the spin manipulator.
COUNTS = ("i_pp", "i_pm", "i_mp", "i_mm")
UNITS = {"polarisation": "", "kx": "1/m", "ky": "1/m"}


@dataclass(frozen=True)
class SarpesScan:
    """Four measurements of one spin component at N points.

    Parameters
    ----------
    angle_x_deg, angle_y_deg : (N,) float
        Emission angles.
    counts : FourCounts
        The counts there.
    spin_deg : float or None
        Which component: 0 is along x, 90 along y; None where the file does not say.
    name : str
        Where it comes from.
    simulated : bool
        True if virtual instruments measured it.
    """

    angle_x_deg: np.ndarray
    angle_y_deg: np.ndarray
    counts: FourCounts
    spin_deg: float | None = None
    name: str = ""
    simulated: bool = False


class SarpesSettings(BaseModel):
    """What the analysis must be told."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    sherman: float = Field(default=0.3, gt=0, le=1, description="Sherman function of the detector")
    sherman_sigma: float = Field(default=0.0, ge=0, le=1, description="Its standard deviation, common to all points")
    kinetic_energy: float = Field(
        default=20.0, gt=0, description="Of the electrons outside", json_schema_extra={"unit": "eV"}
    )
    zero_x: float = Field(
        default=0.0, ge=-90, le=90, description="Angle of normal emission", json_schema_extra={"unit": "deg"}
    )
    zero_y: float = Field(
        default=0.0, ge=-90, le=90, description="Angle of normal emission", json_schema_extra={"unit": "deg"}
    )
    spin: float = Field(
        default=90.0, description="Component of files that do not say: 90 is y", json_schema_extra={"unit": "deg"}
    )
    cell: float = Field(default=0.02e10, ge=1e6, description="Of the vector map", json_schema_extra={"unit": "1/m"})
    least_points: int = Field(default=3, ge=1, description="Of a cell that is shown")
    threshold: float = Field(default=0.2, ge=0, le=1, description="Mean intensity of a cell shown, to the largest")
    x: float | None = Field(default=None, ge=0, le=1, description="Compare with the slab of this antimony content")
    bilayers: int = Field(default=13, ge=1, le=100, description="Of the slab compared with")


class SARPES:
    """The analysis ``sarpes``: polarisation, momentum, vector map; with ``x`` also against the slab's model."""

    kind: ClassVar[str] = "sarpes"
    title: ClassVar[str] = "Spin-resolved photoemission"
    schema: ClassVar[int] = 1
    columns: ClassVar[dict[str, str]] = {"angle_x": "deg", "angle_y": "deg", **dict.fromkeys(COUNTS, "1")}
    axes: ClassVar[dict[str, str]] = {"spin": "deg"}
    required: ClassVar[tuple[tuple[str, ...], ...]] = (tuple(columns),)
    settings: ClassVar[type[SarpesSettings]] = SarpesSettings

    def dataset(
        self, columns: Mapping[str, np.ndarray], axes: Mapping[str, float], *, name: str = "", simulated: bool = False
    ) -> SarpesScan:
        """Return the scan of ``columns`` by role; its component from the axis ``spin``.

        Raises
        ------
        DataError
            If there are no points, or a number is not finite or a count below 0.
        """
        found = {role: np.asarray(columns[role], float) for role in self.columns}
        if not found["angle_x"].size:
            raise DataError(f"{name}: no points")
        for role, values in found.items():
            if not np.isfinite(values).all():
                raise DataError(f"{name}: {role} has {np.count_nonzero(~np.isfinite(values))} numbers not finite")
            if role in COUNTS and (values < 0).any():
                raise DataError(f"{name}: {role} has counts below 0; a background must not be subtracted before")
        counts = FourCounts(*(found[role] for role in COUNTS))
        return SarpesScan(found["angle_x"], found["angle_y"], counts, axes.get("spin"), name, simulated)

    def live(self, columns: Mapping[str, np.ndarray], settings: SarpesSettings | None = None) -> LiveFit | None:
        """Return None: a map in the making has no fit."""
        return None

    def reduce(self, datasets: Sequence[SarpesScan], settings: SarpesSettings | None = None) -> Reduction:
        """Reduce maps; those of one component are repeats, whose counts are added for the results.

        Returns
        -------
        Reduction
            ``spectra``: for each file ``kx``, ``ky`` [1/m], ``polarisation``, ``sigma`` (counting only), ``intensity``.
            Results: ``gain_magnetisation``, ``gain_manipulator`` of the instrument; ``chirality``, the
            intensity-weighted mean of ``(k x P)_z / k``, positive where the spin turns counterclockwise around the
            zone's centre, which needs both components; with ``x`` also ``model_scale`` (measured over model
            polarisation, by least squares).

        Raises
        ------
        DataError
            If files that must belong together are at different angles.
        """
        settings = settings or SarpesSettings()
        flags: list[str] = []
        rows = [self._row(scan, settings) for scan in datasets]
        components = self._by_component(datasets, settings, flags)
        results = _instrument(list(components.values()))
        first = next(iter(components.values()))
        found = {spin: polarisation(scan.counts, settings.sherman) for spin, scan in components.items()}
        lost = np.count_nonzero(~first.counts.positive)
        if lost:
            flags.append(f"{lost} of {len(first.angle_x_deg)} points have a count of 0: no polarisation there")
        results["chirality"] = self._chirality(components, found, settings, flags, rows)
        if settings.x is not None:
            from sotlab.analysis.sarpes_model import compare_with_slab

            k = self._momenta(first, settings)
            results["model_scale"] = compare_with_slab(k, found, settings, flags)
        return Reduction.of(
            self,
            datasets,
            settings,
            results,
            rows,
            flags,
            parts=list(datasets),
        )

    def _row(self, scan: SarpesScan, settings: SarpesSettings) -> dict[str, Any]:
        found = polarisation(scan.counts, settings.sherman)
        kx, ky = self._momenta(scan, settings)
        return {
            "name": scan.name,
            "spin": settings.spin if scan.spin_deg is None else scan.spin_deg,
            "points": len(kx),
            "kx": plain(kx),
            "ky": plain(ky),
            "polarisation": plain(found.value),
            "sigma": plain(found.sigma),
            "intensity": plain(scan.counts.total),
            "flags": [],
        }

    def _momenta(self, scan: SarpesScan, settings: SarpesSettings) -> tuple[np.ndarray, np.ndarray]:
        angles = scan.angle_x_deg - settings.zero_x, scan.angle_y_deg - settings.zero_y
        kx, ky = (momentum(np.deg2rad(angle), settings.kinetic_energy) for angle in angles)
        return kx, ky

    def _by_component(
        self, spectra: Sequence[SarpesScan], settings: SarpesSettings, flags: list[str]
    ) -> dict[float, SarpesScan]:
        components: dict[float, SarpesScan] = {}
        unsaid = [scan.name for scan in spectra if scan.spin_deg is None]
        if unsaid:
            flags.append(f"{', '.join(unsaid)}: the component is not said; taken as spin={settings.spin:g} deg")
        for scan in spectra:
            first = next(iter(components.values()), scan)
            _check_same_points(first, scan)
            spin = float(settings.spin if scan.spin_deg is None else scan.spin_deg)
            have = components.get(spin)
            counts = scan.counts if have is None else have.counts + scan.counts
            components[spin] = SarpesScan(first.angle_x_deg, first.angle_y_deg, counts, spin, scan.name)
        return components

    def _chirality(
        self,
        components: Mapping[float, SarpesScan],
        found: Mapping[float, Polarisation],
        settings: SarpesSettings,
        flags: list[str],
        rows: list[dict[str, Any]],
    ) -> Value:
        if not {0.0, 90.0} <= set(components):
            flags.append("chirality: not determined: it needs the components spin = 0 and 90 deg")
            return Value(None, None, "")
        kx, ky = self._momenta(components[0.0], settings)
        counts = components[0.0].counts.total + components[90.0].counts.total
        along_x, along_y = found[0.0], found[90.0]
        k = np.hypot(kx, ky)
        good = np.isfinite(along_x.value) & np.isfinite(along_y.value) & (k > 0)
        if not good.any():
            flags.append("chirality: not determined: at no point are both components determined")
            return Value(None, None, "")
        cells = vector_map(kx, ky, along_x, along_y, counts, settings.cell, settings.least_points, settings.threshold)
        rows[0]["vector_map"] = {
            name: plain(each[cells.shown]) for name, each in vars(cells).items() if name != "shown"
        }
        weight = counts[good] / counts[good].sum()
        east, north = (weight * each[good] / k[good] for each in (kx, ky))
        value = float(east @ along_y.value[good] - north @ along_x.value[good])
        counting = np.hypot(np.linalg.norm(east * along_y.sigma[good]), np.linalg.norm(north * along_x.sigma[good]))
        return Value.of(value, float(np.hypot(counting, value * settings.sherman_sigma / settings.sherman)), "")


def _instrument(scans: Sequence[SarpesScan]) -> dict[str, Value]:
    counts = scans[0].counts
    for scan in scans[1:]:
        counts = counts + scan.counts
    magnetisation, manipulator = gains(counts)
    return {"gain_magnetisation": Value.of(*magnetisation, ""), "gain_manipulator": Value.of(*manipulator, "")}


def _check_same_points(first: SarpesScan, scan: SarpesScan) -> None:
    if len(first.angle_x_deg) != len(scan.angle_x_deg):
        raise DataError(
            f"{scan.name}: {len(scan.angle_x_deg)} points, but {first.name} has {len(first.angle_x_deg)}; maps that are"
            " reduced together must be at the same angles"
        )
    apart = np.hypot(first.angle_x_deg - scan.angle_x_deg, first.angle_y_deg - scan.angle_y_deg).max()
    if apart > 0.01:  # a hundredth of the aperture
        raise DataError(
            f"{scan.name}: its points lie up to {apart:.3g} deg from those of {first.name}; maps that are reduced"
            " together must be at the same angles"
        )
