"""The code of docs/adding_an_instrument.md: the page shows what is there, and its commands work.

The tests of its folder are among those of the project (``testpaths`` in ``pyproject.toml``).
"""

import json
import re
from pathlib import Path

import pytest

from sotlab.cli import main

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "examples" / "add_an_instrument"
PAGE = ROOT / "docs" / "adding_an_instrument.md"


def test_its_tests_are_run(pytestconfig):
    assert FOLDER in [ROOT / path for path in pytestconfig.getini("testpaths")]


def test_the_station_checks_out(monkeypatch, capsys):
    monkeypatch.chdir(FOLDER)
    with pytest.raises(SystemExit) as ended:
        main(["station", "check", "station.toml", "--json"])
    told = json.loads(capsys.readouterr().out)
    assert ended.value.code == 0, told
    assert "GM100" in json.dumps(told)


@pytest.mark.parametrize(
    "code", re.findall(r"```\w+\n(?:# |<!-- )?from (\S+)\n(.*?)```", PAGE.read_text("utf-8"), re.S)
)
def test_what_the_page_shows_stands_in_the_files(code):
    name, shown = code
    text = (FOLDER / name).read_text(encoding="utf-8")
    for part in re.split(r"^\s*# \.\.\.\n", shown, flags=re.M):
        assert part.strip("\n") in text, f"{name} does not have: {part}"
