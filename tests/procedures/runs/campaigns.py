"""What the tests of campaigns share: a way to write them, and to run them without a terminal."""

from pathlib import Path

from sotlab.procedures.runs.campaign import Campaign
from sotlab.procedures.runs.campaign_file import CampaignFile
from sotlab.procedures.runs.jobs import list_jobs

SCANS = Path(__file__).parents[2] / "faults" / "scans.py"


def write(folder, text, name="night.toml"):
    """Write a campaign whose scans are those of tests/faults."""
    path = folder / name
    path.write_text(text.replace("SCANS", SCANS.as_posix()), encoding="utf-8")
    return path


def follow(run):
    run.start()
    assert run.wait(60)


def campaign(path, again=False, followed=follow):
    """Return a campaign that is ready to run."""
    file = CampaignFile.load(path)
    return Campaign(file, list_jobs(file), path.parent / "runs", followed, again=again)
