"""What one VISA session does: reading, writing, attributes, locks and service requests.

Rules cited are those of VPP-4.3 (The VISA Library), 2024.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from pyvisa import attributes, constants, rname
from pyvisa.constants import InterfaceType, ResourceAttribute, StatusCode

from sotlab.simulated.device import LabDevice, PlainDevice
from sotlab.simulated.lab import Lab
from sotlab.simulated.timescope import scope

__all__ = ["Locks", "Session"]

#: A transaction's bench time: once [s], and per byte [s]. Overheads of drivers and bus, not a bus's best case.
TRANSACTION_S = {
    InterfaceType.gpib: (2e-3, 2e-6),
    InterfaceType.usb: (2e-3, 0.1e-6),
    InterfaceType.tcpip: (2e-3, 0.1e-6),
    InterfaceType.asrl: (2e-3, 10 / 9600),
}
_OTHER_S = (2e-3, 2e-6)

#: Bench time after which a wait without time-out ends all the same: nothing can come any more [s].
FOREVER_S = 86400.0

#: How often a wait for another session's doing looks again [s of bench time].
LOOK_AGAIN_S = 0.01

_SETTABLE_FIELDS = {
    ResourceAttribute.timeout_value: "_set_timeout",
    ResourceAttribute.termchar: "_set_termchar",
    ResourceAttribute.termchar_enabled: "_set_termchar_enabled",
    ResourceAttribute.send_end_enabled: "_set_send_end",
    ResourceAttribute.suppress_end_enabled: "_set_suppress_end",
}


@dataclass
class Locks:
    """Who has locked a resource (VPP-4.3, 3.6): at most one session alone, or some that share a key."""

    owner: Session | None = None
    owner_count: int = 0
    key: str = ""
    sharers: dict[Session, int] = field(default_factory=dict)

    def keeps_out(self, session: Session) -> bool:
        """Return whether the session may not use the resource."""
        if self.owner is not None:
            return self.owner is not session
        return bool(self.sharers) and session not in self.sharers

    def state(self) -> constants.AccessModes:
        """Return the state for VI_ATTR_RSRC_LOCK_STATE."""
        if self.owner is not None:
            return constants.AccessModes.exclusive_lock
        return constants.AccessModes.shared_lock if self.sharers else constants.AccessModes.no_lock

    def take(self, session: Session, shared: bool, key: str) -> StatusCode | None:
        """Lock for the session if that is possible now; None if it is not."""
        nested = session is self.owner or session in self.sharers
        if shared:
            if self.owner is not None and self.owner is not session:
                return None
            if self.sharers and self.key != key:
                return None if session not in self.sharers else StatusCode.error_invalid_access_key
            self.key = key
            self.sharers[session] = self.sharers.get(session, 0) + 1
            return StatusCode.success_nested_shared if nested else StatusCode.success
        if self.keeps_out(session) or set(self.sharers) - {session}:
            return None
        self.owner, self.owner_count = session, self.owner_count + 1
        return StatusCode.success_nested_exclusive if self.owner_count > 1 else StatusCode.success

    def give_back(self, session: Session) -> StatusCode:
        """Undo the session's last lock, the exclusive one first."""
        if self.owner is session:
            self.owner_count -= 1
            if self.owner_count == 0:
                self.owner = None
        elif session in self.sharers:
            self.sharers[session] -= 1
            if self.sharers[session] == 0:
                del self.sharers[session]
        else:
            return StatusCode.error_session_not_locked
        if self.owner is session:
            return StatusCode.success_nested_exclusive
        return StatusCode.success_nested_shared if session in self.sharers else StatusCode.success

    def drop(self, session: Session) -> None:
        """Undo all locks of a session that closes."""
        if self.owner is session:
            self.owner, self.owner_count = None, 0
        self.sharers.pop(session, None)


class Session:
    """One open session to a device.

    Parameters
    ----------
    lab : Lab
        Where the device is.
    device : LabDevice
        The instrument.
    locks : Locks
        The locks of its resource, the same for all sessions to it.
    """

    def __init__(self, lab: Lab, device: LabDevice, locks: Locks):
        self.lab, self.device, self.locks = lab, device, locks
        parsed: Any = rname.parse_resource_name(device.resource_name or "")
        interface = parsed.interface_type_const
        self.kind = (interface, parsed.resource_class)
        self.is_serial = interface == InterfaceType.asrl
        self.is_socket = parsed.resource_class == "SOCKET"
        self.port = device.connect(stream=self.is_serial or self.is_socket or isinstance(device, PlainDevice))
        self._per_transaction, self._per_byte = TRANSACTION_S.get(interface, _OTHER_S)
        self._cost = getattr(lab.clock, "cost", None)
        self._timeout_s, self._termchar, self._termchar_enabled = 2.0, b"\n", False
        self._send_end, self._suppress_end = True, False
        self._service_requests_seen: int | None = None  # None: the event is not enabled
        self.attributes: dict[int, Any] = {
            ResourceAttribute.resource_name: str(parsed),
            ResourceAttribute.resource_class: parsed.resource_class,
            ResourceAttribute.interface_type: interface,
            ResourceAttribute.interface_number: int(getattr(parsed, "board", 0)),
            ResourceAttribute.resource_manufacturer_name: "sotlab",
            ResourceAttribute.resource_impl_version: 0x00100000,
            ResourceAttribute.resource_spec_version: 0x00500800,
            **_address_attributes(parsed),
        }

    # transfer

    def write(self, data: bytes) -> StatusCode:
        """Send bytes to the device, with END after the last one where the interface has it."""
        lab = self.lab
        scope.use(lab.clock)
        with lab.lock:
            if self.locks.keeps_out(self):
                return StatusCode.error_resource_locked
            if self._cost is not None:
                self._cost(self._per_transaction + self._per_byte * len(data))
            self.port.receive(data, end=self._send_end and not (self.is_serial or self.is_socket))
            return StatusCode.error_connection_lost if self.port.lost else StatusCode.success

    def read(self, count: int) -> tuple[bytes, StatusCode]:
        """Read until END, the termination character or ``count`` bytes, or until the time-out in bench time."""
        lab, out = self.lab, bytearray()
        scope.use(lab.clock)
        deadline: float | None = None
        while True:
            with lab.lock:
                if self.locks.keeps_out(self):
                    return b"", StatusCode.error_resource_locked
                if self.device.faults is not None and not self.port.connected():
                    return b"", StatusCode.error_connection_lost
                now = lab.clock.now()
                status = self._take(out, count, now)
                if status is not None:
                    if self._cost is not None:
                        self._cost(self._per_transaction + self._per_byte * len(out))
                    return bytes(out), status
                due = self.port.replies[0].ready_at if self.port.replies else math.inf
                if deadline is None:
                    deadline = now + min(self._timeout_s, FOREVER_S)
                    if not self.port.replies and not out:
                        self.port.unterminated()
            if now >= deadline:
                return bytes(out), StatusCode.error_timeout
            lab.clock.wait_until(min(due, deadline))  # outside the lock: others go on

    def _take(self, out: bytearray, count: int, now: float) -> StatusCode | None:
        """Move what may be read now into ``out``; returns why reading ends here, None if it does not."""
        replies = self.port.replies
        while replies and replies[0].ready_at <= now:
            reply = replies[0]
            stop = reply.sent + count - len(out)
            by_termchar, ends_serial = self._termchar_enabled, self._serial_end_is_termchar()
            if by_termchar or ends_serial:
                found = reply.data.find(self._termchar, reply.sent, stop)
                by_termchar, ends_serial = by_termchar and found >= 0, ends_serial and found >= 0
                stop = found + 1 if found >= 0 else stop
            chunk = reply.data[reply.sent : stop]
            out += chunk
            reply.sent += len(chunk)
            end = reply.sent == len(reply.data)
            if end:
                replies.popleft()
                end = reply.end
            if (ends_serial or (end and not (self.is_serial or self.is_socket))) and not self._suppress_end:
                return StatusCode.success  # rule 6.1.1
            if by_termchar:
                return StatusCode.success_termination_character_read  # rule 6.1.2
            if len(out) >= count:
                return StatusCode.success_max_count_read  # rule 6.1.3
        return None

    def _serial_end_is_termchar(self) -> bool:
        if not self.is_serial:
            return False
        ends = self.attributes.get(ResourceAttribute.asrl_end_in, constants.SerialTermination.termination_char)
        return ends == constants.SerialTermination.termination_char

    def discard_input(self) -> None:
        """Drop what could be read."""
        self.port.replies.clear()

    # bus

    def guarded(self, action: Any) -> StatusCode:
        """Do something to the device unless another session has locked it."""
        scope.use(self.lab.clock)
        with self.lab.lock:
            if self.locks.keeps_out(self):
                return StatusCode.error_resource_locked
            if self._cost is not None:
                self._cost(self._per_transaction)
            if not self.port.connected():
                return StatusCode.error_connection_lost
            action()
        return StatusCode.success

    def read_status_byte(self) -> tuple[int, StatusCode]:
        """Return the status byte by serial poll."""
        byte: list[int] = []
        status = self.guarded(lambda: byte.append(self.port.serial_poll()))
        return (byte[0] if byte else 0), status

    def lock(self, shared: bool, timeout_ms: int, key: str) -> StatusCode:
        """Lock the resource, waiting in bench time for others to unlock it."""
        clock = self.lab.clock
        deadline = clock.now() + _seconds(timeout_ms)
        while True:
            with self.lab.lock:
                status = self.locks.take(self, shared, key)
            if status is not None:
                return status
            if clock.now() >= deadline:
                return StatusCode.error_timeout
            clock.sleep(LOOK_AGAIN_S)

    def unlock(self) -> StatusCode:
        """Undo the last lock."""
        with self.lab.lock:
            return self.locks.give_back(self)

    def close(self) -> None:
        """Give back locks and leave the device; an unread reply is lost."""
        with self.lab.lock:
            self.locks.drop(self)
            self.device.disconnect(self.port)

    # service requests

    def enable_service_request(self) -> StatusCode:
        """Note service requests from now on; one that stands already counts."""
        if self._service_requests_seen is not None:
            return StatusCode.success_event_already_enabled
        with self.lab.lock:
            self.port.update_service_request()
            self._service_requests_seen = self.port.requests - self.port.service_request
        return StatusCode.success

    def disable_service_request(self) -> StatusCode:
        """Note them no more; those that wait in the queue stay there in VISA, here they go."""
        if self._service_requests_seen is None:
            return StatusCode.success_event_already_disabled
        self._service_requests_seen = None
        return StatusCode.success

    def discard_service_requests(self) -> StatusCode:
        """Forget those not yet waited for."""
        if self._service_requests_seen is None or self._service_requests_seen == self.port.requests:
            return StatusCode.success_queue_already_empty
        self._service_requests_seen = self.port.requests
        return StatusCode.success

    def wait_for_service_request(self, timeout_ms: int) -> StatusCode:
        """Wait in bench time for a service request."""
        clock = self.lab.clock
        scope.use(clock)
        deadline = clock.now() + _seconds(timeout_ms)
        while True:
            with self.lab.lock:
                if self._service_requests_seen is None:
                    return StatusCode.error_not_enabled
                self.port.update_service_request()
                if self.port.requests > self._service_requests_seen:
                    self._service_requests_seen += 1
                    return StatusCode.success
                now = clock.now()
                due = self.device.next_event_time(self.port)
            if now >= deadline:
                return StatusCode.error_timeout
            # Another session may change the device meanwhile, so a long wait looks again now and then.
            look_again = now + max(LOOK_AGAIN_S, (deadline - now) / 100)
            clock.wait_until(min(deadline, look_again, math.inf if due is None else due))

    # attributes

    def get_attribute(self, attribute: int) -> tuple[Any, StatusCode]:
        """Return the value of a VISA attribute, its default if it was never set."""
        description = attributes.AttributesByID.get(attribute)
        if description is None or not description.in_resource(self.kind) or not description.read:
            return 0, StatusCode.error_nonsupported_attribute
        if attribute == ResourceAttribute.resource_lock_state:
            return self.locks.state(), StatusCode.success
        if attribute == ResourceAttribute.asrl_avalaible_number:
            return self.port.available(self.lab.clock.now()), StatusCode.success
        value = self.attributes.get(attribute, description.default)
        if value is attributes.NotAvailable:
            return 0, StatusCode.error_nonsupported_attribute
        return value, StatusCode.success

    def set_attribute(self, attribute: int, value: Any) -> StatusCode:
        """Set a VISA attribute."""
        description = attributes.AttributesByID.get(attribute)
        if description is None or not description.in_resource(self.kind):
            return StatusCode.error_nonsupported_attribute
        if not description.write:
            return StatusCode.error_attribute_read_only
        setter = _SETTABLE_FIELDS.get(attribute)  # type: ignore[arg-type]
        if setter is not None and not getattr(self, setter)(value):
            return StatusCode.error_nonsupported_attribute_state
        self.attributes[attribute] = value
        if attribute == ResourceAttribute.asrl_baud_rate:
            self._per_byte = 10 / value
        return StatusCode.success

    def _set_timeout(self, milliseconds: int) -> bool:
        self._timeout_s = _seconds(milliseconds)
        return milliseconds >= 0

    def _set_termchar(self, code: int) -> bool:
        if not 0 <= code <= 255:
            return False
        self._termchar = bytes([code])
        return True

    def _set_termchar_enabled(self, enabled: bool) -> bool:
        self._termchar_enabled = bool(enabled)
        return True

    def _set_send_end(self, enabled: bool) -> bool:
        self._send_end = bool(enabled)
        return True

    def _set_suppress_end(self, enabled: bool) -> bool:
        self._suppress_end = bool(enabled)
        return True


def _seconds(milliseconds: int) -> float:
    return FOREVER_S if milliseconds == constants.VI_TMO_INFINITE else milliseconds / 1000


def _address_attributes(parsed: Any) -> dict[int, Any]:
    """Return the attributes that tell where the device is, from the parts of its resource name."""
    names = {
        "primary_address": (ResourceAttribute.gpib_primary_address, int),
        "secondary_address": (ResourceAttribute.gpib_secondary_address, int),
        "host_address": (ResourceAttribute.tcpip_address, str),
        "port": (ResourceAttribute.tcpip_port, int),
        "lan_device_name": (ResourceAttribute.tcpip_device_name, str),
        "serial_number": (ResourceAttribute.usb_serial_number, str),
    }
    found: dict[int, Any] = {}
    for name, (attribute, kind) in names.items():
        value = getattr(parsed, name, None)
        if value not in (None, ""):
            found[attribute] = kind(value)
    for name, attribute in (
        ("manufacturer_id", ResourceAttribute.manufacturer_id),
        ("model_code", ResourceAttribute.model_code),
    ):
        if value := getattr(parsed, name, None):
            found[attribute] = int(value, 0)
    return found
