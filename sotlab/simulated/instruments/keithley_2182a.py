"""Keithley 2182A nanovoltmeter: dc voltage, or the temperature of a thermocouple.

Channel 1 is wired to the sample, channel 2 is shorted, channel 0 is the meter's own thermometer. A reading is the mean
of the voltage over its integration window, as the magnet and the source were set when it began; as a temperature it is
what a thermocouple with that voltage would have: a shorted one has that of its reference junction.
Not modelled, so refused with an error: ratio and delta, the moving digital filter, external triggers.
"""

from __future__ import annotations

import re
from statistics import fmean, stdev
from typing import ClassVar

from sotlab.simulated.device import Port, ScpiDevice, command, query, setting
from sotlab.simulated.physics.detect import quantise
from sotlab.simulated.scpi import Boolean, Choice, Number, ScpiError

__all__ = ["Keithley2182A"]

#: White noise of the meter itself by range [V: V/rtHz]. At 5 NPLC (0.1 s) 3.5 nV/rtHz make 7.8 nV rms or 50 nV
#: peak to peak on the 10 mV range, as the data sheet says to rounding (35 nV p-p with two readings averaged; from
#: memory). The leads add more: see VoltageInput.
NOISE_V_PER_RTHZ = {0.01: 3.5e-9, 0.1: 25e-9, 1.0: 65e-9, 10.0: 330e-9, 100.0: 10e-6}
#: Ranges reach 20 % above their name; 7 1/2 digits.
OVERRANGE, COUNTS = 1.2, 1e7
OVERFLOW = 9.9e37
#: Most that each channel takes [V].
MOST_V = {1: 120.0, 2: 12.0}
#: What a reading takes beside its integrations [s].
OVERHEAD_S = 5e-3

#: Temperature in the room, which the reference junction and the meter's thermometer have [deg C].
ROOM_DEGC = 23.0
#: Voltage of a thermocouple per kelvin [V/K], the mean of 0 to 100 deg C in ITS-90 (IEC 60584-1), taken for all of its
#: range: near room temperature it is right to a few percent.
SEEBECK_V_PER_K = {
    "B": 0.33e-6, "E": 63.19e-6, "J": 52.69e-6, "K": 40.96e-6, "N": 27.74e-6, "R": 6.47e-6, "S": 6.46e-6, "T": 42.79e-6,
}  # fmt: skip
THERMOCOUPLE_RANGE_V = 0.1

MANUAL = "2182 manual"
CHANNEL = "[SENSe#]:VOLTage[:DC][:CHANnel#]"
TEMPERATURE = "[SENSe#]:TEMPerature"
IN_DRIVER = "unverified; PyMeasure"


class Keithley2182A(ScpiDevice):
    """A nanovoltmeter that integrates over whole power-line cycles, twice with autozero."""

    manufacturer: ClassVar[str] = "KEITHLEY INSTRUMENTS INC."
    model: ClassVar[str] = "MODEL 2182A"
    version: ClassVar[str] = "C02  /A02"
    error_reply: ClassVar[str] = '{code:d},"{text}"'

    function = setting(
        "[SENSe#]:FUNCtion", Choice("VOLTage:DC", "VOLTage", "TEMPerature"), default="VOLT:DC",
        reply=lambda word: '"TEMP"' if word == "TEMP" else '"VOLT:DC"', source="unverified; two drivers",
    )  # fmt: skip
    channel = setting(
        "[SENSe#]:CHANnel", default=1, minimum=0, maximum=2, integer=True, source="unverified; two drivers"
    )
    nplc = setting(
        "[SENSe#]:VOLTage[:DC]:NPLCycles", default=5.0, minimum=0.01, maximum=lambda device: device.line_frequency_Hz,
        reply="{:.2f}", source="unverified; two drivers",
    )  # fmt: skip
    analog_filter = setting(f"{CHANNEL}:LPASs[:STATe]", Boolean(), default=False, suffixes=(1, 2), source="unverified")
    filtering = setting(
        f"{CHANNEL}:DFILter[:STATe]", Boolean(), default=False, suffixes=(1, 2), source="unverified, its default too"
    )
    filter_kind = setting(
        f"{CHANNEL}:DFILter:TCONtrol", Choice("REPeat"), default="REP", suffixes=(1, 2), source="unverified"
    )
    filter_count = setting(
        f"{CHANNEL}:DFILter:COUNt", default=10, minimum=1, maximum=100, integer=True, suffixes=(1, 2),
        source=f"{MANUAL}, p. 3-8: 1 to 100 conversions",
    )  # fmt: skip
    reference = setting(
        f"{CHANNEL}:REFerence", unit="V", default=0.0, minimum=-120.0, maximum=120.0, reply="{:+.8E}", suffixes=(1, 2),
        source="unverified; PyMeasure",
    )  # fmt: skip
    relative = setting(
        f"{CHANNEL}:REFerence:STATe", Boolean(), default=False, suffixes=(1, 2), source="unverified; PyMeasure"
    )
    thermocouple = setting(f"{TEMPERATURE}:TCouple[:TYPE]", Choice(*SEEBECK_V_PER_K), default="J", source=IN_DRIVER)
    temperature_nplc = setting(
        f"{TEMPERATURE}:NPLCycles", default=5.0, minimum=0.01, maximum=lambda device: device.line_frequency_Hz,
        reply="{:.2f}", source=IN_DRIVER,
    )  # fmt: skip
    junction = setting(
        f"{TEMPERATURE}:RJUNction#:RSELect", Choice("SIMulated", "INTernal"), default="INT", source=IN_DRIVER
    )
    simulated_degC = setting(
        f"{TEMPERATURE}:RJUNction#:SIMulated", default=23.0, minimum=0.0, maximum=60.0, reply="{:.2f}", source=IN_DRIVER
    )
    temperature_reference = setting(
        f"{TEMPERATURE}[:CHANnel#]:REFerence", default=0.0, minimum=-273.0, maximum=1800.0, reply="{:+.8E}",
        suffixes=(1, 2), source=IN_DRIVER,
    )  # fmt: skip
    temperature_relative = setting(
        f"{TEMPERATURE}[:CHANnel#]:REFerence:STATe", Boolean(), default=False, suffixes=(1, 2), source=IN_DRIVER
    )
    autozero = setting("SYSTem:AZERo[:STATe]", Boolean(), default=True, source="unverified; PyMeasure")
    front_autozero = setting("SYSTem:FAZero[:STATe]", Boolean(), default=True, source="unverified")
    line_sync = setting("SYSTem:LSYNc[:STATe]", Boolean(), default=False, source="unverified")
    display = setting("DISPlay:ENABle", Boolean(), default=True, source="unverified; PyMeasure")
    data_format = setting("FORMat[:DATA]", Choice("ASCii"), default="ASC", source="unverified; PyMeasure")
    continuous = setting("INITiate:CONTinuous", Boolean(), default=False, source="unverified")
    trigger_source = setting(
        "TRIGger[:SEQuence]:SOURce", Choice("IMMediate", "BUS"), default="IMM", source="unverified; PyMeasure"
    )
    trigger_count = setting(
        "TRIGger[:SEQuence]:COUNt", default=1, minimum=1, maximum=9999, integer=True, source="unverified; PyMeasure"
    )
    trigger_delay = setting(
        "TRIGger[:SEQuence]:DELay", unit="S", default=0.0, minimum=0.0, maximum=999999.999, reply="{:.3f}",
        source="unverified; PyMeasure",
    )  # fmt: skip
    sample_count = setting("SAMPle:COUNt", default=1, minimum=1, maximum=1024, integer=True, source="unverified")
    buffer_points = setting(
        "TRACe:POINts", default=100, minimum=2, maximum=1024, integer=True, resets=False, source="unverified; PyMeasure"
    )
    buffer_feed = setting(
        "TRACe:FEED", Choice("SENSe", "NONE"), default="SENS", resets=False, source=f"{MANUAL}, table 6-1"
    )
    buffer_control = setting(
        "TRACe:FEED:CONTrol", Choice("NEXT", "NEVer"), default="NEV", resets=False, source=f"{MANUAL}, table 6-1"
    )
    statistic = setting(
        "CALCulate2:FORMat", Choice("NONE", "MEAN", "SDEViation", "MAXimum", "MINimum"), default="NONE",
        source=f"{MANUAL}, table 6-1",
    )  # fmt: skip
    statistic_on = setting("CALCulate2:STATe", Boolean(), default=False, source=f"{MANUAL}, table 6-1")
    operation_enable = setting(
        "STATus:OPERation:ENABle", default=0, minimum=0, maximum=65535, integer=True, resets=False,
        source="2182 manual, p. 11-25",
    )  # fmt: skip
    questionable_enable = setting(
        "STATus:QUEStionable:ENABle", default=0, minimum=0, maximum=65535, integer=True, resets=False,
        source="SCPI-1999 volume 2, 20",
    )  # fmt: skip
    measurement_enable = setting(
        "STATus:MEASurement:ENABle", default=0, minimum=0, maximum=65535, integer=True, resets=False,
        source="unverified; PyMeasure",
    )  # fmt: skip

    def __init__(self, *arguments, **keywords) -> None:
        super().__init__(*arguments, **keywords)
        self.line_frequency_Hz = float(self.options.get("line_frequency_Hz", 50))
        self._range_V: dict[int, float | None] = {1: None, 2: None}  # None is autorange
        self._last: float | None = None
        self._last_is_temperature = False
        self._fetched = True
        self._armed = False
        self._buffer: list[float] = []
        self._buffer_full_s = 0.0

    def execute(self, port: Port, message: str) -> None:
        """Run one message; a colon before a common command is forgiven, as PyMeasure's reset relies on (unverified)."""
        super().execute(port, re.sub(r"(^|;)(\s*):\*", r"\1\2*", message))

    def power_on(self) -> None:
        """Start measuring continuously, as ``SYSTem:PRESet`` does."""
        super().power_on()
        self.preset()

    def reset(self) -> None:
        """Set the defaults; unlike the preset, these do not measure continuously."""
        super().reset()
        self._range_V = {1: None, 2: None}
        self._last, self._fetched, self._armed = None, True, False

    @command("SYSTem:PRESet", source="unverified; continuous initiation from memory")
    def preset(self) -> None:
        """Set the defaults and measure continuously."""
        self.reset()
        self.continuous = True

    @query("SYSTem:LFRequency", source="unverified; PyMeasure")
    def line_frequency(self) -> str:
        """Return the power-line frequency [Hz]."""
        return f"{self.line_frequency_Hz:.0f}"

    # integration time and range

    @query("[SENSe#]:VOLTage[:DC]:APERture", source="unverified")
    def aperture(self) -> str:
        """Return the integration time of one conversion [s]."""
        return f"{self._aperture_s():.8E}"

    @command("[SENSe#]:VOLTage[:DC]:APERture", Number("S", 1.6e-4, 1.0), source="unverified")
    def set_aperture(self, aperture_s: float) -> None:
        """Set the integration time; the same as so many power-line cycles."""
        self.nplc = min(max(aperture_s * self.line_frequency_Hz, 0.01), self.line_frequency_Hz)

    @command(
        f"{CHANNEL}:RANGe[:UPPer]", Number("V", 0.0, MOST_V[1]), suffixes=(1, 2),
        source="unverified; limits 120 V and 12 V in PyMeasure",
    )  # fmt: skip
    def set_range(self, channel: int, expected_V: float) -> None:
        """Choose the most sensitive range that takes a voltage, and switch autorange off."""
        if expected_V > MOST_V[channel]:
            raise ScpiError(-222)
        self._range_V[channel] = self._fitting_range_V(channel, expected_V)

    @query(f"{CHANNEL}:RANGe[:UPPer]", suffixes=(1, 2), source="unverified; PyMeasure")
    def range_in_use(self, channel: int) -> str:
        """Return the range [V]; in autorange the one that a reading would choose now."""
        chosen_V = self._range_V[channel]
        if chosen_V is None:
            chosen_V = self._fitting_range_V(channel, self._input_V(channel))
        return f"{chosen_V:.6f}"

    @command(f"{CHANNEL}:RANGe:AUTO", Boolean(), suffixes=(1, 2), source="unverified; PyMeasure")
    def set_auto(self, channel: int, on: bool) -> None:
        """Switch autorange on, or hold the range that it chose."""
        self._range_V[channel] = None if on else self._fitting_range_V(channel, self._input_V(channel))

    @query(f"{CHANNEL}:RANGe:AUTO", suffixes=(1, 2), source="unverified; PyMeasure")
    def auto(self, channel: int) -> int:
        """Return whether autorange is on."""
        return int(self._range_V[channel] is None)

    def _ranges_V(self, channel: int) -> list[float]:
        return [range_V for range_V in NOISE_V_PER_RTHZ if channel == 1 or 0.1 <= range_V <= 10.0]

    def _fitting_range_V(self, channel: int, voltage_V: float) -> float:
        ranges_V = self._ranges_V(channel)
        return next((range_V for range_V in ranges_V if abs(voltage_V) <= OVERRANGE * range_V), ranges_V[-1])

    @function.on_change
    def _change_function(self) -> None:
        if self._measures_temperature() != self._last_is_temperature:
            self._last = None  # a reading of one kind is none of the other

    def _measures_temperature(self) -> bool:
        return self.function == "TEMP" or self.channel == 0

    def _input_V(self, channel: int) -> float:
        return self.bench.voltage_V(self.input_name, self.lab.clock.now()) if channel == 1 else 0.0

    # readings

    def _aperture_s(self) -> float:
        return (self.temperature_nplc if self._measures_temperature() else self.nplc) / self.line_frequency_Hz

    def _conversions(self) -> int:
        voltage = not self._measures_temperature()
        return self.filter_count[self.channel] if voltage and self.filtering[self.channel] else 1

    def _reading_s(self) -> float:
        """Return how long a reading takes [s]: each conversion integrates the input, then with autozero the zero."""
        conversions = self._conversions()
        analog = not self._measures_temperature() and self.analog_filter[self.channel]
        settling_s = 0.125 if analog else 0.0  # 2182 manual, p. 3-8
        conversion_s = self._aperture_s() * (2 if self.autozero else 1) + settling_s
        return conversions * conversion_s + OVERHEAD_S

    def _measure(self, start_s: float) -> float:
        """Return a reading that begins at ``start_s`` [V or deg C]."""
        self._last_is_temperature = self._measures_temperature()
        if self.channel == 0:
            return ROOM_DEGC
        if self._last_is_temperature:
            return self._temperature_degC(start_s)
        channel = self.channel
        voltage_V = self._integrate(channel, start_s, start_s + self._conversions() * self._aperture_s())
        if abs(voltage_V) >= OVERFLOW:
            return voltage_V
        return voltage_V - self.reference[channel] if self.relative[channel] else voltage_V

    def _integrate(self, channel: int, start_s: float, stop_s: float) -> float:
        """Return what a channel reads over a window [V]."""
        bench = self.bench
        range_V = self._range_V[channel]
        if range_V is None:
            expected_V = bench.mean_voltage_V(self.input_name, start_s, stop_s) if channel == 1 else 0.0
            range_V = self._fitting_range_V(channel, expected_V)
        if channel == 1:
            voltage_V = bench.voltmeter_V(self.input_name, start_s, stop_s, NOISE_V_PER_RTHZ[range_V])
        else:
            voltage_V = bench.shorted_V(self.input_name, start_s, stop_s, NOISE_V_PER_RTHZ[range_V])
        if abs(voltage_V) > OVERRANGE * range_V:
            return OVERFLOW if voltage_V > 0 else -OVERFLOW
        return quantise(voltage_V, range_V / COUNTS)

    # at the other end of a trigger link

    def conversion_times_s(self) -> tuple[float, float]:
        """Return how long one conversion for a current source integrates, and how long it takes; without autozero."""
        return self._aperture_s(), self._aperture_s() + OVERHEAD_S

    def convert(self, start_s: float, stop_s: float) -> float:
        """Return one conversion of channel 1 for a current source, without filter and relative zero [V]."""
        return self._integrate(1, start_s, stop_s)

    def _temperature_degC(self, start_s: float) -> float:
        """Return what a thermocouple at the channel has: its junction's temperature and ``V / S`` above it [deg C]."""
        channel, ask = self.channel, self.bench.voltmeter_V if self.channel == 1 else self.bench.shorted_V
        range_V = THERMOCOUPLE_RANGE_V
        voltage_V = ask(self.input_name, start_s, start_s + self._aperture_s(), NOISE_V_PER_RTHZ[range_V])
        if abs(voltage_V) > OVERRANGE * range_V:
            return OVERFLOW if voltage_V > 0 else -OVERFLOW
        junction_degC = ROOM_DEGC if self.junction == "INT" else self.simulated_degC
        warm_degC = junction_degC + quantise(voltage_V, range_V / COUNTS) / SEEBECK_V_PER_K[self.thermocouple]
        return warm_degC - self.temperature_reference[channel] if self.temperature_relative[channel] else warm_degC

    def _acquire(self) -> float:
        """Take ``TRIGger:COUNt`` times ``SAMPle:COUNt`` readings from now on; returns when they are done [s]."""
        start_s, reading_s = self.lab.clock.now(), self._reading_s()
        total = self.trigger_count * self.sample_count
        room = self.buffer_points - len(self._buffer) if self._storing() else 0
        for index in (*range(min(room, total - 1)), total - 1):  # of the others, which may be millions, nothing is left
            begin_s = start_s + (index // self.sample_count + 1) * self.trigger_delay + index * reading_s
            self._last = self._measure(begin_s)
            self._store(self._last, begin_s + reading_s)
        self._fetched, self._armed = False, False
        return start_s + self.trigger_count * self.trigger_delay + total * reading_s

    def _storing(self) -> bool:
        return self.buffer_control == "NEXT" and self.buffer_feed != "NONE"

    def _store(self, reading_V: float, time_s: float) -> None:
        if not self._storing():
            return
        self._buffer.append(reading_V)
        if len(self._buffer) >= self.buffer_points:
            self.buffer_control = "NEV"
            self._buffer_full_s = time_s

    def _fresh(self) -> str:
        """Take new readings now and return the last of them when they are done."""
        if self.trigger_source != "IMM":
            raise ScpiError(-214, "Trigger deadlock")
        self.reply_after(self._acquire() - self.lab.clock.now())
        return self._fetch()

    def _fetch(self) -> str:
        if self._last is None:
            raise ScpiError(-230, "Data corrupt or stale")
        self._fetched = True
        return f"{self._last:+.8E}"

    @query("READ", source="unverified; two drivers; -213 from memory")
    def read(self) -> str:
        """Abort, initiate and fetch; while measuring continuously the initiation is refused with -213."""
        if self.continuous:
            self.error(-213)
        return self._fresh()

    @query("FETCh", source="unverified; two drivers")
    def fetch(self) -> str:
        """Return the last reading again, or while measuring continuously the next one."""
        return self._fresh() if self.continuous else self._fetch()

    @query("[SENSe#]:DATA[:LATest]", source="unverified; two drivers")
    def latest(self) -> str:
        """Return what FETCh? returns."""
        return self.fetch()

    @query("[SENSe#]:DATA:FRESh", source="unverified; two drivers")
    def fresh(self) -> str:
        """Return a reading that was not returned before."""
        if not self.continuous and self._fetched:
            raise ScpiError(-230, "Data corrupt or stale")
        return self.fetch()

    @query("MEASure[:VOLTage][:DC]", source="unverified; two drivers")
    def measure(self) -> str:
        """Set the defaults for one reading, and read."""
        self.continuous, self.trigger_source, self.trigger_count, self.sample_count = False, "IMM", 1, 1
        self.trigger_delay = 0.0
        return self._fresh()

    @command("INITiate[:IMMediate]", source="unverified; PyMeasure")
    def initiate(self) -> None:
        """Leave idle: take the readings now, or when the bus trigger comes."""
        if self.continuous:
            raise ScpiError(-213)
        self._armed = True
        if self.trigger_source == "IMM":
            self.start_operation(self._acquire() - self.lab.clock.now())

    def trigger(self) -> None:
        """Take the readings that were waiting for ``*TRG``."""
        if not self._armed:
            raise ScpiError(-211)
        self.start_operation(self._acquire() - self.lab.clock.now())

    @command("ABORt", source="unverified; PyMeasure")
    def abort(self) -> None:
        """Go back to idle."""
        self._armed = False
        self.busy_until = self.lab.clock.now()

    @command(f"{CHANNEL}:REFerence:ACQuire", suffixes=(1, 2), source="unverified; PyMeasure")
    def acquire_reference(self, channel: int) -> None:
        """Take the last voltage for the relative zero."""
        if self._last is None or self._last_is_temperature:
            raise ScpiError(-230, "Data corrupt or stale")
        self.reference = {**self.reference, channel: self._last}

    @command(f"{TEMPERATURE}[:CHANnel#]:REFerence:ACQuire", suffixes=(1, 2), source=IN_DRIVER)
    def acquire_temperature_reference(self, channel: int) -> None:
        """Take the last temperature for the relative zero."""
        if self._last is None or not self._last_is_temperature:
            raise ScpiError(-230, "Data corrupt or stale")
        self.temperature_reference = {**self.temperature_reference, channel: self._last}

    @query(f"{TEMPERATURE}:RTEMperature", source=IN_DRIVER)
    def internal_temperature(self) -> str:
        """Return the temperature inside the meter [deg C]."""
        return f"{ROOM_DEGC:+.8E}"

    # buffer

    @command("TRACe:CLEar", source=f"{MANUAL}, table 6-1")
    def clear_buffer(self) -> None:
        """Empty the buffer."""
        self._buffer.clear()

    @query("TRACe:DATA", source=f"{MANUAL}, table 6-1")
    def buffer_data(self) -> str:
        """Return the stored readings, separated by commas."""
        return ",".join(f"{reading:+.8E}" for reading in self._buffer)

    @query("CALCulate2:IMMediate", source=f"{MANUAL}, p. 6 of section 6")
    def calculate(self) -> str:
        """Return the chosen statistic of the buffer."""
        if not self.statistic_on or self.statistic == "NONE" or len(self._buffer) < 2:
            raise ScpiError(-221)
        find = {"MEAN": fmean, "SDEV": stdev, "MAX": max, "MIN": min}[self.statistic]
        return f"{find(self._buffer):+.8E}"

    @command("STATus:PRESet", source="SCPI-1999 volume 2, 20.4; 2182 manual, p. 11-25")
    def preset_status(self) -> None:
        """Clear the enable registers."""
        self.measurement_enable = self.operation_enable = self.questionable_enable = 0

    @query("STATus:OPERation[:EVENt]", source="2182 manual, p. 11-25; no event is modelled")
    @query("STATus:QUEStionable[:EVENt]", source="SCPI-1999 volume 2, 20; no event is modelled")
    def read_events(self) -> int:
        """Return 0: what these registers tell is not modelled."""
        return 0

    @query("STATus:QUEue[:NEXT]", source="6221 manual, p. B-2, and PyMeasure")
    def next_in_queue(self) -> str:
        """Return the oldest error."""
        return self.next_error()

    @command("STATus:QUEue:CLEar", source="unverified; PyMeasure")
    def clear_queue(self) -> None:
        """Empty the error queue."""
        self.errors.clear()

    def _buffer_full(self) -> bool:
        return len(self._buffer) >= self.buffer_points and self.lab.clock.now() >= self._buffer_full_s

    def status_byte(self, port: Port) -> int:
        """Return the status byte with the measurement summary in bit 0: bit 9 there is a full buffer."""
        return super().status_byte(port) | int(bool(self.measurement_enable & 512) and self._buffer_full())

    @query("*STB", source="IEEE 488.2 10.36")
    def read_status_byte(self) -> int:
        """Return the status byte with its summary in bit 6."""
        byte = self._read_status_byte() & ~64 | int(bool(self.measurement_enable & 512) and self._buffer_full())
        return byte | (64 if byte & self.service_enable else 0)
