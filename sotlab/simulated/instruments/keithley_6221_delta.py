"""Delta of the 6221: it reverses the current, a 2182A at its serial line and trigger link converts, it combines.

Conversions follow each other at ``I-high``, ``I-low``, ``I-high``, ..., each after the delay. Any three X, Y, Z of them
make the n-th reading, ``(-1)^(n-1) (X - 2Y + Z) / 4`` (Reference Manual, p. 5-22): an offset and its linear drift drop
out. The meter's range and integration time are its own; ``SYSTem:COMMunicate:SERial:SEND`` sets them through the line.
The 2182A is the device that the option ``nanovoltmeter:`` names. Not modelled, so refused with an error: pulse delta,
differential conductance, sweeps, the averaging filter and math, readings with their unit or average voltage.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from sotlab.simulated.device import Port, command, query, setting
from sotlab.simulated.instruments.keithley_2182a import OVERFLOW, Keithley2182A
from sotlab.simulated.instruments.keithley_6221_source import (
    DRIVER,
    INFINITE,
    MOST_A,
    NOT_SEEN,
    Duration,
    Source6221,
    scientific,
)
from sotlab.simulated.physics.transport import Waveform
from sotlab.simulated.scpi import Boolean, Choice, Number, ScpiError, Text

__all__ = ["BUFFER_FULL", "COMPLIANCE", "READING_AVAILABLE", "READING_OVERFLOW", "Delta6221"]

REFERENCE = "Model 6220/6221 Reference Manual"
USERS = "Model 6220/6221 User's Manual"
#: Bits of the measurement register (Reference Manual, figure 11-6).
READING_OVERFLOW, COMPLIANCE, READING_AVAILABLE = 1, 8, 32
BUFFER_AVAILABLE, BUFFER_HALF_FULL, BUFFER_FULL = 128, 256, 512
#: Most readings that the buffer holds (Reference Manual, p. 6-11 and 6-12).
MOST_READINGS = 65536
#: More conversions than this at a time are worked out only if a buffer keeps their readings.
MANY_CONVERSIONS = 2000
#: What is sent of a reading, in this order (Reference Manual, p. 6-12 and 13-7; without units and average voltage).
ELEMENTS = ("READ", "TST", "SOUR", "COMP", "RNUM")
DEFAULT_ELEMENTS = ("READ", "TST")


def _count(value: float) -> str:
    """Write a count as a whole number, and INF as these instruments do; unverified."""
    return scientific(value) if value >= INFINITE else f"{value:.0f}"


@dataclass(frozen=True)
class Reading:
    """One delta reading: in the chosen unit, with its time from the first one's on, and what the source did."""

    value: float
    time_s: float
    source_A: float
    limited: bool
    number: int


@dataclass
class Run:
    """A delta test that was started.

    Attributes
    ----------
    start_s, step_s : float
        When the first current was set, and from one to the next.
    count : float
        Delta readings to take, infinite for no end.
    converted : list of float
        The last conversions, at most three [V].
    done : int
        Conversions so far.
    """

    start_s: float
    step_s: float
    delay_s: float
    aperture_s: float
    count: float
    converted: list[float]
    done: int = 0
    stopped: bool = False

    def end_s(self, conversion: int) -> float:
        """Return when a conversion, from 0, is over."""
        return self.start_s + (conversion + 1) * self.step_s


class Delta6221(Source6221):
    """A source with a nanovoltmeter at its other end."""

    high_A = setting(
        "[SOURce#]:DELTa:HIGH", unit="A", default=1e-5, minimum=0.0, maximum=MOST_A, reply=scientific,
        source=f"{DRIVER}; its default from memory",
    )  # fmt: skip
    low_A = setting(
        "[SOURce#]:DELTa:LOW", unit="A", default=-1e-5, minimum=-MOST_A, maximum=0.0, reply=scientific, source=DRIVER
    )
    delta_delay_s = setting(
        "[SOURce#]:DELTa:DELay", Duration("S", 0.0, 9999.999), default=2e-3, reply=scientific,
        source=f"{DRIVER}; its default from memory",
    )  # fmt: skip
    delta_count = setting(
        "[SOURce#]:DELTa:COUNt", Duration(None, 1, MOST_READINGS), default=INFINITE, reply=_count, source=DRIVER
    )
    set_count = setting(
        "[SOURce#]:SWEep:COUNt", Duration(None, 1, MOST_READINGS), default=1.0, reply=_count,
        source=f"{DRIVER}: sets to repeat; only 1 is modelled",
    )  # fmt: skip
    abort_on_compliance = setting("[SOURce#]:DELTa:CABort", Boolean(), default=False, source=DRIVER)
    cold_switching = setting(
        "[SOURce#]:DELTa:CSWitch", Boolean(), default=False, source=f"{DRIVER}; nothing is switched cold here"
    )
    delta_unit = setting(
        "UNIT[:VOLTage][:DC]", Choice("V", "OHMS", "W", "SIEMens"), default="V", source=f"{DRIVER}; {USERS}, p. 5-11"
    )
    buffer_points = setting(
        "TRACe:POINts", default=MOST_READINGS, minimum=1, maximum=1_000_000, integer=True, resets=False,
        source=f"{REFERENCE}, p. 6-12",
    )  # fmt: skip
    buffer_control = setting(
        "TRACe:FEED:CONTrol", Choice("NEXT", "NEVer", "ALWays"), default="NEXT", resets=False, source=NOT_SEEN
    )

    def __init__(self, *arguments, **keywords) -> None:
        super().__init__(*arguments, **keywords)
        self._delta_armed = False
        self._delta: Run | None = None
        self._last: Reading | None = None
        self._fresh = False
        self._readings: list[Reading] = []
        self._measurement_events = 0
        self._elements = DEFAULT_ELEMENTS
        self._line: Port | None = None

    def power_on(self) -> None:
        """Follow what happens on the bench, as far as a delta test runs."""
        watch = getattr(self.bench, "watch", None)
        if watch is not None:
            watch(self.catch_up)
        super().power_on()

    def reset(self) -> None:
        """Set the defaults: no delta armed, the buffer as it is."""
        self._end_delta()
        super().reset()
        self._elements = DEFAULT_ELEMENTS

    def before_change(self) -> None:
        """Let everybody catch up, a delta test too where the bench does not tell it."""
        super().before_change()
        self.catch_up(self.lab.clock.now())

    def _meter(self) -> Keithley2182A | None:
        """Return the nanovoltmeter, None while it is not there."""
        name = self.options.get("nanovoltmeter")
        found = (one for one in self.lab.devices.values() if one.name == name)
        return next((one for one in found if isinstance(one, Keithley2182A)), None)

    # --- the test

    @high_A.on_change
    def _mirror(self) -> None:
        self.low_A = -self.high_A  # PyMeasure: the low value follows the high one

    @delta_count.on_change
    def _size_buffer(self) -> None:
        if not self._resetting:  # p. 6-12: as many as the test takes
            self.buffer_points = int(min(self.delta_count, MOST_READINGS))

    @query("[SOURce#]:DELTa:NVPResent", source=DRIVER)
    def meter_present(self) -> bool:
        """Return whether a nanovoltmeter answers on the serial line."""
        return self._meter() is not None

    @command("[SOURce#]:DELTa:ARM", source=DRIVER)
    def arm_delta(self) -> None:
        """Arm: the output goes on without current; -241 without a meter, -221 with a wave armed (both unverified)."""
        if self._meter() is None:
            raise ScpiError(-241, "Hardware missing")
        if self._armed:
            raise ScpiError(-221)
        self.before_change()
        self._end_delta()
        self._delta_armed = self.output = True
        self._drive()

    @query("[SOURce#]:DELTa:ARM", source=f"{NOT_SEEN}; two drivers")
    def is_armed(self) -> bool:
        """Return whether delta is armed."""
        return self._delta_armed

    @command("INITiate[:IMMediate]", source=f"{DRIVER}; {USERS}, p. 5-41")
    def start_delta(self) -> None:
        """Start the test that is armed, again from its first reading; the buffer's old readings go."""
        meter = self._meter()
        if not self._delta_armed or meter is None:
            raise ScpiError(-221)
        self.before_change()
        delay_s = 0.0 if self.delta_delay_s >= INFINITE else self.delta_delay_s
        aperture_s, whole_s = meter.conversion_times_s()
        count = math.inf if self.delta_count >= INFINITE else self.delta_count
        self._delta = Run(self.lab.clock.now(), delay_s + whole_s, delay_s, aperture_s, count, [])
        self._readings.clear()
        self._last, self._fresh = None, False
        self._drive()

    def _end_delta(self) -> None:
        self._delta_armed, self._delta = False, None

    @command("[SOURce#]:SWEep:ABORt", source=f"{USERS}, p. 5-41")
    def abort_delta(self) -> None:
        """Stop the test and disarm it; the output goes off."""
        self.before_change()
        if self._delta_armed:
            self._end_delta()
            self.output = False
        self._drive()

    def _switch(self) -> None:
        super()._switch()
        if not self.output:
            self._end_delta()

    def _shape(self) -> Waveform | None:
        """Return the current while delta is armed: reversed with each conversion, zero before and after the test."""
        run = self._delta
        if not self._delta_armed:
            return super()._shape()
        if run is None or run.stopped:
            return Waveform("dc", 0.0, 0.0)
        middle_A, half_A = (self.high_A + self.low_A) / 2.0, (self.high_A - self.low_A) / 2.0
        stop_s = run.start_s + (run.count + 2) * run.step_s
        return Waveform("square", half_A, 0.5 / run.step_s, middle_A, 0.0, 0.5, run.start_s, stop_s)

    def _delta_runs(self) -> bool:
        run = self._delta
        return run is not None and not run.stopped and run.done < run.count + 2

    def catch_up(self, t_s: float) -> None:
        """Take the conversions that are over by ``t_s``."""
        self._skip_unseen(t_s)
        run, meter = self._delta, self._meter() if self._delta is not None else None
        while run is not None and meter is not None and self._delta_runs() and run.end_s(run.done) <= t_s:
            begin_s = run.start_s + run.done * run.step_s + run.delay_s
            run.converted = [*run.converted[-2:], meter.convert(begin_s, begin_s + run.aperture_s)]
            run.done += 1
            if len(run.converted) == 3:
                self._combine(run, run.end_s(run.done - 1))
            if self.abort_on_compliance and self._last is not None and self._last.limited:
                run.stopped = True
                self._drive()

    def _skip_unseen(self, t_s: float) -> None:
        """Leave out conversions before the last three if they are very many and nothing keeps them."""
        run = self._delta
        if run is None or not self._delta_runs() or self.abort_on_compliance:
            return
        over = int(min((t_s - run.start_s) // run.step_s - 1, run.count + 2))
        kept = self.buffer_control != "NEV" and len(self._readings) < min(self.buffer_points, MOST_READINGS)
        if over - run.done > MANY_CONVERSIONS and not kept:
            run.done, run.converted = over - 3, []

    def _combine(self, run: Run, time_s: float) -> None:
        """Make a reading of the last three conversions."""
        number = run.done - 2
        x, y, z = run.converted
        limited = bool(self._ask("in_compliance", time_s - run.step_s / 2.0))
        overflow = max(abs(x), abs(y), abs(z)) >= OVERFLOW
        value = OVERFLOW if overflow else self._in_unit((x - 2.0 * y + z) / 4.0 * (-1.0) ** (number - 1))
        first_s = run.end_s(2)
        source_A = self.high_A if number % 2 else self.low_A
        self._last, self._fresh = Reading(value, time_s - first_s, source_A, limited, number), True
        events = READING_AVAILABLE | (READING_OVERFLOW if overflow else 0) | (COMPLIANCE if limited else 0)
        if self.buffer_control != "NEV" and len(self._readings) < min(self.buffer_points, MOST_READINGS):
            self._readings.append(self._last)
            events |= self._fill(min(self.buffer_points, MOST_READINGS))
        self._measurement_events |= events

    def _fill(self, points: int) -> int:
        """Return the events of the buffer's latest reading."""
        stored = len(self._readings)
        return (
            (BUFFER_AVAILABLE if stored == 2 else 0)
            | (BUFFER_HALF_FULL if stored == (points + 1) // 2 else 0)
            | (BUFFER_FULL if stored == points else 0)
        )

    def _in_unit(self, voltage_V: float) -> float:
        """Return a delta voltage in the chosen unit, by half the way from I-low to I-high."""
        half_A = (self.high_A - self.low_A) / 2.0
        if self.delta_unit == "V":
            return voltage_V
        if self.delta_unit == "W":
            return voltage_V * half_A
        divisor = half_A if self.delta_unit == "OHMS" else voltage_V
        if divisor == 0.0:
            return OVERFLOW
        return voltage_V / half_A if self.delta_unit == "OHMS" else half_A / voltage_V

    # --- readings

    def _sent(self, readings: list[Reading]) -> str:
        def parts(one: Reading) -> dict[str, str]:
            return {
                "READ": f"{one.value:+.8E}",
                "TST": f"{one.time_s:+.6E}",
                "SOUR": f"{one.source_A:+.6E}",
                "COMP": "T" if one.limited else "F",
                "RNUM": f"{one.number}",
            }

        return ",".join(parts(one)[name] for one in readings for name in self._elements)

    @query("SENSe#:DATA[:LATest]", source=f"{REFERENCE}, p. 5-15; -221 while not running in {USERS}, p. 5-41")
    def latest(self) -> str:
        """Return the last reading, whether it was returned before or not."""
        self.catch_up(self.lab.clock.now())
        if self._delta is None:
            raise ScpiError(-221)
        if self._last is None:
            raise ScpiError(-230, "Data corrupt or stale")
        self._fresh = False
        return self._sent([self._last])

    @query("SENSe#:DATA:FRESh", source=f"{REFERENCE}, p. 5-15")
    def fresh(self) -> str:
        """Return the last reading once."""
        self.catch_up(self.lab.clock.now())
        if self._delta is None:
            raise ScpiError(-221)
        if not self._fresh:
            raise ScpiError(-230, "Data corrupt or stale")
        return self.latest()

    @command("TRACe:CLEar", source=NOT_SEEN)
    def clear_buffer(self) -> None:
        """Empty the buffer."""
        self.catch_up(self.lab.clock.now())
        self._readings.clear()

    @query("TRACe:DATA", source=f"{USERS}, p. 5-13")
    def buffer_data(self) -> str:
        """Return the stored readings."""
        self.catch_up(self.lab.clock.now())
        if not self._readings:
            raise ScpiError(-230, "Data corrupt or stale")
        return self._sent(self._readings)

    @query("TRACe:POINts:ACTual", source=NOT_SEEN)
    def stored_points(self) -> int:
        """Return how many readings are stored."""
        self.catch_up(self.lab.clock.now())
        return len(self._readings)

    @command(
        "FORMat:ELEMents",
        *(Choice("READing", "TSTamp", "SOURce", "COMPliance", "RNUMber", "DEFault", optional=i > 0) for i in range(5)),
        source=f"{REFERENCE}, p. 13-7",
    )
    def select_elements(self, *names: str) -> None:
        """Choose what is sent of a reading; the order is always the same."""
        chosen = {*names, *DEFAULT_ELEMENTS} - {"DEF"} if "DEF" in names else set(names)
        self._elements = tuple(name for name in ELEMENTS if name in chosen)

    @query("FORMat:ELEMents", source=f"{REFERENCE}, p. 13-7")
    def selected_elements(self) -> str:
        """Return what is sent of a reading."""
        return ",".join(self._elements)

    # --- the serial line

    @command("SYSTem:COMMunicate:SERial:SEND", Text(), source=f"{NOT_SEEN}; three programs")
    def send_through(self, message: str) -> None:
        """Send a message to the nanovoltmeter; without one it is lost."""
        meter = self._meter()
        if meter is None:
            return
        if self._line is None or self._line.device is not meter:
            self._line = meter.connect(stream=True)
        self._line.receive(message.encode("latin-1"), end=True)

    @query("SYSTem:COMMunicate:SERial:ENTer", source=f"{NOT_SEEN}; three programs")
    def read_through(self) -> str:
        """Return what the nanovoltmeter answered; -365 (unverified) if it has nothing to say."""
        if self._line is None or not self._line.replies:
            raise ScpiError(-365, "Time out error")
        reply = self._line.replies.popleft()
        self.reply_after(reply.ready_at - self.lab.clock.now())
        return reply.data.decode("latin-1").rstrip("\r\n")

    @command("SYSTem:COMMunicate:SERial:BAUD", Number(None, 300, 19200, integer=True), source=NOT_SEEN)
    def set_baud(self, rate: int) -> None:
        """Set the serial line's rate; it always fits the meter's here."""
