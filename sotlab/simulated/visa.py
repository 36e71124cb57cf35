"""The PyVISA backend: ``pyvisa.ResourceManager("stfmr?seed=3&clock=virtual@sotlab")``.

Underneath are pyvisa-sim's bench files and devices; the sessions are our own, so that plain ``@sim`` stays as it is.
"""

from __future__ import annotations

import itertools
from typing import Any

from pyvisa import constants, errors, highlevel, rname
from pyvisa.constants import StatusCode
from pyvisa.util import LibraryPath

from sotlab.clock import Clock
from sotlab.simulated.lab import Lab, LabSpec, shipped_benches
from sotlab.simulated.session import Locks, Session
from sotlab.simulated.timescope import scope

__all__ = ["VirtualLabLibrary"]

#: The only event that is simulated.
_SRQ_EVENTS = (constants.EventType.service_request, constants.EventType.all_enabled)


class VirtualLabLibrary(highlevel.VisaLibraryBase):
    """A VISA library whose resources are the devices of a virtual lab.

    Attributes
    ----------
    simulated : bool
        True: by this a station knows that nothing here is real.
    private : bool
        True: these instruments are this process's own, so that no other program must be kept off them.
    lab : Lab
        The lab, the same for all managers of one specification; gone and made anew when the last one closes.
    clock : Clock
        The lab's clock.
    """

    simulated = True
    private = True

    @staticmethod
    def get_library_paths() -> tuple[LibraryPath, ...]:
        """Return the shipped benches: PyVISA takes the first one where none is named."""
        return tuple(LibraryPath(name, "shipped") for name in shipped_benches())

    @staticmethod
    def get_debug_info() -> dict[str, str]:
        """Return what ``pyvisa-info`` shows."""
        return {"Benches": ", ".join(shipped_benches())}

    def _init(self) -> None:
        if hasattr(self, "_handles"):  # some programs call it again; what is open stays open
            return
        self._lab: Lab | None = None
        self._managers: set[int] = set()
        self._sessions: dict[int, Session] = {}
        self._events: set[int] = set()
        self._handles = itertools.count(1)

    @property
    def lab(self) -> Lab:
        """Return the lab; it exists while a resource manager is open."""
        if self._lab is None:
            raise errors.InvalidSession()
        return self._lab

    @property
    def clock(self) -> Clock:
        """Return the lab's clock."""
        return self.lab.clock

    def _session(self, session: int) -> Session:
        try:
            return self._sessions[session]
        except KeyError:
            self._done(session, StatusCode.error_invalid_object)
            raise

    def _done(self, session: Any, status: StatusCode) -> StatusCode:
        return self.handle_return_value(session, status)

    # --- managers and sessions

    def open_default_resource_manager(self) -> Any:
        """Open a resource manager, and the lab with the first one."""
        if self._lab is None:
            self._lab = Lab.acquire(LabSpec.parse(str(self.library_path)))
        handle = next(self._handles)
        self._managers.add(handle)
        return handle, self._done(handle, StatusCode.success)

    def list_resources(self, session: int, query: str = "?*::INSTR") -> tuple[str, ...]:
        """Return the names of the devices that fit the query."""
        found = rname.filter(self.lab.devices, query)
        self._done(session, StatusCode.success)
        return tuple(found)

    def open(
        self,
        session: int,
        resource_name: str,
        access_mode: constants.AccessModes = constants.AccessModes.no_lock,
        open_timeout: int = constants.VI_TMO_IMMEDIATE,
    ) -> Any:
        """Open a session to a device; errors are those of viOpen."""
        try:
            name = rname.to_canonical_name(resource_name)
        except rname.InvalidResourceName:
            return 0, self._done(session, StatusCode.error_invalid_resource_name)
        device = self.lab.devices.get(name)
        if device is None:
            return 0, self._done(session, StatusCode.error_resource_not_found)
        with self.lab.lock:
            locks = self.lab.locks.setdefault(name, Locks())
            if name.startswith("ASRL") and device.ports:  # a serial port opens once
                return 0, self._done(session, StatusCode.error_resource_busy)
            opened = Session(self.lab, device, locks)
        if access_mode != constants.AccessModes.no_lock:
            shared = access_mode == constants.AccessModes.shared_lock
            if opened.lock(shared, int(open_timeout), "") == StatusCode.error_timeout:
                opened.close()
                return 0, self._done(session, StatusCode.error_resource_locked)
        opened.attributes[constants.ResourceAttribute.resource_manager_session] = session
        handle = next(self._handles)
        self._sessions[handle] = opened
        scope.apply()  # drivers that were imported since
        scope.use(self.lab.clock)
        return handle, self._done(handle, StatusCode.success)

    def close(self, session: int) -> StatusCode:
        """Close a session, an event or a resource manager; the lab goes with the last manager of all."""
        if session in self._sessions:
            self._sessions.pop(session).close()
        elif session in self._events:
            self._events.discard(session)
        elif session in self._managers:
            self._managers.discard(session)
            if not self._managers and self._lab is not None:
                for opened in self._sessions.values():
                    opened.close()
                self._sessions.clear()
                lab, self._lab = self._lab, None
                lab.release()
        else:
            return self._done(session, StatusCode.error_invalid_object)
        self._last_status_in_session.pop(session, None)  # type: ignore[call-overload]
        return self._done(None, StatusCode.success)

    # --- transfer

    def read(self, session: int, count: int) -> tuple[bytes, StatusCode]:
        """Read bytes from the device."""
        data, status = self._session(session).read(count)
        return data, self._done(session, status)

    def write(self, session: int, data: bytes) -> tuple[int, StatusCode]:
        """Write bytes to the device."""
        return len(data), self._done(session, self._session(session).write(data))

    def clear(self, session: int) -> StatusCode:
        """Clear the device's buffers for the session."""
        opened = self._session(session)
        return self._done(session, opened.guarded(lambda: opened.device.clear(opened.port)))

    def flush(self, session: int, mask: constants.BufferOperation) -> StatusCode:
        """Discard what could be read, if the mask says so; nothing waits to be written."""
        opened = self._session(session)
        operation = constants.BufferOperation
        if not mask or mask & ~_ALL_BUFFERS:
            return self._done(session, StatusCode.error_invalid_mask)
        reading = (
            operation.discard_read_buffer
            | operation.discard_read_buffer_no_io
            | operation.discard_receive_buffer
            | operation.discard_receive_buffer2
        )
        return self._done(session, opened.guarded(opened.discard_input if mask & reading else lambda: None))

    def read_stb(self, session: int) -> tuple[int, StatusCode]:
        """Read the status byte by serial poll."""
        byte, status = self._session(session).read_status_byte()
        return byte, self._done(session, status)

    def assert_trigger(self, session: int, protocol: constants.TriggerProtocol) -> StatusCode:
        """Send the bus trigger."""
        opened = self._session(session)
        if protocol != constants.TriggerProtocol.default:
            return self._done(session, StatusCode.error_invalid_protocol)
        return self._done(session, opened.guarded(opened.device.bus_trigger))

    def gpib_control_ren(self, session: int, mode: constants.RENLineOperation) -> StatusCode:
        """Set the remote enable line."""
        opened = self._session(session)
        if opened.kind[0] not in (constants.InterfaceType.gpib, constants.InterfaceType.usb):
            return self._done(session, StatusCode.error_nonsupported_operation)
        line = constants.RENLineOperation
        state = constants.LineState
        off = mode in (line.deassert, line.deassert_gtl)
        opened.attributes[constants.ResourceAttribute.gpib_ren_state] = state.unasserted if off else state.asserted
        return self._done(session, StatusCode.success)

    def status_description(self, session: int, status: StatusCode) -> tuple[str, StatusCode]:
        """Return what a status code means."""
        _, text = errors.completion_and_error_messages.get(status, ("?", "Unknown code."))
        return text, self._done(session, StatusCode.success)

    # --- attributes and locks

    def get_attribute(self, session: int, attribute: int) -> tuple[Any, StatusCode]:
        """Return an attribute of a session or an event."""
        if session in self._events:
            known = attribute == constants.EventAttribute.event_type
            status = StatusCode.success if known else StatusCode.error_nonsupported_attribute
            return constants.EventType.service_request, self._done(session, status)
        value, status = self._session(session).get_attribute(attribute)
        return value, self._done(session, status)

    def set_attribute(self, session: int, attribute: int, attribute_state: Any) -> StatusCode:
        """Set an attribute of a session."""
        return self._done(session, self._session(session).set_attribute(attribute, attribute_state))

    def lock(
        self, session: int, lock_type: constants.Lock, timeout: int, requested_key: str | None = None
    ) -> tuple[str, StatusCode]:
        """Lock the resource; a shared lock returns its key."""
        opened = self._session(session)
        shared = lock_type == constants.Lock.shared
        key = (requested_key or f"sotlab-{session}") if shared else ""
        return key, self._done(session, opened.lock(shared, timeout, key))

    def unlock(self, session: int) -> StatusCode:
        """Undo the session's last lock."""
        return self._done(session, self._session(session).unlock())

    # --- service requests

    def enable_event(
        self, session: int, event_type: constants.EventType, mechanism: constants.EventMechanism, context: None = None
    ) -> StatusCode:
        """Queue service requests; handlers are not simulated."""
        opened = self._session(session)
        if event_type != constants.EventType.service_request:
            return self._done(session, StatusCode.error_invalid_event)
        if mechanism != constants.EventMechanism.queue:
            return self._done(session, StatusCode.error_nonsupported_mechanism)
        return self._done(session, opened.enable_service_request())

    def disable_event(
        self, session: int, event_type: constants.EventType, mechanism: constants.EventMechanism
    ) -> StatusCode:
        """Queue no more service requests."""
        opened = self._session(session)
        if event_type not in _SRQ_EVENTS:
            return self._done(session, StatusCode.error_invalid_event)
        return self._done(session, opened.disable_service_request())

    def discard_events(
        self, session: int, event_type: constants.EventType, mechanism: constants.EventMechanism
    ) -> StatusCode:
        """Forget service requests that wait in the queue."""
        opened = self._session(session)
        if event_type not in _SRQ_EVENTS:
            return self._done(session, StatusCode.error_invalid_event)
        return self._done(session, opened.discard_service_requests())

    def wait_on_event(self, session: int, in_event_type: constants.EventType, timeout: int) -> Any:
        """Wait for a service request, in bench time."""
        opened = self._session(session)
        if in_event_type not in _SRQ_EVENTS:
            return in_event_type, None, self._done(session, StatusCode.error_invalid_event)
        status = self._done(session, opened.wait_for_service_request(timeout))
        context = next(self._handles)
        self._events.add(context)
        return constants.EventType.service_request, context, status


def _refuse(library: VirtualLabLibrary, session: Any, *arguments: Any, **keywords: Any) -> Any:
    """Refuse an operation that is not simulated with VI_ERROR_NSUP_OPER."""
    return library.handle_return_value(session, StatusCode.error_nonsupported_operation)


_ALL_BUFFERS = constants.BufferOperation(sum(constants.BufferOperation))

#: Operations of registers, interfaces, asynchronous transfer and files: refused, not left unimplemented.
for _name in (
    *("assert_interrupt_signal", "assert_utility_signal", "buffer_read", "buffer_write", "gpib_command"),
    *("gpib_control_atn", "gpib_pass_control", "gpib_send_ifc", "install_handler", "map_address", "map_trigger"),
    *("memory_allocation", "memory_free", "move", "move_asynchronously", "read_asynchronously", "read_to_file"),
    *("set_buffer", "terminate", "uninstall_handler", "unmap_address", "unmap_trigger", "usb_control_in"),
    *("usb_control_out", "vxi_command_query", "write_asynchronously", "write_from_file", "peek", "poke"),
    *("read_memory", "write_memory", "move_in", "move_out"),
):
    setattr(VirtualLabLibrary, _name, _refuse)
