"""Checks the links in README, CONTRIBUTING, the data card and the notebooks' texts: `python tests/check_links.py`.

No test, since tests need no network: it runs every week in the workflow `weekly.yml`, with the standard library alone.
`test_readme.py` checks, without a network, the links that lead to files.
"""

from __future__ import annotations

import json
import re
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TEXTS = ("README.md", "CONTRIBUTING.md", "data/README.md")
CODE = re.compile(r"^(```|~~~).*?^\1|`[^`\n]*`", re.DOTALL | re.MULTILINE)
# [text](target), with brackets in the target as Wikipedia has them; <https://...>; href="..." and src="...".
LINK = re.compile(r"""\]\(\s*<?((?:[^()\s<>]|\([^()\s]*\))+)|<(https?://[^>\s]+)>|(?:href|src)=["']([^"']+)["']""")
BROWSER = {"User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"}
TRIES, PATIENCE = 3, 30  # and seconds
GONE = (404, 410)  # any other refusal is an answer too: many publishers turn programs away


def links_in(markdown: str) -> list[str]:
    """The targets of all links outside of code, in order."""
    return [next(filter(None, match.groups())) for match in LINK.finditer(CODE.sub("", markdown))]


def texts() -> Iterator[tuple[Path, str]]:
    """Every text of the workbook as markdown, with the file that holds it."""
    for path in [ROOT / name for name in TEXTS]:
        yield path, path.read_text(encoding="utf-8")
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        yield path, "\n\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")


def web_links() -> dict[str, Path]:
    """The address of every link that leads to the web, with one file that has it."""
    return {link: path for path, text in texts() for link in links_in(text) if link.startswith(("http://", "https://"))}


def problem_of(address: str, opener: Callable[..., object] = urllib.request.urlopen) -> str:
    """What is wrong with an address; empty where something answers under it."""
    found = ""
    for _ in range(TRIES):
        try:
            opener(urllib.request.Request(address, headers=BROWSER), timeout=PATIENCE)
        except urllib.error.HTTPError as error:
            return f"{error.code} {error.reason}" if error.code in GONE else ""
        except OSError as error:
            found = str(error)
        else:
            return ""
    return found


def main() -> int:
    """Prints every link that leads nowhere; returns the exit status."""
    links = web_links()
    broken = {link: problem for link in links if (problem := problem_of(link))}
    for link, problem in broken.items():
        print(f"{links[link].relative_to(ROOT)}: {link}: {problem}")
    print(f"{len(links)} links, {len(broken)} of them broken.")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
