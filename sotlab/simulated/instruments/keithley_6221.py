"""Keithley 6221 ac and dc current source: dc, waves, and delta with a 2182A.

The source is in ``keithley_6221_source.py``, delta in ``keithley_6221_delta.py``; here are the model and its status.
No questionable event is modelled (they tell of calibration and of pulse delta), and of the operation events only the
end of a wave.
"""

from __future__ import annotations

import math
import re
from typing import ClassVar

from sotlab.simulated.device import Port, command, query, setting
from sotlab.simulated.instruments.keithley_6221_delta import COMPLIANCE, REFERENCE, Delta6221
from sotlab.simulated.instruments.keithley_6221_source import DRIVER
from sotlab.simulated.scpi import Boolean, Number

__all__ = ["Keithley6221"]

#: Bit of the operation register that tells of a wave that came to its end; summaries in the status byte.
WAVE_DONE, OPERATION_SUMMARY, MEASUREMENT_SUMMARY = 128, 128, 1


class Keithley6221(Delta6221):
    """The whole instrument."""

    manufacturer: ClassVar[str] = "KEITHLEY INSTRUMENTS INC."
    model: ClassVar[str] = "MODEL 6221"
    version: ClassVar[str] = "D04 /700x"
    error_reply: ClassVar[str] = '{code:d},"{text}"'

    measurement_enable = setting(
        "STATus:MEASurement:ENABle", default=0, minimum=0, maximum=65535, integer=True, resets=False, source=DRIVER
    )
    operation_enable = setting(
        "STATus:OPERation:ENABle", default=0, minimum=0, maximum=65535, integer=True, resets=False,
        source=f"{REFERENCE}, p. 10-15",
    )  # fmt: skip
    questionable_enable = setting(
        "STATus:QUEStionable:ENABle", default=0, minimum=0, maximum=65535, integer=True, resets=False, source=DRIVER
    )
    display = setting("DISPlay:ENABle", Boolean(), default=True, source=DRIVER)

    def __init__(self, *arguments, **keywords) -> None:
        super().__init__(*arguments, **keywords)
        self._operation_events = 0
        self._was_limited = False

    def execute(self, port: Port, message: str) -> None:
        """Run one message; a colon before a common command is forgiven, as PyMeasure's reset relies on."""
        super().execute(port, re.sub(r"(^|;)(\s*):\*", r"\1\2*", message))

    def _drive(self) -> None:
        super()._drive()
        self._look_at_compliance()

    def _look_at_compliance(self) -> bool:
        """Return whether the source is at its voltage limit; note the event when it gets there."""
        limited = self.output and bool(self._ask("in_compliance", self.lab.clock.now()))
        if limited and not self._was_limited:
            self._measurement_events |= COMPLIANCE
        self._was_limited = limited
        return limited

    def _operation(self) -> int:
        """Return the operation events that have come up."""
        if not self._end_reported and self._wave is not None and not self._running():
            self._operation_events |= WAVE_DONE
            self._end_reported = True
        return self._operation_events

    def _measurement(self) -> int:
        """Return the measurement events that have come up."""
        self.catch_up(self.lab.clock.now())
        self._look_at_compliance()
        return self._measurement_events

    @query("STATus:OPERation[:EVENt]", source=f"{DRIVER}: 128 at the end of a wave")
    def operation_events(self) -> int:
        """Return and clear the operation events."""
        events, self._operation_events = self._operation(), 0
        return events

    @query("STATus:MEASurement[:EVENt]", source=f"{REFERENCE}, figure 11-6")
    def measurement_events(self) -> int:
        """Return and clear the measurement events: overflow, compliance, a reading, the buffer."""
        events, self._measurement_events = self._measurement(), 0
        return events

    @query("STATus:MEASurement:CONDition", source=f"{REFERENCE}, table 11-4 and figure 11-6")
    def measurement_condition(self) -> int:
        """Return whether the source is in compliance now; the other conditions are over at once."""
        return COMPLIANCE if self._look_at_compliance() else 0

    @query("STATus:QUEStionable[:EVENt]", source=f"{REFERENCE}, figure 11-7")
    def questionable_events(self) -> int:
        """Return no questionable events; none is modelled."""
        return 0

    @command("STATus:PRESet", source=f"{REFERENCE}, p. 10-15")
    def preset_status(self) -> None:
        """Clear the enable registers."""
        self.measurement_enable = self.operation_enable = self.questionable_enable = 0

    @query("STATus:QUEue[:NEXT]", source=f"{REFERENCE}, p. B-2")
    def next_in_queue(self) -> str:
        """Return the oldest error."""
        return self.next_error()

    @command("STATus:QUEue:CLEar", source=DRIVER)
    def clear_queue(self) -> None:
        """Empty the error queue."""
        self.errors.clear()

    @command("*CLS", source="IEEE 488.2 10.3")
    def clear_status(self) -> None:
        """Clear the event registers and the error queue."""
        self._clear_status()
        self._operation()
        self._measurement()
        self._operation_events = self._measurement_events = 0

    def _summary(self) -> int:
        return (OPERATION_SUMMARY if self._operation() & self.operation_enable else 0) | (
            MEASUREMENT_SUMMARY if self._measurement() & self.measurement_enable else 0
        )

    def status_byte(self, port: Port) -> int:
        """Return the status byte with the measurement summary in bit 0 and the operation summary in bit 7."""
        return super().status_byte(port) | self._summary()

    def next_event_time(self, port: Port) -> float | None:
        """Return when the status byte will next change by itself [s]: at the end of a wave, at each delta reading."""
        end_s = self._wave.stop_s if self._wave is not None and self._running() else math.inf
        if self._delta is not None and self._delta_runs():
            end_s = min(end_s, self._delta.end_s(max(self._delta.done, 2)))
        other_s = super().next_event_time(port)
        first_s = end_s if other_s is None else min(end_s, other_s)
        return None if math.isinf(first_s) else first_s

    @query("*STB", source="IEEE 488.2 10.36")
    def read_status_byte(self) -> int:
        """Return the status byte with its summary in bit 6."""
        byte = self._read_status_byte() & ~64 | self._summary()
        return byte | (64 if byte & self.service_enable else 0)

    @command("SYSTem:BEEPer[:IMMediate]", Number("HZ", 65.0, 2e6), Number("S", 0.0, 7.9), source=DRIVER)
    def beep(self, frequency_Hz: float, duration_s: float) -> None:
        """Sound the beeper."""
