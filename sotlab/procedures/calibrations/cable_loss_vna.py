"""The loss between two planes of the microwave's way, by the network analyser and three standards at each of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from sotlab.instruments.calibration import Calibration
from sotlab.instruments.station import Station
from sotlab.parameters import Integer, Quantity
from sotlab.procedures.calibrations.base import CalibrationScan, Findings
from sotlab.procedures.calibrations.cable_loss import draw_loss, loss_findings
from sotlab.procedures.runs.scan import Point

__all__ = ["CableLossVNA", "error_box", "loss_between"]

#: The standards, in the order in which they are connected; ideal ones.
STANDARDS = ("short", "open", "load")
PLANES = ("before", "behind")


class CableLossVNA(CalibrationScan):
    """Measure the loss of a cable, or of any reciprocal way, by reflection: three standards before and behind it.

    Short, open and load before the cable give the analyser's three error terms there; behind it they give those of
    analyser and cable together, and the difference is the cable's own S11 and S21 S12. Nothing that the analyser shows
    wrong enters, so it need not be calibrated. ``connection_sigma`` is what making a connection anew does.
    """

    KIND = "cable_loss"
    #: What is swept.
    PARAMETERS: ClassVar[tuple[str, ...]] = ("S11",)
    ROLES = ("microwave", "vna")
    COLUMNS = ("Plane (1)", "Standard (1)", "Frequency (Hz)", "Real S11 (1)", "Imaginary S11 (1)")
    X_AXIS = "Frequency (Hz)"
    Y_AXIS = "Real S11 (1)"
    calibrated_role: ClassVar[str] = "microwave"  # type: ignore[assignment]

    start = Quantity("Start", "Hz", default=2e9, minimum=1e6, maximum=120e9)
    stop = Quantity("Stop", "Hz", default=18e9, minimum=1e6, maximum=120e9)
    points = Integer("Points", default=161, minimum=2, maximum=10_001)
    power = Quantity("Power", "dBm", default=-10.0, minimum=-100.0, maximum=20.0)
    if_bandwidth = Quantity("IF bandwidth", "Hz", default=100.0, minimum=1.0, maximum=1e6)
    sweeps = Integer("Sweeps", default=3, minimum=2, maximum=1000, description="Of each standard")
    connection_sigma = Quantity("Connection sigma", "dB", default=0.02, minimum=0.0, maximum=3.0)

    def plan(self) -> Iterable[Mapping[str, float]]:
        """Yield the frequencies of each sweep of each standard before the cable (0), then behind it (1)."""
        for plane, standard in self.connections():
            for sweep in range(self.sweeps):
                for number in range(self.points):
                    yield {"plane": plane, "standard": standard, "sweep": sweep, "number": number}

    def connections(self) -> list[tuple[float, float]]:
        """Return the planes and what is connected there, in order."""
        return [(float(plane), float(number)) for plane in range(len(PLANES)) for number in range(len(STANDARDS))]

    def request(self, plane: float, number: float) -> str:
        """Return what the operator is asked to do."""
        what, where = STANDARDS[int(number)], PLANES[int(plane)]
        return f"The RF is off: connect the {what} {where} the cable, to the analyser's port 1"

    def check_plan(self, points: Sequence[Point], bench: Station) -> None:
        """Check the sweep against the station's limits."""
        super().check_plan(points, bench)
        for frequency_Hz in (self.start, self.stop):
            bench["vna"].check(frequency_Hz=frequency_Hz, power_dBm=self.power, if_bandwidth_Hz=self.if_bandwidth)

    def prepare(self, bench: Station) -> None:
        """Set the sweep; nothing is connected yet."""
        bench["vna"].set_sweep(
            self.start, self.stop, self.points, if_bandwidth_Hz=self.if_bandwidth, power_dBm=self.power
        )
        self._connected: tuple[float, float] | None = None
        self._swept: tuple[float, float, float] | None = None

    def apply(self, point: Point, bench: Station) -> None:
        """Have the standard connected, with the RF off, when it is its turn, and sweep."""
        plane, standard, sweep, _ = point.settings.values()
        if (plane, standard) != self._connected:
            bench["microwave"].set_output(False)
            bench["vna"].make_safe()
            bench.ask_operator(self.request(plane, standard))
            self._connected = plane, standard
        if (plane, standard, sweep) != self._swept and not self.should_stop():
            self._frequencies_Hz, self._data = bench["vna"].measure(*self.PARAMETERS)
            self._swept = plane, standard, sweep

    def measure(self, point: Point, bench: Station) -> dict[str, Any]:
        """Return one point of the sweep."""
        number = int(point.settings["number"])
        row = {
            "Plane (1)": point.settings["plane"],
            "Standard (1)": point.settings["standard"],
            "Frequency (Hz)": self._frequencies_Hz[number],
        }
        for name in self.PARAMETERS:
            row[f"Real {name} (1)"] = self._data[name][number].real
            row[f"Imaginary {name} (1)"] = self._data[name][number].imag
        return row

    def point_time_s(self, before: Point | None, point: Point, bench: Station) -> float:
        """Return the time of a sweep for its first point [s]."""
        return bench["vna"].sweep_time_s if point.settings["number"] == 0 else 0.0

    def evaluate(self, rows: pd.DataFrame) -> Findings:
        """Return the loss at each frequency; sigma from the scatter of the sweeps, with that of the connections."""
        shape = (len(PLANES), len(STANDARDS), self.sweeps, self.points)
        s11 = (rows["Real S11 (1)"].to_numpy(float) + 1j * rows["Imaginary S11 (1)"].to_numpy(float)).reshape(shape)
        frequency_Hz = rows["Frequency (Hz)"].to_numpy(float)[: self.points]
        loss_dB = loss_between(error_box(*s11[0]), error_box(*s11[1]))
        scatter_dB = np.std(loss_dB, axis=0, ddof=1) / np.sqrt(self.sweeps)
        pooled_dB = float(np.sqrt(np.mean(scatter_dB**2)))
        sigma_dB = np.full(self.points, float(np.hypot(pooled_dB, self.connection_sigma)))
        return loss_findings(frequency_Hz, loss_dB.mean(axis=0), sigma_dB, self.connection_sigma)

    def draw(self, figure: Any, calibration: Calibration) -> None:
        """Draw the loss against frequency."""
        draw_loss(figure, calibration)


def error_box(short: np.ndarray, open_: np.ndarray, load: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return directivity e00, match e11 and tracking t = e10 e01 of a reflectometer from three ideal standards.

    ``M = e00 + t G / (1 - e11 G)`` with G = -1, 1 and 0.

    References
    ----------
    Rytting, Network analyzer error models and calibration methods, 2001.
    """
    x, y = open_ - load, short - load
    return load, (x + y) / (x - y), -2.0 * x * y / (x - y)


def loss_between(
    near: tuple[np.ndarray, np.ndarray, np.ndarray], far: tuple[np.ndarray, np.ndarray, np.ndarray]
) -> np.ndarray:
    """Return the one-way loss of the reciprocal two-port between two planes [dB], from the error boxes at both.

    ``far`` is ``near`` in cascade with the two-port: ``e00' = e00 + t s11 / (1 - e11 s11)`` and
    ``t' = t s21 s12 / (1 - e11 s11)^2``; the loss is ``-10 log10 abs(s21 s12)``.
    """
    (e00, e11, t), (e00_far, _, t_far) = near, far
    reflected = (e00_far - e00) / t
    s11 = reflected / (1.0 + e11 * reflected)
    return -10.0 * np.log10(np.abs(t_far * (1.0 - e11 * s11) ** 2 / t))
