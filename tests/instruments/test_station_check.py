"""The check of a bench: it says exactly what is wrong, in time, and switches nothing."""

import time
from importlib import resources

import pytest
import yaml

from sotlab.instruments.station import Station
from sotlab.instruments.station_file import shipped_stations

BENCHES = resources.files("sotlab") / "simulated" / "benches"


@pytest.fixture
def troubled(tmp_path):
    """The shipped station on a bench where something is wrong: what, is said by the test."""
    shipped = resources.files("sotlab")

    def make(station=lambda text: text, faults="faults: []"):
        bench = (shipped / "simulated" / "benches" / "stfmr.yaml").read_text(encoding="utf-8")
        (tmp_path / "bench.yaml").write_text(bench + "\n" + faults, encoding="utf-8")
        text = (shipped / "instruments" / "stations" / "stfmr.toml").read_text(encoding="utf-8")
        library = (tmp_path / "bench.yaml").as_posix()
        text = text.replace("stfmr?clock=virtual@sotlab", f"{library}?clock=real@sotlab")
        text = text.replace('sample = "samples/nife_bisb_10nm.toml"\n', "")
        path = tmp_path / "station.toml"
        path.write_text(station(text), encoding="utf-8")
        return path

    return make


def swap(text):
    return (
        text.replace("GPIB0::7::INSTR", "X")
        .replace("GPIB0::6::INSTR", "GPIB0::7::INSTR")
        .replace("X", "GPIB0::6::INSTR")
    )


TROUBLE = """
faults:
  - {device: microwave, kind: unplug, at: 0}
  - {device: gaussmeter, kind: wrong_idn, text: "LSCI,MODEL425,SIM1,1.0"}
"""


def test_a_check_says_exactly_what_is_unplugged_what_is_wrong_and_what_is_swapped(troubled):
    started = time.monotonic()
    with Station.open(str(troubled(swap, TROUBLE)), roles=()) as station:
        problems = {row["role"]: row["problem"] for row in station.check()}
        failed = {"GPIB0::19::INSTR", "GPIB0::7::INSTR", "GPIB0::6::INSTR", "GPIB0::12::INSTR"}
        assert not failed & set(station.connections)  # nothing that failed stays open
    assert time.monotonic() - started < 10.0
    assert "microwave at GPIB0::19::INSTR: nothing answers at this address" in problems["microwave"]
    assert "gaussmeter at GPIB0::12::INSTR: 'LSCI,MODEL425,SIM1,1.0' answers" in problems["gaussmeter"]
    assert "swapped" not in problems["gaussmeter"]
    assert "It is what 'field' asks for: are GPIB0::6::INSTR and GPIB0::7::INSTR swapped?" in problems["voltmeter"]
    assert "It is what 'voltmeter' asks for" in problems["field"]


def test_a_check_of_a_bench_where_everything_hangs_ends_in_time_and_switches_nothing(troubled):
    devices = yaml.safe_load((BENCHES / "stfmr.yaml").read_text(encoding="utf-8"))["devices"]
    hang = "faults:\n" + "".join(f"  - {{device: {name}, kind: hang, at: 0}}\n" for name in devices)
    started = time.monotonic()
    with Station.open(str(troubled(faults=hang)), roles=()) as station:
        rows = station.check()
        lab = station.visa_library.lab
        assert lab.bench.actuators(lab.clock.now())["microwave"]["on"] is False
    assert time.monotonic() - started < 10.0
    assert all("no answer within" in row["problem"] for row in rows)


def test_a_check_leaves_what_is_well_closed_and_as_it_was(troubled):
    with Station.open(str(troubled()), roles=()) as station:
        lab = station.visa_library.lab
        before = lab.bench.actuators(lab.clock.now())
        assert all(row["ok"] for row in station.check())
        assert lab.bench.actuators(lab.clock.now()) == before
    assert not any(device.ports for device in lab.inventory.values())


@pytest.mark.parametrize("name", shipped_stations())
def test_every_shipped_station_finds_its_instruments_on_its_bench(name, monkeypatch):
    monkeypatch.delenv("SOTLAB_CLOCK", raising=False)
    with Station.open(f"virtual:{name}", roles=()) as station:
        lab = station.visa_library.lab
        rows = station.check()
        assert {row["role"]: row["problem"] for row in rows if not row["ok"]} == {}
        asked = {row["resource"] for row in rows}
        assert set(lab.inventory) - asked == set() or name == "transport"  # its generator has no role there
        assert not any(device.errors for device in lab.inventory.values())
        assert all(row["when_pc_vanishes"] != "not stated" for row in rows if row["safe_state"])
