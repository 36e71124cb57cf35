"""The PNA's measurements over the wire: by name (``CALC:PAR``), by number (``CALC:MEAS``), and their markers."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np

from sotlab.simulated.device import command, query
from sotlab.simulated.instruments.pna_channel import Channel, Marker, Trace
from sotlab.simulated.scpi import Boolean, Choice, Number, ScpiError, Text

if TYPE_CHECKING:
    from sotlab.simulated.instruments.pna_n5222b import N5222B

__all__ = ["CHANNELS", "IN_DRIVER", "IN_DRIVERS", "NUMBERS", "Measurements"]

IN_DRIVER = "unverified; header in PyMeasure's driver"
IN_DRIVERS = "unverified; header in several drivers"

PARAMETERS = ("S11", "S12", "S21", "S22")
FORMATS = Choice(
    "MLOGarithmic", "MLINear", "PHASe", "UPHase", "REAL", "IMAGinary", "POLar", "SMITh", "SWR", "GDELay"
)  # fmt: skip
#: Numbers that a channel and a measurement may have; those of measurements are the whole analyser's.
CHANNELS, NUMBERS = range(1, 33), range(1, 33)
BOTH = (CHANNELS, NUMBERS)
MARKERS = (CHANNELS, NUMBERS, range(1, 16))
NR3 = "{:+.12E}"


class Measurements:
    """What an analyser has that keeps ``channels``, ``traces`` and ``selected``, and can ``encode`` numbers."""

    channels: dict[int, Channel]
    traces: dict[int, Trace]
    selected: dict[int, int]
    shown: list[int]
    active: int

    def encode(self, values: np.ndarray) -> bytes:
        """Return numbers in the format that was chosen for data."""
        raise NotImplementedError

    @property
    def device(self) -> N5222B:
        """Return the analyser that this is a part of."""
        return cast("N5222B", self)

    # measurements by name

    def number_of(self, name: str, channel: int | None = None) -> int:
        """Return the number of a measurement, of that channel if one is given; -224 if there is none."""
        for number, trace in self.traces.items():
            if trace.name == name and channel in (None, trace.channel):
                return number
        raise ScpiError(-224)

    def _channel(self, number: int) -> Channel:
        if number not in self.channels:
            raise ScpiError(-114)
        return self.channels[number]

    def _trace(self, channel: int, number: int) -> Trace:
        if number not in self.traces or self.traces[number].channel != channel:
            raise ScpiError(-114)
        return self.traces[number]

    @query("CALCulate#:PARameter:CATalog:EXTended", source=IN_DRIVERS, suffixes=CHANNELS)
    def catalog(self, channel: int) -> str:
        """Return name and S-parameter of every measurement of the channel."""
        shown = [trace for trace in self.traces.values() if trace.channel == channel]
        listed = ",".join(f"{trace.name},{trace.parameter}" for trace in shown)
        return f'"{listed or "NO CATALOG"}"'

    @command(
        "CALCulate#:PARameter[:DEFine]:EXTended", Text(), Choice(*PARAMETERS), source=IN_DRIVERS, suffixes=CHANNELS
    )
    def define_by_name(self, channel: int, name: str, parameter: str) -> None:
        """Add a measurement, with the lowest number that is free; a channel that is not in use begins to be."""
        if any(trace.name == name for trace in self.traces.values()) or not name:
            raise ScpiError(-224)
        self._define(channel, next((number for number in NUMBERS if number not in self.traces), 0), name, parameter)

    def _define(self, channel: int, number: int, name: str, parameter: str) -> None:
        if number == 0:
            raise ScpiError(-221)
        self.traces = dict(sorted({**self.traces, number: Trace(name, parameter, channel)}.items()))
        if channel not in self.channels:
            self.channels = dict(sorted({**self.channels, channel: Channel(self.device, channel)}.items()))
        self.channels[channel].follow(anew=True)

    @command("CALCulate#:PARameter:SELect", Text(), Choice("FAST", optional=True), source=IN_DRIVERS, suffixes=CHANNELS)
    def select(self, channel: int, name: str, fast: str = "") -> None:
        """Let the channel's commands without a number mean this measurement."""
        self.selected[channel] = self.number_of(name, channel)
        self.active = channel

    @query("CALCulate#:PARameter:SELect", source=IN_DRIVERS, suffixes=CHANNELS)
    def selected_name(self, channel: int) -> str:
        """Return the name of the selected measurement."""
        return f'"{self.selected_trace(channel).name}"'

    @command(
        "CALCulate#:PARameter:MNUMber[:SELect]", Number(minimum=1, integer=True), source=IN_DRIVERS, suffixes=CHANNELS
    )
    def select_by_number(self, channel: int, number: int) -> None:
        """Select a measurement."""
        if number not in self.traces or self.traces[number].channel != channel:
            raise ScpiError(-224)
        self.selected[channel], self.active = number, channel

    @query("CALCulate#:PARameter:MNUMber[:SELect]", source=IN_DRIVERS, suffixes=CHANNELS)
    def selected_number(self, channel: int) -> int:
        """Return the number of the selected measurement, 0 if there is none."""
        return self.selected.get(channel, 0)

    @command("CALCulate#:PARameter:MODify:EXTended", Choice(*PARAMETERS), source=IN_DRIVERS, suffixes=CHANNELS)
    def modify(self, channel: int, parameter: str) -> None:
        """Have the selected measurement show another S-parameter."""
        self.selected_trace(channel).parameter = parameter
        self.channels[channel].follow(anew=True)

    @command("CALCulate#:PARameter:DELete[:NAME]", Text(), source=IN_DRIVERS, suffixes=CHANNELS)
    def delete_by_name(self, channel: int, name: str) -> None:
        """Remove a measurement; its channel stays."""
        self._delete(self.number_of(name, channel))

    @command("CALCulate#:PARameter:DELete:ALL", source=IN_DRIVERS, suffixes=CHANNELS)
    def delete_all(self, channel: int) -> None:
        """Remove every measurement of every channel."""
        for number in list(self.traces):
            self._delete(number)

    def _delete(self, number: int) -> None:
        del self.traces[number]
        self.shown = [one for one in self.shown if one != number]
        self.selected = {channel: one for channel, one in self.selected.items() if one != number}

    def selected_trace(self, channel: int) -> Trace:
        """Return the selected measurement; -221 if there is none."""
        self._channel(channel)
        if channel not in self.selected:
            raise ScpiError(-221)
        return self.traces[self.selected[channel]]

    @command("CALCulate#:FORMat", FORMATS, source=IN_DRIVERS, suffixes=CHANNELS)
    def set_format(self, channel: int, shape: str) -> None:
        """Set the format of the selected measurement."""
        self.selected_trace(channel).format = shape

    @query("CALCulate#:FORMat", source=IN_DRIVERS, suffixes=CHANNELS)
    def format_of_selected(self, channel: int) -> str:
        """Return the format of the selected measurement."""
        return self.selected_trace(channel).format

    @query("CALCulate#:DATA", Choice("FDATA", "SDATA"), source=IN_DRIVERS, suffixes=CHANNELS)
    def data(self, channel: int, kind: str) -> bytes:
        """Return the selected measurement: formatted, or real and imaginary parts."""
        trace = self.selected_trace(channel)
        source = self._channel(channel)
        return self.encode(source.formatted(trace) if kind == "FDATA" else source.complex_values(trace).view(float))

    @query("CALCulate#:X[:VALues]", source=IN_DRIVERS, suffixes=CHANNELS)
    def x_values_of_selected(self, channel: int) -> bytes:
        """Return the stimulus of each point."""
        self.selected_trace(channel)
        return self.encode(self._channel(channel).stimulus())

    # measurements by number

    @command("CALCulate#:MEASure#:DEFine", Text(), source="unverified", suffixes=BOTH)
    def define_by_number(self, channel: int, number: int, parameter: str) -> None:
        """Add a measurement."""
        parameter = Choice(*PARAMETERS).parse(parameter, self.device)
        if number in self.traces:
            raise ScpiError(-221)
        self._define(channel, number, f"CH{channel}_{parameter}_{number}", parameter)

    @command("CALCulate#:MEASure#:DELete", source="unverified", suffixes=BOTH)
    def delete_by_number(self, channel: int, number: int) -> None:
        """Remove a measurement."""
        self._trace(channel, number)
        self._delete(number)

    @query("CALCulate#:MEASure#:PARameter", source=IN_DRIVER, suffixes=BOTH)
    def parameter(self, channel: int, number: int) -> str:
        """Return the S-parameter."""
        return f'"{self._trace(channel, number).parameter}"'

    @command("CALCulate#:MEASure#:PARameter", Text(), source="unverified", suffixes=BOTH)
    def set_parameter(self, channel: int, number: int, parameter: str) -> None:
        """Show another S-parameter."""
        self._trace(channel, number).parameter = Choice(*PARAMETERS).parse(parameter, self.device)
        self.channels[channel].follow(anew=True)

    @query("CALCulate#:MEASure#:FORMat", source="unverified", suffixes=BOTH)
    def format_of(self, channel: int, number: int) -> str:
        """Return the format."""
        return self._trace(channel, number).format

    @command("CALCulate#:MEASure#:FORMat", FORMATS, source="unverified", suffixes=BOTH)
    def set_format_of(self, channel: int, number: int, shape: str) -> None:
        """Set the format."""
        self._trace(channel, number).format = shape

    @query("CALCulate#:MEASure#:X[:VALues]", source=IN_DRIVER, suffixes=BOTH)
    def x_values(self, channel: int, number: int) -> bytes:
        """Return the stimulus of each point."""
        self._trace(channel, number)
        return self.encode(self._channel(channel).stimulus())

    @query("CALCulate#:MEASure#:X:AXIS:UNIT", source=IN_DRIVER, suffixes=BOTH)
    def x_unit(self, channel: int, number: int) -> str:
        """Return the unit of the stimulus."""
        self._trace(channel, number)
        return "DEF" if self.device.sweep_type[channel] == "CW" else "FREQ"

    @query("CALCulate#:MEASure#:Y:AXIS:UNIT", source=IN_DRIVER, suffixes=BOTH)
    def y_unit(self, channel: int, number: int) -> str:
        """Return the unit of the formatted data."""
        units = {"MLOG": "DB", "PHAS": "DEGR", "UPH": "DEGR", "GDEL": "SEC"}
        return units.get(self._trace(channel, number).format, "UNIT")

    @query("CALCulate#:MEASure#:DATA:FDATA", source=IN_DRIVER, suffixes=BOTH)
    def formatted_data(self, channel: int, number: int) -> bytes:
        """Return the measurement in its format."""
        return self.encode(self._channel(channel).formatted(self._trace(channel, number)))

    @query("CALCulate#:MEASure#:DATA:SDATA", source=IN_DRIVER, suffixes=BOTH)
    def complex_data(self, channel: int, number: int) -> bytes:
        """Return real and imaginary part of each point."""
        return self.encode(self._channel(channel).complex_values(self._trace(channel, number)).view(float))

    # markers

    def _marker(self, channel: int, number: int, marker: int) -> Marker:
        return self._trace(channel, number).markers.setdefault(marker, Marker())

    @command("CALCulate#:MEASure#:MARKer#[:STATe]", Boolean(), source=IN_DRIVER, suffixes=MARKERS)
    def set_marker(self, channel: int, number: int, marker: int, on: bool) -> None:
        """Show a marker, or hide it."""
        self._marker(channel, number, marker).on = on

    @query("CALCulate#:MEASure#:MARKer#[:STATe]", source=IN_DRIVER, suffixes=MARKERS)
    def marker_is_on(self, channel: int, number: int, marker: int) -> bool:
        """Return whether a marker is shown."""
        return self._marker(channel, number, marker).on

    @command("CALCulate#:MEASure#:MARKer#:DISCrete", Boolean(), source=IN_DRIVER, suffixes=MARKERS)
    def set_marker_discrete(self, channel: int, number: int, marker: int, on: bool) -> None:
        """Keep a marker at the points of the sweep, or let it stand between them."""
        self._marker(channel, number, marker).discrete = on

    @query("CALCulate#:MEASure#:MARKer#:DISCrete", source=IN_DRIVER, suffixes=MARKERS)
    def marker_is_discrete(self, channel: int, number: int, marker: int) -> bool:
        """Return whether a marker keeps to the points."""
        return self._marker(channel, number, marker).discrete

    @command("CALCulate#:MEASure#:MARKer#:X", Number("HZ"), source=IN_DRIVER, suffixes=MARKERS)
    def move_marker(self, channel: int, number: int, marker: int, x: float) -> None:
        """Move a marker; -222 outside the sweep."""
        found, points = self._marker(channel, number, marker), self._channel(channel).stimulus()
        if not points[0] <= x <= points[-1]:
            raise ScpiError(-222)
        found.x = x

    @query("CALCulate#:MEASure#:MARKer#:X", source=IN_DRIVER, suffixes=MARKERS)
    def marker_x(self, channel: int, number: int, marker: int) -> str:
        """Return where a marker is, in Hz or s."""
        return NR3.format(self._channel(channel).marker_x(self._marker(channel, number, marker)))

    @query("CALCulate#:MEASure#:MARKer#:Y", source=IN_DRIVER, suffixes=MARKERS)
    def marker_y(self, channel: int, number: int, marker: int) -> str:
        """Return the two numbers that a marker shows; -221 while it is off, which is unverified."""
        found = self._marker(channel, number, marker)
        if not found.on:
            raise ScpiError(-221)
        trace = self._trace(channel, number)
        return ",".join(NR3.format(value) for value in self._channel(channel).marker_y(trace, found))
