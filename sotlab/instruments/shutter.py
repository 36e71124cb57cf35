"""A beam shutter with SCPI: the generic one of the virtual lab, and a pattern for a real one."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field as Option
from pymeasure.instruments import Instrument, SCPIMixin
from pymeasure.instruments.validators import strict_discrete_set

from sotlab.errors import InstrumentError
from sotlab.instruments.driver import Driver, Options

__all__ = ["BeamShutter", "Shutter"]


class BeamShutter(SCPIMixin, Instrument):
    """Represents the beam shutter."""

    def __init__(self, adapter: Any, name: str = "beam shutter", **kwargs: Any) -> None:
        super().__init__(adapter, name, **kwargs)

    open_enabled = Instrument.control(
        "SHUT?",
        "SHUT %d",
        """Control whether the beam passes (bool).""",
        validator=strict_discrete_set,
        values={True: 1, False: 0},
        map_values=True,
    )

    moving = Instrument.measurement(
        "SHUT:MOV?", """Get whether the blade moves (bool).""", values={True: 1, False: 0}, map_values=True
    )


class ShutterOptions(Options):
    """Options of the beam shutter as ``shutter``."""

    #: Within how long the blade must have moved [s].
    move_s: float = Option(default=1.0, gt=0.0, le=60.0)


class Shutter(Driver):
    """A beam shutter that fills the role ``shutter``. Safe state: beam blocked."""

    role = "shutter"
    instrument_class = BeamShutter
    identity = r"beam shutter"
    connection: ClassVar[dict[str, Any]] = {"read_termination": "\n", "write_termination": "\n"}
    options_model = ShutterOptions
    safe_state = "beam blocked"

    #: Time between two looks at the blade [s].
    POLL_S = 0.01

    def configure(self) -> None:
        """Forget errors of before; the blade stays where it is."""
        self.instrument.clear()

    def set_open(self, is_open: bool) -> None:
        """Let the beam pass or block it, and return when the blade has moved.

        Raises
        ------
        InstrumentError
            If it does not arrive.
        """
        self.instrument.open_enabled = bool(is_open)
        latest_s = self.clock.now() + self.options.move_s
        while self.answered(lambda: self.instrument.moving, "SHUT:MOV?"):
            if self.clock.now() > latest_s:
                raise InstrumentError(
                    f"{self.limits.role}: the blade still moves after {self.options.move_s:g} s; is it stuck?"
                )
            self.clock.sleep(self.POLL_S)
        self.raise_errors()
        if self.answered(lambda: self.instrument.open_enabled, "SHUT?") != bool(is_open):
            raise InstrumentError(f"{self.limits.role}: told to {'open' if is_open else 'close'}, and it has not")

    def make_safe(self) -> None:
        """Block the beam."""
        self.set_open(False)
