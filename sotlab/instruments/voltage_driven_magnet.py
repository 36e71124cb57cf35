"""A magnet whose supply follows an analogue voltage: the role ``field`` through a role ``voltage_out``.

The supply's control input hangs on an auxiliary output of a lock-in, a DAQ card, or whatever fills ``voltage_out``.
The field follows from the voltage by a polynomial or a table in the options, or by a calibration file.
"""

from __future__ import annotations

import math
from bisect import bisect
from collections.abc import Sequence
from itertools import pairwise
from typing import Any, ClassVar

from pydantic import Field as Option
from pydantic import model_validator

from sotlab.errors import LimitError
from sotlab.instruments.ramped_field import RampedField, RampedFieldOptions

__all__ = ["FieldCalibration", "VoltageDrivenMagnet", "VoltageDrivenMagnetOptions"]


class FieldCalibration:
    """Field against voltage, and back, between two voltages.

    Parameters
    ----------
    coefficients : sequence of float
        ``c0, c1, c2, ...`` of ``B = c0 + c1 V + c2 V^2 + ...`` [T, T/V, T/V^2, ...]; empty if there is a table.
    table : sequence of (float, float)
        Pairs of voltage [V] and field [T], straight between them.
    voltages_V : (float, float)
        Where a polynomial is valid [V]; a table is valid from its lowest to its highest voltage.

    Raises
    ------
    ValueError
        If the field does not rise, or fall, all the way: then no voltage belongs to a field.
    """

    #: A polynomial is looked at in so many steps, whether it rises or falls all the way.
    STEPS = 1000

    def __init__(
        self, coefficients: Sequence[float], table: Sequence[tuple[float, float]], voltages_V: tuple[float, float]
    ) -> None:
        self._coefficients = coefficients
        self._table = sorted((float(volts), float(field)) for volts, field in table)
        if self._table:
            self.low_V, self.high_V = self._table[0][0], self._table[-1][0]
            at = [volts for volts, _ in self._table]
        else:
            self.low_V, self.high_V = voltages_V
            span_V = self.high_V - self.low_V
            at = [self.low_V + span_V * k / self.STEPS for k in range(self.STEPS + 1)]
        fields = [self.field_T(volts) for volts in at]
        rises = [b > a for a, b in pairwise(fields)]
        if len(set(at)) < max(len(at), 2) or len(set(fields)) < len(fields) or len(set(rises)) != 1:
            raise ValueError(
                f"the field must rise, or fall, all the way from {self.low_V:g} V to {self.high_V:g} V, with two"
                f" different voltages at least"
            )
        self.lowest_T, self.highest_T = min(fields), max(fields)
        self._rises = rises[0]

    def field_T(self, voltage_V: float, branch: int = 0) -> float:
        """Return the field that belongs to a voltage [T]; a table goes on straight beyond its ends, both ways alike."""
        if not self._table:
            field_T = 0.0
            for coefficient in reversed(self._coefficients):
                field_T = field_T * voltage_V + coefficient
            return field_T
        if len(self._table) == 1:
            return self._table[0][1]
        at = min(max(bisect(self._table, (voltage_V, math.inf)), 1), len(self._table) - 1)
        (low_V, low_T), (high_V, high_T) = self._table[at - 1 : at + 1]
        if low_V == high_V:
            return low_T
        return low_T + (high_T - low_T) * (voltage_V - low_V) / (high_V - low_V)

    def drive(self, field_T: float, branch: int = 0) -> float:
        """Return the voltage that belongs to a field [V], to the last digit; the nearest end beyond the range."""
        low_V, high_V = self.low_V, self.high_V
        for _ in range(200):  # by halves: the field is known to rise or fall all the way
            middle_V = (low_V + high_V) / 2
            if middle_V in (low_V, high_V):
                break
            if (self.field_T(middle_V) < field_T) == self._rises:
                low_V = middle_V
            else:
                high_V = middle_V
        return min((low_V, high_V), key=lambda volts: abs(self.field_T(volts) - field_T))


class VoltageDrivenMagnetOptions(RampedFieldOptions):
    """Options of a magnet that follows a voltage as ``field``: a polynomial or a table."""

    #: The role that gives the voltage.
    voltage_out: str = "voltage_out"
    #: ``[c0, c1, ...]`` of the field ``c0 + c1 V + ...`` [T, T/V, ...]; one number alone is [T/V].
    tesla_per_volt: float | list[float] | None = None
    #: Pairs ``[V, T]``, straight between them.
    table: tuple[tuple[float, float], ...] = ()
    #: Where the polynomial is valid [V].
    valid_V: tuple[float, float] = (-10.0, 10.0)
    #: L/R of the coil with its leads, and the supply's own time [s].
    time_constant_s: float = Option(default=0.2, ge=0.0)

    def calibration(self) -> FieldCalibration:
        """Return the calibration that these options describe."""
        given = self.tesla_per_volt
        if given is None:
            return FieldCalibration((), self.table, self.valid_V)
        return FieldCalibration(given if isinstance(given, list) else (0.0, given), (), self.valid_V)

    @model_validator(mode="after")
    def _one_calibration(self) -> VoltageDrivenMagnetOptions:
        if (self.tesla_per_volt is None) == (not self.table):
            raise ValueError("a calibration is needed: tesla_per_volt (a number or coefficients) or table, not both")
        self.calibration()
        return self


class VoltageDrivenMagnet(RampedField):
    """A magnet on a ``voltage_out`` that fills the role ``field``. Safe state: ramped to 0 V."""

    hardware_limits: ClassVar[dict[str, tuple[float, float]]] = {
        "field_T": (-math.inf, math.inf),
        "field_rate_T_per_s": (0.0, math.inf),
    }
    options_model = VoltageDrivenMagnetOptions
    safe_state = "ramped to 0 V"
    drive_unit = "V"

    @classmethod
    def needs(cls, options: VoltageDrivenMagnetOptions) -> tuple[str, ...]:
        """Return the role that gives the voltage."""
        return (options.voltage_out,)

    def identify(self) -> str:
        """Return the identity of what gives the voltage."""
        return self._output.identify()

    @property
    def _output(self) -> Any:
        return self.others[self.options.voltage_out]

    def configure(self) -> None:
        """Take over without a jump: from the voltage that is put out."""
        self._drive = self._output.read_setpoint()

    def line_of_options(self) -> FieldCalibration:
        """Return the polynomial, or the table."""
        return self.options.calibration()

    def check(self, field_T: float) -> None:
        """Raise LimitError if the station does not allow ``field_T``, or the voltage that it takes."""
        self.limits.check("field_T", field_T)
        known = self._line
        if isinstance(known, FieldCalibration):  # goes only so far; a straight line ends where the output does
            slack_T = 1e-9 * (known.highest_T - known.lowest_T)
            if not known.lowest_T - slack_T <= field_T <= known.highest_T + slack_T:
                raise LimitError(
                    f"{self.limits.role}: field of {field_T:g} T asked, the calibration goes from"
                    f" {known.lowest_T:g} T to {known.highest_T:g} T ([roles.{self.limits.role}.options] in"
                    f" {self.limits.station}); nothing was sent. Ask for less, or calibrate further"
                )
        for branch in (-1, 1):
            self._output.check(known.drive(field_T, branch))

    def switch_on(self) -> None:
        """Do nothing: the supply is switched by hand, and its control voltage is always there."""

    def send_drive(self, drive: float) -> None:
        """Send a voltage [V]."""
        self._output.set_voltage(drive)

    def raise_errors(self) -> None:
        """Do nothing: what gives the voltage looks for errors each time that it is set."""

    def make_safe(self) -> None:
        """Ramp to 0 V, at most 30 s whatever the rate; 0 V is sent last whatever the calibration says of it."""
        output = self._output
        try:
            self._drive = output.read_setpoint()
            self.ramp_drive(0.0, self.safe_rate_T_per_s(self._field_T - self._line.field_T(0.0)))
        finally:
            output.make_safe()
