"""Thorlabs MC2000B, a controller of an optical chopper, on a serial line at 115200 baud.

Wired to ``bench.chopper``. A reply is the echo of the line, CR, the answer and CR if there is one, and the prompt
``> ``. Not modelled, so refused: the external reference's own frequency, on-cycle trimming, the menu, ``verbose``.
"""

from __future__ import annotations

from typing import ClassVar

from sotlab.simulated.device import EXECUTION_ERROR, LabDevice, Port, Reply, command, query
from sotlab.simulated.scpi import Number, ScpiError

__all__ = ["MC2000B"]

#: Numbers of ``blade`` in order (as in the vendor's own library): name, slots.
BLADES = (
    ("MC1F2", 2),
    ("MC1F10", 10),
    ("MC1F15", 15),
    ("MC1F30", 30),
    ("MC1F60", 60),
    ("MC1F100", 100),
    ("MC1F10HP", 10),
)
#: Revolutions per second that the motor can do.
SLOWEST_PER_S, FASTEST_PER_S = 2, 100
PROMPT = b"> "
UNVERIFIED = "unverified; header in a driver"

STANDBY_RULE = "unverified; in standby only: manual 5.2, as noted by others"

FLAG = Number(minimum=0, maximum=1, integer=True)
HARMONIC = Number(minimum=1, maximum=15, integer=True)


class MC2000B(LabDevice):
    """The controller: frequency of the wheel in Hz, phase in deg."""

    manufacturer: ClassVar[str] = "THORLABS"
    model: ClassVar[str] = "MC2000B"
    version: ClassVar[str] = "1.06"

    def power_on(self) -> None:
        """Begin in standby with the wheel of 100 slots."""
        self._blade, self._frequency_Hz = 5, 1000
        self._phase_deg, self._running = 0, False
        self._standby_only = {"ref": 0, "output": 0, "nharmonic": 1, "dharmonic": 1}
        super().power_on()

    def reset(self) -> None:
        """Stop the wheel."""
        self.before_change()
        self._running = False
        self._drive()

    def identity(self) -> str:
        """Return what ``id?`` answers; the version says that it is simulated."""
        return f"{self.manufacturer} {self.model} {self.serial} {self.version}"

    def execute(self, port: Port, message: str) -> None:
        """Run one line, ``freq?`` or ``freq=5900``, and answer with echo and prompt."""
        line = message.strip(" ")
        name, equals, value = line.partition("=")
        self._ready_at = self.lab.clock.now()
        answer = b""
        try:
            if not equals and not name.endswith("?"):
                raise ScpiError(-113)
            found, suffixes, _ = self.tree.find(name.upper(), "")
            reply = found.call(self, suffixes, value)
            answer = b"" if reply is None else str(reply).encode("latin-1") + b"\r"
        except ScpiError as problem:
            error = "CMD_NOT_DEFINED" if problem.code == -113 else "CMD_ARG_INVALID"
            self.event_status |= EXECUTION_ERROR
            answer = f"Command error {error}\r".encode("latin-1")
        echo = line.encode("latin-1") + b"\r"
        port.replies.append(Reply(echo + answer + PROMPT, self._ready_at))

    def _drive(self) -> None:
        self.bench.chopper.run(self.lab.clock.now(), float(self._frequency_Hz) if self._running else 0.0)

    def _limits_Hz(self) -> tuple[int, int]:
        slots = BLADES[self._blade][1]
        return SLOWEST_PER_S * slots, FASTEST_PER_S * slots

    def _in_standby(self) -> None:
        if self._running:
            raise ScpiError(-221)

    @query("ID", source=UNVERIFIED)
    def tell_identity(self) -> str:
        """Return what it is."""
        return self.identity()

    @command("FREQ", Number(integer=True), source=UNVERIFIED)
    def set_frequency(self, frequency_Hz: int) -> None:
        """Set the frequency of the internal reference, between the blade's limits."""
        low_Hz, high_Hz = self._limits_Hz()
        if not low_Hz <= frequency_Hz <= high_Hz:
            raise ScpiError(-222)
        self.before_change()
        self._frequency_Hz = frequency_Hz
        self._drive()

    @query("FREQ", source=UNVERIFIED)
    def frequency(self) -> int:
        """Return the frequency that is set [Hz]."""
        return self._frequency_Hz

    @query("REFOUTFREQ", source=UNVERIFIED)
    def measured_frequency(self) -> int:
        """Return the frequency at the reference output, where the wheel is now [Hz]."""
        return round(self.bench.chopper.reading_Hz(self.lab.clock.now()))

    @command("ENABLE", FLAG, source=UNVERIFIED)
    def enable(self, on: int) -> None:
        """Start the wheel, or leave it in standby."""
        self.before_change()
        self._running = bool(on)
        self._drive()

    @query("ENABLE", source=UNVERIFIED)
    def enabled(self) -> int:
        """Return whether the wheel is started."""
        return int(self._running)

    @command("PHASE", Number(minimum=0, maximum=360, integer=True), source=UNVERIFIED)
    def set_phase(self, phase_deg: int) -> None:
        """Set the phase between reference and wheel."""
        self._phase_deg = phase_deg

    @query("PHASE", source=UNVERIFIED)
    def phase(self) -> int:
        """Return the phase [deg]."""
        return self._phase_deg

    @command("BLADE", Number(minimum=0, maximum=len(BLADES) - 1, integer=True), source=STANDBY_RULE)
    def set_blade(self, number: int) -> None:
        """Tell which wheel is mounted, in standby only; the frequency is brought into its limits."""
        self._in_standby()
        self._blade = number
        low_Hz, high_Hz = self._limits_Hz()
        self._frequency_Hz = min(max(self._frequency_Hz, low_Hz), high_Hz)

    @query("BLADE", source=STANDBY_RULE)
    def blade(self) -> int:
        """Return the number of the wheel."""
        return self._blade

    def _program(self, name: str, value: int) -> None:
        self._in_standby()
        self._standby_only[name] = value

    @command("REF", FLAG, source=STANDBY_RULE)
    def set_reference(self, number: int) -> None:
        """Choose the internal or the external reference, in standby only."""
        self._program("ref", number)

    @query("REF", source=STANDBY_RULE)
    def reference(self) -> int:
        """Return which reference is chosen."""
        return self._standby_only["ref"]

    @command("OUTPUT", FLAG, source=STANDBY_RULE)
    def set_output(self, number: int) -> None:
        """Choose what the reference output follows, target or wheel, in standby only."""
        self._program("output", number)

    @query("OUTPUT", source=STANDBY_RULE)
    def output(self) -> int:
        """Return what the reference output follows."""
        return self._standby_only["output"]

    @command("NHARMONIC", HARMONIC, source=STANDBY_RULE)
    def set_multiplier(self, number: int) -> None:
        """Set the harmonic multiplier, in standby only."""
        self._program("nharmonic", number)

    @query("NHARMONIC", source=STANDBY_RULE)
    def multiplier(self) -> int:
        """Return the harmonic multiplier."""
        return self._standby_only["nharmonic"]

    @command("DHARMONIC", HARMONIC, source=STANDBY_RULE)
    def set_divider(self, number: int) -> None:
        """Set the harmonic divider, in standby only."""
        self._program("dharmonic", number)

    @query("DHARMONIC", source=STANDBY_RULE)
    def divider(self) -> int:
        """Return the harmonic divider."""
        return self._standby_only["dharmonic"]
