"""The base of every simulated instrument: declared commands, status, errors, replies that take their time.

A model is a class that declares its commands. This is a whole one::

    from sotlab.simulated.device import ScpiDevice, command, query, setting
    from sotlab.simulated.scpi import Boolean, Choice, Number, ScpiError

    class Source(ScpiDevice):
        manufacturer, model, version = "Example Instruments", "S1", "1.0"

        frequency = setting("[SOURce]:FREQuency[:CW|:FIXed]", unit="HZ", default=1e9, minimum=1e5, maximum=40e9,
                            reply="{:+.13E}", on_out_of_range="clip", source="manual p. 12")
        output = setting("OUTPut[:STATe]", Boolean(), default=False, source="manual p. 30")
        shape = setting("FUNCtion", Choice("SINusoid", "SQUare"), default="SIN", source="unverified")
        ranges = setting("SENSe:VOLTage:CHANnel#:RANGe", unit="V", default=10.0, suffixes=(1, 2), source="unverified")

        @frequency.on_change                      # after the new values are stored; ScpiError here undoes the change
        @output.on_change
        def _drive(self):
            self.bench.rf.set(self.lab.clock.now(), self.frequency, on=self.output)

        @query("MEASure[:SCALar]:VOLTage[:DC]", Number("V", optional=True), source="manual p. 40")
        def measure(self, expected_V=None):       # "MEAS:VOLT?" or "MEAS:VOLT? 1 MV"
            start = self.lab.clock.now()
            self.reply_after(0.1)                 # [s] bench time until the reply may be read
            return f"{self.bench.mean_V(start, start + 0.1):+.6E}"

        @command("MEMory:CLEar", source="manual p. 50")
        def clear_memory(self):
            if self.output:
                raise ScpiError(-221)             # goes into the error queue; a query that errs gives no reply
            self.start_operation(0.5)             # *OPC? and *WAI wait for it

``self.frequency`` reads a setting, ``self.ranges[2]`` one with suffixes; assigning stores without calling anything.
``self.options`` holds the bench file's ``options:`` of this device (strings, as YAML's base loader leaves them),
``self.bench`` is what the device is wired to, ``self.lab.rng("voltmeter.noise")`` a random stream of its own.
Methods never sleep: they run under the lab's lock.
Instruments without SCPI derive from ``LabDevice``: plain mnemonics (``@query("RDGFIELD")``) work alike.
``command_table()`` lists what a model declares, with its sources.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar

from pyvisa_sim.devices import Device

from sotlab.simulated.commands import Command, Setting, command, query, setting
from sotlab.simulated.scpi import Number, ScpiError, Tree, split_header, split_lines, split_outside_data

if TYPE_CHECKING:
    from sotlab.simulated.faults import Faults

__all__ = [
    "Command",
    "LabDevice",
    "PlainDevice",
    "Port",
    "Reply",
    "ScpiDevice",
    "Setting",
    "command",
    "query",
    "setting",
]

OPERATION_COMPLETE, QUERY_ERROR, DEVICE_ERROR, EXECUTION_ERROR, COMMAND_ERROR, POWER_ON = 1, 4, 8, 16, 32, 128
ERROR_AVAILABLE, MESSAGE_AVAILABLE, EVENT_SUMMARY, SERVICE_REQUEST = 4, 16, 32, 64


# --- the wire -------------------------------------------------------------------------------------------------


class Reply:
    """Bytes that wait to be read, from a bench time on; ``end`` where END comes with the last one."""

    __slots__ = ("data", "end", "ready_at", "sent")

    def __init__(self, data: bytes, ready_at: float, end: bool = True):
        self.data, self.ready_at, self.end, self.sent = data, ready_at, end, 0


class Port:
    """One session's end of the wire: its own input, its own replies, its own service request.

    Parameters
    ----------
    device : LabDevice
        The instrument.
    stream : bool
        True for serial lines and sockets: replies queue up, nothing is interrupted.
    """

    def __init__(self, device: LabDevice, *, stream: bool = False):
        self.device, self.stream = device, stream
        self.replies: deque[Reply] = deque()
        self.service_request = False
        self.requests = 0  # how often service was requested
        self.lost = False  # a fault pulled the plug
        self.robbed = False  # a fault took away what the device would have said to the last message
        self._summary = 0
        self._unfinished = ""

    def receive(self, data: bytes, *, end: bool) -> None:
        """Take bytes from the controller; run each message that is complete, the last one too if END came with it."""
        faults = self.device.faults
        if faults is not None and not self.connected():
            return
        execute = self.device.execute if faults is None else faults.execute
        text = data.decode("latin-1")
        body = text.rstrip("\r\n")
        if end and not self._unfinished and not ("\n" in body or "\r" in body or "#" in body):
            messages = [body]  # the common case, in one step
        else:
            messages, rest = split_lines(self._unfinished + text)
            self._unfinished = "" if end else rest
            if end and rest:
                messages.append(rest)
        for message in messages:
            if message:
                execute(self, message)

    def connected(self) -> bool:
        """Let the faults happen that are due, and return whether the line to the device still stands."""
        if self.device.faults is not None:
            self.device.faults.happen()
        return not self.lost

    def interrupt(self) -> None:
        """Drop an unread reply, with error -410, because a new query came in (IEEE 488.2, 6.3.2.3)."""
        if self.replies and not self.stream:
            self.replies.clear()
            self.device.error(-410)

    def unterminated(self) -> None:
        """Report a read that nothing was asked for (IEEE 488.2, 6.3.2.2)."""
        if not (self.stream or self.robbed):
            self.device.error(-420)

    def clear(self) -> None:
        """Forget what was half received and not yet read: the device clear of its session."""
        self._unfinished = ""
        self.replies.clear()

    def available(self, now: float) -> int:
        """Return how many bytes could be read at once."""
        return sum(len(reply.data) - reply.sent for reply in self.replies if reply.ready_at <= now)

    def update_service_request(self) -> None:
        """Request service if a reason came up that was not there before (IEEE 488.2, 11.3.3)."""
        summary = self.device.status_byte(self) & self.device.service_enable
        if summary & ~self._summary and not self.service_request:
            self.service_request = True
            self.requests += 1
        self._summary = summary

    def serial_poll(self) -> int:
        """Return the status byte with RQS in bit 6, and clear RQS."""
        self.update_service_request()
        byte = self.device.status_byte(self) | (SERVICE_REQUEST if self.service_request else 0)
        self.service_request = False
        return byte


# --- devices --------------------------------------------------------------------------------------------------


class LabDevice(Device):
    """A simulated instrument with IEEE 488.2 common commands; see the module's text for how a model is written.

    Parameters
    ----------
    name : str
        Its name in the bench file.
    delimiter : bytes
        Of pyvisa-sim's dialogues; models do not use it.
    options : dict of str
        The bench file's ``options:`` for this device.
    """

    manufacturer: ClassVar[str] = "sotlab"
    model: ClassVar[str] = "virtual instrument"
    version: ClassVar[str] = "1.0"
    #: Ends every reply, unless the bench file has an ``eom`` for the interface.
    reply_terminator: ClassVar[bytes] = b"\n"
    #: Joins the replies of one message; None where each is sent by itself with its own terminator.
    reply_separator: ClassVar[bytes | None] = b";"
    #: How an entry of the error queue is sent.
    error_reply: ClassVar[str] = '{code:+d},"{text}"'
    error_queue_length: ClassVar[int] = 20
    #: Bit of the status byte that tells of entries in the error queue; 0 where there is none.
    error_bit: ClassVar[int] = 0

    settings: ClassVar[dict[str, Setting]] = {}
    commands: ClassVar[list[Command]] = []
    tree: ClassVar[Tree[Command]] = Tree()

    def __init_subclass__(cls, **keywords: Any) -> None:
        """Gather what the class and its bases declare; the nearer declaration of a header counts."""
        super().__init_subclass__(**keywords)
        cls.gather()

    @classmethod
    def gather(cls) -> None:
        """Build the command tree from what the class and its bases declare."""
        members = {name: member for base in reversed(cls.__mro__) for name, member in vars(base).items()}
        cls.settings = {name: member for name, member in members.items() if isinstance(member, Setting)}
        cls.commands = [one for member in cls.settings.values() for one in member.commands()]
        cls.commands += [one for member in members.values() for one in getattr(member, "scpi_commands", ())]
        cls.tree = Tree()
        for one in cls.commands:
            cls.tree.add(one.pattern, one, query=one.is_query)

    def __init__(self, name: str, delimiter: bytes = b";", options: dict[str, Any] | None = None):
        super().__init__(name, delimiter)
        self.options = dict(options or {})
        self.serial = str(self.options.get("serial", "SIM0001"))
        #: By which name the bench knows the terminals that it is connected to.
        self.input_name = str(self.options.get("input", name))
        self.lab: Any = None
        self.bench: Any = None  # what it is wired to
        self.faults: Faults | None = None  # the lab's, once it has any
        self.ports: list[Port] = []
        self.errors: deque[tuple[int, str]] = deque()
        self.values: dict[str, Any] = {name: one.initial() for name, one in self.settings.items()}
        self.event_status, self.event_enable, self.service_enable = POWER_ON, 0, 0
        self.busy_until = -1.0
        self._complete_at: float | None = None
        self._ready_at = 0.0

    # what a model may use or override

    def power_on(self) -> None:
        """Set the state after power-on; called once, when the lab is complete."""
        self.reset()

    def reset(self) -> None:
        """Set every default and tell the bench: what ``*RST`` does."""
        self.before_change()
        handlers: dict[Callable[[Any], None], None] = {}
        for one in self.settings.values():
            if one.resets:
                self.values[one.name] = one.initial()
            handlers.update(dict.fromkeys(one.handlers))
        for handler in handlers:
            handler(self)

    def identity(self) -> str:
        """Return manufacturer, model, serial number and version: what ``*IDN?`` answers."""
        return f"{self.manufacturer},{self.model},{self.serial},{self.version}"

    def trigger(self) -> None:
        """Act on ``*TRG`` or the bus trigger; an error -211 unless the model overrides it."""
        raise ScpiError(-211)

    def self_test(self) -> int:
        """Return what ``*TST?`` answers; 0 is passed."""
        return 0

    def before_change(self) -> None:
        """Tell the bench that an actuator is about to change, so that detectors that integrate catch up first."""
        self.lab.before_change()

    def reply_after(self, seconds: float) -> None:
        """Let the reply of this message be readable only after so much bench time."""
        self._ready_at = max(self._ready_at, self.lab.clock.now() + seconds)

    def start_operation(self, seconds: float) -> None:
        """Begin something that takes bench time; ``*OPC``, ``*OPC?`` and ``*WAI`` wait for its end."""
        self.busy_until = max(self.busy_until, self.lab.clock.now() + seconds)

    def error(self, code: int, text: str | None = None) -> None:
        """Put an error into the queue and set its bit of the event status register."""
        bits = {1: COMMAND_ERROR, 2: EXECUTION_ERROR, 3: DEVICE_ERROR, 4: QUERY_ERROR}
        self.event_status |= bits.get(-code // 100, DEVICE_ERROR)
        if len(self.errors) < self.error_queue_length:
            self.errors.append((code, ScpiError(code, text).text))
        else:
            self.errors[-1] = (-350, ScpiError(-350).text)

    def next_error(self) -> str:
        """Take the oldest entry from the error queue and return it as it is sent."""
        code, text = self.errors.popleft() if self.errors else (0, ScpiError(0).text)
        return self.error_reply.format(code=code, text=text)

    @property
    def response_end(self) -> bytes:
        """Return what ends every reply on this interface."""
        return self._response_eom

    @classmethod
    def command_table(cls) -> list[tuple[str, str]]:
        """Return the headers that the model knows, with where each comes from."""
        return sorted((one.pattern + "?" * one.is_query, one.source) for one in cls.commands)

    # the wire

    def connect(self, *, stream: bool = False) -> Port:
        """Open a session's end of the wire."""
        port = Port(self, stream=stream)
        self.ports.append(port)
        return port

    def disconnect(self, port: Port) -> None:
        """Close a session's end of the wire; unread replies go with it."""
        self.ports.remove(port)

    def execute(self, port: Port, message: str) -> None:
        """Run one message, without its terminator; its replies wait in the port."""
        now = self.lab.clock.now()
        self._ready_at = now
        units = (message,) if ";" not in message else split_outside_data(message, ";")
        path, replies, interrupted = "", [], False
        for unit in units:
            if not unit or unit.isspace():  # a trailing semicolon
                continue
            try:
                header, text = split_header(unit)
                if header[-1] == "?" and not interrupted:
                    port.interrupt()
                    interrupted = True
                reply, path = self._run(header, path, text, unit)
            except ScpiError as problem:
                self.error(problem.code, problem.text)
                if -200 < problem.code <= -100:
                    break  # IEEE 488.2, 6.1.6.1.1: after a command error the rest of the message is not understood
                continue
            if reply is not None:
                replies.append(reply)
        self._send(port, replies)
        if self.service_enable:
            for one in self.ports:
                one.update_service_request()

    def _run(self, header: str, path: str, text: str, unit: str) -> tuple[bytes | None, str]:
        try:
            found, suffixes, path = self.tree.find(header, path)
        except ScpiError:
            reply = self._dialogue(unit.strip().encode("latin-1"))
            if reply is None:
                raise
            return (reply if isinstance(reply, bytes) else None), path
        answer = found.call(self, suffixes, text)
        if not found.is_query:
            return None, path
        return answer if isinstance(answer, bytes) else _text(answer).encode("latin-1"), path

    def _dialogue(self, part: bytes) -> Any:
        """Ask pyvisa-sim's dialogues and properties of the bench file; None if they do not know this."""
        try:
            return self._match(part)
        except UnicodeDecodeError:  # its setters read UTF-8 only
            return None

    def _send(self, port: Port, replies: list[bytes]) -> None:
        if not replies:
            return
        end = self._response_eom
        if self.reply_separator is not None:
            port.replies.append(Reply(self.reply_separator.join(replies) + end, self._ready_at))
        else:
            port.replies.extend(Reply(reply + end, self._ready_at) for reply in replies)

    def clear(self, port: Port) -> None:
        """Do what the bus's device clear does: empty the session's buffers, forget a pending ``*OPC``."""
        port.clear()
        self._complete_at = None

    def bus_trigger(self) -> None:
        """Take the bus's group execute trigger."""
        try:
            self.trigger()
        except ScpiError as problem:
            self.error(problem.code, problem.text)

    def status_byte(self, port: Port) -> int:
        """Return the status byte as the session sees it, without bit 6."""
        self._complete()
        byte = self.error_bit if self.errors else 0
        if port.replies and port.replies[0].ready_at <= self.lab.clock.now():
            byte |= MESSAGE_AVAILABLE
        return byte | (EVENT_SUMMARY if self.event_status & self.event_enable else 0)

    def next_event_time(self, port: Port) -> float | None:
        """Return when the status byte will next change by itself [s], None if it will not."""
        now = self.lab.clock.now()
        times = [port.replies[0].ready_at] if port.replies else []
        times += [] if self._complete_at is None else [self._complete_at]
        return min((time for time in times if time > now), default=None)

    def _complete(self) -> None:
        if self._complete_at is not None and self.lab.clock.now() >= self._complete_at:
            self.event_status |= OPERATION_COMPLETE
            self._complete_at = None

    # IEEE 488.2 common commands, chapter 10

    @query("*IDN", source="IEEE 488.2 10.14")
    def _identify(self) -> str:
        return self.identity()

    @command("*RST", source="IEEE 488.2 10.32")
    def _reset(self) -> None:
        self._complete_at, self.busy_until = None, -1.0
        self.reset()

    @command("*CLS", source="IEEE 488.2 10.3")
    def _clear_status(self) -> None:
        self.event_status, self._complete_at = 0, None
        self.errors.clear()

    @query("*ESR", source="IEEE 488.2 10.12")
    def _read_event_status(self) -> int:
        self._complete()
        status, self.event_status = self.event_status, 0
        return status

    @command("*ESE", Number(minimum=0, maximum=255, integer=True), source="IEEE 488.2 10.10")
    def _enable_events(self, mask: int) -> None:
        self.event_enable = mask

    @query("*ESE", source="IEEE 488.2 10.11")
    def _enabled_events(self) -> int:
        return self.event_enable

    @command("*SRE", Number(minimum=0, maximum=255, integer=True), source="IEEE 488.2 10.34")
    def _enable_service(self, mask: int) -> None:
        self.service_enable = mask & ~SERVICE_REQUEST

    @query("*SRE", source="IEEE 488.2 10.35")
    def _enabled_service(self) -> int:
        return self.service_enable

    @query("*STB", source="IEEE 488.2 10.36")
    def _read_status_byte(self) -> int:
        # The reply to *STB? itself is not yet in the queue, so MAV tells of none.
        self._complete()
        byte = (self.error_bit if self.errors else 0) | (EVENT_SUMMARY if self.event_status & self.event_enable else 0)
        return byte | (SERVICE_REQUEST if byte & self.service_enable else 0)

    @command("*OPC", source="IEEE 488.2 10.18")
    def _note_completion(self) -> None:
        self._complete_at = max(self.busy_until, self.lab.clock.now())

    @query("*OPC", source="IEEE 488.2 10.19")
    def _wait_for_completion(self) -> str:
        self._ready_at = max(self._ready_at, self.busy_until)
        return "1"

    @command("*WAI", source="IEEE 488.2 10.39")
    def _wait(self) -> None:
        self._ready_at = max(self._ready_at, self.busy_until)

    @query("*TST", source="IEEE 488.2 10.38")
    def _test(self) -> int:
        return self.self_test()

    @command("*TRG", source="IEEE 488.2 10.37")
    def _trigger(self) -> None:
        self.trigger()


LabDevice.gather()


class ScpiDevice(LabDevice):
    """A simulated instrument that speaks SCPI: with an error queue to be asked for."""

    error_bit = ERROR_AVAILABLE

    @query("SYSTem:ERRor[:NEXT]", source="SCPI-1999 volume 2, 21.8")
    def _next_error(self) -> str:
        return self.next_error()

    @query("SYSTem:VERSion", source="SCPI-1999 volume 2, 21.21")
    def _scpi_version(self) -> str:
        return "1999.0"


class PlainDevice(LabDevice):
    """A device of pyvisa-sim: only what the bench file's dialogues, properties and error entries say."""

    def power_on(self) -> None:
        """Leave the defaults that the bench file gave."""

    def execute(self, port: Port, message: str) -> None:
        """Answer each part of the message as pyvisa-sim does."""
        self._ready_at = self.lab.clock.now()
        data = message.encode("latin-1")
        for part in data.split(self.delimiter) if self.delimiter else [data]:
            reply = self._dialogue(part)
            if reply is None:
                reply = self.error_response("command_error")
            if isinstance(reply, bytes):
                port.replies.append(Reply(reply + self._response_eom, self._ready_at))


def _text(answer: Any) -> str:
    if isinstance(answer, str):
        return answer
    return str(int(answer)) if isinstance(answer, bool) else str(answer)
