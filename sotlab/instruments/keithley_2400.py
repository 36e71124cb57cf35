"""Keithley 2400 SourceMeter as a dc current source that measures the voltage across what it drives.

Reference: 2400 Series SourceMeter User's Manual, 2400S-900-01, sections 10 (sweeps) and 18 (commands).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

from pydantic import Field as Option
from pymeasure.instruments import Instrument
from pymeasure.instruments import keithley as pymeasure_keithley
from pymeasure.instruments.validators import strict_discrete_set

from sotlab.errors import ComplianceError, GarbledReplyError, InstrumentError, LimitError, OverloadError
from sotlab.instruments.driver import Driver, Options
from sotlab.instruments.in_turn import in_turn

__all__ = ["Keithley2400", "SourceMeter"]

#: Bit of a reading's status word: the source stands at its limit (p. 18-51).
COMPLIANCE = 1 << 3
#: What is sent for a reading beyond the range.
OVERFLOW = 9.9e37
#: What an operation takes beside its delay and its integrations (about, from memory) [s].
OVERHEAD_S = 2e-3
#: Source delay that is set by itself, for the ranges above 10 uA (manual, auto delay) [s].
AUTO_DELAY_S = 1e-3
#: Integration during a pulse, in power line cycles: the shortest.
PULSE_NPLC = 0.01


class Keithley2400(pymeasure_keithley.Keithley2400):
    """PyMeasure's Keithley2400, with readings that configure nothing, and lists of currents.

    PyMeasure's ``voltage`` asks ``:MEASURE:VOLTAGE?``, which switches the output on and the ranges to automatic.
    """

    reading = Instrument.measurement(
        ":READ?",
        """Measure as configured: voltage in V, current in A, resistance in Ohms, time in s and status, each time the
        trigger count asks for (list of float).""",
    )

    concurrent_functions_enabled = Instrument.control(
        ":SENSE:FUNCTION:CONCURRENT?",
        ":SENSE:FUNCTION:CONCURRENT %d",
        """Control whether several quantities are measured in one operation (bool).""",
        validator=strict_discrete_set,
        values={True: 1, False: 0},
        map_values=True,
    )

    measured_function = Instrument.control(
        ":SENSE:FUNCTION?",
        ":SENSE:FUNCTION '%s'",
        """Control what is measured while concurrent functions are disabled (str, strictly 'voltage' or 'current').""",
        validator=strict_discrete_set,
        values={"voltage": "VOLT:DC", "current": "CURR:DC"},
        map_values=True,
        get_process=lambda reply: reply.strip('"'),
    )

    source_current_mode = Instrument.control(
        ":SOURCE:CURRENT:MODE?",
        ":SOURCE:CURRENT:MODE %s",
        """Control how the current is sourced (str, strictly 'fixed' or 'list').""",
        validator=strict_discrete_set,
        values={"fixed": "FIX", "list": "LIST"},
        map_values=True,
    )

    source_current_list = Instrument.setting(
        ":SOURCE:LIST:CURRENT %s",
        """Set the currents in A through which a list sweep goes (list of float).""",
        set_process=lambda currents: ",".join(f"{current:.6g}" for current in currents),
    )


class SourceMeterOptions(Options):
    """Options of the 2400 as ``source_meter``."""

    #: Voltage limit [V]: what sample and leads need at the largest current, and no more.
    compliance_V: float = Option(default=2.0, gt=0.0, le=210.0)
    #: Measure at the sense terminals.
    four_wire: bool = True
    #: Integration time in power line cycles.
    nplc: float = Option(default=1.0, ge=0.01, le=10.0)
    #: Range of the voltage measurement [V]; automatic if None. Not above the one for compliance_V.
    range_V: float | None = Option(default=None, gt=0.0, le=210.0)
    #: Range of the source [A]; automatic if None.
    range_A: float | None = Option(default=None, gt=0.0, le=1.05)
    #: Which terminals are wired.
    terminals: str = Option(default="front", pattern="^(front|rear)$")
    #: How long a ramp to zero takes [s], and in how many steps.
    ramp_s: float = Option(default=0.2, ge=0.0, le=20.0)
    ramp_steps: int = Option(default=10, ge=1, le=200)


class SourceMeter(Driver):
    """A 2400 that fills the role ``source_meter``. Safe state: ramped to zero, output off.

    A current is set in one step; the output goes on at 0 A, and off after a ramp to 0 A.
    """

    role = "source_meter"
    instrument_class = Keithley2400
    identity = r"KEITHLEY.*MODEL 2400"
    connection: ClassVar[dict[str, Any]] = {"read_termination": "\n", "write_termination": "\n"}
    hardware_limits: ClassVar[dict[str, tuple[float, float]]] = {
        "current_A": (-1.05, 1.05),
        "pulse_width_s": (5e-3, 60.0),
    }
    through_sample = "current_A"
    harmless: ClassVar[frozenset[str]] = frozenset({"check"})
    options_model = SourceMeterOptions
    safe_state = "ramped to zero, output off"

    options: SourceMeterOptions

    #: Asked when the meter is configured.
    _line_frequency_Hz = 50.0
    _on = False
    _prepared = False
    _wanted_A = 0.0

    @property
    def reading_time_s(self) -> float:
        """How long one reading takes [s]: autozero measures twice."""
        return 2 * self.options.nplc / self._line_frequency_Hz + AUTO_DELAY_S + OVERHEAD_S

    def configure(self) -> None:
        """Set the compliance, then the rest; what somebody else left running is left alone until this role drives."""
        meter = self.instrument
        meter.clear()
        self._line_frequency_Hz = self.measured(lambda: meter.line_frequency, "SYST:LFR?")
        meter.adapter.allow(self.reading_time_s + 2.0)
        self._on = self._output_on()
        if not self._on:
            self._prepare()
        self.raise_errors()

    def _prepare(self) -> None:
        """Bring everything into the state that is relied on; the output is off."""
        meter, options = self.instrument, self.options
        meter.front_terminals_enabled = options.terminals == "front"
        meter.source_mode = "current"
        meter.source_current_mode = "fixed"
        meter.source_current = 0.0
        meter.voltage_range_auto_enabled = True  # or a low compliance is refused while a high range is fixed
        meter.compliance_voltage = options.compliance_V
        meter.auto_output_off_enabled = False
        meter.wires = 4 if options.four_wire else 2
        meter.trigger_immediately()
        self._set_counts(arm=1, trigger=1)
        meter.trigger_delay = 0.0
        meter.source_delay_auto_enabled = True
        meter.concurrent_functions_enabled = False
        meter.measured_function = "voltage"
        meter.filter_enabled = False
        if options.range_V is not None:
            meter.voltage_range = options.range_V
        self._set_source_range()
        self._set_integration(options.nplc, autozero=True)
        self._prepared = True

    def _set_counts(self, **counts: int) -> None:
        for layer, count in counts.items():
            # PyMeasure asks for the other layer's count first, whose reply may be garbled.
            self.answered(lambda name=f"{layer}_count", n=count: setattr(self.instrument, name, n), "TRIG:COUN?")

    def _set_source_range(self) -> None:
        if self.options.range_A is None:
            self.instrument.source_current_range_auto_enabled = True
        else:
            self.instrument.source_current_range = self.options.range_A

    def _set_integration(self, nplc: float, *, autozero: bool) -> None:
        self.instrument.voltage_nplc = nplc
        self.instrument.auto_zero_enabled = autozero

    def check(self, current_A: float) -> None:
        """Raise LimitError if the station, or the fixed range, does not allow it."""
        self.limits.check("current_A", current_A)
        range_A = self.options.range_A
        if range_A is not None and abs(current_A) > range_A:
            raise LimitError(
                f"{self.limits.role}: {current_A:g} A asked, [roles.{self.limits.role}.options] range_A in"
                f" {self.limits.station} is {range_A:g} A; raise it, or leave it out for automatic ranges"
            )

    def set_current(self, current_A: float) -> None:
        """Source a current [A]; with the output off it comes after the output has gone on."""
        self.check(current_A)
        self._take_over()
        self._wanted_A = current_A
        if self._on:
            self.instrument.source_current = current_A
            self.raise_errors()

    def set_output(self, on: bool) -> None:
        """Switch the output; it goes on at zero current, then to the one that was set, and off after a ramp to zero."""
        self._take_over()
        if on and not self._on:
            self.check(self._wanted_A)
            self.instrument.source_current = 0.0
            self._on = True
            self.instrument.source_enabled = True
            if self._wanted_A:
                self.instrument.source_current = self._wanted_A
        elif self._on and not on:
            self._ramp_down()
            self._switch_off()
        self.raise_errors()

    def read_voltage(self) -> float:
        """Return the voltage [V].

        Raises
        ------
        InstrumentError
            If the output is off, the source stands at its compliance, or the reading is beyond the range.
        """
        if not self._on:
            raise InstrumentError(f"{self.limits.role}: a voltage was asked for with the output off; set_output(True)")
        return self._checked(self.answered(lambda: self._five(self.instrument.reading), "READ?"))

    def pulse(self, current_A: float, width_s: float) -> None:
        """Send one current pulse and return to zero [A, s].

        The instrument times it by itself, as a sweep through the current and 0 A, so that it ends whatever becomes of
        the computer. The width is that of the source delay and of the shortest measurement, which is part of it.
        An output that was off is so again afterwards.
        """
        self.check(current_A)
        self.limits.check("pulse_width_s", width_s)
        was_on, self._wanted_A = self._on, 0.0
        self.set_output(True)
        meter = self.instrument
        measuring_s = PULSE_NPLC / self._line_frequency_Hz + OVERHEAD_S
        try:
            with self._settings_of_a_pulse(width_s):
                meter.source_delay = width_s - measuring_s
                meter.source_current_list = [current_A, 0.0]
                meter.source_current_mode = "list"
                with meter.adapter.exchange():  # not asked again when the answer is lost: it would be a second pulse
                    meter.write(":READ?")
                    readings = meter.read().split(",")
            self.raise_errors()
            self._checked(self._five(readings[:5]))
        finally:
            if not was_on:
                self._switch_off()  # at zero already

    @contextmanager
    def _settings_of_a_pulse(self, width_s: float) -> Iterator[None]:
        meter = self.instrument
        self._set_integration(PULSE_NPLC, autozero=False)
        self._set_counts(trigger=2)
        meter.adapter.allow(2.0 * width_s + 2.0)  # the delay comes once for each of the two currents
        try:
            yield
        finally:
            in_turn(
                meter.reset_trigger,
                lambda: setattr(meter, "source_current_mode", "fixed"),
                lambda: setattr(meter, "source_current", 0.0),
                self._set_source_range,
                lambda: setattr(meter, "source_delay_auto_enabled", True),
                lambda: self._set_counts(trigger=1),
                lambda: self._set_integration(self.options.nplc, autozero=True),
            )

    def make_safe(self) -> None:
        """Ramp to zero what the instrument sources, then switch the output off; within ``ramp_s``."""
        in_turn(self._ramp_down, self._switch_off)

    def _take_over(self) -> None:
        """Stop what somebody else left running, before this role's first command."""
        if not self._prepared:
            self.make_safe()
            self._prepare()

    def _ramp_down(self) -> None:
        meter = self.instrument
        if not self._output_on():
            return
        level = (
            "source_current"
            if self.answered(lambda: meter.source_mode, "SOUR:FUNC?") == "current"
            else "source_voltage"
        )
        start = self.measured(lambda: getattr(meter, level), f"{level}?")
        steps = self.options.ramp_steps if start else 1
        for k in range(1, steps + 1):
            setattr(meter, level, start * (1.0 - k / steps))
            if start:
                self.clock.sleep(self.options.ramp_s / steps)

    def _output_on(self) -> bool:
        return bool(self.answered(lambda: self.instrument.source_enabled, "OUTP?"))

    def _switch_off(self) -> None:
        self.instrument.source_enabled = False
        self._on, self._wanted_A = False, 0.0

    def _five(self, values: Any) -> list[float]:
        """Return the five numbers of a reading."""
        if not isinstance(values, list) or len(values) != 5:
            raise GarbledReplyError(f"{self.who}: the reply {values!r} to READ? is not five numbers")
        return [self.number(value, "READ?") for value in values]

    def _checked(self, values: list[float]) -> float:
        """Return the voltage of a reading, unless its status word or its size says that it is none."""
        voltage_V, status = values[0], int(values[4])
        if status & COMPLIANCE:
            raise ComplianceError(
                f"{self.limits.role}: the source stands at its compliance of {self.options.compliance_V:g} V, its"
                f" current is not what was set; check the contacts, lower the current, or raise"
                f" [roles.{self.limits.role}.options] compliance_V in {self.limits.station}"
            )
        if abs(voltage_V) >= OVERFLOW:
            raise OverloadError(
                f"{self.limits.role}: overload of the voltage range; raise [roles.{self.limits.role}.options] range_V"
                f" in {self.limits.station}, or leave it out for automatic ranges"
            )
        return voltage_V
