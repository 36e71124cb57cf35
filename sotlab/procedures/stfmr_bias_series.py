"""ST-FMR spectra with direct currents through the strip: the width against the current is a torque, too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from sotlab.instruments.station import Station
from sotlab.parameters import Choice, Integer, Quantity
from sotlab.procedures.runs.scan import AnalysisInput, Point
from sotlab.procedures.stfmr_field_sweep import STFMRFieldSweep
from sotlab.procedures.stfmr_series import SIGNS, STFMRSeries

__all__ = ["STFMRBiasSeries"]


class STFMRBiasSeries(STFMRSeries):
    """One spectrum at each direct current, of both signs of field.

    The direct current drops volts where microvolts are rectified: the voltmeter must be a lock-in on a modulated
    microwave (driver ``LockinVoltmeter``). The source meter is on the inductive side of the bias tee.
    """

    ROLES = (*STFMRSeries.ROLES, "source_meter")
    COLUMNS = (*STFMRFieldSweep.COLUMNS, "Bias (A)")
    ANALYSIS: ClassVar[AnalysisInput] = AnalysisInput(
        STFMRFieldSweep.ANALYSIS.kind,
        columns=STFMRFieldSweep.ANALYSIS.columns,
        axes={**STFMRFieldSweep.ANALYSIS.axes, "bias": "Bias (A)"},
    )

    bias = Quantity("Bias", "A", default=-2e-3, minimum=-1.0, maximum=1.0, description="The first direct current")
    bias_stop = Quantity("Last bias", "A", default=2e-3, minimum=-1.0, maximum=1.0)
    biases = Integer("Biases", default=5, minimum=2, maximum=10_000)
    signs = Choice("Signs", choices=list(SIGNS), default="both", description="Of the field")

    def series(self) -> Sequence[Mapping[str, float]]:
        """Return the direct currents, evenly spaced."""
        return [{"bias_A": float(bias_A)} for bias_A in np.linspace(self.bias, self.bias_stop, self.biases)]

    def check_plan(self, points: Sequence[Point], bench: Station) -> None:
        """Check the direct currents, and all else, against the station's limits."""
        super().check_plan(points, bench)
        for bias_A in {point.settings["bias_A"] for point in points}:
            bench["source_meter"].check(bias_A)

    def approach(self, point: Point, bench: Station) -> None:
        """Come to the first field, switch the microwave on, then the direct current."""
        bench["source_meter"].set_current(0.0)
        bench["source_meter"].set_output(True)
        super().approach(point, bench)

    def _set(self, point: Point, bench: Station) -> None:
        super()._set(point, bench)
        bench["source_meter"].set_current(point.settings["bias_A"])

    def measure(self, point: Point, bench: Station) -> dict[str, Any]:
        """Read field, voltage and field again, at the direct current that is set."""
        return super().measure(point, bench) | {"Bias (A)": point.settings["bias_A"]}

    @staticmethod
    def told_by(row: Mapping[str, Any]) -> tuple[float, ...]:
        """Return what tells a row's spectrum from the others."""
        return (float(row["Bias (A)"]), *STFMRSeries.told_by(row))
