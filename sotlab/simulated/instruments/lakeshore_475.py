"""Lake Shore 475 DSP gaussmeter with a high-sensitivity probe, measuring dc fields.

Not modelled, so refused: RMS and peak modes, field control, relative readings.
"""

from __future__ import annotations

import math
from typing import ClassVar

from scipy.constants import mu_0

from sotlab.simulated.device import LabDevice, command, query, setting
from sotlab.simulated.physics.detect import quantise
from sotlab.simulated.scpi import Number, ScpiError

__all__ = ["LakeShore475"]

#: ``UNIT`` numbers: gauss, tesla, oersted, ampere per metre; what 1 T reads in each.
PER_TESLA = {1: 1e4, 2: 1.0, 3: 1e4, 4: 1 / mu_0}
#: Full scale of the ranges 1 to 5 of a high-sensitivity probe [T].
RANGES_T = (0.35e-3, 3.5e-3, 35e-3, 0.35, 3.5)
#: Counts over a full scale at the resolutions 1 to 3 (3, 4 and 5 digits and a three-quarter).
COUNTS = {1: 3_500, 2: 35_000, 3: 350_000}

MANUAL, MANUAL_425 = "Model 475 manual", "Model 425 manual 6.3.1"


def engineering(value: float) -> str:
    """Write a number as +nnn.nnnE+nn, the exponent a multiple of three."""
    exponent = 3 * math.floor(math.log10(abs(value)) / 3) if value else 0
    mantissa = value / 10.0**exponent
    if abs(round(mantissa, 3)) >= 1000.0:
        mantissa, exponent = mantissa / 1000.0, exponent + 3
    return f"{mantissa:+08.3f}E{exponent:+03d}"


class LakeShore475(LabDevice):
    """A gaussmeter; it has no error queue, only the bits of the event status register."""

    manufacturer: ClassVar[str] = "LSCI"
    model: ClassVar[str] = "MODEL475"
    version: ClassVar[str] = "09232010"
    reply_terminator: ClassVar[bytes] = b"\r\n"

    unit = setting(
        "UNIT", default=2, minimum=1, maximum=4, integer=True, resets=False,
        source=f"{MANUAL_425}, p. 57; 475 by two drivers",
    )  # fmt: skip
    probe_type = setting("TYPE", default=40, read_only=True, integer=True, source=f"{MANUAL_425}, p. 57")

    def __init__(self, *arguments, **keywords) -> None:
        super().__init__(*arguments, **keywords)
        self._range: int | None = None  # None is autorange
        self._mode = (1, 3, 1, 1, 1)
        self._relative, self._setpoint_T = (0, 1), 0.0
        self._extremes_T: tuple[float, float] | None = None

    @command("RANGE", Number(minimum=1, maximum=5, integer=True), source="unverified; header in PyMeasure's 425")
    def set_range(self, number: float) -> None:
        """Hold one range, 1 the most sensitive."""
        self._range = int(number)

    @query("RANGE", source="unverified; header in PyMeasure's 425")
    def range_in_use(self) -> int:
        """Return the number of the range in use."""
        return RANGES_T.index(self._scale_T(self._field_T())) + 1

    @command(
        "AUTO", Number(minimum=0, maximum=1, integer=True, optional=True), source="unverified; PyMeasure sends none"
    )
    def set_auto(self, on: float = 1) -> None:
        """Switch autorange on or off; without a number on."""
        self._range = None if on else self.range_in_use()

    @query("AUTO", source="unverified")
    def auto(self) -> int:
        """Return whether autorange is on."""
        return int(self._range is None)

    @query("RDGFIELD", source="Model 475 manual p. 6-38 for the format of its sisters; header in two drivers")
    def read_field(self) -> str:
        """Return the field in the chosen unit; beyond the range the full scale, and RDGST? tells."""
        field_T = self._field_T()
        return self._written(self._shown_T(field_T))

    def _shown_T(self, field_T: float) -> float:
        """Return the field as the display has it [T], and keep it if it is extreme."""
        scale_T = self._scale_T(field_T)
        shown_T = quantise(min(max(field_T, -scale_T), scale_T), scale_T / COUNTS[self._mode[1]])
        low_T, high_T = self._extremes_T or (shown_T, shown_T)
        self._extremes_T = min(low_T, shown_T), max(high_T, shown_T)
        return shown_T

    def _written(self, field_T: float) -> str:
        return engineering(field_T * PER_TESLA[self.unit])

    @query("RDGMNMX", source=f"{MANUAL}, p. 6-38")
    def read_extremes(self) -> str:
        """Return least and greatest of the fields that were asked for since the last reset of the extremes."""
        self._shown_T(self._field_T())
        low_T, high_T = self._extremes_T or (0.0, 0.0)
        return f"{self._written(low_T)},{self._written(high_T)}"

    @command("MNMXRST", source="unverified; header in two drivers")
    def reset_extremes(self) -> None:
        """Forget the extremes."""
        self._extremes_T = None

    @query("RDGREL", source=f"{MANUAL}, p. 6-38")
    def read_relative(self) -> str:
        """Return the field less the setpoint of the relative mode."""
        return self._written(self._shown_T(self._field_T()) - self._setpoint_T)

    @command("REL", Number(minimum=0, maximum=1, integer=True), Number(minimum=1, maximum=2, integer=True),
             source=f"{MANUAL}, p. 6-38")  # fmt: skip
    def set_relative(self, on: float, setpoint: float) -> None:
        """Switch the relative mode; its setpoint is the user's (1) or the present field (2)."""
        self._relative = int(on), int(setpoint)
        if setpoint == 2:
            self._setpoint_T = self._shown_T(self._field_T())

    @query("REL", source=f"{MANUAL}, p. 6-38")
    def relative(self) -> str:
        """Return whether the relative mode is on, and where its setpoint comes from."""
        return ",".join(map(str, self._relative))

    @command("RELSP", Number(minimum=-1e9, maximum=1e9), source=f"{MANUAL_425}, p. 57")
    def set_setpoint(self, field: float) -> None:
        """Set the user's setpoint, in the chosen unit."""
        self._setpoint_T = field / PER_TESLA[self.unit]

    @query("RELSP", source=f"{MANUAL_425}, p. 57")
    def setpoint(self) -> str:
        """Return the setpoint."""
        return self._written(self._setpoint_T)

    @query("RDGTEMP", source=f"{MANUAL}, p. 6-38; in degrees Celsius: unverified")
    def read_temperature(self) -> str:
        """Return the probe's temperature: that of the room, 23 degrees Celsius."""
        return engineering(23.0)

    @query("RDGST", source="unverified; bit 1 from memory")
    def reading_status(self) -> int:
        """Return 2 while the field is beyond the range."""
        field_T = self._field_T()
        return 2 if abs(field_T) > self._scale_T(field_T) else 0

    def _field_T(self) -> float:
        return self.bench.gaussmeter_T(self.lab.clock.now())

    def _scale_T(self, field_T: float) -> float:
        if self._range is not None:
            return RANGES_T[self._range - 1]
        return next((scale_T for scale_T in RANGES_T if abs(field_T) <= scale_T), RANGES_T[-1])

    @query("RDGMODE", source="unverified; five fields in one driver")
    def mode(self) -> str:
        """Return mode, dc resolution, rms filter, peak mode and peak display."""
        return ",".join(str(number) for number in self._mode)

    @command(
        "RDGMODE",
        *(Number(minimum=1, maximum=most, integer=True) for most in (3, 3, 3, 2, 3)),
        source="unverified; five fields in one driver",
    )
    def set_mode(self, *mode: float) -> None:
        """Set the resolution; the mode stays dc."""
        if mode[0] != 1:
            raise ScpiError(-221)
        self._mode = tuple(int(number) for number in mode)

    @command("ZPROBE", source="unverified; PyMeasure's 425")
    def zero_probe(self) -> None:
        """Take the present reading for zero: on the bench, with the probe in a zero-gauss chamber."""
        self.bench.zero_gaussmeter(self.lab.clock.now())
