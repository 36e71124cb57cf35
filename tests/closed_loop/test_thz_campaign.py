"""The paper's terahertz campaign of examples/: it is valid whole, and runs shortened."""

import json
import re
from pathlib import Path

import pytest

from sotlab.cli import main
from sotlab.procedures.runs.campaign_file import CampaignFile

EXAMPLE = Path(__file__).parents[2] / "examples" / "thz_emission.toml"


def ended(*arguments):
    with pytest.raises(SystemExit) as end:
        main([str(argument) for argument in arguments])
    return end.value.code


def test_the_whole_is_valid_and_no_two_runs_share_their_noise():
    file = CampaignFile.load(EXAMPLE)
    stations = [station for item in file.items.values() for station in item.stations]
    assert len(stations) == 17
    assert len({station.partition("seed=")[2] for station in stations}) == 17


def test_its_beginning_runs_and_is_reduced(tmp_path, monkeypatch):
    text = EXAMPLE.read_text(encoding="utf-8").partition("[items.figure-2b-inset]")[0]
    short = 'set = { scans = 2, speed = 5e-12, start = "-1.6 ps", stop = "3 ps" }'
    text = text.replace("set = { scans = 8 }\n", "").replace(
        'procedure = "ThzFlyScan"', f'procedure = "ThzFlyScan"\n{short}'
    )
    whole = EXAMPLE.read_text(encoding="utf-8")
    analysis = "[analyses.series]" + whole.partition("[analyses.series]")[2].partition("[analyses.azimuth]")[0]
    analysis = re.sub(r"of = \[.*?\]", 'of = ["reference-1", "figure-2ab"]', analysis, flags=re.DOTALL)
    (tmp_path / "short.toml").write_text(text + analysis, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert ended("campaign", "short.toml") == 0
    assert len(list(tmp_path.glob("runs/*/*_ThzFlyScan_*"))) == 2
    (made,) = tmp_path.glob("runs/campaigns/*/series.json")
    (reduction,) = json.loads(made.read_text(encoding="utf-8"))["reductions"]
    (row,) = reduction["scans"]
    assert row["ratio"]["value"] == pytest.approx(-1.5, abs=0.02 + 4 * row["ratio"]["sigma"])
