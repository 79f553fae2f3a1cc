"""The front door: `python -m kgss_helpers` with one of the commands that `--help` lists.

This file and `frontdoor/pythons.py` must stay readable for every Python 3, because an old one should be answered
with a sentence and not with a syntax error.
"""

import sys

from kgss_helpers.frontdoor import pythons

if __name__ == "__main__":
    if pythons.supported(sys.version_info):
        from kgss_helpers.frontdoor.cli import main

        sys.exit(main(sys.argv[1:]))
    sys.exit(pythons.elsewhere(sys.argv[1:]))
