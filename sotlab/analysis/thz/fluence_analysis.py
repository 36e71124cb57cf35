"""The analysis ``thz-fluence``: the emission against the fluence of the pump."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, ClassVar

import numpy as np

from sotlab.analysis.protocol import setting
from sotlab.analysis.thz.averaged import averaged
from sotlab.analysis.thz.delay_scans import DelayScan, THzSettings, at_one_power, common_grid
from sotlab.analysis.thz.emission import THzEmission
from sotlab.analysis.thz.fluence import fit_fluence, fluence_J_m2
from sotlab.analysis.thz.passes import fit_passes
from sotlab.analysis.thz.ratio import field_ratio
from sotlab.analysis.values import Reduction, Value
from sotlab.errors import DataError, FitError

__all__ = ["THzFluence", "THzFluenceSettings"]


class THzFluenceSettings(THzSettings):
    """What the analysis must be told."""

    repetition: float = setting(80e6, "Pulses a second", "Hz", gt=0)
    area: float = setting(4e-8, "Illuminated area", "m**2", gt=0)
    power_sigma: float = setting(0.0, "Relative scatter of the power readings", ge=0)


class THzFluence(THzEmission):
    """The analysis ``thz-fluence``: scans are grouped by ``transmission``, and know their ``power``."""

    kind: ClassVar[str] = "thz-fluence"
    title: ClassVar[str] = "THz emission against the fluence"
    axes: ClassVar[dict[str, str]] = {**THzEmission.axes, "transmission": "1"}
    also_reads: ClassVar[tuple[str, ...]] = ("thz",)
    required: ClassVar[tuple[tuple[str, ...], ...]] = (
        ("delay", "signal", "power"),
        ("position", "signal", "power"),
    )
    settings: ClassVar[type[THzSettings]] = THzFluenceSettings

    def reduce(self, datasets: Sequence[DelayScan], settings: THzSettings | None = None) -> Reduction:
        """Average the scans at each transmission, and fit S = a F^n and S = a F/(1 + F/F_s).

        The signal at each fluence is the field within the band over the mean of all: whatever noise that mean has
        is common to all fluences and does not touch the exponent.

        Returns
        -------
        Reduction
            ``exponent``, ``slope`` (relative signal per fluence) [m^2/J], ``saturation`` [J/m^2]. ``scans``: each
            transmission with ``fluence`` [J/m^2] and ``signal``.

        Raises
        ------
        DataError
            If a scan has no power, or nothing was measured.
        """
        told = settings if isinstance(settings, THzFluenceSettings) else THzFluenceSettings()
        band = (told.band_start, told.band_stop)
        powers = [scan.axes.get("power", np.nan) for scan in datasets]
        lacking = [scan.name for scan, power in zip(datasets, powers, strict=True) if not power > 0]
        if lacking:
            raise DataError(f"{lacking[0]}: no power of the pump is known; give --column power=NAME:UNIT")
        grid_s = common_grid(datasets, told)
        passes = None
        if any(scan.rate is not None for scan in datasets):
            passes = fit_passes([s for s in datasets if s.axes["power"] > max(powers) / 2], grid_s, told)
        flags = [] if passes is None else list(passes.flags)
        transmissions = list(dict.fromkeys(scan.axes.get("transmission", scan.axes["power"]) for scan in datasets))
        groups = []
        fluences = []
        for transmission in transmissions:
            own = [s for s in datasets if s.axes.get("transmission", s.axes["power"]) == transmission]
            power_W = float(np.mean([scan.axes["power"] for scan in own]))
            fluences.append(float(fluence_J_m2(power_W, told.repetition, told.area)))
            groups.append(averaged(f"{1e3 * power_W:.4g} mW", at_one_power(own), grid_s, told, band, passes))
        mean = np.mean([group.trace.signal_V for group in groups], axis=0)
        template = replace(
            groups[0].trace,
            signal_V=mean,
            sigma_V=np.zeros(len(mean)),
            amplitude_sigma=0.0,
            delay_sigma_s=0.0,
            modes=np.zeros((0, 0)),
        )
        rows: list[dict[str, Any]] = []
        signals, sigmas = [], []
        for group, fluence in zip(groups, fluences, strict=True):
            row: dict[str, Any] = {"name": group.trace.name, "fluence": Value(fluence, None, "J/m**2")}
            own = (flag.removeprefix(f"{group.trace.name}: ") for flag in group.flags)
            said = [flag for flag in own if not flag.startswith("noise_")]
            try:
                found = field_ratio(group.trace, template, band_Hz=band, max_delay_s=told.max_delay)
                row["signal"] = found.ratio
                said += found.flags
            except FitError as error:
                row["signal"] = Value(None, None, "")
                said.append(str(error))
            signals.append(np.nan if row["signal"].value is None else row["signal"].value)
            sigmas.append(np.nan if row["signal"].sigma is None else row["signal"].sigma)
            rows.append(row | {"flags": said})
        fit = fit_fluence(
            np.array(fluences), np.array(signals), np.array(sigmas), fluence_relative_sigma=told.power_sigma, unit="1"
        )
        slope = Value(fit.slope.value, fit.slope.sigma, "m**2/J")
        results = {"exponent": fit.exponent, "slope": slope, "saturation": fit.saturation}
        return Reduction.of(self, datasets, told, results, rows, [*flags, *fit.flags], rows_are="scans")
