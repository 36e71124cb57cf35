"""Keithley 6221 ac and dc current source: a dc current within a voltage limit, or a wave.

A wave is armed (``SOURce:WAVE:ARM``: the output goes on at its offset), started (``INITiate``) and aborted (``ABORt``).
Amplitudes are peak values. While it runs, a phase marker goes out on a trigger line: the reference of a lock-in.
Not modelled, so refused with an error: delta, differential conductance, sweeps; arbitrary waves can be written and
chosen, but not armed. The measurement and questionable registers can be enabled, but no event is reported there.
"""

from __future__ import annotations

import math
import re
from typing import ClassVar

from sotlab.simulated.device import Port, ScpiDevice, command, query, setting
from sotlab.simulated.physics.transport import Waveform
from sotlab.simulated.scpi import Boolean, Choice, Number, ScpiError

__all__ = ["Keithley6221"]

RANGES_A = (2e-9, 2e-8, 2e-7, 2e-6, 2e-5, 2e-4, 2e-3, 2e-2, 0.1)
OVERRANGE, MOST_A = 1.05, 0.105
INFINITE = 9.9e37
#: Bit of the operation register that tells of a wave that came to its end, and its summary in the status byte.
WAVE_DONE, OPERATION_SUMMARY = 128, 128

DRIVER = "unverified; PyMeasure"
NOT_SEEN = "unverified"
SHAPES = {"SIN": "sine", "SQU": "square", "RAMP": "ramp"}


def _scientific(value: float) -> str:
    return f"{value:.6E}"


def fitting(current_A: float) -> float:
    """Return the lowest range that takes a current [A]."""
    return next((one for one in RANGES_A if abs(current_A) <= OVERRANGE * one * (1 + 1e-9)), RANGES_A[-1])


class Duration(Number):
    """Seconds or cycles, or INF."""

    def read(self, text: str, device: object) -> float:
        """Return the number, 9.9E37 for INF."""
        return INFINITE if text.upper() in ("INF", "INFINITY") else super().read(text, device)

    def parse(self, text: str, device: object) -> float:
        """Return the number; INF is allowed beyond the limits."""
        value = self.read(text, device)
        return value if value >= INFINITE else super().parse(text, device)


class Keithley6221(ScpiDevice):
    """A current source with a wave generator."""

    manufacturer: ClassVar[str] = "KEITHLEY INSTRUMENTS INC."
    model: ClassVar[str] = "MODEL 6221"
    version: ClassVar[str] = "D04 /700x"
    error_reply: ClassVar[str] = '{code:d},"{text}"'

    output = setting("OUTPut[:STATe]", Boolean(), default=False, source=DRIVER)
    inner_shield = setting("OUTPut:ISHield", Choice("GUARd", "OLOW"), default="OLOW", source=DRIVER)
    low_to_earth = setting("OUTPut:LTEarth", Boolean(), default=False, source=DRIVER)
    response = setting("OUTPut:RESPonse", Choice("FAST", "SLOW"), default="FAST", source=NOT_SEEN)

    level_A = setting(
        "[SOURce#]:CURRent[:LEVel][:IMMediate][:AMPLitude]", unit="A", default=0.0, reply=_scientific, source=DRIVER,
        minimum=lambda device: -device.most_A, maximum=lambda device: device.most_A,
    )  # fmt: skip
    limit_V = setting(
        "[SOURce#]:CURRent:COMPliance", unit="V", default=10.0, minimum=0.1, maximum=105.0, reply=_scientific,
        source=DRIVER,
    )  # fmt: skip
    range_A = setting(
        "[SOURce#]:CURRent:RANGe", unit="A", default=0.1, minimum=-MOST_A, maximum=MOST_A, reply=_scientific,
        source=DRIVER,
    )  # fmt: skip
    auto_range = setting("[SOURce#]:CURRent:RANGe:AUTO", Boolean(), default=True, source=DRIVER)
    filtering = setting("[SOURce#]:CURRent:FILTer[:STATe]", Boolean(), default=False, source=NOT_SEEN)
    delay_s = setting(
        "[SOURce#]:DELay", unit="S", default=1.0, minimum=1e-3, maximum=999999.999, reply=_scientific, source=DRIVER
    )

    function = setting(
        "[SOURce#]:WAVE:FUNCtion",
        Choice("SINusoid", "SQUare", "RAMP", "ARBitrary0", "ARBitrary1", "ARBitrary2", "ARBitrary3", "ARBitrary4"),
        default="SIN",
        source=DRIVER,
    )
    frequency_Hz = setting(
        "[SOURce#]:WAVE:FREQuency", unit="HZ", default=1e3, minimum=1e-3, maximum=1e5, reply=_scientific, source=DRIVER
    )
    amplitude_A = setting(
        "[SOURce#]:WAVE:AMPLitude", unit="A", default=1e-3, minimum=2e-12, maximum=MOST_A, reply=_scientific,
        source=f"{DRIVER}: peak",
    )  # fmt: skip
    offset_A = setting(
        "[SOURce#]:WAVE:OFFSet", unit="A", default=0.0, minimum=-MOST_A, maximum=MOST_A, reply=_scientific,
        source=DRIVER,
    )  # fmt: skip
    duty_percent = setting(
        "[SOURce#]:WAVE:DCYCle", default=50.0, minimum=0.0, maximum=100.0, reply=_scientific, source=DRIVER
    )
    duration_s = setting(
        "[SOURce#]:WAVE:DURation:TIME", Duration("S", 1e-7, 999999.999), default=INFINITE, reply=_scientific,
        source=DRIVER,
    )  # fmt: skip
    duration_cycles = setting(
        "[SOURce#]:WAVE:DURation:CYCLes", Duration(None, 1e-3, 99999999900.0), default=INFINITE, reply=_scientific,
        source=DRIVER,
    )  # fmt: skip
    wave_ranging = setting("[SOURce#]:WAVE:RANGing", Choice("BEST", "FIXed"), default="BEST", source=DRIVER)
    marker = setting("[SOURce#]:WAVE:PMARk:STATe", Boolean(), default=False, source=DRIVER)
    marker_deg = setting(
        "[SOURce#]:WAVE:PMARk[:LEVel]", default=180.0, minimum=0.0, maximum=360.0, reply=_scientific, source=NOT_SEEN
    )
    marker_line = setting("[SOURce#]:WAVE:PMARk:OLINe", default=3, minimum=1, maximum=6, integer=True, source=DRIVER)

    measurement_enable = setting(
        "STATus:MEASurement:ENABle", default=0, minimum=0, maximum=65535, integer=True, resets=False, source=DRIVER
    )
    operation_enable = setting(
        "STATus:OPERation:ENABle", default=0, minimum=0, maximum=65535, integer=True, resets=False,
        source="Model 6220/6221 Reference Manual, p. 10-15",
    )  # fmt: skip
    questionable_enable = setting(
        "STATus:QUEStionable:ENABle", default=0, minimum=0, maximum=65535, integer=True, resets=False, source=DRIVER
    )
    display = setting("DISPlay:ENABle", Boolean(), default=True, source=DRIVER)

    def __init__(self, *arguments, **keywords) -> None:
        super().__init__(*arguments, **keywords)
        self._armed = False
        self._wave: Waveform | None = None  # what runs, or ran until its end
        self._operation_events = 0
        self._end_reported = True
        self._memories: dict[int, list[float]] = {}
        self._resetting = False

    def reset(self) -> None:
        """Set the defaults: no current, output off, no wave armed."""
        self._armed, self._wave, self._resetting = False, None, True
        try:
            super().reset()
        finally:
            self._resetting = False
        self._drive()

    def execute(self, port: Port, message: str) -> None:
        """Run one message; a colon before a common command is forgiven, as PyMeasure's reset relies on."""
        super().execute(port, re.sub(r"(^|;)(\s*):\*", r"\1\2*", message))

    # --- dc

    @property
    def most_A(self) -> float:
        """Return the highest current that may be programmed [A]."""
        return MOST_A if self.auto_range else OVERRANGE * self.range_A

    @range_A.on_change
    def _fix_range(self) -> None:
        if self._resetting:
            return
        range_A = fitting(self.range_A)
        if abs(self.level_A) > OVERRANGE * range_A * (1 + 1e-9):
            raise ScpiError(-221)
        self.range_A, self.auto_range = range_A, False

    @output.on_change
    def _switch(self) -> None:
        if not self.output:
            self._armed, self._wave = False, None  # unverified: it disarms the wave

    @output.on_change
    @level_A.on_change
    @limit_V.on_change
    @range_A.on_change
    @auto_range.on_change
    def _drive(self) -> None:
        """Tell the bench what flows."""
        if self.auto_range:
            self.range_A = fitting(self.level_A)
        now = self.lab.clock.now()
        wave = self._wave
        if self.output and wave is not None:
            self._ask("drive_current_wave", now, wave, self.limit_V)
        else:
            level_A = self.offset_A if self._armed else self.level_A
            self._ask("drive_current", now, level_A if self.output else 0.0, self.limit_V)
        marked = wave if self.output and self.marker else None
        self._ask("mark_phase", now, marked, self.marker_deg, self.marker_line)

    def _ask(self, hook: str, *arguments: object) -> None:
        """Call the bench's hook with this device's name; a bench that has none leaves the terminals open."""
        method = getattr(self.bench, hook, None)
        if method is not None:
            method(self.name, *arguments)

    @command("[SOURce#]:CLEar[:IMMediate]", source=NOT_SEEN)
    def clear_source(self) -> None:
        """Set the current to zero and switch the output off."""
        self.before_change()
        self.level_A, self.output = 0.0, False
        self._switch()
        self._drive()

    # --- waves

    @function.on_change
    def _keep_function(self) -> None:
        if self._armed:
            raise ScpiError(-221)  # it must be aborted first; the code is unverified

    @frequency_Hz.on_change
    @duration_s.on_change
    def _count_seconds(self) -> None:
        if not self._resetting:
            self.duration_cycles = INFINITE if self.duration_s >= INFINITE else self.duration_s * self.frequency_Hz

    @duration_cycles.on_change
    def _count_cycles(self) -> None:
        if not self._resetting:
            endless = self.duration_cycles >= INFINITE
            self.duration_s = INFINITE if endless else self.duration_cycles / self.frequency_Hz

    @frequency_Hz.on_change
    @amplitude_A.on_change
    @offset_A.on_change
    @duty_percent.on_change
    @marker.on_change
    @marker_deg.on_change
    @marker_line.on_change
    def _change_wave(self) -> None:
        """Change a wave on the fly; the new one begins at its phase zero."""
        if self._armed:
            self._check_peak()
            if self._wave is not None and self._running():
                self._wave = self._new_wave(self._wave.stop_s)
            self._drive()

    def _check_peak(self) -> None:
        peak_A = self.amplitude_A + abs(self.offset_A)
        most_A = OVERRANGE * self.range_A if self.wave_ranging == "FIX" else MOST_A
        if peak_A > most_A * (1 + 1e-9):
            raise ScpiError(-221)  # the code is unverified

    def _new_wave(self, stop_s: float) -> Waveform:
        shape, now = SHAPES[self.function], self.lab.clock.now()
        duty = 0.5 if shape == "sine" else self.duty_percent / 100.0
        return Waveform(shape, self.amplitude_A, self.frequency_Hz, self.offset_A, 0.0, duty, now, stop_s)

    def _running(self) -> bool:
        return self._wave is not None and self.lab.clock.now() < self._wave.stop_s

    @command("[SOURce#]:WAVE:ARM", source=DRIVER)
    def arm(self) -> None:
        """Load the wave; the output goes on at its offset."""
        if self._armed or self.function not in SHAPES:
            raise ScpiError(-221)
        self._check_peak()
        self.before_change()
        self._armed = self.output = True
        self._drive()

    @command("[SOURce#]:WAVE:INITiate", source=f"{DRIVER}; the code of the refusal too")
    def start(self) -> None:
        """Start the wave that is armed."""
        if not self._armed:
            raise ScpiError(-221)
        self.before_change()
        now = self.lab.clock.now()
        endless = self.duration_s >= INFINITE
        self._wave = self._new_wave(math.inf if endless else now + self.duration_s)
        self._end_reported = endless
        self._drive()

    @command("[SOURce#]:WAVE:ABORt", source=DRIVER)
    def abort(self) -> None:
        """Stop the wave and disarm it; the output goes off."""
        self.before_change()
        if self._armed:
            self._armed, self._wave, self.output, self._end_reported = False, None, False, True
        self._drive()

    @command("[SOURce#]:WAVE:ARBitrary:DATA", *(Number(None, -1.0, 1.0, optional=i > 0) for i in range(100)),
             source=DRIVER)  # fmt: skip
    def write_points(self, *points: float) -> None:
        """Store up to 100 points between -1 and 1 in memory 0."""
        self._memories[0] = list(points)

    @query("[SOURce#]:WAVE:ARBitrary:DATA", source=NOT_SEEN)
    def read_points(self) -> str:
        """Return the points of memory 0."""
        return ",".join(_scientific(point) for point in self._memories.get(0, [0.0]))

    @command("[SOURce#]:WAVE:ARBitrary:COPY", Number(None, 1, 4, integer=True), source=DRIVER)
    def copy_points(self, memory: int) -> None:
        """Copy memory 0 to another."""
        self._memories[memory] = list(self._memories.get(0, [0.0]))

    # --- status and system

    def _operation(self) -> int:
        """Return the operation events that have come up."""
        if not self._end_reported and self._wave is not None and not self._running():
            self._operation_events |= WAVE_DONE
            self._end_reported = True
        return self._operation_events

    @query("STATus:OPERation[:EVENt]", source=f"{DRIVER}: 128 at the end of a wave")
    def operation_events(self) -> int:
        """Return and clear the operation events."""
        events, self._operation_events = self._operation(), 0
        return events

    @query("STATus:MEASurement[:EVENt]", source=DRIVER)
    def measurement_events(self) -> int:
        """Return no measurement events; none is modelled."""
        return 0

    @query("STATus:QUEStionable[:EVENt]", source=DRIVER)
    def questionable_events(self) -> int:
        """Return no questionable events; none is modelled."""
        return 0

    @command("STATus:PRESet", source="Model 6220/6221 Reference Manual, p. 10-15")
    def preset_status(self) -> None:
        """Clear the enable registers."""
        self.measurement_enable = self.operation_enable = self.questionable_enable = 0

    @command("STATus:QUEue:CLEar", source=DRIVER)
    def clear_queue(self) -> None:
        """Empty the error queue."""
        self.errors.clear()

    @command("*CLS", source="IEEE 488.2 10.3")
    def clear_status(self) -> None:
        """Clear the event registers and the error queue."""
        self._clear_status()
        self._operation()
        self._operation_events = 0

    def status_byte(self, port: Port) -> int:
        """Return the status byte with the operation summary in bit 7."""
        return super().status_byte(port) | (OPERATION_SUMMARY if self._operation() & self.operation_enable else 0)

    def next_event_time(self, port: Port) -> float | None:
        """Return when the status byte will next change by itself [s]: also at the end of a wave."""
        end_s = self._wave.stop_s if self._wave is not None and self._running() else math.inf
        other_s = super().next_event_time(port)
        first_s = end_s if other_s is None else min(end_s, other_s)
        return None if math.isinf(first_s) else first_s

    @query("*STB", source="IEEE 488.2 10.36")
    def read_status_byte(self) -> int:
        """Return the status byte with its summary in bit 6."""
        byte = self._read_status_byte() & ~64
        byte |= OPERATION_SUMMARY if self._operation() & self.operation_enable else 0
        return byte | (64 if byte & self.service_enable else 0)

    @command("SYSTem:BEEPer[:IMMediate]", Number("HZ", 65.0, 2e6), Number("S", 0.0, 7.9), source=DRIVER)
    def beep(self, frequency_Hz: float, duration_s: float) -> None:
        """Sound the beeper."""
