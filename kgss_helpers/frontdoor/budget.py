"""How long a notebook may take, how long one of its cells, and what is said of a cell that is cut off.

The only place that knows these figures; `test`, `notebooks` and the exports ask here.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from kgss_helpers.frontdoor.environment import FrontDoorError

# Seconds for all cells of a notebook, on two cores of a processor with AVX2 and without AVX-512, in float32.
BUDGET = 180
BUDGETS = {"11": 300}  # it trains a transformer before the reader's eyes
# Seconds for one cell: three times the largest budget. A cell that hangs should not cost half an hour.
CELL_LIMIT = 900
VARIABLE = "KGSS_CELL_TIMEOUT"


def budget_of(stem: str) -> int:
    """Return the seconds that a notebook may take, given its name, such as '11_fine_tuning'."""
    return BUDGETS.get(stem.partition("_")[0], BUDGET)


def cell_limit(environ: Mapping[str, str] | None = None) -> int:
    """Return the seconds after which a cell is cut off: those of KGSS_CELL_TIMEOUT, or ours.

    Args:
        environ: where to look the variable up; this process's environment by default.
    """
    wish = (os.environ if environ is None else environ).get(VARIABLE, "").strip()
    if not wish:
        return CELL_LIMIT
    if not wish.isdecimal() or int(wish) == 0:
        raise FrontDoorError(f"{VARIABLE} is '{wish}', not a whole number of seconds such as {2 * CELL_LIMIT}.")
    return int(wish)


def cut_off(stem: str, cell: str, limit: float) -> str:
    """Say that a cell was cut off, why, and what to do about it.

    Args:
        stem: the notebook's name, such as '11_fine_tuning'.
        cell: what names the cell, such as 'cell 3 of 60 (`train()`)'.
        limit: the seconds it had.
    """
    return (
        f"{stem}, {cell} was cut off after {limit:g} s, the limit for one cell. All cells of this notebook together "
        f"have a budget of {budget_of(stem)} s, on two cores without AVX-512 that have nothing else to do. If this "
        f"machine is slower or busy, set a longer limit, such as {VARIABLE}={2 * limit:g}, and run the same command "
        "again; if not, the cell hangs."
    )
