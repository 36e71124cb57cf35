"""One instrument's VISA session: locked, retried, reopened, traced, and with errors that say who did not answer.

PyMeasure's adapter neither locks (two threads on one instrument swap their replies) nor tries again, and reads a binary
reply of unknown length byte by byte until the time-out. :class:`Connection` does, and :func:`exclusive` makes any
PyMeasure instrument, with its channels, hold the connection's lock from the question to the end of the answer.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, TypeVar

from pymeasure.adapters import VISAAdapter
from pymeasure.instruments import Channel
from pyvisa.constants import InterfaceType, StatusCode
from pyvisa.errors import InvalidSession, VisaIOError

from sotlab.clock import Clock, RealClock
from sotlab.errors import GarbledReplyError, InstrumentError, InstrumentLostError, InstrumentTimeoutError
from sotlab.instruments.retry import RetryPolicy, kind_of, may_repeat
from sotlab.instruments.trace import Trace

__all__ = ["Connection", "exclusive"]

T = TypeVar("T")

#: What a VISA library raises, and what text raises that is none.
VISA_ERRORS = (VisaIOError, InvalidSession, UnicodeDecodeError)
#: What VISA says when the line is gone rather than the answer late.
LOST = (StatusCode.error_connection_lost, StatusCode.error_io, StatusCode.error_system_error)
#: How long a raw socket must be quiet to count as empty [ms], and how many late answers are read at most.
EMPTY_MS, MOST_ANSWERS = 100, 1000
#: Interfaces on which the end of a message can be seen without knowing its length.
WITH_END = (InterfaceType.gpib, InterfaceType.usb)
#: What no instrument says: control characters other than tabs and line ends.
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
#: What holds without a policy.
NEVER = RetryPolicy(time_out=0, garbage=0, lost=0)


class Connection(VISAAdapter):
    """PyMeasure's VISA adapter for one address, shared by all roles whose instrument is there.

    Parameters
    ----------
    role : str
        Who uses it, for messages.
    resource : str
        VISA resource name.
    visa_library : object or str
        As PyVISA takes it.
    retry : RetryPolicy, optional
        How often a question is asked again, by kind of error; never if None.
    clock : Clock, optional
        The station's clock.
    trace : Trace, optional
        Where all traffic is written.

    Attributes
    ----------
    lock : threading.RLock
        Held from a question to the end of its answer.
    on_event : callable
        Called with what happened (``kind``, ``role``, ``problem``) when a question is asked again or the line was lost;
        the run's journal listens here.
    """

    connection: Any  # PyMeasure allows a protocol adapter here, too; this is always a VISA resource

    def __init__(
        self,
        role: str,
        resource: str,
        visa_library: Any,
        *,
        retry: RetryPolicy | None = None,
        clock: Clock | None = None,
        trace: Trace | None = None,
        **settings: Any,
    ) -> None:
        self.role, self.address = role, resource
        self.retry = NEVER if retry is None else retry
        self._asking = False  # within ask_again(), whoever holds the lock
        self.lock = threading.RLock()
        self.on_event: Callable[..., None] = lambda kind, **details: None
        self._clock = RealClock() if clock is None else clock
        self._trace = trace
        self._visa_library, self._settings = visa_library, settings
        self._hold = _Hold(self)
        try:
            super().__init__(resource, visa_library=visa_library, **settings)
        except VISA_ERRORS as error:
            raise self._explained(error, "open") from error
        except (ValueError, OSError) as error:  # PyVISA-py, of an interface whose library is not installed
            raise InstrumentError(f"{role} at {resource}: cannot be opened: {error}") from error
        # PyMeasure gives the logger of all adapters a handler more with each, and none is ever taken away.
        self.log.removeHandler(self.log.handlers[-1])
        self._note("open", getattr(self.connection, "read_termination", None) or "")

    # -- exchanges

    def exchange(self) -> AbstractContextManager[None]:
        """Hold the instrument while the context lasts: no other thread's message comes in between.

        Raises
        ------
        InstrumentError
            On entering, if another thread has held it for longer than the time-out allows one exchange to take.
        """
        return self._hold

    def wait_for_lock(self) -> None:
        """Take the lock that another thread holds, in bounded time."""
        patience_s = 2.0 + 2.0 * self.timeout_s * (1 + self.retry.time_out)
        with self._clock.idle():  # another thread's exchange takes time, which must go on meanwhile
            held = self.lock.acquire(timeout=patience_s)
        if not held:
            raise InstrumentError(
                f"{self.role} at {self.address}: busy for more than {patience_s:g} s with another thread's"
                f" question; is the instrument hanging?"
            )

    def ask_again(self, ask: Callable[[], T], question: str = "") -> T:
        """Return what ``ask`` returns, asked again as the policy for the kind of error says (``retry.py``).

        Parameters
        ----------
        ask : callable
            Asks, and reads the whole answer.
        question : str
            What it sends, if that is one message: one that does more than ask is sent once. Without it the caller
            vouches for that.
        """
        with self.exchange():
            if self._asking or not may_repeat(question):
                return ask()  # what asks again is the outermost one: else tries would multiply
            self._asking = True
            try:
                return self._persistently(ask, question)
            finally:
                self._asking = False

    def _persistently(self, ask: Callable[[], T], question: str) -> T:
        left = {"time_out": self.retry.time_out, "garbage": self.retry.garbage, "lost": self.retry.lost}
        wait_s = self.retry.wait_s
        anew = False
        while True:
            try:
                if anew:
                    self.reopen()
                    anew = False
                return ask()
            except InstrumentError as error:
                kind = "lost" if anew else kind_of(error)
                if kind in ("time_out", "garbage"):
                    self.clear()
                if kind is None or left[kind] == 0:
                    raise
                left[kind] -= 1
                self.on_event("retry", role=self.role, error=kind, question=question, problem=str(error))
                if kind == "lost":
                    self._clock.sleep(wait_s)
                    wait_s, anew = 2.0 * wait_s, True

    def clear(self) -> None:
        """Send a device clear, so that a late answer is not taken for that to the next question."""
        try:
            if getattr(self.connection, "resource_class", "") == "SOCKET":
                self._empty()
            else:
                self.connection.clear()
        except (VisaIOError, InvalidSession, NotImplementedError):
            pass  # what hangs cannot be cleared

    def _empty(self) -> None:
        """Read what has come over a raw socket, which has no device clear, until nothing more comes.

        PyVISA-py's clear would read for ever where the far end is gone.
        """
        timeout_ms, self.connection.timeout = self.connection.timeout, EMPTY_MS
        try:
            for _ in range(MOST_ANSWERS):
                self.connection.read_raw()
        finally:
            self.connection.timeout = timeout_ms

    def reopen(self) -> None:
        """Open the session anew after the line was lost.

        Raises
        ------
        InstrumentError
            If nothing answers at the address.
        """
        with self.exchange():
            self.close_session()
            try:
                super().__init__(self.address, self._visa_library, **self._settings)
            except VISA_ERRORS as error:
                raise self._explained(error, "open") from error
            self.on_event("reopened", role=self.role, problem=f"the line to {self.address} was lost")

    def close_session(self) -> None:
        """Close the VISA session, whatever state it is in; nothing is switched. Waits for no lock."""
        try:
            self.connection.close()
        except (VisaIOError, InvalidSession):
            pass  # what is unplugged cannot be closed any better

    @property
    def timeout_s(self) -> float:
        """How long an answer may take [s]."""
        return float(getattr(self.connection, "timeout", 0.0)) / 1000.0

    def allow(self, reply_s: float) -> None:
        """Let answers take at least ``reply_s`` before they count as missing [s]."""
        self.connection.timeout = max(self.connection.timeout, 1000.0 * reply_s)

    # -- blocks

    def read_block(self) -> bytes:
        """Read a definite-length block ``#<n><length><data>`` and what ends the message, without waiting for more.

        Raises
        ------
        InstrumentError
            If the reply is no such block.
        """
        head = self.read_bytes(2)
        if head[:1] != b"#" or not head[1:].isdigit() or head[1:] == b"0":
            raise InstrumentError(f"{self.role} at {self.address}: the reply begins with {head!r}, not with a block")
        data = self.read_bytes(int(self.read_bytes(int(head[1:]))))
        ending = (getattr(self.connection, "read_termination", None) or "\n").encode()
        self.read_bytes(len(ending))
        return data

    # -- what PyMeasure calls

    def _write(self, command: str, **kwargs: Any) -> None:
        with self._hold:
            try:
                super()._write(command, **kwargs)
            except VISA_ERRORS as error:
                raise self._explained(error, command) from error
        self._note("write", command)

    def _write_bytes(self, content: bytes, **kwargs: Any) -> None:
        with self._hold:
            try:
                super()._write_bytes(content, **kwargs)
            except VISA_ERRORS as error:
                raise self._explained(error, "write") from error
        self._note("write", content)

    def _read(self, **kwargs: Any) -> str:
        with self._hold:
            try:
                reply = super()._read(**kwargs)
            except VISA_ERRORS as error:
                raise self._explained(error, "read") from error
        self._note("read", reply)
        if not reply.isprintable() and CONTROL.search(reply):
            raise GarbledReplyError(f"{self.role} at {self.address}: the reply is garbled: {reply[:40]!r}")
        return reply

    def _read_bytes(self, count: int, break_on_termchar: bool = False, **kwargs: Any) -> bytes:
        with self._hold:
            try:
                if count < 0 and not break_on_termchar and self._shows_end():
                    data = self._read_to_end()
                else:
                    data = super()._read_bytes(count, break_on_termchar=break_on_termchar, **kwargs)
            except VISA_ERRORS as error:
                raise self._explained(error, "read") from error
        self._note("read", data)
        return data

    def _shows_end(self) -> bool:
        interface = getattr(self.connection, "interface_type", None)
        vxi = interface == InterfaceType.tcpip and str(self.address).upper().endswith("INSTR")
        return interface in WITH_END or vxi

    def _read_to_end(self) -> bytes:
        """Read one message to its END, whatever bytes are in it: a line feed there is data."""
        termination = self.connection.read_termination
        self.connection.read_termination = None
        try:
            return self.connection.read_raw()
        finally:
            self.connection.read_termination = termination

    def _note(self, direction: str, content: str | bytes) -> None:
        if self._trace is not None:
            self._trace.write(self._clock.now(), self.role, self.address, direction, content)

    def _explained(self, error: Exception, what: str) -> InstrumentError:
        """Return what to raise for an error of VISA: one line that says who, what and what to do."""
        who = f"{self.role} at {self.address}"
        if isinstance(error, InvalidSession):
            return InstrumentError(f"{who}: the connection is closed ('{what}')")
        if isinstance(error, UnicodeDecodeError):
            return GarbledReplyError(f"{who}: the reply to '{what}' is not text: {error.object[:40]!r}")
        if not isinstance(error, VisaIOError):
            return InstrumentError(f"{who}: '{what}' failed: {error}")
        self._note("error", error.abbreviation)
        if error.error_code == StatusCode.error_timeout:
            return InstrumentTimeoutError(
                f"{who}: no answer within {self.timeout_s:g} s ('{what}'); check power, cable and address"
            )
        if error.error_code == StatusCode.error_resource_not_found:
            return InstrumentError(f"{who}: nothing answers at this address; check power, cable and address")
        if error.error_code in LOST:
            return InstrumentLostError(
                f"{who}: the line was lost ('{what}': {error.description}); check power and cable"
            )
        return InstrumentError(f"{who}: '{what}' failed: {error.description}")


class _Hold:
    """Holds a connection's lock; one object serves every exchange, since the lock counts its owner's entries."""

    __slots__ = ("_connection",)

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def __enter__(self) -> None:
        if not self._connection.lock.acquire(blocking=False):
            self._connection.wait_for_lock()

    def __exit__(self, *error: object) -> None:
        self._connection.lock.release()


class _Exclusive:
    """Makes the questions of a PyMeasure instrument or channel indivisible, and asks again by policy."""

    def ask(self, command: str, query_delay: float | None = None) -> str:
        connection = connection_of(self)
        with connection.exchange():
            return connection.ask_again(
                lambda: super(_Exclusive, self).ask(command, query_delay),  # type: ignore[misc]
                command,
            )

    def binary_values(self, command: str, query_delay: float | None = None, **kwargs: Any) -> Any:
        connection = connection_of(self)
        with connection.exchange():
            return connection.ask_again(
                lambda: super(_Exclusive, self).binary_values(command, query_delay, **kwargs),  # type: ignore[misc]
                command,
            )

    def add_child(self, cls: type[Any], *args: Any, **kwargs: Any) -> Any:
        """Add a channel that is exclusive too."""
        channel = exclusive(cls) if isinstance(cls, type) and issubclass(cls, Channel) else cls
        return super().add_child(channel, *args, **kwargs)  # type: ignore[misc]


_made: dict[type, type] = {}


def exclusive(cls: Any) -> Any:
    """Return a subclass of a PyMeasure instrument whose exchanges are indivisible and retried.

    Parameters
    ----------
    cls : type
        The instrument's class, or a channel's.
    """
    if not isinstance(cls, type):
        return cls
    if cls not in _made:
        _made[cls] = type(cls.__name__, (_Exclusive, cls), {"__module__": cls.__module__, "__doc__": cls.__doc__})
    return _made[cls]


def connection_of(instrument: Any) -> Connection:
    """Return the connection of an instrument, or of the instrument that a channel belongs to."""
    while not hasattr(instrument, "adapter"):
        instrument = instrument.parent
    return instrument.adapter
