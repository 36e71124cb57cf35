"""Two programs and one bench: one gets it, the other is told who has it."""

import json
import subprocess
import sys

import pytest

from sotlab.errors import StationError
from sotlab.instruments.station_lock import StationLock

HOLD = """
import sys, time
from pathlib import Path
from sotlab.instruments.station_lock import StationLock
lock = StationLock("night.toml", ["GPIB0::6::INSTR"], Path(sys.argv[1]))
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def other_program(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline().strip() == "held"
    yield process
    process.kill()
    process.wait()
    process.stdin.close()
    process.stdout.close()


def test_the_second_program_is_told_who_has_the_bench_and_since_when(other_program, tmp_path):
    with pytest.raises(
        StationError, match=r"day.toml: GPIB0::6::INSTR is in use by -c .*night.toml\) since 20"
    ) as told:
        StationLock("day.toml", ["GPIB0::12::INSTR", "gpib0::6::instr"], tmp_path)
    assert f"process {other_program.pid}" in str(told.value)
    assert "\n" not in str(told.value)


def test_what_was_taken_before_the_one_in_use_is_given_back(other_program, tmp_path):
    with pytest.raises(StationError):
        StationLock("day.toml", ["GPIB0::12::INSTR", "GPIB0::6::INSTR"], tmp_path)
    StationLock("day.toml", ["GPIB0::12::INSTR"], tmp_path).release()


def test_other_addresses_are_free(other_program, tmp_path):
    StationLock("day.toml", ["GPIB0::7::INSTR"], tmp_path).release()


def test_a_killed_program_leaves_nothing_locked(other_program, tmp_path):
    other_program.kill()
    other_program.wait()
    lock = StationLock("day.toml", ["GPIB0::6::INSTR"], tmp_path)
    note = json.loads((tmp_path / "GPIB0-6-INSTR.json").read_text(encoding="utf-8"))
    assert note["station"] == "day.toml"
    lock.release()
    assert not (tmp_path / "GPIB0-6-INSTR.json").exists()


def test_two_parts_of_one_program_are_kept_apart_too(tmp_path):
    lock = StationLock("a.toml", ["GPIB0::6::INSTR"], tmp_path)
    with pytest.raises(StationError, match=r"b.toml: GPIB0::6::INSTR is in use by"):
        StationLock("b.toml", ["GPIB0::6::INSTR"], tmp_path)
    lock.release()
    StationLock("b.toml", ["GPIB0::6::INSTR"], tmp_path).release()


def test_of_two_programs_started_together_one_gets_the_bench(tmp_path):
    script = HOLD.replace("sys.stdin.read()", "time.sleep(3)")
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    told = [process.communicate(timeout=60) for process in processes]
    assert sorted(process.returncode for process in processes) == [0, 1]
    loser = next(err for (_, err), process in zip(told, processes, strict=True) if process.returncode)
    assert "GPIB0::6::INSTR is in use" in loser


def test_a_folder_that_cannot_be_made_is_an_error_in_one_line(tmp_path):
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(StationError, match=r"folder of the station's locks"):
        StationLock("a.toml", ["GPIB0::6::INSTR"], tmp_path / "file" / "locks")
