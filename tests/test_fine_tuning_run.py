"""The commands that fine-tune on the films: what they write, how they go on, what they refuse; in two processes."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from accelerate.data_loader import BatchSamplerShard
from datasets import Dataset
from helpers import tables
from sentence_transformers.sentence_transformer.losses import MultipleNegativesRankingLoss
from trainings import quick_collections  # noqa: F401 - a fixture

from kgss_helpers import exam
from kgss_helpers.compute import has_bf16, is_first_process, pick_device, processes
from kgss_helpers.exam.films import FilmExam
from kgss_helpers.frontdoor.environment import ROOT, child_variables
from kgss_helpers.graph import KnowledgeGraph
from kgss_helpers.methods.encoder import encode
from kgss_helpers.methods.pretrained import load_pretrained
from kgss_helpers.methods.static import static_model
from kgss_helpers.question import Question
from kgss_helpers.runs import epochs, fine_tuning
from kgss_helpers.runs.epochs import EpochRecorder, Epochs
from kgss_helpers.training.folder import locked
from kgss_helpers.training.sbert import SortedBatches, __main__, multiple_negatives, train_sbert
from kgss_helpers.training.sbert.trainer import OneDevice

FILMS = ("Red Moon", "Old Harbour", "Silent Engine", "Paper Crown", "Green Comet", "Last Orchard")
GENRES = ("Comedy", "Drama", "Science fiction")
PLAIN = {"config.json", "history.csv", "model", "checkpoints"}
WRITTEN = PLAIN | {"exam.csv", "epochs.npz", "spaces"}


@pytest.fixture(scope="module")
def small_graph() -> KnowledgeGraph:
    """Six films in three genres, and eight people with three credits each."""
    nodes = [(f"project:{name}", "project", name, f"A story called {name.lower()}.") for name in FILMS]
    nodes += [(f"genre:{name}", "genre", name, "") for name in GENRES]
    nodes += [(f"person:{number}", "person", f"Person {number}", "") for number in range(8)]
    edges = [(f"project:{name}", "has genre", f"genre:{GENRES[place % 3]}") for place, name in enumerate(FILMS)]
    for number in range(8):
        role = ("Director", "Composer")[number % 2]
        edges += [(f"person:{number}", role, f"project:{FILMS[(number + place) % 6]}") for place in range(3)]
    return KnowledgeGraph(*tables(nodes, edges), name="small")


@pytest.fixture
def small_exam(small_graph: KnowledgeGraph, monkeypatch: pytest.MonkeyPatch) -> None:
    """The small graph and two questions in the place of the films and their exam."""
    nothing = small_graph.edges.head(0)
    asked = tuple(
        Question(part, "role and genre", part, "somebody who directs", "person", {"person:0": 1, "person:2": 1})
        for part in ("validation", "test")
    )
    small = FilmExam(1, small_graph, small_graph, small_graph, nothing, nothing, frozenset(), asked)
    for module in (exam, exam.films, epochs):
        monkeypatch.setattr(module, "film_exam", lambda *_: small)


@pytest.fixture(scope="module")
def small_model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A folder with a model that trains in no time: a random vector for each token."""
    folder = tmp_path_factory.mktemp("model")
    static_model("random", dimensions=8).save(str(folder), create_model_card=False)
    return str(folder)


@pytest.fixture
def command(small_exam: None, small_model: str) -> list[str]:
    """Three epochs of the command on the small graph, all but the output."""
    return ["--model", small_model, "--epochs", "3", "--batch-size", "2", "--device", "cpu", "--no-bf16", "--output"]


def interrupt_at(epoch: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Presses the stop button while an epoch is measured."""
    measure = EpochRecorder.__call__

    def stop(self: EpochRecorder, model: object, done: int) -> dict[str, float]:
        if done == epoch:
            raise KeyboardInterrupt
        return measure(self, model, done)

    monkeypatch.setattr(EpochRecorder, "__call__", stop)


def arrays(path: Path) -> dict[str, np.ndarray]:
    """What an npz file holds."""
    with np.load(path) as kept:
        return dict(kept)


# ------------------------------------------------------------------------------------------------- what it leaves


def test_a_run_leaves_what_the_notebooks_need(command: list[str], tmp_path: Path, capsys) -> None:
    assert fine_tuning.main([*command, str(tmp_path)]) == 0
    assert {path.name for path in tmp_path.iterdir()} == WRITTEN
    config = json.loads((tmp_path / "config.json").read_text())
    assert {"rows": "name", "epochs": 3.0, "batch_size": 2, "processes": 1, "computed_in_bf16": False}.items() <= (
        config.items()
    )
    assert "output" not in config
    history = pd.read_csv(tmp_path / "history.csv")
    assert history["role and genre"].dropna().size == 4
    scores = pd.read_csv(tmp_path / "exam.csv")
    assert set(zip(scores["epoch"], scores["split"], strict=True)) == {
        (epoch, split) for epoch in range(4) for split in ("validation", "test")
    }
    assert len(Epochs.load(tmp_path / "epochs.npz")) == 4
    assert load_pretrained(str(tmp_path / "model")).get_embedding_dimension() == 8
    said = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in said[:4]] == [f"epoch {n}" for n in range(4)]
    assert said[4] == f"Kept in {tmp_path}: model, history.csv, exam.csv, epochs.npz, config.json"
    assert said[5] == "To have it shown by the notebooks, repeat the command with --resume --record"
    fine_tuning.main([*command, str(tmp_path), "--resume"])
    assert capsys.readouterr().out.startswith(f"The run in {tmp_path} is finished, all")


def test_a_run_is_recorded_when_asked_for(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    recorded = tmp_path / "recorded"
    monkeypatch.setattr(fine_tuning, "RECORDED", recorded)
    assert fine_tuning.main([*command, str(tmp_path / "run")]) == 0
    assert not recorded.exists()
    assert fine_tuning.main([*command, str(tmp_path / "run"), "--resume", "--record"]) == 0
    assert {path.name for path in recorded.iterdir()} == set(fine_tuning.SHOWN)
    for name in fine_tuning.SHOWN:
        assert (recorded / name).read_bytes() == (tmp_path / "run" / name).read_bytes()
    with pytest.raises(SystemExit):
        fine_tuning.main([*command, str(tmp_path / "run"), "--resume", "--record", "--no-spaces"])
    assert "--no-spaces" in capsys.readouterr().err


@pytest.mark.parametrize(
    "main", [lambda argv: fine_tuning.main([*argv, "--no-spaces"]), __main__.main], ids=["no spaces", "plain"]
)
def test_without_spaces_it_only_trains(main: Callable, command: list[str], tmp_path: Path, capsys) -> None:
    assert main([*command, str(tmp_path), "--max-steps", "2"]) == 0
    assert {path.name for path in tmp_path.iterdir()} == PLAIN
    written = {path.relative_to(tmp_path): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    said = capsys.readouterr().out
    assert said.splitlines() == ["epoch 0", "epoch 1", f"Kept in {tmp_path}: model, history.csv, config.json"]
    assert main([*command, str(tmp_path), "--max-steps", "2", "--resume"]) == 0
    said = capsys.readouterr().out
    assert said == f"The run in {tmp_path} is finished, all 2 steps of it: there is nothing to resume\n"
    assert {path.relative_to(tmp_path): path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == written


# ------------------------------------------------------------------------------------------- interrupt and resume


def test_interrupted_and_resumed_is_the_same_run(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    assert fine_tuning.main([*command, str(whole)]) == 0
    with monkeypatch.context() as stopping:
        interrupt_at(2, stopping)
        assert fine_tuning.main([*command, str(broken)]) == 1
    assert "with --resume" in capsys.readouterr().out
    assert not (broken / "model").exists()
    before = {path.name: path.read_bytes() for path in (broken / "spaces").iterdir()}
    assert sorted(before) == ["epoch-0.npz", "epoch-1.npz"]

    assert fine_tuning.main([*command, str(broken), "--resume"]) == 0
    assert pd.read_csv(whole / "history.csv")["loss"].notna().any()
    assert {name: (broken / "spaces" / name).read_bytes() for name in before} == before
    for name in ("history.csv", "exam.csv"):
        assert (broken / name).read_text() == (whole / name).read_text()
    for name in ("epochs.npz", *(f"spaces/epoch-{number}.npz" for number in range(4))):
        for key, kept in arrays(whole / name).items():
            np.testing.assert_array_equal(arrays(broken / name)[key], kept)


def test_a_run_that_is_done_can_be_recorded_again(command: list[str], tmp_path: Path) -> None:
    """Somebody stopped it while it sat the last exam, say."""
    assert fine_tuning.main([*command, str(tmp_path)]) == 0
    history = (tmp_path / "history.csv").read_text()
    for name in ("history.csv", "exam.csv", "epochs.npz"):
        (tmp_path / name).unlink()
    assert fine_tuning.main([*command, str(tmp_path), "--resume"]) == 0
    assert {path.name for path in tmp_path.iterdir()} == WRITTEN
    assert (tmp_path / "history.csv").read_text() == history


def test_an_interrupt_before_the_first_checkpoint_means_to_begin_again(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    with monkeypatch.context() as stopping:
        interrupt_at(1, stopping)
        assert fine_tuning.main([*command, str(tmp_path)]) == 1
    assert "begin again" in capsys.readouterr().out
    assert fine_tuning.main([*command, str(tmp_path)]) == 0


# -------------------------------------------------------------------------------------------------- what it refuses


def refused(arguments: list[str], capsys) -> str:
    """What the command says when it refuses to begin."""
    with pytest.raises(SystemExit) as stopped:
        fine_tuning.main(arguments)
    assert stopped.value.code == 2
    return capsys.readouterr().err


@pytest.mark.parametrize("held", ["model/config.json", "config.json"])
def test_two_runs_never_mix_in_a_folder(held: str, command: list[str], tmp_path: Path, capsys) -> None:
    (tmp_path / held).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / held).touch()
    said = refused([*command, str(tmp_path)], capsys)
    assert f"{tmp_path} holds a run already ({held.split('/')[0]}): pass --resume or another --output" in said
    assert [str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*") if path.is_file()] == [held]


def test_a_run_with_checkpoints_is_not_begun_anew(command: list[str], tmp_path: Path, monkeypatch, capsys) -> None:
    with monkeypatch.context() as stopping:
        interrupt_at(2, stopping)
        fine_tuning.main([*command, str(tmp_path)])
    assert "holds a run already (checkpoint-" in refused([*command, str(tmp_path)], capsys)


@pytest.mark.parametrize("left", ["spaces/epoch-0.npz", "spaces/epoch-7.npz", "checkpoints/checkpoint-9/.begun"])
def test_what_was_killed_before_its_first_checkpoint_can_begin_again(
    left: str, command: list[str], tmp_path: Path, capsys
) -> None:
    """Neither to begin nor to resume was possible there."""
    (tmp_path / left).parent.mkdir(parents=True)
    (tmp_path / left).write_bytes(b"half")
    assert "begin again without resume" in refused([*command, str(tmp_path), "--resume"], capsys)
    assert fine_tuning.main([*command, str(tmp_path)]) == 0
    assert len(Epochs.load(tmp_path / "epochs.npz")) == 4
    assert not (tmp_path / "spaces" / "epoch-7.npz").exists()


def test_nothing_to_resume_is_said(command: list[str], tmp_path: Path, capsys) -> None:
    assert "nothing to resume from" in refused([*command, str(tmp_path), "--resume"], capsys)


def test_a_run_goes_on_as_it_began(command: list[str], tmp_path: Path, capsys) -> None:
    assert fine_tuning.main([*command, str(tmp_path), "--no-spaces"]) == 0
    settled = [*command, str(tmp_path), "--no-spaces", "--resume"]
    said = refused([*settled, "--learning-rate", "0.1", "--rows", "skills"], capsys)
    assert "learning_rate 0.0002, not 0.1; " in said
    assert "rows name, not skills" in said
    assert "spaces False, not True" in refused([*command, str(tmp_path), "--resume"], capsys)
    assert fine_tuning.main([*settled, "--device", "cpu"]) == 0


def test_two_commands_in_one_folder(command: list[str], tmp_path: Path, capsys) -> None:
    with locked(tmp_path):
        assert f"process {os.getpid()} on " in refused([*command, str(tmp_path)], capsys)


def test_nowhere_to_write_is_one_line(command: list[str], tmp_path: Path, capsys) -> None:
    (tmp_path / "file").touch()
    assert fine_tuning.main([*command, str(tmp_path / "file" / "run")]) == 1
    said = capsys.readouterr().err
    assert said.startswith("python -m kgss_helpers.runs.fine_tuning: nothing can be written in ")
    assert len(said.splitlines()) == 1


def test_a_run_that_diverges_is_said(command: list[str], tmp_path: Path, capsys) -> None:
    with pytest.warns(UserWarning, match="has diverged"):
        assert fine_tuning.main([*command, str(tmp_path), "--no-spaces", "--learning-rate", "1e38"]) == 1
    said = capsys.readouterr().out
    assert "Stopped: the loss was nan at step" in said
    assert said.endswith("Try a lower learning_rate, and another --output\n")
    assert not (tmp_path / "model").exists()


# ---------------------------------------------------------------------------------------- several processes


def test_each_process_takes_its_own_part_of_a_step() -> None:
    rows = pd.DataFrame(
        {"anchor": [f"film {n}" for n in range(70)], "positive": [f"story {n % 35}" for n in range(70)]}
    )
    facts = [f"fact {number % 50}" for number in range(70)]
    sampler = SortedBatches(Dataset.from_pandas(rows), batch_size=4, drop_last=True, facts=facts, processes=3)
    parts = [list(BatchSamplerShard(sampler, 3, process)) for process in range(3)]
    assert {len(part) for part in parts} == {len(sampler) // 3} == {5}
    assert len({row for part in parts for batch in part for row in batch}) == 60
    for batches in zip(*parts, strict=True):
        together = [row for batch in batches for row in batch]
        assert [len(batch) for batch in batches] == [4, 4, 4]
        assert rows.loc[together, "positive"].is_unique
        assert len({facts[row] for row in together}) == 12


def test_processes_share_rows_that_repeat_each_other() -> None:
    """As in one process, an epoch has its full number of steps, and a step that is not full is still shared."""
    rows = pd.DataFrame(
        {"anchor": ["a", "a", "a", "b", "b", "c", "c"] * 3, "positive": [f"story {n}" for n in range(21)]}
    )
    sampler = SortedBatches(Dataset.from_pandas(rows), batch_size=4, drop_last=True, processes=2)
    parts = [list(BatchSamplerShard(sampler, 2, process)) for process in range(2)]
    assert [len(part) for part in parts] == [2, 2]
    for first, second in zip(*parts, strict=True):
        assert len(first) == len(second) == 1
        assert rows.loc[first + second, "anchor"].is_unique


def test_rows_that_processes_cannot_share_are_refused() -> None:
    rows = pd.DataFrame({"anchor": ["same"] * 9, "positive": [f"story {number}" for number in range(9)]})
    sampler = SortedBatches(Dataset.from_pandas(rows), batch_size=4, drop_last=True, processes=2)
    with pytest.raises(ValueError, match="repeat each other too often to be shared by 2 processes"):
        list(sampler)


def test_negatives_are_gathered_unless_the_loss_is_ones_own(monkeypatch: pytest.MonkeyPatch, small_model: str) -> None:
    model = load_pretrained(small_model)
    assert not multiple_negatives(model).gather_across_devices
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert multiple_negatives(model).gather_across_devices
    assert not MultipleNegativesRankingLoss(model).gather_across_devices


def test_each_process_has_a_gpu_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    assert pick_device() == "cuda"
    assert (processes(), is_first_process()) == (1, True)
    for name, value in (("WORLD_SIZE", "2"), ("RANK", "1"), ("LOCAL_RANK", "1")):
        monkeypatch.setenv(name, value)
    assert (processes(), is_first_process()) == (2, False)
    assert [pick_device(), pick_device("cuda"), pick_device("cpu")] == ["cuda:1", "cuda:1", "cpu"]
    with pytest.raises(ValueError, match="cannot train together on mps"):
        pick_device("mps")
    monkeypatch.setenv("LOCAL_RANK", "2")
    with pytest.raises(ValueError, match="this machine has 2"):
        pick_device()


def test_one_process_takes_one_gpu(tmp_path: Path) -> None:
    arguments = OneDevice(str(tmp_path), use_cpu=True)
    arguments._n_gpu = 4
    assert arguments.n_gpu == 1
    assert arguments.train_batch_size == arguments.per_device_train_batch_size


def test_a_device_that_the_trainer_would_not_take_is_refused(small_model: str) -> None:
    rows = pd.DataFrame({"anchor": ["a", "b"], "positive": ["c", "d"]})
    with pytest.raises(ValueError, match="the trainer takes cpu, not meta"):
        train_sbert(load_pretrained(small_model), rows, device="meta")


@pytest.mark.skipif(os.name == "nt", reason="PyTorch for Windows is built without what torchrun talks through")
def test_two_processes_train_as_one(tmp_path: Path, small_model: str) -> None:
    """The real command on the films under torchrun, against one process with batches of twice the size."""
    settings = ["--model", small_model, "--epochs", "1", "--max-steps", "2", "--learning-rate", "0.1"]
    settings += ["--device", "cpu", "--no-bf16"]
    one, two = tmp_path / "one", tmp_path / "two"
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command += ["-m", "kgss_helpers.training.sbert", *settings, "--batch-size", "8", "--output", str(two)]
    variables = child_variables(quiet=True) | {"OMP_NUM_THREADS": "1"}
    ended = subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert "FutureWarning" not in ended.stderr
    assert ended.stdout.count("epoch 1") == ended.stdout.count("Kept in") == 1
    assert __main__.main([*settings, "--batch-size", "16", "--output", str(one)]) == 0

    config = json.loads((two / "config.json").read_text())
    assert config["processes"] == 2
    checkpoint = two / "checkpoints" / "checkpoint-2"
    assert {path.name for path in checkpoint.glob("rng_state*")} == {"rng_state_0.pth", "rng_state_1.pth"}
    state = json.loads((checkpoint / "trainer_state.json").read_text())
    assert state["epoch"] == pytest.approx(2 / (config["rows_an_epoch"] // 16))
    before, after, expected = (
        next(load_pretrained(str(folder)).parameters()).detach().numpy()
        for folder in (small_model, two / "model", one / "model")
    )
    assert np.abs(after - before).max() > 0.05
    np.testing.assert_allclose(after, expected, atol=1e-4)


# ------------------------------------------------------------------------------------------------------ after it


@pytest.mark.skipif(not has_bf16("cpu"), reason="this processor has no bfloat16")
def test_a_trained_model_computes_as_its_copy_on_disk_does(tmp_path: Path) -> None:
    rows = pd.DataFrame(
        {"anchor": [f"film {n}" for n in range(8)], "positive": [f"the story of {n}" for n in range(8)]}
    )
    model = load_pretrained(device="cpu")
    train_sbert(model, rows, max_steps=1, batch_size=8, device="cpu")
    model.save(str(tmp_path), create_model_card=False)
    texts = rows["positive"].tolist()
    np.testing.assert_allclose(encode(model, texts), encode(load_pretrained(str(tmp_path)), texts), atol=1e-6)
