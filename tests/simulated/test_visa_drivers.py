"""Threads, stock PyMeasure drivers and clocks over the VISA backend."""

from __future__ import annotations

import sys
import threading
import time
import types
from pathlib import Path

import pytest
import pyvisa
from pymeasure.adapters import VISAAdapter
from pymeasure.instruments import Instrument
from pymeasure.instruments.agilent import Agilent8257D

from sotlab.errors import StationError

GPIB = "GPIB0::19::INSTR"
ENDINGS = {"read_termination": "\n", "write_termination": "\n"}


def test_two_threads_on_one_device_never_get_each_others_replies(manage) -> None:
    manager = manage()
    sessions = [manager.open_resource(GPIB, **ENDINGS) for _ in range(2)]
    wrong: list[str] = []

    def ask(session, question: str, answer: str) -> None:
        wrong.extend(reply for reply in (session.query(question) for _ in range(1500)) if reply != answer)

    threads = [
        threading.Thread(target=ask, args=(sessions[0], "FREQ?", "+1.0000000000000E+09")),
        threading.Thread(target=ask, args=(sessions[1], "FUNC?;:OUTP?", "SIN;0")),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert wrong == []
    assert sessions[0].query("SYST:ERR?") == '+0,"No error"'


def test_registered_threads_on_one_bench_give_the_same_log_in_every_run(manage) -> None:
    def log_of_one_run() -> list[tuple[float, str, str]]:
        manager = manage("clock=virtual&seed=1")
        clock, log, ready = manager.visalib.clock, [], threading.Barrier(3)

        def worker(name: str, step_s: float) -> None:
            instrument = manager.open_resource(GPIB, **ENDINGS)
            clock.register()
            ready.wait()
            try:
                clock.wait_until(1.0 + step_s)
                for _ in range(40):
                    log.append((clock.now(), name, instrument.query("MEAS:VOLT?")))
                    clock.sleep(step_s)
            finally:
                clock.unregister()

        threads = [threading.Thread(target=worker, args=pair) for pair in (("a", 0.31), ("b", 0.73), ("c", 1.13))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(timeout=60)
        manager.close()
        return log

    first = log_of_one_run()
    assert len(first) == 120
    assert len({reply for _, _, reply in first}) == 120
    assert log_of_one_run() == first
    assert log_of_one_run() == first


def test_time_is_put_back_in_pymeasure_when_the_bench_closes(manage) -> None:
    import pymeasure.instruments.instrument as driver_module

    assert driver_module.time is time
    manager = manage()
    manager.open_resource(GPIB)
    assert driver_module.time is not time
    manager.close()
    assert driver_module.time is time


def test_a_driver_imported_between_manager_and_session_sleeps_in_bench_time(manage, monkeypatch) -> None:
    manager = manage()
    late = types.ModuleType("pymeasure.instruments.imported_late")
    late.sleep = time.sleep
    monkeypatch.setitem(sys.modules, late.__name__, late)
    manager.open_resource(GPIB)
    late.sleep(500.0)
    assert manager.visalib.clock.now() == pytest.approx(500.0)


def test_a_bench_in_real_time_rebinds_nothing(manage) -> None:
    import pymeasure.instruments.instrument as driver_module

    manage("clock=real").open_resource(GPIB)
    assert driver_module.time is time


def test_the_clock_of_the_environment_counts_when_the_manager_opens(manage, monkeypatch) -> None:
    first = manage("seed=0")
    assert not hasattr(first.visalib.clock, "cost")
    first.close()
    monkeypatch.setenv("SOTLAB_CLOCK", "virtual")
    assert hasattr(manage("seed=0").visalib.clock, "cost")


def test_an_unknown_bench_is_one_line_from_pyvisa_too() -> None:
    with pytest.raises(StationError, match="no bench 'nowhere'; shipped are"):
        pyvisa.ResourceManager("nowhere@sotlab")


def test_the_same_seed_gives_the_same_readings(manage) -> None:
    def readings() -> list[str]:
        manager = manage("clock=virtual&seed=5")
        instrument = manager.open_resource(GPIB, **ENDINGS)
        found = [instrument.query("MEAS:VOLT?") for _ in range(20)]
        manager.close()
        return found

    first = readings()
    assert len(set(first)) == 20
    assert readings() == first


@pytest.mark.filterwarnings("ignore:It is not known whether this device support SCPI:FutureWarning")
def test_a_stock_pymeasure_driver_works_and_closing_its_adapter_leaves_others_open(bench_file: Path) -> None:
    library = f"{bench_file}?clock=virtual@sotlab"
    adapter, other = VISAAdapter(GPIB, library), VISAAdapter("GPIB0::12::INSTR", library)
    driver = Agilent8257D(adapter)
    driver.frequency = 7e9
    driver.power = -3.0
    driver.output = True
    assert (driver.frequency, driver.power, driver.output) == (7e9, -3.0, True)
    assert driver.id.startswith("Example Instruments,S1,SIM0001")
    assert driver.ask(":SYST:ERR?").strip() == '+0,"No error"'
    adapter.close()
    assert Instrument(other, "meter", includeSCPI=False).ask("RDGFIELD?").strip() == "+0.1E+00"
    other.close()
    other.manager.close()


def test_flush_read_buffer_of_a_pymeasure_adapter_drops_the_reply(bench_file: Path) -> None:
    adapter = VISAAdapter(GPIB, f"{bench_file}?clock=virtual@sotlab")
    adapter.write("FREQ?")
    adapter.flush_read_buffer()
    adapter.write("OUTP?")
    assert adapter.read() == "0\n"
    adapter.close()
    adapter.manager.close()


def test_a_pymeasure_drivers_sleep_takes_bench_time(bench_file: Path) -> None:
    adapter = VISAAdapter(GPIB, f"{bench_file}?clock=virtual@sotlab")
    clock = adapter.manager.visalib.clock
    before, wall = clock.now(), time.perf_counter()
    Instrument(adapter, "instrument", includeSCPI=False).wait_for(25.0)
    assert clock.now() - before == pytest.approx(25.0, abs=0.01)
    assert time.perf_counter() - wall < 2.0
    adapter.connection.query_delay = 10.0  # PyVISA's own sleep
    adapter.connection.query("OUTP?")
    assert clock.now() - before == pytest.approx(35.0, abs=0.05)
    adapter.close()
    adapter.manager.close()


def test_scaled_time_passes_in_wall_time(manage) -> None:
    instrument = manage("clock=100").open_resource(GPIB, **ENDINGS, timeout=5000)
    wall = time.perf_counter()
    instrument.query("READ?")  # 2.4 s of bench time
    assert 0.02 < time.perf_counter() - wall < 1.0
