"""Newport ESP301 motion controller, as PyMeasure describes instruments; ``esp301.py`` has the drivers of its axes.

References: Newport ESP300/301 manuals; the numbers of errors are those of PyMeasure's driver.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pymeasure.instruments import Instrument
from pymeasure.instruments.newport.esp300 import ESP300, Axis, AxisError, GeneralError
from pymeasure.instruments.validators import strict_range

__all__ = ["ESP301", "ControllerError", "ESP301Axis"]


@dataclass(frozen=True)
class ControllerError:
    """One entry of the controller's error queue.

    Attributes
    ----------
    axis : int or None
        The axis that it is about, if it is about one.
    code : int
        Its number, without the axis.
    message : str
        What it means.
    """

    axis: int | None
    code: int
    message: str

    @classmethod
    def parse(cls, reply: str) -> ControllerError:
        """Read ``code, time stamp, message``; the controller's own words count, PyMeasure's table where it has none."""
        number, *rest = [part.strip() for part in reply.split(",", 2)]
        axis, code = divmod(int(number), 100)
        table = AxisError.MESSAGES if axis else GeneralError.MESSAGES
        known = table.get(f"{code:02d}" if axis else str(code), "unknown error")
        return cls(axis or None, code, rest[1] if len(rest) > 1 and rest[1] else known)

    def __str__(self) -> str:
        return f"{self.message.lower()} ({f'axis {self.axis}, ' if self.axis else ''}error {self.code})"


class ESP301Axis(Axis):
    """An axis of the ESP301.

    Positions are sent with all the digits that an encoder resolves (PyMeasure's ESP300 sends six), and waiting for a
    move polls instead of sending ``WS``, which blocks the controller for every other question, a stop included.
    """

    position = Instrument.control(
        "TP?", "PA%.7f", """Control the position in the axis' unit; setting it starts a move (float)."""
    )

    left_limit = Instrument.control("SL?", "SL%.7f", """Control the lower software limit in the axis' unit (float).""")

    right_limit = Instrument.control("SR?", "SR%.7f", """Control the upper software limit in the axis' unit (float).""")

    velocity = Instrument.control(
        "VA?",
        "VA%.7f",
        """Control the velocity of moves in the axis' unit per second (float above 0).""",
        validator=strict_range,
        values=[1e-7, math.inf],
    )

    velocity_maximum = Instrument.measurement("VU?", """Get the largest velocity in the axis' unit per second.""")

    acceleration = Instrument.control(
        "AC?",
        "AC%.7f",
        """Control the acceleration in the axis' unit per second squared (float above 0).""",
        validator=strict_range,
        values=[1e-7, math.inf],
    )

    deceleration = Instrument.control(
        "AG?",
        "AG%.7f",
        """Control the deceleration in the axis' unit per second squared (float above 0).""",
        validator=strict_range,
        values=[1e-7, math.inf],
    )

    # PyMeasure's casts let pass what is no number, and any text is true.
    enabled = Instrument.measurement(
        "MO?", """Get whether the motor is on (bool).""", values={True: 1, False: 0}, map_values=True
    )

    motion_done = Instrument.measurement(
        "MD?", """Get whether the axis has settled (bool).""", values={True: 1, False: 0}, map_values=True
    )

    stage = Instrument.measurement(
        "ID?", """Get model and serial number of the stage (str).""", cast=str, maxsplit=0, get_process=str.strip
    )

    def define_position(self, position: float) -> None:
        """Give the present position this value, in the axis' unit."""
        self.write(f"DH{position:.7f}")

    def stop(self) -> None:
        """Stop with the programmed deceleration."""
        self.write("ST")

    def wait_for_stop(
        self,
        delay: float = 0.0,
        interval: float = 0.05,
        should_stop: Callable[[], bool] = lambda: False,
        timeout: float = 600.0,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Wait until the motion has ended; stop it once ``should_stop()`` is true.

        Parameters
        ----------
        delay : float
            How much longer to wait afterwards [s].
        interval : float
            Time between two questions [s].
        should_stop : callable
            Asked between them.
        timeout : float
            How long to wait at most [s].
        sleep : callable
            Lets time pass.

        Raises
        ------
        TimeoutError
            If the axis has not stopped within ``timeout``; it is told to.
        """
        waited, stopping = 0.0, False
        while not self.motion_done:
            if waited >= timeout:
                self.stop()
                raise TimeoutError(f"axis {self.axis} has not stopped within {timeout:g} s")
            if not stopping and should_stop():
                self.stop()
                stopping = True
            sleep(interval)
            waited += interval
        if delay > 0.0 and not stopping:
            sleep(delay)


class ESP301(ESP300):
    """Represents the Newport ESP301 motion controller, with axes ``x``, ``y`` and ``phi`` (1, 2, 3)."""

    def __init__(self, adapter: Any, name: str = "Newport ESP301 motion controller", **kwargs: Any) -> None:
        # The controller is no SCPI instrument; PyMeasure's ESP300 warns that this is not known.
        Instrument.__init__(self, adapter, name, includeSCPI=False, **kwargs)
        self.x, self.y, self.phi = (ESP301Axis(number, self) for number in (1, 2, 3))

    version = Instrument.measurement(
        "VE?", """Get model and version of the controller (str).""", cast=str, maxsplit=0, get_process=str.strip
    )

    error_message = Instrument.measurement(
        "TB?",
        """Get the oldest error, as code, time stamp and message; it is taken from the queue (str).""",
        cast=str,
        maxsplit=0,
    )

    @property
    def axes(self) -> list[ESP301Axis]:
        """Get the axes (list); nothing is sent."""
        return [self.x, self.y, self.phi]

    @property
    def errors(self) -> list[ControllerError]:
        """Get the errors in the controller's queue, at most 20, and empty it (list)."""
        found = []
        for _ in range(20):
            error = ControllerError.parse(str(self.error_message))
            if error.axis is None and error.code == 0:
                break
            found.append(error)
        return found

    def clear_errors(self) -> None:
        """Empty the error queue."""
        _ = self.errors

    def stop(self) -> None:
        """Stop all axes with their decelerations."""
        self.write("ST")

    def abort(self) -> None:
        """Stop all axes as fast as can be."""
        self.write("AB")
