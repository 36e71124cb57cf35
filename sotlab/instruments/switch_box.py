"""A coaxial and a matrix switch with SCPI: the generic ones of the virtual lab, and a pattern for real ones.

Channels have three digits as in ``(@101,203)``: row (of the coaxial switch: relay) and column.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, ClassVar

from pydantic import Field as Option
from pydantic import model_validator
from pymeasure.instruments import Instrument, SCPIMixin

from sotlab.errors import InstrumentError
from sotlab.instruments.driver import Driver, Options

__all__ = ["MatrixSwitch", "RFSwitch", "SwitchBox"]


def channel_list(channels: Iterable[int]) -> str:
    """Write channels as SCPI wants them: ``(@101,203)``."""
    return f"(@{','.join(map(str, channels))})"


class SwitchBox(SCPIMixin, Instrument):
    """Represents a box of relays."""

    def __init__(self, adapter: Any, name: str = "switch box", **kwargs: Any) -> None:
        super().__init__(adapter, name, **kwargs)

    closed = Instrument.measurement(
        "ROUT:CLOS:STAT?",
        """Get the closed channels (list of int).""",
        cast=str,
        maxsplit=0,
        get_process=lambda reply: [int(number) for number in re.findall(r"\d+", reply)],
    )

    def close_channels(self, channels: Iterable[int]) -> None:
        """Close channels; a coaxial switch opens what its relay had closed before."""
        self.write(f"ROUT:CLOS {channel_list(channels)}")

    def open_channels(self, channels: Iterable[int]) -> None:
        """Open channels."""
        self.write(f"ROUT:OPEN {channel_list(channels)}")

    def open_all(self) -> None:
        """Open every channel."""
        self.write("ROUT:OPEN:ALL")


class _SwitchDriver(Driver):
    """What both have in common: close exactly some channels, nothing in between, and see that they are."""

    instrument_class = SwitchBox
    connection: ClassVar[dict[str, Any]] = {"read_termination": "\n", "write_termination": "\n"}

    def configure(self) -> None:
        """Forget errors of before; no relay moves."""
        self.instrument.clear()

    def _close_exactly(self, channels: set[int]) -> None:
        """Open all others first, then close; the box answers ``*OPC?`` when its relays have settled."""
        box = self.instrument
        now_closed = set(box.closed)
        if now_closed - channels:
            box.open_channels(sorted(now_closed - channels))
            box.ask("*OPC?")
        if channels - now_closed:
            box.close_channels(sorted(channels - now_closed))
            box.ask("*OPC?")
        self.raise_errors()
        found = set(box.closed)
        if found != channels:
            raise InstrumentError(
                f"{self.limits.role}: {channel_list(sorted(channels))} should be closed, and"
                f" {channel_list(sorted(found))} are; is a relay stuck?"
            )


Channels = Annotated[list[Annotated[int, Option(ge=101, le=999)]], Option(min_length=1)]


class RFSwitchOptions(Options):
    """Options of the coaxial switch as ``rf_switch``."""

    #: What the positions are called, and which channels each closes: ``{sample = [101], power_meter = [102]}``.
    positions: dict[str, Channels] = Option(min_length=1)
    #: Where it goes to be safe, a load for instance; "" opens all.
    safe_position: str = ""

    @model_validator(mode="after")
    def _safe_position_exists(self) -> RFSwitchOptions:
        if self.safe_position and self.safe_position not in self.positions:
            raise ValueError(f"safe_position '{self.safe_position}' is none of {', '.join(self.positions)}")
        return self


class RFSwitch(_SwitchDriver):
    """A coaxial switch that fills the role ``rf_switch``. Safe state: the station's safe position, or all open."""

    role = "rf_switch"
    identity = r"RF switch"
    options_model = RFSwitchOptions

    @property
    def safe_state(self) -> str:
        """What :meth:`make_safe` brings about."""
        return f"at '{self.options.safe_position}'" if self.options.safe_position else "all open"

    @property
    def positions(self) -> tuple[str, ...]:
        """What the station calls its positions."""
        return tuple(self.options.positions)

    def select(self, position: str) -> None:
        """Connect the common port to a position, and return when the relays have settled.

        Raises
        ------
        InstrumentError
            If the station has no such position; nothing is sent then.
        """
        if position not in self.options.positions:
            raise InstrumentError(
                f"{self.limits.role}: position '{position}' asked, {self.limits.station} has"
                f" {', '.join(self.positions)}; nothing was sent. Add it to positions in"
                f" [roles.{self.limits.role}.options]"
            )
        self._close_exactly(set(self.options.positions[position]))

    def make_safe(self) -> None:
        """Go to the safe position, or open all."""
        safe = self.options.safe_position
        self._close_exactly(set(self.options.positions[safe]) if safe else set())


Line = Annotated[int, Option(ge=1, le=99)]


class MatrixSwitchOptions(Options):
    """Options of the matrix as ``switch``."""

    #: Which row each terminal of the instruments lies on: ``{"I+" = 1, "I-" = 2, "V+" = 3, "V-" = 4}``.
    terminals: dict[str, Annotated[int, Option(ge=1, le=9)]] = Option(min_length=1)
    #: Which column each contact of the sample lies on: ``{"1" = 1, "2" = 2}``.
    contacts: dict[str, Line] = Option(min_length=1)


class MatrixSwitch(_SwitchDriver):
    """A matrix that fills the role ``switch``: terminals on its rows, contacts on its columns. Safe state: all open."""

    role = "switch"
    identity = r"matrix switch"
    options_model = MatrixSwitchOptions
    safe_state = "all open"

    def connect(self, routes: Mapping[str, str]) -> None:
        """Close exactly the named routes (``{"I+": "1", "V-": "3"}``), opening all others first.

        Raises
        ------
        InstrumentError
            If the station has no such terminal or contact; nothing is sent then.
        """
        self._close_exactly({self._channel(terminal, contact) for terminal, contact in routes.items()})

    def _channel(self, terminal: str, contact: str) -> int:
        for name, known, option in (
            (terminal, self.options.terminals, "terminals"),
            (contact, self.options.contacts, "contacts"),
        ):
            if name not in known:
                raise InstrumentError(
                    f"{self.limits.role}: '{name}' asked, {self.limits.station} has {', '.join(known)}; nothing was"
                    f" sent. Add it to [roles.{self.limits.role}.options] {option}"
                )
        return 100 * self.options.terminals[terminal] + self.options.contacts[contact]

    def make_safe(self) -> None:
        """Open every relay."""
        self.instrument.open_all()
        self.instrument.ask("*OPC?")
        self.raise_errors()
