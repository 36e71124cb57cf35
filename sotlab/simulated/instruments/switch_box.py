"""Generic RF and matrix switches with SCPI, of our own design: no models of any maker.

A channel has three digits as in ``(@101,203)``: row (or relay group) and column. The RF switch has one common port per
row, so that closing a channel opens the others of its row; the matrix closes any. A bench that wants to know has a
method ``switched(name, closed)``, called when the relays have settled or begun to move, with the closed channels.
"""

from __future__ import annotations

from typing import ClassVar

from sotlab.simulated.device import ScpiDevice, command, query
from sotlab.simulated.scpi import ChannelList

__all__ = ["MatrixSwitch", "RFSwitch"]

#: Headers are those of the E1345A (p. 59), the E1411B (p. 74) and the Keithley 2750 (p. 2-11).
OWN = "our own generic model"

LIST = ChannelList()


class SwitchBox(ScpiDevice):
    """Relays that take ``settling_s`` to move and count how often they closed; ``*OPC?`` waits for them."""

    rows: ClassVar[int]
    columns: ClassVar[int]
    settling_s: ClassVar[float]
    one_per_row: ClassVar[bool]

    def power_on(self) -> None:
        """Begin with every relay open and new."""
        self.channels = [100 * row + column for row in range(1, self.rows + 1) for column in range(1, self.columns + 1)]
        self._cycles = dict.fromkeys(self.channels, 0)
        self._closed: set[int] = set()
        super().power_on()

    def reset(self) -> None:
        """Open every relay; the cycles stay counted."""
        super().reset()
        self._move(set())

    def _move(self, closed: set[int]) -> None:
        if closed == self._closed:
            return
        self.before_change()
        for channel in closed - self._closed:
            self._cycles[channel] += 1
        self._closed = closed
        self.start_operation(self.settling_s)
        switched = getattr(self.bench, "switched", None)
        if switched is not None:
            switched(self.name, sorted(closed))

    @command("[ROUTe]:CLOSe", LIST, source=OWN)
    def close_channels(self, channels: list[int]) -> None:
        """Close channels; of an RF switch the last one named in a row."""
        closed = set(self._closed)
        for channel in channels:
            if self.one_per_row:
                closed = {other for other in closed if other // 100 != channel // 100}
            closed.add(channel)
        self._move(closed)

    @query("[ROUTe]:CLOSe", LIST, source=OWN)
    def are_closed(self, channels: list[int]) -> str:
        """Return 1 for each channel that is closed."""
        return ",".join(str(int(channel in self._closed)) for channel in channels)

    @query("[ROUTe]:CLOSe:STATe", source=OWN)
    def closed_list(self) -> str:
        """Return the closed channels."""
        return LIST.format(sorted(self._closed))

    @command("[ROUTe]:OPEN", LIST, source=OWN)
    def open_channels(self, channels: list[int]) -> None:
        """Open channels."""
        self._move(self._closed - set(channels))

    @query("[ROUTe]:OPEN", LIST, source=OWN)
    def are_open(self, channels: list[int]) -> str:
        """Return 1 for each channel that is open."""
        return ",".join(str(int(channel not in self._closed)) for channel in channels)

    @command("[ROUTe]:OPEN:ALL", source=OWN)
    def open_all(self) -> None:
        """Open every relay."""
        self._move(set())

    @query("DIAGnostic:RELay:CYCLes", LIST, source=OWN)
    def cycles(self, channels: list[int]) -> str:
        """Return how often each channel was closed."""
        return ",".join(str(self._cycles[channel]) for channel in channels)


class RFSwitch(SwitchBox):
    """Two coaxial switches of one common port and six others: channels 101-106 and 201-206."""

    model: ClassVar[str] = "RF switch"
    rows, columns, settling_s, one_per_row = 2, 6, 0.02, True


class MatrixSwitch(SwitchBox):
    """A matrix of four rows and eight columns: channels 101-108 to 401-408."""

    model: ClassVar[str] = "matrix switch"
    rows, columns, settling_s, one_per_row = 4, 8, 0.005, False
