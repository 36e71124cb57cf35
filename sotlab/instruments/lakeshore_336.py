"""Lake Shore 336 temperature controller.

Reference: Lake Shore Model 336 User's Manual, chapter 6 (computer interface operation).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, ClassVar, Literal

from pydantic import Field as Option
from pymeasure.instruments import Instrument
from pymeasure.instruments.lakeshore.lakeshore3xx import LakeShore3xx
from pymeasure.instruments.lakeshore.lakeshore_base import LakeShoreHeaterChannel, LakeShoreTemperatureChannel
from pymeasure.instruments.validators import strict_discrete_set

from sotlab.errors import InstrumentError
from sotlab.instruments.driver import Driver, Options
from sotlab.instruments.in_turn import in_turn

__all__ = ["LakeShore336", "TemperatureController"]

#: Bits of a reading's status, and what is wrong then.
READING_STATUS = {1: "invalid", 16: "temperature under range", 32: "temperature over range", 64: "sensor at zero",
                  128: "sensor over range"}  # fmt: skip
HEATER_STATUS = {1: "open load", 2: "short"}
INPUTS = ("A", "B", "C", "D")


class Input336(LakeShoreTemperatureChannel):
    """One of the inputs A to D."""

    status = Instrument.measurement(
        "RDGST? {ch}", """Get the sum of the bits that say why a reading is not valid, 0 if it is (int).""", cast=int
    )


class Output336(LakeShoreHeaterChannel):
    """One of the heater outputs 1 and 2."""

    setpoint = Instrument.control(
        "SETP? {ch}", "SETP {ch},%.4f", """Control the setpoint in the unit of the loop's sensor (float)."""
    )

    mode = Instrument.control(
        "OUTMODE? {ch}",
        "OUTMODE {ch},%d,%d,%d",
        """Control the mode (0 off, 1 closed loop, 3 open loop), the input (0 none, 1 A to 4 D) and whether the heater
        comes on with the instrument (list of three int).""",
        cast=int,
    )

    ramp = Instrument.control(
        "RAMP? {ch}",
        "RAMP {ch},%d,%.3f",
        """Control whether the setpoint is ramped, and its rate in K/min (two numbers).""",
    )

    status = Instrument.measurement(
        "HTRST? {ch}", """Get the heater's error, 0 none, 1 open load, 2 short (int).""", cast=int
    )

    range = Instrument.control(
        "RANGE? {ch}",
        "RANGE {ch},%d",
        """Control the heater's range (str, strictly 'off', 'low', 'medium' or 'high').""",
        validator=strict_discrete_set,
        values={"off": 0, "low": 1, "medium": 2, "high": 3},
        map_values=True,
    )


class LakeShore336(LakeShore3xx):
    """PyMeasure's LakeShore3xx with the modes, ramps and status of the 336's inputs and heater outputs."""

    # PyMeasure's own channels do not fit its protocol of a channel either.
    input_A = Instrument.ChannelCreator(Input336, "A")  # type: ignore[arg-type]
    input_B = Instrument.ChannelCreator(Input336, "B")  # type: ignore[arg-type]
    input_C = Instrument.ChannelCreator(Input336, "C")  # type: ignore[arg-type]
    input_D = Instrument.ChannelCreator(Input336, "D")  # type: ignore[arg-type]
    output_1 = Instrument.ChannelCreator(Output336, 1)  # type: ignore[arg-type]
    output_2 = Instrument.ChannelCreator(Output336, 2)  # type: ignore[arg-type]


class TemperatureControllerOptions(Options):
    """Options of the 336 as ``temperature``."""

    #: Heater output of the loop.
    output: int = Option(default=1, ge=1, le=2)
    #: Input that the loop controls.
    control_input: Literal["A", "B", "C", "D"] = "A"
    #: Input at the sample, which is read and must settle; the loop's if None.
    sample_input: Literal["A", "B", "C", "D"] | None = None
    #: Range of the heater.
    heater_range: Literal["low", "medium", "high"] = "high"
    #: Settled is within this of the setpoint [K] ...
    tolerance_K: float = Option(default=0.05, gt=0.0)
    #: ... for this long without a break [s].
    hold_s: float = Option(default=30.0, ge=0.0)
    #: After this time beyond the setpoint's ramp it counts as failed [s].
    time_limit_s: float = Option(default=1800.0, gt=0.0)
    #: Rate of the setpoint [K/min]; None steps it.
    ramp_K_per_min: float | None = Option(default=None, gt=0.0, le=100.0)
    #: How fast the cryostat goes at best, for the estimate where the setpoint is not ramped [K/min].
    typical_K_per_min: float = Option(default=5.0, gt=0.0)
    #: What the loop and the sample need after that, for the estimate [s].
    lag_s: float = Option(default=60.0, ge=0.0)
    #: How often the temperature is looked at meanwhile [s].
    poll_s: float = Option(default=1.0, ge=0.2, le=60.0)


class TemperatureController(Driver):
    """A 336 with one loop that fills the role ``temperature``. Safe state: all heaters off."""

    role = "temperature"
    instrument_class = LakeShore336
    identity = r"LSCI,MODEL336"
    connection: ClassVar[dict[str, Any]] = {"read_termination": "\r\n", "write_termination": "\n"}
    hardware_limits: ClassVar[dict[str, tuple[float, float]]] = {"temperature_K": (0.0, math.inf)}
    harmless: ClassVar[frozenset[str]] = frozenset({"check", "read_temperature", "settle_time_s"})
    options_model = TemperatureControllerOptions
    safe_state = "heaters off"

    options: TemperatureControllerOptions

    @property
    def _output(self) -> Any:
        return getattr(self.instrument, f"output_{self.options.output}")

    @property
    def _sample_input(self) -> str:
        return self.options.sample_input or self.options.control_input

    def configure(self) -> None:
        """Leave everything as it is: a loop under way goes on. A sensor that is not there is an error."""
        self.read_temperature()

    def check(self, temperature_K: float) -> None:
        """Raise LimitError if the station does not allow it."""
        self.limits.check("temperature_K", temperature_K)

    def settle_time_s(self, from_K: float, to_K: float) -> float:
        """Return an estimate of how long :meth:`settle_at` takes [s]."""
        rate = self.options.ramp_K_per_min or self.options.typical_K_per_min
        return abs(to_K - from_K) / rate * 60.0 + self.options.lag_s + self.options.hold_s

    def read_temperature(self) -> float:
        """Return the sample's temperature [K].

        Raises
        ------
        InstrumentError
            If the sensor is not there or out of range.
        """
        return self._read(self._sample_input)

    def settle_at(self, temperature_K: float, should_stop: Callable[[], bool] | None = None) -> None:
        """Go to a temperature and return when it has stayed within ``tolerance_K`` for ``hold_s``.

        Once ``should_stop()`` is true it returns early; the loop stays on and goes on.

        Raises
        ------
        InstrumentError
            If it has not settled within the time limit: how far it got, and what the heater does.
        """
        self.check(temperature_K)
        options, output = self.options, self._output
        start_K = self.read_temperature()
        number = INPUTS.index(options.control_input) + 1
        if self.answered(lambda: output.mode, "OUTMODE?")[:2] != [1, number]:
            output.range = "off"
            output.mode = (1, number, 0)
        self._start_ramp(temperature_K)
        output.range = options.heater_range
        self._raise_heater()

        ramp_s = 60.0 * abs(temperature_K - start_K) / options.ramp_K_per_min if options.ramp_K_per_min else 0.0
        begun_s = self.clock.now()
        within_since_s: float | None = None
        while True:
            now_s, reading_K = self.clock.now(), self.read_temperature()
            if abs(reading_K - temperature_K) > options.tolerance_K:
                within_since_s = None
            elif within_since_s is None:
                within_since_s = now_s
            if within_since_s is not None and now_s - within_since_s >= options.hold_s:
                return
            if should_stop is not None and should_stop():
                return
            if now_s - begun_s > ramp_s + options.time_limit_s:
                raise InstrumentError(self._not_settled(temperature_K, start_K, reading_K, now_s - begun_s))
            self.clock.sleep(options.poll_s, should_stop)

    def make_safe(self) -> None:
        """Switch both heaters off, and see that they are."""
        outputs = (self.instrument.output_1, self.instrument.output_2)
        in_turn(
            *(lambda output=output: setattr(output, "range", "off") for output in outputs),
            *(lambda output=output, name=k: self._see_off(output, name) for k, output in enumerate(outputs, 1)),
        )

    def _start_ramp(self, temperature_K: float) -> None:
        """Set the setpoint; with a ramp it starts from where the temperature is, not from an old setpoint."""
        output, rate = self._output, self.options.ramp_K_per_min
        if rate is not None and self.answered(lambda: output.range, "RANGE?") == "off":
            output.ramp = (0, rate)
            output.setpoint = self._read(self.options.control_input)
        output.ramp = (int(rate is not None), rate or 1.0)
        output.setpoint = temperature_K

    def _read(self, letter: str) -> float:
        channel = getattr(self.instrument, f"input_{letter}")
        status = int(self.measured(lambda: channel.status, f"RDGST? {letter}"))
        if status:
            wrong = ", ".join(text for bit, text in READING_STATUS.items() if status & bit) or f"status {status}"
            raise InstrumentError(f"{self.limits.role}: input {letter}: {wrong}; check the sensor and its cable")
        return self.measured(lambda: channel.kelvin, f"KRDG? {letter}")

    def _raise_heater(self) -> None:
        status = int(self.number(self._output.status, "HTRST?"))  # told once: asking clears it
        if status:
            raise InstrumentError(
                f"{self.limits.role}: heater output {self.options.output}: {HEATER_STATUS.get(status, status)}; check"
                f" the heater and its cable"
            )

    def _see_off(self, output: Any, name: int) -> None:
        if self.answered(lambda: output.range, f"RANGE? {name}") != "off":
            raise InstrumentError(f"{self.limits.role}: heater output {name} did not go off; switch it off by hand")

    def _not_settled(self, asked_K: float, start_K: float, reading_K: float, after_s: float) -> str:
        power = self.measured(lambda: self._output.output, "HTR?")
        return (
            f"{self.limits.role}: {asked_K:g} K asked, {reading_K:.4g} K reached after {after_s:.0f} s, coming from"
            f" {start_K:.4g} K; within {self.options.tolerance_K:g} K for {self.options.hold_s:g} s is wanted. The"
            f" heater is at {power:.0f} % of its range '{self.options.heater_range}'; check cooler and range, or"
            f" raise [roles.{self.limits.role}.options] time_limit_s in {self.limits.station}"
        )
