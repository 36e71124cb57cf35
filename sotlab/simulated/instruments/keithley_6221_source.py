"""The source of the 6221: a dc current within a voltage limit, or a wave.

A wave is armed (``SOURce:WAVE:ARM``: the output goes on at its offset), started (``INITiate``) and aborted (``ABORt``).
Amplitudes are peak values. While it runs, a phase marker goes out on a trigger line: the reference of a lock-in. An
arbitrary wave steps through its points, each as long as the others.
"""

from __future__ import annotations

import math

from sotlab.simulated.device import ScpiDevice, command, query, setting
from sotlab.simulated.physics.transport import Waveform
from sotlab.simulated.scpi import Boolean, Choice, Number, ScpiError

__all__ = ["INFINITE", "MOST_A", "Duration", "Source6221", "scientific"]

RANGES_A = (2e-9, 2e-8, 2e-7, 2e-6, 2e-5, 2e-4, 2e-3, 2e-2, 0.1)
OVERRANGE, MOST_A = 1.05, 0.105
INFINITE = 9.9e37
DRIVER = "unverified; PyMeasure"
NOT_SEEN = "unverified"
SHAPES = {"SIN": "sine", "SQU": "square", "RAMP": "ramp"}


def scientific(value: float) -> str:
    """Write a number as this instrument does."""
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


class Source6221(ScpiDevice):
    """A current source with a wave generator."""

    output = setting("OUTPut[:STATe]", Boolean(), default=False, source=DRIVER)
    inner_shield = setting("OUTPut:ISHield", Choice("GUARd", "OLOW"), default="OLOW", source=DRIVER)
    low_to_earth = setting("OUTPut:LTEarth", Boolean(), default=False, source=DRIVER)
    response = setting("OUTPut:RESPonse", Choice("FAST", "SLOW"), default="FAST", source=NOT_SEEN)

    level_A = setting(
        "[SOURce#]:CURRent[:LEVel][:IMMediate][:AMPLitude]", unit="A", default=0.0, reply=scientific, source=DRIVER,
        minimum=lambda device: -device.most_A, maximum=lambda device: device.most_A,
    )  # fmt: skip
    limit_V = setting(
        "[SOURce#]:CURRent:COMPliance", unit="V", default=10.0, minimum=0.1, maximum=105.0, reply=scientific,
        source=DRIVER,
    )  # fmt: skip
    range_A = setting(
        "[SOURce#]:CURRent:RANGe", unit="A", default=0.1, minimum=-MOST_A, maximum=MOST_A, reply=scientific,
        source=DRIVER,
    )  # fmt: skip
    auto_range = setting("[SOURce#]:CURRent:RANGe:AUTO", Boolean(), default=True, source=DRIVER)
    filtering = setting("[SOURce#]:CURRent:FILTer[:STATe]", Boolean(), default=False, source=NOT_SEEN)
    delay_s = setting(
        "[SOURce#]:DELay", unit="S", default=1.0, minimum=1e-3, maximum=999999.999, reply=scientific, source=DRIVER
    )

    function = setting(
        "[SOURce#]:WAVE:FUNCtion",
        Choice("SINusoid", "SQUare", "RAMP", "ARBitrary0", "ARBitrary1", "ARBitrary2", "ARBitrary3", "ARBitrary4"),
        default="SIN",
        source=DRIVER,
    )
    frequency_Hz = setting(
        "[SOURce#]:WAVE:FREQuency", unit="HZ", default=1e3, minimum=1e-3, maximum=1e5, reply=scientific, source=DRIVER
    )
    amplitude_A = setting(
        "[SOURce#]:WAVE:AMPLitude", unit="A", default=1e-3, minimum=2e-12, maximum=MOST_A, reply=scientific,
        source=f"{DRIVER}: peak",
    )  # fmt: skip
    offset_A = setting(
        "[SOURce#]:WAVE:OFFSet", unit="A", default=0.0, minimum=-MOST_A, maximum=MOST_A, reply=scientific,
        source=DRIVER,
    )  # fmt: skip
    duty_percent = setting(
        "[SOURce#]:WAVE:DCYCle", default=50.0, minimum=0.0, maximum=100.0, reply=scientific, source=DRIVER
    )
    duration_s = setting(
        "[SOURce#]:WAVE:DURation:TIME", Duration("S", 1e-7, 999999.999), default=INFINITE, reply=scientific,
        source=DRIVER,
    )  # fmt: skip
    duration_cycles = setting(
        "[SOURce#]:WAVE:DURation:CYCLes", Duration(None, 1e-3, 99999999900.0), default=INFINITE, reply=scientific,
        source=DRIVER,
    )  # fmt: skip
    wave_ranging = setting("[SOURce#]:WAVE:RANGing", Choice("BEST", "FIXed"), default="BEST", source=DRIVER)
    marker = setting("[SOURce#]:WAVE:PMARk:STATe", Boolean(), default=False, source=DRIVER)
    marker_deg = setting(
        "[SOURce#]:WAVE:PMARk[:LEVel]", default=180.0, minimum=0.0, maximum=360.0, reply=scientific, source=NOT_SEEN
    )
    marker_line = setting("[SOURce#]:WAVE:PMARk:OLINe", default=3, minimum=1, maximum=6, integer=True, source=DRIVER)

    def __init__(self, *arguments, **keywords) -> None:
        super().__init__(*arguments, **keywords)
        self._armed = False
        self._wave: Waveform | None = None  # what runs, or ran until its end
        self._end_reported = True
        self._memories: dict[int, tuple[float, ...]] = {}
        self._resetting = False

    def reset(self) -> None:
        """Set the defaults: no current, output off, no wave armed."""
        self._armed, self._wave, self._resetting = False, None, True
        try:
            super().reset()
        finally:
            self._resetting = False
        self._drive()

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
        now, shape = self.lab.clock.now(), self._shape()
        if self.output and shape is not None:
            self._ask("drive_current_wave", now, shape, self.limit_V)
        else:
            level_A = self.offset_A if self._armed else self.level_A
            self._ask("drive_current", now, level_A if self.output else 0.0, self.limit_V)
        marked = self._wave if self.output and self.marker else None
        self._ask("mark_phase", now, marked, self.marker_deg, self.marker_line)

    def _shape(self) -> Waveform | None:
        """Return the current that changes in time, None for dc."""
        return self._wave

    def _ask(self, hook: str, *arguments: object) -> object:
        """Call the bench's hook with this device's name; a bench that has none leaves the terminals open."""
        method = getattr(self.bench, hook, None)
        return None if method is None else method(self.name, *arguments)

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
        points = self._memories.get(int(self.function[3:]), ()) if self.function.startswith("ARB") else ()
        shape, now = "points" if points else SHAPES[self.function], self.lab.clock.now()
        duty = self.duty_percent / 100.0 if shape in ("square", "ramp") else 0.5
        return Waveform(shape, self.amplitude_A, self.frequency_Hz, self.offset_A, 0.0, duty, now, stop_s, points)

    def _running(self) -> bool:
        return self._wave is not None and self.lab.clock.now() < self._wave.stop_s

    @command("[SOURce#]:WAVE:ARM", source=DRIVER)
    def arm(self) -> None:
        """Load the wave; the output goes on at its offset."""
        empty = self.function.startswith("ARB") and not self._memories.get(int(self.function[3:]))
        if self._armed or empty:
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
        self._memories[0] = points

    @query("[SOURce#]:WAVE:ARBitrary:DATA", source=NOT_SEEN)
    def read_points(self) -> str:
        """Return the points of memory 0."""
        return ",".join(scientific(point) for point in self._memories.get(0, (0.0,)))

    @command("[SOURce#]:WAVE:ARBitrary:COPY", Number(None, 1, 4, integer=True), source=DRIVER)
    def copy_points(self, memory: int) -> None:
        """Copy memory 0 to another."""
        self._memories[memory] = self._memories.get(0, (0.0,))
