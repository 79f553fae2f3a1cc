"""What the README says that loaders take is what was measured."""

import json
import re

from kgss_helpers.files import DATA
from kgss_helpers.frontdoor.environment import ROOT


def test_the_readme_says_what_was_measured() -> None:
    measured = json.loads((DATA / "results" / "loaders" / "speed.json").read_text(encoding="utf-8"))
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    said = re.findall(r"^\| `(\w+)` \| an? [^|]+ \| ([\d.]+) \| ([\d.]+) \|$", readme, flags=re.MULTILINE)
    expected = [
        (name, f"{row['seconds']:.1f}", f"{row['gigabytes']:.1f}")
        for name, row in measured["for a million rows"].items()
    ]
    assert said == expected
