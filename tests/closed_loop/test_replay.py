"""A run's traffic, replayed, gives the same rows: a colleague's trouble can be looked at without the instruments."""

import json
import subprocess
import sys
from importlib import resources

import pandas as pd

ROLES = (resources.files("sotlab.instruments") / "stations" / "stfmr.toml").read_text(encoding="utf-8")
SAMPLE = resources.files("sotlab.instruments") / "stations" / "samples" / "nife_bisb_10nm.toml"


def run(folder, *arguments):
    command = [sys.executable, "-m", "sotlab.cli", "run", "STFMRFieldSweep", "--json", "--set", "points=7", *arguments]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    told = json.loads(done.stdout)
    return pd.read_csv(folder / told["data"], comment="#").drop(columns="Time (s)")


def test_the_replayed_run_has_the_rows_of_the_recorded_one(tmp_path):
    recorded = run(tmp_path, "--station", "virtual:stfmr", "--seed", "4", "--trace", "traffic.jsonl")
    station = ROLES.replace("stfmr?clock=virtual@sotlab", "traffic.jsonl?clock=virtual@sotlab")
    station = station.replace("samples/nife_bisb_10nm.toml", SAMPLE.as_posix())
    (tmp_path / "replay.toml").write_text(station, encoding="utf-8")
    replayed = run(tmp_path, "--station", "replay.toml")
    pd.testing.assert_frame_equal(replayed, recorded, check_exact=True)
    assert len(recorded) == 7
