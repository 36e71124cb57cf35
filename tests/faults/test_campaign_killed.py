"""A campaign whose whole program is killed goes on where it was: the bench is in a process of its own and lives on."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sotlab.procedures.runs.journal import read_journal
from sotlab.procedures.runs.reader import read_run

SCANS = Path(__file__).with_name("scans.py").as_posix()
CLI = [sys.executable, "-m", "sotlab.cli"]

CAMPAIGN = """
[campaign]
station = "served.toml"
[items.read]
procedure = "SCANS:Reading"
set = { points = 30, wait = "20 ms" }
loop.level = [0.1, 0.2, 0.3]
"""

STATION = """
[station]
name = "served"
visa_library = "@py"
sample = "sample.toml"
[roles.gaussmeter]
driver = "LakeShore475"
resource = "RESOURCE"
options = { zero_sigma_T = 2e-5 }
"""

#: Generous, for a machine that is busy [s].
PATIENCE_S = 90.0


@pytest.fixture
def served(tmp_path):
    """Serve the bench, and write a station and a campaign on it."""
    command = [*CLI, "lab", "serve", "stfmr?clock=20", "--port-base", "0", "--json"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    devices = json.loads(server.stdout.readline())["devices"]
    resource = next(row["resource"] for row in devices if row["role"] == "gaussmeter")
    (tmp_path / "served.toml").write_text(STATION.replace("RESOURCE", resource), encoding="utf-8")
    (tmp_path / "sample.toml").write_text('name = "film"\n', encoding="utf-8")
    (tmp_path / "night.toml").write_text(CAMPAIGN.replace("SCANS", SCANS), encoding="utf-8")
    yield tmp_path
    server.terminate()
    server.communicate(timeout=PATIENCE_S)


def start(folder):
    return subprocess.Popen(
        [*CLI, "campaign", "night.toml", "--json"],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def journal(folder):
    (path,) = folder.glob("runs/campaigns/*.jsonl")
    return read_journal(path)


def wait_for_rows(folder, process, run, rows):
    """Wait until the run of that number, from 0, has so many rows on the disk."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        folders = sorted(folder.glob("runs/2*/*"))
        if len(folders) > run:
            data = next(iter(folders[run].glob("*.csv")), None)
            if data is not None and sum(not line.startswith(b"#") for line in data.read_bytes().splitlines()) > rows:
                return
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)


def finish(folder, process, code):
    out, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == code, out + err
    return json.loads(out)


@pytest.mark.skipif(sys.platform == "win32", reason="SIGINT cannot be sent to one process on Windows")
def test_a_killed_and_a_stopped_campaign_go_on_where_they_were_and_repeat_nothing(served):
    process = start(served)
    wait_for_rows(served, process, run=1, rows=7)
    process.kill()
    process.communicate()
    before = {path: path.read_bytes() for path in sorted(served.glob("runs/2*/*"))[0].iterdir() if path.is_file()}
    process = start(served)
    wait_for_rows(served, process, run=2, rows=5)
    process.send_signal(signal.SIGINT)
    told = finish(served, process, 3)
    assert told["resumed"] is True
    assert [job["status"] for job in told["jobs"]] == ["finished", "finished", "aborted"]
    told = finish(served, start(served), 0)
    assert [job["status"] for job in told["jobs"]] == ["finished"] * 3
    begun = [event for event in journal(served) if event["event"] == "job_begin"]
    assert [event["resumed"] for event in begun] == [False, False, True, False, True]
    assert begun[1]["folder"] == begun[2]["folder"]
    assert begun[3]["folder"] == begun[4]["folder"]
    for job in told["jobs"]:
        record = read_run(Path(served, job["folder"]))
        assert record.status == "finished"
        assert list(record.rows["Index"]) == list(range(30))
    assert {path: path.read_bytes() for path in before} == before
