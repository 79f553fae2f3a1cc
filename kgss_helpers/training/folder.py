"""The folder of a run: locked while one works in it, and no checkpoint in it is believed without a look at its digests.

A checkpoint is a folder named after its steps, ``checkpoint-120``. Its files are written first and ``manifest.json``
last, which holds the SHA-256 of each and what the run is: a checkpoint without one was never completed. No file of it
that our loops read is a pickle, and what another library reads has been checked before.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from filelock import FileLock, Timeout
from safetensors import SafetensorError

from kgss_helpers.compute import is_first_process
from kgss_helpers.files import announce, sha256_of, write_whole

MANIFEST, BEGUN, LOCK, HOLDER = "manifest.json", ".begun", ".lock", ".holder"
KEPT = 2
"""So many checkpoints are kept: should the last one be damaged, there is one before it."""


class RunFolderError(ValueError):
    """The folder is in use, holds another run, or no checkpoint that one could go on from."""


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keeps every other process out of a folder while one works there, and clears away what a killed one left.

    The operating system holds the lock, so a dead process keeps nobody out.

    Raises:
        RunFolderError: Another process is at work there; named where that is known.
        OSError: Nothing can be written there.
    """
    holder, lock = folder / HOLDER, FileLock(folder / LOCK, timeout=0)
    with _failures_in_words(folder):
        folder.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire()
        except Timeout:
            who = "another process"
            with suppress(OSError):
                who = holder.read_text(encoding="utf-8")
            raise RunFolderError(f"{who} is at work in {folder}: wait for its end, or choose another folder") from None
        holder.write_text(f"process {os.getpid()} on {platform.node()}", encoding="utf-8")
    try:
        for draft in (*folder.glob(".*.part"), *folder.glob("*/.*.part")):  # of `write_whole`
            draft.unlink(missing_ok=True)
        yield
    finally:
        # Windows removes no open file; elsewhere, to remove it after the release could take it from its next holder.
        last = (lock.release, Path(lock.lock_file).unlink)
        for end in (holder.unlink, *(last if os.name == "nt" else reversed(last))):
            with suppress(OSError):
                end()


class RunFolder:
    """Where one run keeps its checkpoints, and no other run ever does.

    Args:
        path: The folder; a run without one keeps nothing, and cannot be resumed.
        identity: What makes it this run and no other, by name: what it learns from, and all settings that its numbers
            depend on. Values as JSON has them.
    """

    def __init__(self, path: Path | str | None, identity: Mapping[str, Any]) -> None:
        self.path = None if path is None else Path(path)
        self.identity = json.loads(json.dumps(dict(identity), default=str))

    @contextmanager
    def opened(self, *, resume: bool) -> Iterator[Path | None]:
        """Locks the folder for as long as the run lasts; gives the checkpoint to go on from, or none for a new run.

        Under torchrun, every process opens it, and the first one locks it.

        Raises:
            RunFolderError: It is in use, or holds another run or another program's checkpoints; or a new run is wanted
                and it holds one already; or there is nothing to resume.
            OSError: Nothing can be written there.
        """
        if self.path is None and resume:
            raise RunFolderError("nothing to resume from: pass the checkpoint_dir of the run that was interrupted")
        with locked(self.path) if self.path and is_first_process() else nullcontext():
            for path in self._newest_first():
                if not _is_ours(path):
                    raise RunFolderError(f"{path} was not written by such a run: choose another folder")
            if resume:
                yield self._to_go_on_from()
            else:
                if is_first_process() and (found := self.newest_intact()):
                    raise RunFolderError(
                        f"{self.path} holds a run already ({found.name}): go on with it by resume, or choose another "
                        "folder"
                    )
                yield None

    @contextmanager
    def checkpoint(self, steps: int) -> Iterator[Path]:
        """Gives a folder to write a checkpoint into; once all processes have written, it counts, and older ones go.

        Raises:
            OSError: It could not be written (the disk is full, say). The checkpoint before it is still there.
        """
        path = self.path / f"checkpoint-{steps}"
        with _failures_in_words(path):
            path.mkdir(parents=True, exist_ok=True)
            (path / BEGUN).touch()
            yield path
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            torch.distributed.barrier()
        if is_first_process():
            with _failures_in_words(path):
                _seal(path, self.identity)
                self._remove_all_but(path)

    def newest_intact(self) -> Path | None:
        """The newest checkpoint whose files are what they were when it was written, if there is one."""
        return next((path for path in self._newest_first() if not problem_of(path)), None)

    def _to_go_on_from(self) -> Path:
        found, problems = None, []
        for path in self._newest_first():
            if problem := problem_of(path):
                problems.append(f"{path.name}: {problem}")
            else:
                found = path
                break
        said = "; ".join(problems)
        if found is None:
            said = said or "a run keeps its first checkpoint after an epoch"
            raise RunFolderError(f"nothing to resume from in {self.path} ({said}): begin again without resume")
        began = _manifest(found)["run"]
        changed = [
            f"{key} {began.get(key)}, not {value}" for key, value in self.identity.items() if began.get(key) != value
        ]
        if changed:
            raise RunFolderError(
                f"the run in {self.path} began with {'; '.join(changed)}: resume it with the same, or begin another in "
                "another folder"
            )
        if problems and is_first_process():
            announce(f"{self.path} holds a checkpoint that cannot be used ({said}); going on from {found.name}")
        return found

    def _newest_first(self) -> list[Path]:
        """The folders that are named like a checkpoint; one that somebody copied aside is none."""
        if self.path is None or not self.path.is_dir():
            return []
        named = [path for path in self.path.iterdir() if re.fullmatch(r"checkpoint-\d+", path.name) and path.is_dir()]
        return sorted(named, key=steps_of, reverse=True)

    def _remove_all_but(self, newest: Path) -> None:
        """Keeps the newest checkpoint and those before it; what bears a higher number was damaged, and left behind."""
        older = [path for path in self._newest_first() if steps_of(path) < steps_of(newest)]
        completed = [path for path in older if (path / MANIFEST).exists()]
        for path in self._newest_first():
            if path not in (newest, *completed[: KEPT - 1]):
                shutil.rmtree(path)


def steps_of(checkpoint: Path) -> int:
    """The steps behind a checkpoint, as its name says."""
    return int(checkpoint.name.removeprefix("checkpoint-"))


def problem_of(checkpoint: Path) -> str:
    """Why a checkpoint cannot be used, with the name of the file; an empty text for one that can."""
    if not (checkpoint / MANIFEST).exists():
        return "it was never completed"
    try:
        files = _manifest(checkpoint)["files"]
    except (OSError, ValueError, KeyError, TypeError):
        return f"{MANIFEST} is damaged"
    for name, digest in files.items():
        if not (checkpoint / name).is_file():
            return f"{name} is missing"
        if sha256_of(checkpoint / name) != digest:
            return f"{name} is damaged"
    return ""


def _is_ours(checkpoint: Path) -> bool:
    """Whether it may be written over, and removed when it is old: others name their checkpoints in the same way."""
    if (checkpoint / BEGUN).exists() or not any(checkpoint.iterdir()):
        return True
    try:
        manifest = json.loads((checkpoint / MANIFEST).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return False
    except (OSError, ValueError):
        return True  # one of ours that was damaged; another program's would be JSON, and say other things
    return isinstance(manifest, dict) and {"files", "run"} <= manifest.keys()


def fingerprint(*data: Any) -> str:
    """A short digest of tensors, arrays, tables and lists; of another data set, its kind and its length."""
    digest = hashlib.sha256()
    for part in data:
        if isinstance(part, torch.utils.data.TensorDataset):
            part = fingerprint(*part.tensors)
        elif isinstance(part, torch.Tensor):
            part = fingerprint(part.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy(), list(part.shape))
        elif isinstance(part, pd.DataFrame):
            part = [list(part.columns), part.to_numpy(dtype=object).tolist()]
        elif isinstance(part, np.ndarray) and part.dtype == object:
            part = part.tolist()
        elif isinstance(part, np.ndarray):
            digest.update(np.ascontiguousarray(part).tobytes())
            part = [str(part.dtype), part.shape]
        elif not isinstance(part, list | tuple | str | int | float | None):
            part = [type(part).__name__, len(part)]
        digest.update(json.dumps(part, default=str).encode())
    return digest.hexdigest()[:16]


def described(model: torch.nn.Module) -> str:
    """How many parameters a model has, and a digest of their names and shapes, and of which are trained."""
    parts = [[name, list(part.shape), part.requires_grad] for name, part in model.named_parameters()]
    return f"{sum(part.numel() for part in model.parameters()):,} (digest {fingerprint(parts)})"


def _seal(checkpoint: Path, identity: Mapping[str, Any]) -> None:
    names = sorted(path.relative_to(checkpoint).as_posix() for path in checkpoint.rglob("[!.]*") if path.is_file())
    files = {name: sha256_of(checkpoint / name) for name in names if name != MANIFEST}
    content = {"files": files, "run": dict(identity)}
    write_whole(checkpoint / MANIFEST, json.dumps(content | {"digest": fingerprint(str(content))}, indent=1))
    (checkpoint / BEGUN).unlink(missing_ok=True)


def _manifest(checkpoint: Path) -> dict[str, Any]:
    """What the manifest holds; raises ValueError where it is not what was written."""
    content = json.loads((checkpoint / MANIFEST).read_text(encoding="utf-8"))
    digest = content.pop("digest")
    if digest != fingerprint(str(content)):
        raise ValueError("its digest is another")
    return content


@contextmanager
def _failures_in_words(path: Path) -> Iterator[None]:
    """What goes wrong in writing comes as four kinds of error, some of many lines; here it becomes one sentence."""
    try:
        yield
    except Exception as error:
        # Of the system, of PyTorch, of safetensors; and tokenizers raises a bare Exception.
        if not isinstance(error, OSError | RuntimeError | SafetensorError) and type(error) is not Exception:
            raise
        reason = getattr(error, "strerror", None) or str(error).strip().partition("\n")[0]
        failure = OSError(f"nothing can be written in {path} ({reason}): make room there, or choose another folder")
        failure.errno = getattr(error, "errno", None)
        raise failure from error
