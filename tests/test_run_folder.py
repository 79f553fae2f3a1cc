"""The folder of a run: one run at a time, no other run ever, and no checkpoint that is not what was written."""

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from safetensors import SafetensorError
from torch.utils.data import TensorDataset

from kgss_helpers.frontdoor.environment import ROOT, child_variables
from kgss_helpers.training import folder as folder_module
from kgss_helpers.training.folder import RunFolder, RunFolderError, fingerprint, locked, problem_of

IDENTITY = {"rate": 0.1, "seed": 0}
FILES = {"weights.bin": b"weights" * 100, "part/state.json": b'{"step": 1}'}


def keep(path: Path, steps: int, identity: dict = IDENTITY) -> Path:
    """A checkpoint with two files."""
    with RunFolder(path, identity).checkpoint(steps) as checkpoint:
        for name, content in FILES.items():
            (checkpoint / name).parent.mkdir(exist_ok=True)
            (checkpoint / name).write_bytes(content + bytes([steps]))
    return checkpoint


def go_on(path: Path, identity: dict = IDENTITY) -> Path:
    """The checkpoint that a resumed run is given."""
    with RunFolder(path, identity).opened(resume=True) as checkpoint:
        return checkpoint


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """A folder with two checkpoints."""
    for steps in (9, 10):
        keep(tmp_path, steps)
    return tmp_path


# ------------------------------------------------------------------------------------------------------- checkpoints


def test_the_newest_by_number_is_offered_and_two_are_kept(kept: Path) -> None:
    assert go_on(kept).name == "checkpoint-10"
    keep(kept, 100)
    assert sorted(path.name for path in kept.iterdir()) == ["checkpoint-10", "checkpoint-100"]
    assert go_on(kept).name == "checkpoint-100"


def test_what_a_file_manager_adds_is_no_damage(kept: Path) -> None:
    with RunFolder(kept, IDENTITY).checkpoint(11) as checkpoint:
        (checkpoint / "weights.bin").write_bytes(b"11")
        (checkpoint / ".DS_Store").write_bytes(b"before")
    (checkpoint / ".DS_Store").write_bytes(b"after")
    (checkpoint / "Thumbs.db").write_bytes(b"after")
    assert go_on(kept).name == "checkpoint-11"


@pytest.mark.parametrize("name", [*FILES, "manifest.json"])
@pytest.mark.parametrize("how", ["a bit flipped", "cut off", "emptied"])
def test_a_damaged_file_is_named_and_the_checkpoint_before_is_offered(name: str, how: str, kept: Path) -> None:
    path = kept / "checkpoint-10" / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes({"a bit flipped": bytes(content), "cut off": path.read_bytes()[:-3], "emptied": b""}[how])
    with pytest.warns(UserWarning, match=rf"checkpoint-10: {name} is damaged\); going on from checkpoint-9") as seen:
        assert go_on(kept).name == "checkpoint-9"
    assert seen[0].filename == __file__


def test_every_flipped_bit_of_a_manifest_is_noticed(kept: Path) -> None:
    """Also one that turns a setting into another, or a digit of a digest."""
    path = kept / "checkpoint-10" / "manifest.json"
    whole = path.read_bytes()
    for place in range(0, len(whole), 3):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1 :])
        assert problem_of(path.parent) or json.loads(path.read_bytes()) == json.loads(whole)


def test_a_missing_file_is_named(kept: Path) -> None:
    (kept / "checkpoint-10" / "weights.bin").unlink()
    with pytest.warns(UserWarning, match="weights.bin is missing"):
        assert go_on(kept).name == "checkpoint-9"


def test_what_was_never_completed_is_no_checkpoint(kept: Path) -> None:
    with pytest.raises(OSError, match="No such file"), RunFolder(kept, IDENTITY).checkpoint(11) as checkpoint:
        (checkpoint / "weights.bin").write_bytes((kept / "missing").read_bytes())
    with pytest.warns(UserWarning, match="checkpoint-11: it was never completed"):
        assert go_on(kept).name == "checkpoint-10"
    keep(kept, 11)
    assert go_on(kept).name == "checkpoint-11"


def test_folders_with_other_names_are_no_checkpoints(kept: Path) -> None:
    for name in ("checkpoint-12 (copy)", "Copy of checkpoint-12", "checkpoint-", "checkpoint-x", "checkpoint-12.bak"):
        shutil.copytree(kept / "checkpoint-10", kept / name)
    (kept / "checkpoint-99").write_text("a file")
    assert go_on(kept).name == "checkpoint-10"
    keep(kept, 11)
    assert (kept / "checkpoint-12 (copy)").is_dir()


@pytest.mark.parametrize("resume", [True, False])
def test_what_another_program_wrote_is_never_touched(resume: bool, kept: Path) -> None:
    """The library's trainer names its checkpoints in the same way, and we remove old ones."""
    others = kept / "checkpoint-500"
    others.mkdir()
    (others / "model.safetensors").write_bytes(b"weeks of work")
    refused = pytest.raises(RunFolderError, match="checkpoint-500 was not written by such a run: choose another folder")
    with refused, RunFolder(kept, IDENTITY).opened(resume=resume):
        pass
    assert (others / "model.safetensors").exists()


def test_a_damaged_one_left_behind_goes_when_the_run_has_gone_on(kept: Path) -> None:
    (kept / "checkpoint-10" / "weights.bin").write_bytes(b"")
    keep(kept, 9)
    assert [path.name for path in kept.iterdir()] == ["checkpoint-9"]


# --------------------------------------------------------------------------------------------------------- which run


def test_another_run_is_refused_by_what_differs(kept: Path) -> None:
    with pytest.raises(RunFolderError, match=r"began with rate 0.1, not 0.2; seed 0, not 1: resume it with the same"):
        go_on(kept, {"rate": 0.2, "seed": 1})
    with pytest.raises(RunFolderError, match="began with rows None, not 12"):
        go_on(kept, IDENTITY | {"rows": 12})


def test_a_new_run_begins_only_where_no_checkpoint_is_intact(tmp_path: Path) -> None:
    def begin() -> None:
        with RunFolder(tmp_path, IDENTITY).opened(resume=False) as checkpoint:
            assert checkpoint is None

    begin()
    (tmp_path / "checkpoint-5").mkdir()
    begin()
    keep(tmp_path, 6)
    with pytest.raises(RunFolderError, match=r"holds a run already \(checkpoint-6\)"):
        begin()
    (tmp_path / "checkpoint-6" / "weights.bin").unlink()
    begin()


def test_nothing_to_resume_is_said(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match=r"nothing to resume from in .* keeps its first checkpoint after an epoch"):
        go_on(tmp_path)
    keep(tmp_path, 6)
    (tmp_path / "checkpoint-6" / "weights.bin").unlink()
    with pytest.raises(RunFolderError, match=r"checkpoint-6: weights.bin is missing\): begin again without resume"):
        go_on(tmp_path)
    with pytest.raises(RunFolderError, match="pass the checkpoint_dir"), RunFolder(None, {}).opened(resume=True):
        pass


# -------------------------------------------------------------------------------------------------------------- lock

HOLD = """
import sys, time
from pathlib import Path
from kgss_helpers.training.folder import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_two_runs_in_one_folder_are_refused_and_a_dead_one_keeps_nobody_out(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(
        command, cwd=ROOT, env=child_variables(quiet=True), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as other:
        assert other.stdout.readline() == "held\n"
        with pytest.raises(RunFolderError, match=rf"process {other.pid} on .+ is at work in {tmp_path}"):
            go_on(tmp_path)
        os.kill(other.pid, signal.SIGKILL if os.name != "nt" else signal.SIGTERM)
    (tmp_path / ".0815.part").touch()
    (tmp_path / "checkpoint-3").mkdir()
    (tmp_path / "checkpoint-3" / ".4711.part").touch()
    with locked(tmp_path):
        assert not list(tmp_path.rglob("*.part"))
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint-3"]


def test_a_folder_is_free_again_after_an_error(tmp_path: Path) -> None:
    for _ in range(2):
        with pytest.raises(ZeroDivisionError), locked(tmp_path):
            raise ZeroDivisionError
    with locked(tmp_path), pytest.raises(RunFolderError, match=f"process {os.getpid()}"), locked(tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []


# ------------------------------------------------------------------------------------------------- nowhere to write


def test_a_full_disk_is_said_and_the_checkpoint_before_stays(kept: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path, *_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    monkeypatch.setattr(folder_module, "write_whole", full)
    with pytest.raises(OSError, match=r"nothing can be written in .*checkpoint-11 \(No space left on device\)") as said:
        keep(kept, 11)
    assert said.value.errno == errno.ENOSPC
    assert "\n" not in str(said.value)
    with pytest.warns(UserWarning, match="never completed"):
        assert go_on(kept).name == "checkpoint-10"


@pytest.mark.parametrize(
    ("raised", "words"),
    [
        (RuntimeError("[enforce fail at inline_container.cc:672] . file write failed\nframe #0: c10"), "write failed"),
        (SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)"), "No space left"),
        (Exception("No space left on device (os error 28)"), "No space left"),  # of tokenizers
    ],
)
def test_what_libraries_raise_for_a_full_disk_is_one_sentence_too(raised: Exception, words: str, tmp_path) -> None:
    said = pytest.raises(OSError, match=rf"checkpoint-1 \(.*{words}.*\): make room")
    with said as failure, RunFolder(tmp_path, {}).checkpoint(1):
        raise raised
    assert "frame" not in str(failure.value)


@pytest.mark.parametrize("mistake", [TypeError, KeyError, KeyboardInterrupt])
def test_a_mistake_is_no_full_disk(mistake: type[BaseException], tmp_path: Path) -> None:
    with pytest.raises(mistake), RunFolder(tmp_path, {}).checkpoint(1):
        raise mistake
    assert RunFolder(tmp_path, {}).newest_intact() is None


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match=r"nothing can be written in .*file"), locked(tmp_path / "file" / "run"):
        pass


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="the administrator may write everywhere")
def test_a_folder_for_reading_only_is_said(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(OSError, match=r"nothing can be written in .* \(Permission denied\)"), locked(tmp_path):
        pass


# ------------------------------------------------------------------------------------------------------- fingerprints


def test_a_fingerprint_is_that_of_the_content() -> None:
    numbers = torch.arange(6.0).reshape(2, 3)
    table = pd.DataFrame({"a": ["x", "y"], "b": [1, 2]})
    kinds = [
        numbers, numbers.T, numbers.double(), numbers + 1, numbers.bfloat16(), torch.tensor(1.0), numbers.numpy(),
        TensorDataset(numbers), TensorDataset(numbers, numbers), table, table[::-1], table.rename(columns={"a": "c"}),
        ["x", "y"], ["xy"], [], None, "\ud800", np.array(["x", "y"], dtype=object), np.array(["x", "z"], dtype=object),
    ]  # fmt: skip
    digests = [fingerprint(kind) for kind in kinds]
    assert len(set(digests)) == len(kinds) - 1  # a list and an array of the same texts are the same
    assert digests == [fingerprint(kind) for kind in kinds]
    assert fingerprint(numbers) == fingerprint(numbers.clone())


def test_a_manifest_of_another_program_makes_no_checkpoint_ours(tmp_path: Path) -> None:
    foreign = tmp_path / "checkpoint-7"
    foreign.mkdir()
    (foreign / "manifest.json").write_text("{}", encoding="utf-8")
    (foreign / "precious.bin").write_text("kept", encoding="utf-8")
    with pytest.raises(RunFolderError, match="not written by such a run"), RunFolder(tmp_path, {}).opened(resume=False):
        pass
    assert (foreign / "precious.bin").read_text(encoding="utf-8") == "kept"
