"""The code of docs/adding_an_instrument.md: its own tests pass, and the page shows what is there."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "examples" / "add_an_instrument"
PAGE = ROOT / "docs" / "adding_an_instrument.md"


def run(*command):
    return subprocess.run(
        [sys.executable, "-m", *command], cwd=FOLDER, capture_output=True, text=True, encoding="utf-8", timeout=240
    )


def test_its_tests_pass_as_the_page_runs_them():
    done = run("pytest", "-q", "-n", "0", "-p", "no:cacheprovider")
    assert done.returncode == 0, done.stdout
    assert re.search(r"\b1\d passed", done.stdout)


def test_the_station_checks_out():
    done = run("sotlab.cli", "station", "check", "station.toml", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    rows = json.loads(done.stdout)
    assert "GM100" in json.dumps(rows)


@pytest.mark.parametrize(
    "code", re.findall(r"```\w+\n(?:# |<!-- )?from (\S+)\n(.*?)```", PAGE.read_text("utf-8"), re.S)
)
def test_what_the_page_shows_stands_in_the_files(code):
    name, shown = code
    text = (FOLDER / name).read_text(encoding="utf-8")
    for part in re.split(r"^\s*# \.\.\.\n", shown, flags=re.M):
        assert part.strip("\n") in text, f"{name} does not have: {part}"
