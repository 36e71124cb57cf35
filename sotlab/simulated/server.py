"""A virtual lab on raw TCP sockets, for any VISA client in any language.

Each device has a port of its own and each client its own replies; one more port is the instrument LAB (control.py).
Everything runs in one thread of one event loop, so that clients' messages reach the bench one after the other.

In virtual time a reply that takes long is sent at once and the bench's time moves on to it; otherwise time moves by
``LAB:CLOCK:ADVance`` and a little with every message.
"""

from __future__ import annotations

import asyncio
import re
import signal
import socket
import threading
from collections.abc import Callable
from typing import Any, cast

from pyvisa.constants import InterfaceType

from sotlab.errors import StationError, UsageError
from sotlab.simulated.clock import VirtualClock
from sotlab.simulated.control import LabControl
from sotlab.simulated.device import LabDevice, Port
from sotlab.simulated.lab import Lab, LabSpec
from sotlab.simulated.session import TRANSACTION_S

__all__ = ["DEFAULT_PORT", "MessageSplitter", "serve", "table"]

#: The port that is registered for SCPI over raw sockets.
DEFAULT_PORT = 5025

#: A message longer than this is dropped with error -363 [bytes].
LONGEST_MESSAGE = 2**24

#: How often faults that are due by time alone are looked for [s of wall time].
LOOK_S = 0.05

_PER_MESSAGE_S, _PER_BYTE_S = TRANSACTION_S[InterfaceType.tcpip]

_TOKEN = re.compile(rb"""[\r\n"']|(?<=[ \t,])#[0-9]""")
_STRING_END = {quote: re.compile(rb"[\n%b]" % quote) for quote in (b'"', b"'")}


class MessageSplitter:
    r"""Finds the messages in a stream of bytes, however the network cut or glued it.

    A message ends with LF, CR or CR LF, but not inside a definite block (``#15hello``, as a parameter) and, as for CR,
    not inside a quoted string. Each byte is looked at once. A message longer than :data:`LONGEST_MESSAGE` is dropped,
    up to the next LF, and None stands for it.

    Examples
    --------
    >>> splitter = MessageSplitter()
    >>> splitter.feed(b"FREQ 1E9\nTRAC:LOAD 'a',#1")
    [b'FREQ 1E9']
    >>> splitter.feed(b"2\n\n\r\n*IDN?")
    [b"TRAC:LOAD 'a',#12\n\n"]
    """

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._looked = 0  # up to here no message ends
        self._quote = b""
        self._skips = False  # the rest of a message that was dropped

    def feed(self, data: bytes) -> list[bytes | None]:
        """Take bytes in, and return the messages that are complete now, without their terminators."""
        if self._skips:
            _, line_feed, data = data.partition(b"\n")
            self._skips = not line_feed
        self._buffer += data
        messages: list[bytes | None] = []
        start = 0
        while self._looked < len(self._buffer):
            pattern = _STRING_END[self._quote] if self._quote else _TOKEN
            match = pattern.search(self._buffer, self._looked)
            if match is None:
                # A "#" at the end may begin a block, whose digit is still to come.
                self._looked = len(self._buffer) - self._buffer.endswith(b"#")
                break
            token, self._looked = match[0], match.end()
            if token in (b"\n", b"\r"):
                self._quote = b""
                if match.start() > start:
                    fits = match.start() - start <= LONGEST_MESSAGE
                    messages.append(bytes(self._buffer[start : match.start()]) if fits else None)
                start = match.end()
            elif token[:1] == b"#":
                self._looked = self._block_end(match.start())
                if self._looked == match.start():
                    break
            else:
                self._quote = b"" if self._quote else token
        del self._buffer[:start]
        self._looked -= start
        if len(self._buffer) > LONGEST_MESSAGE:
            self._buffer.clear()
            self._looked, self._quote, self._skips = 0, b"", True
            messages.append(None)
        return messages

    def _block_end(self, start: int) -> int:
        """Return where the block ends, ``start`` if its length has not wholly arrived."""
        digits = int(self._buffer[start + 1 : start + 2])
        length = self._buffer[start + 2 : start + 2 + digits]
        if digits == 0 or not (length.isdigit() or not length):  # to the end of the line, or no block
            return start + 2
        return start if len(length) < digits else start + 2 + digits + int(length)


class _Connection(asyncio.Protocol):
    """One client at one device."""

    def __init__(self, lab: Lab, device: LabDevice, connections: set[_Connection]):
        self._lab, self._device, self._connections = lab, device, connections
        self._splitter = MessageSplitter()
        self._transport: asyncio.Transport | None = None
        self._port: Port | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._half_closed = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        with self._lab.lock:
            inventory, reachable = self._lab.inventory.values(), self._lab.devices.values()
            if self._device in inventory and self._device not in reachable:
                self._transport.abort()
                return
            self._port = self._device.connect(stream=True)
        self._connections.add(self)
        self._deliver()

    def connection_lost(self, exc: Exception | None) -> None:
        self._connections.discard(self)
        if self._timer is not None:
            self._timer.cancel()
        if self._port is not None:
            with self._lab.lock:
                self._device.disconnect(self._port)
            self._port = None

    def data_received(self, data: bytes) -> None:
        for message in self._splitter.feed(data):
            if self._port is None or self._port.lost:
                break
            with self._lab.lock:
                if message is None:
                    self._device.error(-363, "Input buffer overrun")
                    continue
                self._cost(len(message))
                self._port.receive(message, end=True)
            self._deliver()
        self.drop_if_lost()

    def eof_received(self) -> bool:
        # The client has sent all, but may still be waiting; half a message is not run, it may be half a number.
        self._half_closed = self._port is not None and bool(self._port.replies)
        return self._half_closed

    def pause_writing(self) -> None:
        # A client that asks but does not read is not listened to.
        if self._transport is not None:
            self._transport.pause_reading()

    def resume_writing(self) -> None:
        if self._transport is not None:
            self._transport.resume_reading()

    def _cost(self, length: int) -> None:
        if isinstance(self._lab.clock, VirtualClock):
            self._lab.clock.cost(_PER_MESSAGE_S + _PER_BYTE_S * length)

    def _deliver(self) -> None:
        """Send the replies that may be read by now, and come again for the next."""
        if self._port is None or self._transport is None:
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        clock, replies = self._lab.clock, self._port.replies
        with self._lab.lock:
            while replies:
                wait_s = replies[0].ready_at - clock.now()
                if wait_s > 0 and not isinstance(clock, VirtualClock):
                    wall_s = wait_s / getattr(clock, "factor", 1.0)
                    self._timer = asyncio.get_running_loop().call_later(wall_s, self._deliver)
                    return
                clock.wait_until(replies[0].ready_at)  # virtual time; nobody else sleeps in this clock
                self._transport.write(replies.popleft().data)
        if self._half_closed:
            self._transport.close()

    def drop_if_lost(self) -> None:
        """Break the connection if the device was unplugged."""
        if self._port is not None and self._port.lost:
            self.close()

    def close(self) -> None:
        """Break the connection."""
        if self._transport is not None:
            self._transport.abort()


def serve(
    spec: LabSpec | str,
    host: str = "127.0.0.1",
    port_base: int = DEFAULT_PORT,
    ready: Callable[[list[dict[str, Any]]], object] | None = None,
) -> None:
    """Serve a bench until SIGINT or SIGTERM.

    Parameters
    ----------
    spec : LabSpec or str
        The bench, as in ``stfmr?seed=3&clock=virtual``.
    host : str
        Name or IPv4 address to listen on; what is not the loopback can be reached by everybody in the network.
    port_base : int
        Port of the first device; the others follow in the bench file's order, then the instrument LAB. With 0 the
        system chooses each port.
    ready : callable, optional
        Called once all ports listen, with a row for each: ``device``, ``model``, ``role``, ``resource`` (for clients),
        ``port`` and ``bench_resource`` (in the bench file).

    Raises
    ------
    StationError
        If there is no such bench, or a port cannot be had.
    UsageError
        If the ports do not lie between 1 and 65535.
    """
    lab = Lab(LabSpec.parse(spec) if isinstance(spec, str) else spec)
    count = len(lab.inventory) + 1
    if not (port_base == 0 or 1 <= port_base <= 65536 - count):
        raise UsageError(f"port base {port_base} asked for {count} ports, allowed are 0 (any) and 1 to {65536 - count}")
    asyncio.run(_serve(lab, host, port_base, ready))


async def _serve(lab: Lab, host: str, port_base: int, ready: Callable[[list[dict[str, Any]]], object] | None) -> None:
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    handlers: dict[int, Any] = {}
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):  # add_signal_handler is not there on Windows
            handlers[number] = signal.signal(number, lambda *_: loop.call_soon_threadsafe(stop.set))
    control = LabControl("LAB")
    control.lab = lab
    control.add_eom("TCPIP SOCKET", "\n", "\n")
    control.resource_name = "TCPIP0::LAB::0::SOCKET"
    listed = [*lab.list_devices(), {"resource": "", "model": control.model, "role": "control"}]
    connections: set[_Connection] = set()
    servers: list[asyncio.Server] = []
    rows: list[dict[str, Any]] = []
    try:
        for number, entry in enumerate(listed):
            device = lab.inventory.get(entry["resource"], control)
            wanted = port_base + number if port_base else 0
            server = await _listen(lab, device, connections, host, wanted)
            servers.append(server)
            port = server.sockets[0].getsockname()[1]
            rows.append(
                {
                    "device": device.name,
                    "model": entry["model"],
                    "role": entry["role"],
                    "resource": f"TCPIP0::{host}::{port}::SOCKET",
                    "port": port,
                    "bench_resource": entry["resource"],
                }
            )
        if ready is not None:
            ready(rows)
        while not stop.is_set():
            with lab.lock:
                lab.faults.happen()
            for connection in list(connections):
                connection.drop_if_lost()
            await _wait(stop, LOOK_S)
    finally:
        for server in servers:
            server.close()
        for connection in list(connections):
            connection.close()
        await asyncio.sleep(0)  # lets the transports close their sockets
        for number, handler in handlers.items():
            signal.signal(number, handler)


async def _listen(lab: Lab, device: LabDevice, connections: set[_Connection], host: str, port: int) -> asyncio.Server:
    try:
        return await asyncio.get_running_loop().create_server(
            lambda: _Connection(lab, device, connections), host, port, family=socket.AF_INET
        )
    except OSError as problem:
        raise StationError(
            f"virtual lab: cannot listen on {host}:{port} for '{device.name}': {problem.strerror or problem}; "
            "stop what uses this port, or choose another port base or host"
        ) from problem


async def _wait(event: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(event.wait(), seconds)
    except TimeoutError:
        pass


def table(rows: list[dict[str, Any]]) -> str:
    """Return the rows that ``ready`` gets as lines of text."""
    lines = [("resource", "model", "role", "in the bench file"), *(_cells(row) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(3)]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, [*widths, 0], strict=True)).rstrip() for line in lines
    )


def _cells(row: dict[str, Any]) -> tuple[str, str, str, str]:
    return row["resource"], row["model"], row["role"], f"{row['device']} {row['bench_resource']}".strip()
