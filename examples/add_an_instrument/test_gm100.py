"""The GM100: what is sent, on a bench, and what can go wrong. Run in this folder with ``python -m pytest``."""

import shutil
from pathlib import Path

import pytest
from gm100 import GM100
from pymeasure.test import expected_protocol

from sotlab.errors import InstrumentError, InstrumentTimeoutError, StationError, WrongInstrumentError
from sotlab.instruments.station import Station
from sotlab.procedures.runs.run import Run
from sotlab.procedures.stfmr_field_sweep import STFMRFieldSweep


@pytest.fixture(autouse=True)
def in_this_folder(monkeypatch):
    monkeypatch.chdir(Path(__file__).parent)


# 1. The wire: one line for each property, from the manual.


@pytest.mark.parametrize(
    ("attribute", "value", "sent"), [("average_count", 5, b"SENS:AVER:COUN 5"), ("range", 0.1, b"SENS:FIEL:RANG 0.1")]
)
def test_what_is_sent(attribute, value, sent):
    with expected_protocol(GM100, [(sent, None)]) as gaussmeter:
        setattr(gaussmeter, attribute, value)


@pytest.mark.parametrize(
    ("attribute", "asked", "reply", "value"),
    [
        ("field", b"MEAS:FIEL?", b"+1.2345678E-01", 0.12345678),
        ("average_count", b"SENS:AVER:COUN?", b"5", 5),
        ("range", b"SENS:FIEL:RANG?", b"1.0", 1.0),
    ],
)
def test_how_an_answer_is_read(attribute, asked, reply, value):
    with expected_protocol(GM100, [(asked, reply)]) as gaussmeter:
        assert getattr(gaussmeter, attribute) == value


# 2. On a bench: the driver in its role.


@pytest.fixture
def station():
    with Station.open("station.toml") as opened:
        yield opened
        devices = opened.visa_library.lab.devices.values()
        assert [list(device.errors) for device in devices if device.errors] == []


def test_the_field_is_that_at_the_probe_and_takes_the_time_it_says(station):
    gaussmeter = station["gaussmeter"]
    station["field"].ramp_to(0.1)
    begin_s = station.clock.now()
    assert gaussmeter.read_field() == pytest.approx(0.1, abs=5e-3)  # iron remembers
    assert station.clock.now() - begin_s == pytest.approx(gaussmeter.reading_time_s, abs=0.02)


def test_a_procedure_that_knows_nothing_of_it_runs(station, tmp_path):
    scan = STFMRFieldSweep(station="station.toml", points=3)
    scan.use(station)
    with Run(scan, tmp_path, "sample") as run:
        run.wait()
    run.raise_error()
    assert run.worker.results.rows == 3


# 3. What can go wrong: each is an error that says who and what.


def add_fault(station, **fault):
    station.visa_library.lab.faults.add({"device": "gaussmeter", **fault})


def test_a_field_beyond_the_range_is_an_error(station):
    add_fault(station, kind="wrong_reply", match="FIEL", text="+9.9000000E+37")
    with pytest.raises(InstrumentError, match=r"gaussmeter: beyond the 1 T range"):
        station["gaussmeter"].read_field()


def test_garbage_is_an_error(station):
    add_fault(station, kind="wrong_reply", match="FIEL", text="garbage")
    with pytest.raises(InstrumentError, match=r"gaussmeter at .*: the reply 'garbage' to MEAS:FIEL\?"):
        station["gaussmeter"].read_field()


def test_no_answer_is_an_error(station):
    add_fault(station, kind="no_reply", match="FIEL")
    with pytest.raises(InstrumentTimeoutError, match=r"gaussmeter at GPIB0::12::INSTR"):
        station["gaussmeter"].read_field()


@pytest.mark.parametrize(
    ("old", "new", "error", "named"),
    [
        ("GPIB0::12::INSTR", "GPIB0::6::INSTR", WrongInstrumentError, "KEPCO.*answers"),
        ("averages = 5", "averages = 0", StationError, "averages"),
        ("averages = 5", "averages = 101", StationError, "averages"),
    ],
)
def test_a_wrong_station_file_is_named(tmp_path, old, new, error, named):
    for name in ("gm100.py", "sample.toml"):
        shutil.copy(name, tmp_path)
    text = Path("station.toml").read_text(encoding="utf-8").replace(old, new)
    (tmp_path / "station.toml").write_text(text, encoding="utf-8")
    with pytest.raises(error, match=named):
        Station.open(str(tmp_path / "station.toml"), ["gaussmeter"])
