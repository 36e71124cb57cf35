"""Keithley 2400 SourceMeter, on the terminals that the option ``terminals:`` names (FRON, unless it says REAR).

A source-measure operation is: source, wait the delay, integrate; with autozero each quantity is integrated twice.
A reading sends what was measured, what was programmed for a source that was not measured, and NAN for the rest.
Not modelled, so refused with an error: source memory, limit tests and math (CALC1, CALC2), the relative
zero, pulses, binary data. Trigger lines are accepted, but nothing is connected to them.
"""

from __future__ import annotations

from collections import deque
from dataclasses import astuple, dataclass, replace
from statistics import fmean, stdev
from typing import ClassVar

from sotlab.simulated.device import Port, command, query, setting
from sotlab.simulated.instruments.keithley_2400_source import (
    AUTO_DELAY_S,
    AUTO_OHMS_A,
    AUTO_OHMS_LIMIT_V,
    BUFFER_AVAILABLE,
    BUFFER_FULL,
    COMPLIANCE,
    DRIVER,
    ELEMENTS,
    FUNCTIONS,
    MANUAL,
    NAN,
    OVERFLOW,
    OVERHEAD_S,
    OVERRANGE,
    RANGES_A,
    RANGES_OHM,
    RANGES_V,
    READING_AVAILABLE,
    READING_OVERFLOW,
    SIGNAL,
    STEP_A,
    STEP_V,
    TRACE,
    fitting,
    refusal,
    toward,
)
from sotlab.simulated.instruments.keithley_2400_sweep import Sweep2400
from sotlab.simulated.physics.detect import quantise
from sotlab.simulated.scpi import Choice, ScpiError

__all__ = ["Keithley2400"]


@dataclass(frozen=True)
class Reading:
    """What one operation found, in the order in which it is sent; the time is that of its end."""

    voltage_V: float
    current_A: float
    resistance_ohm: float
    time_s: float
    status: int


class Keithley2400(Sweep2400):
    """A source of voltage or current with a limit of the other, and meters of both."""

    manufacturer: ClassVar[str] = "KEITHLEY INSTRUMENTS INC."
    model: ClassVar[str] = "MODEL 2400"
    version: ClassVar[str] = "C30   Mar 17 2006 09:29:29/A02  /K/J"
    error_reply: ClassVar[str] = '{code:d},"{text}"'

    arm_count = setting("ARM:COUNt", default=1, minimum=1, maximum=2500, integer=True, source=DRIVER)
    arm_source = setting(
        "ARM:SOURce", Choice("IMMediate", "TLINk", "TIMer", "MANual", "BUS"), default="IMM", source=DRIVER
    )
    arm_timer_s = setting(
        "ARM:TIMer", unit="S", default=0.1, minimum=1e-3, maximum=99999.99, reply="{:.3f}", source=DRIVER
    )
    arm_output = setting("ARM:OUTPut", Choice("TENTer", "TEXit", "NONE"), default="NONE", source=DRIVER)
    arm_input_line = setting("ARM:ILINe", default=1, minimum=1, maximum=4, integer=True, source=DRIVER)
    arm_output_line = setting("ARM:OLINe", default=2, minimum=1, maximum=4, integer=True, source=DRIVER)
    trigger_count = setting("TRIGger:COUNt", default=1, minimum=1, maximum=2500, integer=True, source=DRIVER)
    trigger_source = setting("TRIGger:SOURce", Choice("IMMediate", "TLINk"), default="IMM", source=DRIVER)
    trigger_delay_s = setting(
        "TRIGger:DELay", unit="S", default=0.0, minimum=0.0, maximum=999.9999, reply="{:.4f}", source=DRIVER
    )
    trigger_output = setting(
        "TRIGger:OUTPut", Choice("SOURce", "DELay", "SENSe", "NONE"), default="NONE", source=DRIVER
    )
    trigger_input_line = setting("TRIGger:ILINe", default=1, minimum=1, maximum=4, integer=True, source=DRIVER)
    trigger_output_line = setting("TRIGger:OLINe", default=2, minimum=1, maximum=4, integer=True, source=DRIVER)

    buffer_points = setting(
        "TRACe|DATA:POINts", default=100, minimum=1, maximum=2500, integer=True, resets=False,
        source=f"{TRACE}, p. 18-115",
    )  # fmt: skip
    buffer_feed = setting(
        "TRACe|DATA:FEED",
        Choice("SENSe1", "SENSe"),
        default="SENS1",
        reply=lambda _: "SENS1",
        resets=False,
        source=TRACE,
    )
    buffer_control = setting(
        "TRACe|DATA:FEED:CONTrol", Choice("NEXT", "NEVer"), default="NEV", resets=False, source=TRACE
    )
    statistic = setting(
        "CALCulate3:FORMat", Choice("MEAN", "SDEViation", "MAXimum", "MINimum"), default="MEAN", source=DRIVER
    )
    data_format = setting("FORMat[:DATA]", Choice("ASCii"), default="ASC", source=f"{MANUAL}, table 18-3")
    measurement_enable = setting(
        "STATus:MEASurement:ENABle", default=0, minimum=0, maximum=65535, integer=True, resets=False,
        source=f"{MANUAL}, figure 15-6",
    )  # fmt: skip

    def __init__(self, *arguments, **keywords) -> None:
        super().__init__(*arguments, **keywords)
        self.autozero = True
        self._readings: list[Reading] = []
        self._moving: deque[tuple[float, float]] = deque()
        self._buffer: list[Reading] = []
        self._pending: list[tuple[float, int]] = []  # measurement events that are still to come, by bench time
        self._measurement_events = 0
        self._armed = False
        self._time_zero_s = 0.0

    def power_on(self) -> None:
        """Set the defaults and the clock of the time stamps."""
        self._time_zero_s = self.lab.clock.now()
        super().power_on()

    def reset(self) -> None:
        """Set the defaults, go back to idle and forget the readings; the buffer stays."""
        super().reset()
        self.autozero, self._armed = True, False
        self._readings.clear()

    def _drive(self) -> None:
        self._moving.clear()  # what was averaged is no longer what is sourced
        super()._drive()

    # --- readings

    def _operation_s(self) -> float:
        """Return how long an operation integrates, and does what goes with it [s]."""
        quantities = len({"VOLT", "CURR"} if "RES" in self._functions else self._functions)
        integration_s = self._window_s() * max(quantities, 1) * (2 if self.autozero else 1)
        return integration_s + OVERHEAD_S

    def _window_s(self) -> float:
        repeats = self.filter_count if self.filtering and self.filter_kind == "REP" else 1
        return repeats * self.nplc / float(self.line_frequency)

    def _measure(self, start_s: float) -> Reading:
        """Return the reading of an operation whose integration begins at ``start_s``."""
        if "RES" in self._functions and self.ohms_mode == "AUTO":
            self._choose_auto_ohms(start_s)
        voltage_V, current_A = self._terminals(start_s)
        status = 0
        if self.filtering and self.filter_kind == "MOV":
            self._moving.append((voltage_V, current_A))
            while len(self._moving) > self.filter_count:
                self._moving.popleft()
            voltage_V, current_A = (fmean(values) for values in zip(*self._moving, strict=True))
        resistance_ohm = voltage_V / current_A if current_A else OVERFLOW
        self._follow(voltage_V, current_A)
        if abs(voltage_V) > OVERRANGE * self.range_V and "VOLT" in self._functions:
            voltage_V, status = OVERFLOW, 1
        if abs(current_A) > OVERRANGE * self.range_A and "CURR" in self._functions:
            current_A, status = OVERFLOW, 1
        if status and "RES" in self._functions:
            resistance_ohm = OVERFLOW
        measured = self._functions
        sourcing_V = self.source_function == "VOLT"
        limited = self._in_compliance()
        return Reading(
            voltage_V if "VOLT" in measured else self.level_V if sourcing_V else NAN,
            current_A if "CURR" in measured else NAN if sourcing_V else self.level_A,
            resistance_ohm if "RES" in measured else NAN,
            start_s + self._operation_s() - self._time_zero_s,
            status | self._status_word(limited),
        )

    def _status_word(self, limited: bool) -> int:
        """Return the status of a reading without its overflow bit (p. 18-50, 18-51)."""
        measured, sourcing_V = self._functions, self.source_function == "VOLT"
        bits = {
            1: self.filtering,
            2: self.terminals == "FRON",
            3: limited,
            10: self.ohms_mode == "AUTO" and "RES" in measured,
            11: "VOLT" in measured,
            12: "CURR" in measured,
            13: "RES" in measured,
            14: sourcing_V,
            15: not sourcing_V,
            22: self.four_wires,
        }
        return sum(1 << bit for bit, on in bits.items() if on)

    def _terminals(self, start_s: float) -> tuple[float, float]:
        """Return voltage and current over one integration, with the meter's steps and noise."""
        stop_s = start_s + self._window_s()
        voltage_V = self._ask("terminal_voltage_V", start_s, stop_s, four_wires=self.four_wires)
        current_A = self._ask("terminal_current_A", start_s, stop_s)
        if voltage_V is None or current_A is None:  # open terminals
            forced_V = self.level_V if self.source_function == "VOLT" else toward(self.limit_V, self.level_A)
            voltage_V, current_A = forced_V if self.output else 0.0, 0.0
        self._follow(voltage_V, current_A)
        return self._digitise(voltage_V, STEP_V * self.range_V), self._digitise(current_A, STEP_A * self.range_A)

    def _follow(self, voltage_V: float, current_A: float) -> None:
        """Set the measurement ranges that are not fixed: the source's, or the most sensitive below the limit's."""
        if self.source_function == "VOLT":
            self.range_V = self.source_range_V
            if self.auto_A:
                self.range_A = min(fitting(RANGES_A, current_A), fitting(RANGES_A, self.limit_A))
        else:
            self.range_A = self.source_range_A
            if self.auto_V:
                self.range_V = min(fitting(RANGES_V, voltage_V), fitting(RANGES_V, self.limit_V))

    def _digitise(self, value: float, step: float) -> float:
        if self.lab.spec.noise:
            cycles = self._window_s() * float(self.line_frequency)
            value += 0.5 * step / cycles**0.5 * float(self.lab.rng(f"{self.name}.noise").standard_normal())
        return quantise(value, step)

    def _choose_auto_ohms(self, start_s: float) -> None:
        """Source the ohms range's test current; in autorange go down while a lower range would do.

        The lower ranges source up to 100 mA: what a small device dies of.
        """
        self.source_function, self.limit_V, self.source_auto_A = "CURR", AUTO_OHMS_LIMIT_V, True
        index = RANGES_OHM.index(self.range_ohm)
        for _ in RANGES_OHM:
            self.level_A, self.range_ohm = AUTO_OHMS_A[index], RANGES_OHM[index]
            self._source()
            voltage_V, current_A = self._terminals(start_s)
            wanted = RANGES_OHM.index(fitting(RANGES_OHM, voltage_V / current_A)) if current_A else len(RANGES_OHM) - 1
            if not self.auto_ohm or wanted == index:
                return
            index += 1 if wanted > index else -1

    def _acquire(self) -> float:
        """Take all operations from now on; returns when they are done [s]."""
        if self.auto_off:
            self.output = True
            self._source()
        start_s = now = self.lab.clock.now()
        self._readings = []
        levels = self.begin_sweep()
        for arm in range(self.arm_count):
            if self.arm_source == "TIM":
                start_s = max(start_s, now + arm * self.arm_timer_s)
            for index in range(self.trigger_count):
                if levels and not self.go_to(levels[index % len(levels)]):
                    break
                start_s += self.trigger_delay_s + (AUTO_DELAY_S if self.source_delay_auto else self.source_delay_s)
                reading = self._measure(start_s)
                start_s += self._operation_s()
                self._readings.append(reading)
                self._keep(reading, start_s)
        self._armed = False
        if self.auto_off:
            self.output = False
            self._drive()
        return start_s

    def _keep(self, reading: Reading, time_s: float) -> None:
        """Note the events of a reading, and store it if the buffer wants it."""
        events = READING_AVAILABLE
        events |= READING_OVERFLOW if reading.status & 1 else 0
        events |= COMPLIANCE if reading.status & 8 else 0
        if self.buffer_control == "NEXT":
            self._buffer.append(reading)
            events |= BUFFER_AVAILABLE if len(self._buffer) == 2 else 0
            if len(self._buffer) >= self.buffer_points:
                self.buffer_control = "NEV"
                events |= BUFFER_FULL
        self._pending.append((time_s, events))

    def _begin(self) -> None:
        """Refuse what needs the output on (p. 18-72)."""
        if not (self.output or self.auto_off):
            raise refusal(803)

    def _sent(self, readings: list[Reading]) -> str:
        if not readings:
            raise ScpiError(-230, "Data corrupt or stale")
        wanted = [name in self._elements for name in ELEMENTS]
        values = (value for one in readings for value, on in zip(astuple(one), wanted, strict=True) if on)
        return ",".join(f"{value:+.6E}" for value in values)

    @query("READ", source=SIGNAL)
    def read(self) -> str:
        """Take all readings now and return them when they are done."""
        self._begin()
        if self.arm_source not in ("IMM", "TIM") or self.trigger_source != "IMM":
            raise ScpiError(-214, "Trigger deadlock")
        self.reply_after(self._acquire() - self.lab.clock.now())
        return self._sent(self._readings)

    @query("FETCh", source=SIGNAL)
    def fetch(self) -> str:
        """Return the last readings again, once they are done."""
        self.reply_after(self.busy_until - self.lab.clock.now())
        return self._sent(self._readings)

    @query("[SENSe#]:DATA[:LATest]", source=f"{MANUAL}, p. 17-4")
    def latest(self) -> str:
        """Return the last reading."""
        self.reply_after(self.busy_until - self.lab.clock.now())
        return self._sent(self._readings[-1:])

    @command("CONFigure:VOLTage[:DC]", source=SIGNAL)
    def configure_voltage(self) -> None:
        """Configure for single readings of voltage; the output goes on."""
        self._configure("VOLT")

    @command("CONFigure:CURRent[:DC]", source=SIGNAL)
    def configure_current(self) -> None:
        """Configure for single readings of current; the output goes on."""
        self._configure("CURR")

    @command("CONFigure:RESistance", source=SIGNAL)
    def configure_resistance(self) -> None:
        """Configure for single readings of resistance; the output goes on."""
        self._configure("RES")

    def _configure(self, function: str) -> None:
        self.before_change()
        self._functions = {function}
        self.arm_source = self.trigger_source = "IMM"
        self.arm_count = self.trigger_count = 1
        self.trigger_delay_s, self.buffer_control, self.autozero = 0.0, "NEV", True
        setattr(self, {"VOLT": "auto_V", "CURR": "auto_A", "RES": "auto_ohm"}[function], True)
        self.output = True
        self._source()

    @query("MEASure", source=SIGNAL)
    def measure(self) -> str:
        """Take a single reading of the function in use."""
        self._configure(next((name for name in FUNCTIONS if name in self._functions), "CURR"))
        return self.read()

    @query("MEASure:VOLTage[:DC]", source=SIGNAL)
    def measure_voltage(self) -> str:
        """Configure for voltage, and read."""
        self._configure("VOLT")
        return self.read()

    @query("MEASure:CURRent[:DC]", source=SIGNAL)
    def measure_current(self) -> str:
        """Configure for current, and read."""
        self._configure("CURR")
        return self.read()

    @query("MEASure:RESistance", source=SIGNAL)
    def measure_resistance(self) -> str:
        """Configure for resistance, and read."""
        self._configure("RES")
        return self.read()

    @arm_count.on_change
    @trigger_count.on_change
    def _bound_counts(self) -> None:
        if self.arm_count * self.trigger_count > 2500:
            raise ScpiError(-221)

    @command("INITiate[:IMMediate]", source=SIGNAL)
    def initiate(self) -> None:
        """Leave idle: take the readings now, or when the bus trigger comes."""
        self._begin()
        self._armed = True
        if self.arm_source in ("IMM", "TIM") and self.trigger_source == "IMM":
            self.start_operation(self._acquire() - self.lab.clock.now())

    def trigger(self) -> None:
        """Take the readings that were waiting for ``*TRG``."""
        if not (self._armed and self.arm_source == "BUS" and self.trigger_source == "IMM"):
            raise ScpiError(-211)
        self.start_operation(self._acquire() - self.lab.clock.now())

    @command("ABORt", source=DRIVER)
    def abort(self) -> None:
        """Go back to idle."""
        self._armed = False
        self.busy_until = self.lab.clock.now()

    @command("TRIGger:CLEar", source=f"{MANUAL}, p. 18-116")
    def clear_triggers(self) -> None:
        """Forget latched input triggers; there are none."""

    # --- buffer

    @command("TRACe|DATA:CLEar", source=f"{TRACE}, p. 18-114")
    def clear_buffer(self) -> None:
        """Empty the buffer."""
        self._buffer.clear()

    @query("TRACe|DATA:DATA", source=f"{TRACE}, p. 18-114")
    def buffer_data(self) -> str:
        """Return the stored readings; their times count from the first."""
        return self._sent([replace(one, time_s=one.time_s - self._buffer[0].time_s) for one in self._buffer])

    @query("TRACe|DATA:POINts:ACTual", source=f"{TRACE}, p. 18-115")
    def stored_points(self) -> int:
        """Return how many readings are stored."""
        return len(self._buffer)

    @query("CALCulate3:DATA", source=DRIVER)
    def calculate(self) -> str:
        """Return the chosen statistic of voltage, current and resistance in the buffer, of those that are sent."""
        if len(self._buffer) < 2:
            raise ScpiError(-221)
        find = {"MEAN": fmean, "SDEV": stdev, "MAX": max, "MIN": min}[self.statistic]
        columns = list(zip(*(astuple(one) for one in self._buffer), strict=True))[: len(FUNCTIONS)]
        chosen = [column for name, column in zip(FUNCTIONS, columns, strict=True) if name in self._elements]
        return ",".join(f"{NAN if NAN in column else find(column):+.6E}" for column in chosen)

    # --- status and system

    def _measurement(self) -> int:
        """Return the measurement events that have come up (p. 15-14)."""
        now = self.lab.clock.now()
        for _, events in (one for one in self._pending if one[0] <= now):
            self._measurement_events |= events
        self._pending = [one for one in self._pending if one[0] > now]
        return self._measurement_events

    @query("STATus:MEASurement[:EVENt]", source=f"{MANUAL}, figure 15-6")
    def measurement_events(self) -> int:
        """Return and clear the measurement events."""
        events, self._measurement_events = self._measurement(), 0
        return events

    @query("STATus:MEASurement:CONDition", source=f"{MANUAL}, figure 15-6")
    def measurement_condition(self) -> int:
        """Return what holds now of compliance, buffer full and buffer available."""
        stored = len(self._buffer)
        condition = (COMPLIANCE if self._in_compliance() else 0) | (BUFFER_AVAILABLE if stored >= 2 else 0)
        return condition | (BUFFER_FULL if stored >= self.buffer_points else 0)

    @command("STATus:PRESet", source="SCPI-1999 volume 2, 20.4")
    def preset_status(self) -> None:
        """Clear the enable register of the measurement events."""
        self.measurement_enable = 0

    @command("STATus:QUEue:CLEar", source=DRIVER)
    def clear_queue(self) -> None:
        """Empty the error queue."""
        self.errors.clear()

    @command("*CLS", source="IEEE 488.2 10.3")
    def clear_status(self) -> None:
        """Clear the event registers and the error queue."""
        self._clear_status()
        self._measurement()
        self._measurement_events = 0

    def status_byte(self, port: Port) -> int:
        """Return the status byte with the measurement summary in bit 0."""
        return super().status_byte(port) | int(bool(self._measurement() & self.measurement_enable))

    def next_event_time(self, port: Port) -> float | None:
        """Return when the status byte will next change by itself [s]: also when a reading is done."""
        self._measurement()
        times = [time_s for time_s, _ in self._pending]
        other_s = super().next_event_time(port)
        return min(times if other_s is None else [*times, other_s], default=None)

    @query("*STB", source="IEEE 488.2 10.36")
    def read_status_byte(self) -> int:
        """Return the status byte with its summary in bit 6."""
        byte = self._read_status_byte() & ~64 | int(bool(self._measurement() & self.measurement_enable))
        return byte | (64 if byte & self.service_enable else 0)

    @command("SYSTem:AZERo[:STATe]", Choice("ON", "OFF", "ONCE", "1", "0"), source=DRIVER)
    def set_autozero(self, word: str) -> None:
        """Switch autozero on or off; ONCE takes a zero now and leaves it off."""
        self.autozero = word in ("ON", "1")

    @query("SYSTem:AZERo[:STATe]", source=DRIVER)
    def get_autozero(self) -> bool:
        """Return whether every reading is followed by a zero."""
        return self.autozero

    @query("SYSTem:TIME", source=f"{MANUAL}, p. 18-112")
    def time(self) -> str:
        """Return the time since power-on or the last reset of the time stamp [s]."""
        return f"{self.lab.clock.now() - self._time_zero_s:.6f}"

    @command("SYSTem:TIME:RESet", source=f"{MANUAL}, p. 18-113")
    def reset_time(self) -> None:
        """Start the time stamp from zero."""
        self._time_zero_s = self.lab.clock.now()
