"""What the tests of campaigns share: a way to write them, and to run them without a terminal."""

from contextlib import contextmanager
from pathlib import Path

import pytest
import tomlkit

from sotlab.procedures.calibrations.keep import recall
from sotlab.procedures.runs import campaign as campaign_module
from sotlab.procedures.runs import campaign_analyses as analyses_module
from sotlab.procedures.runs.campaign import Campaign
from sotlab.procedures.runs.campaign_file import CampaignFile
from sotlab.procedures.runs.jobs import list_jobs

EXAMPLES = Path(__file__).parents[3] / "examples"
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


def load(folder, text):
    """Return a campaign that is ready to run, and lets shipped benches use what it calibrates."""
    path = folder / "series.toml"
    path.write_text(text, encoding="utf-8")
    file = CampaignFile.load(path)
    return Campaign(file, list_jobs(file), folder / "runs", follow, recall=recall)


def shortened(name, samples=(), **settings):
    """Return the text of an example with other settings of its items, on the stations of some samples only."""
    document = tomlkit.parse((EXAMPLES / name).read_text(encoding="utf-8")).unwrap()
    for item, changes in settings.items():
        document["items"][item]["set"] = {**document["items"][item].get("set", {}), **changes}
    for item in document["items"].values():
        if samples:
            item["stations"] = [one for one in item["stations"] if any(f"={sample}&" in one for sample in samples)]
    return tomlkit.dumps(document)


@contextmanager
def blank_pages():
    """Leave the plots out: of a dozen reports they would take most of the time."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (campaign_module, analyses_module):
            patch.setattr(module, "write_page", lambda path, outcome: path.write_text("", encoding="utf-8"))
        yield
