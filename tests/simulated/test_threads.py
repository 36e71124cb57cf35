"""Several threads on one virtual lab: no reply goes to the wrong one."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
import pyvisa

ENDINGS = {"read_termination": "\n", "write_termination": "\n"}
ADDRESSES = (
    "GPIB0::19::INSTR",
    "USB0::0x1111::0x2222::SIM1::0::INSTR",
    "TCPIP0::source.example::INSTR",
    "GPIB0::12::INSTR",
)
QUERIES = 3000


def together(*actions: Callable[[], None]) -> None:
    """Run the actions in threads of their own, and raise what any of them raised."""
    problems: list[BaseException] = []

    def guarded(action: Callable[[], None]) -> None:
        try:
            action()
        except BaseException as problem:
            problems.append(problem)

    threads = [threading.Thread(target=guarded, args=(action,), daemon=True) for action in actions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=120)
    assert not any(thread.is_alive() for thread in threads)
    if problems:
        raise problems[0]


def test_four_threads_on_four_devices_each_get_their_own_replies(manage) -> None:
    manager = manage()

    def ask(address: str, number: int) -> Callable[[], None]:
        instrument = manager.open_resource(address, **ENDINGS)

        def run() -> None:
            for i in range(QUERIES // 2):
                if address == "GPIB0::12::INSTR":  # the meter, which has no frequency
                    instrument.write(f"UNIT {1 + i % 4}")
                    assert instrument.query("UNIT?").strip() == str(1 + i % 4)
                    assert instrument.query("RDGFIELD?").strip() == "+0.1E+00"
                else:
                    frequency_Hz = 1e9 * number + i
                    instrument.write(f"FREQ {frequency_Hz:.0f}")
                    assert float(instrument.query("FREQ?")) == frequency_Hz
                    assert instrument.query("OUTP?") == "0"

        return run

    together(*(ask(address, number) for number, address in enumerate(ADDRESSES, 1)))
    assert not any(device.errors for device in manager.visalib.lab.devices.values())


@pytest.mark.parametrize("kind", ["exclusive", "context"])
def test_two_threads_on_one_device_share_it_by_its_lock(manage, kind: str) -> None:
    manager = manage()

    def ask(number: int) -> Callable[[], None]:
        instrument = manager.open_resource(ADDRESSES[0], **ENDINGS)

        def exchange(frequency_Hz: float) -> None:
            instrument.write(f"FREQ {frequency_Hz:.0f}")  # nobody else's comes between these
            assert float(instrument.query("FREQ?")) == frequency_Hz

        def run() -> None:
            for i in range(500):
                frequency_Hz = 1e9 * number + i
                if kind == "context":
                    with instrument.lock_context(timeout=None):
                        exchange(frequency_Hz)
                else:
                    instrument.lock_excl(timeout=None)
                    try:
                        exchange(frequency_Hz)
                    finally:
                        instrument.unlock()

        return run

    together(ask(1), ask(2))
    assert not manager.visalib.lab.devices[ADDRESSES[0]].errors


def test_without_the_lock_the_second_session_is_kept_out_and_told_so(manage) -> None:
    manager = manage()
    owner, other = (manager.open_resource(ADDRESSES[0], **ENDINGS) for _ in range(2))
    with owner.lock_context(), pytest.raises(pyvisa.VisaIOError, match="VI_ERROR_RSRC_LOCKED"):
        other.query("FREQ?")
    assert other.query("OUTP?") == "0"
