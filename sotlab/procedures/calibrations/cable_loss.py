"""The loss between two planes of the microwave's way, by the power meter at each of them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from sotlab.instruments.calibration import Calibration
from sotlab.instruments.station import Station
from sotlab.parameters import Integer, Quantity
from sotlab.procedures.calibrations.base import Findings
from sotlab.procedures.calibrations.source_level import PowerMeterScan
from sotlab.procedures.linear_fit import fit_linear
from sotlab.procedures.runs.scan import Point

__all__ = ["CableLoss", "draw_loss", "loss_findings"]


class CableLoss(PowerMeterScan):
    """Measure the power before and behind a cable over frequency: loss = before - behind.

    The operator connects the sensor to the one plane, then to the other. What the meter shows wrong is wrong at both
    planes alike; ``mismatch_sigma`` is what reflections between cable and sensor may do.
    """

    KIND = "cable_loss"
    COLUMNS = ("Plane (1)", "Frequency (Hz)", "Power Set (dBm)", "Power (dBm)")

    start = Quantity("Start", "Hz", default=2e9, minimum=1e6, maximum=120e9)
    stop = Quantity("Stop", "Hz", default=18e9, minimum=1e6, maximum=120e9)
    points = Integer("Points", default=65, minimum=2, maximum=100_000)
    power = Quantity("Power", "dBm", default=0.0, minimum=-140.0, maximum=40.0)
    repeats = Integer("Repeats", default=3, minimum=2, maximum=10_000, description="At each frequency and plane")
    mismatch_sigma = Quantity("Mismatch sigma", "dB", default=0.05, minimum=0.0, maximum=3.0)

    def plan(self) -> Iterable[Mapping[str, float]]:
        """Yield the frequencies before the cable (0) and behind it (1)."""
        for plane in (0.0, 1.0):
            for frequency_Hz in np.linspace(self.start, self.stop, self.points):
                yield {"plane": plane, "frequency_Hz": float(frequency_Hz)}

    def check_plan(self, points: Sequence[Point], bench: Station) -> None:
        """Check every setting against the station's limits."""
        super().check_plan(points, bench)
        for point in points:
            bench["microwave"].check(frequency_Hz=point.settings["frequency_Hz"], power_dBm=self.power)

    def prepare(self, bench: Station) -> None:
        """Nothing is connected yet."""
        self._plane: float | None = None

    def apply(self, point: Point, bench: Station) -> None:
        """Go to a frequency; ask for the sensor to be connected, with the RF off, when it is the other plane's turn."""
        plane = point.settings["plane"]
        if plane != self._plane:
            bench["microwave"].set_output(False)
            bench.ask_operator(f"The RF is off: connect the power sensor {'behind' if plane else 'before'} the cable")
            self.set_level(point.settings["frequency_Hz"], self.power, bench)
            self.begin(bench)
            self._plane = plane
        self.set_level(point.settings["frequency_Hz"], self.power, bench)

    def measure(self, point: Point, bench: Station) -> dict[str, Any]:
        """Read the meter."""
        return {
            "Plane (1)": point.settings["plane"],
            "Frequency (Hz)": point.settings["frequency_Hz"],
            "Power Set (dBm)": self.power,
            "Power (dBm)": bench["rf_power_meter"].read_power(),
        }

    def evaluate(self, rows: pd.DataFrame) -> Findings:
        """Return the loss at each frequency, and the part of it that is a cable's."""
        grid = rows.groupby(["Plane (1)", "Frequency (Hz)"])["Power (dBm)"].agg(["mean", "var"])
        before, behind = grid.loc[0.0], grid.loc[1.0]
        frequency_Hz = before.index.to_numpy(float)
        loss_dB = (before["mean"] - behind["mean"]).to_numpy(float)
        variance = float(before["var"].mean() + behind["var"].mean()) / self.repeats
        sigma_dB = math.sqrt(variance + self.mismatch_sigma**2)
        return loss_findings(frequency_Hz, loss_dB, np.full_like(loss_dB, sigma_dB), self.mismatch_sigma)

    def draw(self, figure: Any, calibration: Calibration) -> None:
        """Draw the loss against frequency."""
        draw_loss(figure, calibration)


def loss_findings(frequency_Hz: np.ndarray, loss_dB: np.ndarray, sigma_dB: np.ndarray, common_dB: float) -> Findings:
    """Return the loss at each frequency, and the part of it that is a cable's.

    Parameters
    ----------
    frequency_Hz, loss_dB, sigma_dB : (N,) float
        The loss with its standard uncertainty, whole.
    common_dB : float
        The part of sigma that does not become less over the frequencies.
    """
    values = {"loss": (float(np.mean(loss_dB)), float(np.max(sigma_dB)), "dB")}
    notes = []
    if len(frequency_Hz) > 2:
        # loss = fixed + skin sqrt(f): connectors, and the skin effect of the cable
        fit = fit_linear([np.ones_like(loss_dB), np.sqrt(frequency_Hz / 1e9)], loss_dB, "cable_loss")
        sigmas = np.hypot(fit.sigmas, [common_dB, 0.0])
        values["fixed"] = (float(fit.values[0]), float(sigmas[0]), "dB")
        values["skin"] = (float(fit.values[1]), float(sigmas[1]), "dB/GHz**0.5")
    if np.min(loss_dB + 3.0 * sigma_dB) < 0.0:
        notes.append("there is more behind the cable than before it: were the planes swapped?")
    points = {"Frequency (Hz)": frequency_Hz, "Loss (dB)": loss_dB, "Loss Sigma (dB)": sigma_dB}
    return Findings(values, {name: column.tolist() for name, column in points.items()}, notes)


def draw_loss(figure: Any, calibration: Calibration) -> None:
    """Draw a calibration's loss against frequency."""
    axes = figure.subplots()
    table = {name: np.array(column) for name, column in calibration.points.items()}
    axes.errorbar(table["Frequency (Hz)"] / 1e9, table["Loss (dB)"], table["Loss Sigma (dB)"], fmt=".", color="#0072B2")
    axes.set_xlabel("frequency (GHz)")
    axes.set_ylabel("loss (dB)")
