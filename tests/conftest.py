"""What all tests share: a quiet machine, figures without a screen, and the folder of real data."""

import os
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from kgss_helpers.frontdoor.environment import ROOT, child_variables

# The same variables as `python -m kgss_helpers test` sets, so that a bare `pytest` is the same run.
os.environ.update(child_variables(quiet=True))

REFERENCE = ROOT.parent / "shared" / "reference"


def reference_required() -> bool:
    """Tell whether the folder of real data must be there: KGSS_REQUIRE_REFERENCE decides, else CI."""
    wish = os.environ.get("KGSS_REQUIRE_REFERENCE")
    return wish == "1" if wish is not None else os.environ.get("CI") == "true"


@pytest.fixture(scope="session")
def reference() -> Path:
    """The folder with samples of real data sets, which lies beside the repository and not in it."""
    if not REFERENCE.is_dir():
        reason = "there is no folder ../shared/reference with samples of the real data sets"
        if reference_required():
            pytest.fail(f"{reason}, and this run requires it")
        pytest.skip(reason)
    return REFERENCE


@pytest.fixture
def unexpected_warnings_fail() -> Iterator[None]:
    """For tests of loaders: what a loader has to tell is asked for with `pytest.warns`, and all else is an error."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        yield


@pytest.fixture(scope="session", autouse=True)
def figures_without_a_screen() -> None:
    """Draw into memory. Not by MPLBACKEND: a notebook's kernel would inherit it and show no figure."""
    import matplotlib

    matplotlib.use("Agg")
