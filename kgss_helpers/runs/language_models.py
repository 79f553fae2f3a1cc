"""The recorded trainings of notebook 07: what memories keep, two models of characters, and two of words.

python -m kgss_helpers.runs.language_models                 # all of them
python -m kgss_helpers.runs.language_models --only python   # one: memory, descriptions, python, forward, backward

Each language model is trained with checkpoints below ``build/language`` and goes on from them when it is started again.
What is kept in ``data/results/language`` is the history, samples at several temperatures after each epoch, what was
measured on the text that was held out, the machine, and the weights in half precision.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
import torch

from kgss_helpers import exam
from kgss_helpers.compute import has_bf16
from kgss_helpers.exam.statistics import Interval, mean_interval
from kgss_helpers.files import DATA, read_json_lines, write_whole
from kgss_helpers.methods.word_vectors import load_word_vectors
from kgss_helpers.runs.records import COUNT, SHARE, checked, read_json, reading
from kgss_helpers.text.corpora import SENTENCE_END, lee_corpus, wikipedia_corpus, words_of
from kgss_helpers.text.source_code import closes_them, open_brackets, source_code
from kgss_helpers.training.character_counts import CharacterCounts
from kgss_helpers.training.language import (
    Alphabet,
    LanguageModel,
    load_language_model,
    log_probabilities,
    perplexity,
    sample,
    save_language_model,
    train_language_model,
)
from kgss_helpers.training.remembering import train_rememberer

RECORDED = DATA / "results" / "language"
WORKSHOP = DATA.parent / "build" / "language"
DESCRIPTIONS, PYTHON, FORWARD, BACKWARD = "descriptions", "python", "forward", "backward"
TEMPERATURES = (0.3, 0.7, 1.0)
SAMPLE_AFTER = {DESCRIPTIONS: "A ", PYTHON: "def "}
WORD_DIMENSIONS = 128
"""Of the static table's 300 directions, the largest: what the word models read."""
LEARNED_WORDS = 5000
UNKNOWN_WORD, BOUNDARY = "<unknown>", "<boundary>"
HELD_OUT_EVERY = 20
MEMORY, WAITS, MEMORY_SEEDS = "memory", (5, 10, 20, 40), 4
ORDERS = (1, 2, 3, 4, 5, 6, 7)
MEASURED = 40_000
BEGINNINGS, BEGINNING, CONTINUED = 200, 100, 200
"""So many beginnings, of so many characters, are continued by so many."""
SETTINGS: dict[str, dict[str, Any]] = {
    DESCRIPTIONS: {"units": 256, "dropout": 0.2, "epochs": 20, "length": 128, "learning_rate": 6e-3},
    PYTHON: {"units": 256, "dropout": 0.0, "epochs": 6, "length": 128, "learning_rate": 6e-3},
    FORWARD: {"units": 160, "dropout": 0.1, "epochs": 1, "length": 32, "learning_rate": 6e-3},
    BACKWARD: {"units": 160, "dropout": 0.1, "epochs": 1, "length": 32, "learning_rate": 6e-3},
}


def descriptions() -> tuple[str, str]:
    """What the training graph says of its nodes, a line each: the text to learn from, and every twentieth, held out."""
    said = [text for text in exam.training_graph().nodes["description"] if text]
    held_out = said[::HELD_OUT_EVERY]
    learned = [text for place, text in enumerate(said) if place % HELD_OUT_EVERY]
    return "\n".join(learned) + "\n", "\n".join(held_out) + "\n"


@cache
def word_table() -> tuple[dict[str, int], torch.Tensor]:
    """Word → number, and the fixed vectors, shape (words, `WORD_DIMENSIONS`): the static table and two symbols more.

    What is no word of the table, and where a sentence begins or ends, each have a vector drawn by seed. A model learns
    with the `LEARNED_WORDS` most frequent ones, and may be given all of them afterwards: they lie in one space.
    """
    static = load_word_vectors()
    vectors = static.vectors[:, :WORD_DIMENSIONS]
    drawn = np.random.default_rng(0).normal(size=(2, WORD_DIMENSIONS))
    drawn *= np.linalg.norm(vectors, axis=1).mean() / np.linalg.norm(drawn, axis=1, keepdims=True)
    numbers = {word: number for number, word in enumerate([UNKNOWN_WORD, BOUNDARY, *static.index_to_key])}
    return numbers, torch.from_numpy(np.concatenate([drawn, vectors]).astype(np.float32))


def numbered(sentence: Sequence[str], numbers: Mapping[str, int]) -> list[int]:
    """The numbers of a sentence's words, between two boundaries."""
    return [numbers[BOUNDARY], *(numbers.get(word, numbers[UNKNOWN_WORD]) for word in sentence), numbers[BOUNDARY]]


def sentences_to_read() -> tuple[list[list[str]], list[list[str]]]:
    """Descriptions, news, encyclopaedia articles as lists of words: to learn from, and a twentieth of the news."""
    said, _ = descriptions()
    news = lee_corpus()
    learned = [words_of(part) for part in SENTENCE_END.split(said)]
    learned += [words for place, words in enumerate(news) if place % HELD_OUT_EVERY]
    return [words for words in learned if words] + wikipedia_corpus(), news[::HELD_OUT_EVERY]


def frequent_words(texts: Iterable[Sequence[str]]) -> tuple[dict[str, int], torch.Tensor]:
    """`word_table`, of the `LEARNED_WORDS` most frequent words alone."""
    numbers, table = word_table()
    counts = Counter(word for words in texts for word in words if word in numbers)
    chosen = [UNKNOWN_WORD, BOUNDARY, *(word for word, _ in counts.most_common(LEARNED_WORDS))]
    return {word: place for place, word in enumerate(chosen)}, table[[numbers[word] for word in chosen]]


def _stream(texts: Sequence[Sequence[str]], numbers: Mapping[str, int], *, backwards: bool) -> torch.Tensor:
    symbols = torch.tensor([number for words in texts for number in numbered(words, numbers)])
    return symbols.flip(0) if backwards else symbols


def recorded(name: str) -> dict[str, Any]:
    """What is kept of a training: ``settings``, ``sizes``, ``machine``, ``history``, ``samples``, ``measures``.

    Of the memory's test, rows of ``wait``, ``cell`` and ``right``, a share for each seed.

    Raises:
        FileNotFoundError: Nothing of this name is kept.
        ValueError: The file is damaged; names it, what is wrong, and the command that makes it anew.
    """
    with reading(RECORDED / f"{name}.json", f"python -m kgss_helpers.runs.language_models --only {name}") as path:
        content = read_json(path)
        if name == MEMORY:
            checked(content, {"wait": COUNT}, ["cell"])
            for row in content:
                checked([{"right": share} for share in row["right"]], {"right": SHARE})
            return content
        missing = [part for part in ("settings", "sizes", "machine", "history") if part not in content]
        if missing:
            raise ValueError(f"it has no {', '.join(missing)}")
        numbers = {"step": COUNT, "epoch": COUNT, "loss": COUNT, "perplexity": (1, np.inf)}
        checked(content["history"], numbers, gaps=("loss", "perplexity"))
        return content


def record_characters(name: str) -> None:
    """Trains a model of characters and keeps what it became."""
    learned, held_out = descriptions() if name == DESCRIPTIONS else source_code()[:2]
    settings, alphabet = SETTINGS[name], Alphabet.of(learned)
    torch.manual_seed(0)
    model = LanguageModel(len(alphabet), units=settings["units"], dropout=settings["dropout"])
    measured = alphabet.encode(held_out[:8_000])
    kept = WORKSHOP / name / "samples.jsonl"

    def after_epoch(trained: LanguageModel, epoch: int) -> dict[str, float]:
        rows = [row for _, row in read_json_lines(kept) if row["epoch"] < epoch] if kept.is_file() else []
        for temperature in TEMPERATURES:
            (text,) = sample(trained, alphabet, [SAMPLE_AFTER[name]], length=200, temperature=temperature)
            rows.append({"epoch": epoch, "temperature": temperature, "text": SAMPLE_AFTER[name] + text})
        write_whole(kept, "".join(json.dumps(row) + "\n" for row in rows))
        expected = log_probabilities(trained, measured)
        return {"perplexity": perplexity(np.take_along_axis(expected, measured[1:, None].numpy(), axis=1))}

    _train(name, model, alphabet.encode(learned), alphabet, after_epoch, {"characters": len(learned)})


def record_words(name: str) -> None:
    """Trains a model of words in one direction and keeps what it became."""
    learned, held_out = sentences_to_read()
    numbers, table = frequent_words(learned)
    settings = SETTINGS[name]
    torch.manual_seed(0)
    model = LanguageModel(
        len(numbers), width=WORD_DIMENSIONS, units=settings["units"], dropout=settings["dropout"], table=table
    )
    measured = _stream(held_out, numbers, backwards=name == BACKWARD)

    def after_epoch(trained: LanguageModel, epoch: int) -> dict[str, float]:
        parts = measured.split(1000)
        right = [log_probabilities(trained, part)[range(len(part) - 1), part[1:]] for part in parts if len(part) > 1]
        return {"perplexity": perplexity(np.concatenate(right))}

    stream = _stream(learned, numbers, backwards=name == BACKWARD)
    _train(name, model, stream, None, after_epoch, {"words": len(stream)})


def _train(
    name: str,
    model: LanguageModel,
    symbols: torch.Tensor,
    alphabet: Alphabet | None,
    after_epoch: Callable[[LanguageModel, int], dict[str, float]],
    sizes: dict[str, int],
) -> None:
    settings = {key: value for key, value in SETTINGS[name].items() if key not in ("units", "dropout")}
    folder = WORKSHOP / name
    began, cpu = time.time(), time.process_time()
    run = train_language_model(
        model, symbols, **settings, device="cpu", checkpoint_dir=folder, resume=any(folder.glob("checkpoint-*")),
        identity={"dropout": SETTINGS[name]["dropout"]}, on_epoch_end=after_epoch, log_every=50, on_log=print_last,
    ).require_finished()  # fmt: skip
    save_language_model(RECORDED / f"{name}.safetensors", run.model, alphabet)
    samples = folder / "samples.jsonl"
    record = {
        "settings": SETTINGS[name],
        "sizes": sizes | {"parameters": sum(part.numel() for part in run.model.parameters())},
        "machine": {
            "processor": platform.machine(), "python": platform.python_version(), "torch": torch.__version__,
            "threads": torch.get_num_threads(), "bf16": has_bf16("cpu"), "seconds": round(run.seconds),
        },
        "history": json.loads(run.history.round(4).to_json(orient="records")),
        "samples": [row for _, row in read_json_lines(samples)] if samples.is_file() else [],
    }  # fmt: skip
    write_whole(RECORDED / f"{name}.json", json.dumps(record, indent=1) + "\n")
    print(f"{name}: {time.time() - began:.0f} s, {time.process_time() - cpu:.0f} s of them on processors", flush=True)


def measure(name: str) -> None:
    """Adds to the record of a model of characters what it and n-grams of the same text make of the text held out."""
    learned, held_out = descriptions() if name == DESCRIPTIONS else source_code()[:2]
    held_out = held_out[:MEASURED]
    model, alphabet = load_language_model(RECORDED / f"{name}.safetensors")
    right = alphabet.encode(held_out)[1:].numpy()
    expected = {"LSTM": log_probabilities(model, alphabet.encode(held_out))}
    counts = CharacterCounts(alphabet, max(ORDERS)).fit(learned)
    for order in ORDERS:
        counts.order = order
        expected[f"{order}-gram"] = counts.log_probabilities(held_out)
    found = {kind: perplexity(rows[range(len(right)), right]) for kind, rows in expected.items()}
    best = min((kind for kind in found if kind != "LSTM"), key=found.get)
    counts.order = int(best.split("-")[0])
    measures = {"characters": len(held_out), "perplexity": {kind: round(value, 3) for kind, value in found.items()}}
    if name == PYTHON:
        kinds = {"LSTM": expected["LSTM"], best: expected[best]}
        measures["next character right"] = {
            kind: next_character_right(rows, alphabet, held_out) for kind, rows in kinds.items()
        }
        line_ends = [after == "\n" for before, after in pairwise(held_out) if before == ":"]
        measures["new line after :"] = _rounded(mean_interval(line_ends))
        measures["brackets that close"] = brackets_that_close(model, alphabet, counts, best, held_out)
    path = RECORDED / f"{name}.json"
    record = json.loads(path.read_text(encoding="utf-8")) | {"measures": measures}
    write_whole(path, json.dumps(record, indent=1) + "\n")


def next_character_right(expected: np.ndarray, alphabet: Alphabet, text: str) -> dict[str, list[float]]:
    """How often the likeliest next character is the right one, by what stands before it: mean, low, high.

    Args:
        expected: Logarithms of what comes next, shape (length - 1, characters).
        alphabet: The characters.
        text: What was predicted.
    """
    right = expected.argmax(axis=1) == alphabet.encode(text)[1:].numpy()
    before = np.array(list(text[:-1]))
    ends_line = (expected.argmax(axis=1) == alphabet.number("\n")) == (np.array(list(text[1:])) == "\n")
    groups = {
        "anywhere": right, "after (": right[before == "("], "after :": right[before == ":"],
        "after :, new line or not": ends_line[before == ":"],
    }  # fmt: skip
    return {group: _rounded(mean_interval(values)) for group, values in groups.items()}


def brackets_that_close(
    model: LanguageModel, alphabet: Alphabet, counts: CharacterCounts, kind: str, text: str
) -> dict[str, dict[str, list[float]]]:
    """How often what goes on after a ``(`` closes all that was open before it ends: mean, low, high, by what was open.

    Each beginning is a piece of held-out text; the text's true continuation stands beside what the models write.
    """
    starts = [place + 1 for place, letter in enumerate(text) if letter == "(" and place >= BEGINNING]
    starts = [place for place in starts if place + CONTINUED < len(text)]
    starts = [starts[n] for n in np.linspace(0, len(starts) - 1, BEGINNINGS).astype(int)]
    before = [text[place - BEGINNING : place] for place in starts]
    after = {"the text itself": [text[place : place + CONTINUED] for place in starts]}
    for temperature in (0.5, 1.0):
        after[f"LSTM, temperature {temperature}"] = sample(
            model, alphabet, before, length=CONTINUED, temperature=temperature
        )
        after[f"{kind}, temperature {temperature}"] = [
            counts.sample(prefix, length=CONTINUED, temperature=temperature, seed=seed)
            for seed, prefix in enumerate(before)
        ]
    deep = np.array([len(open_brackets(prefix)) > 1 for prefix in before])
    found = {}
    for who, texts in after.items():
        closed = np.array([closes_them(*pair) for pair in zip(before, texts, strict=True)])
        parts = {"one open": closed[~deep], "two or more open": closed[deep]}
        found[who] = {part: _rounded(mean_interval(values)) for part, values in parts.items()}
    return found


def _rounded(interval: Interval) -> list[float]:
    return [round(value, 3) for value in interval]


def print_last(history: Any) -> None:
    """One line for the newest row of a history."""
    print(" ".join(f"{key} {value:.4g}" for key, value in history.iloc[-1].items()), flush=True)


def record_memory() -> None:
    """Trains an RNN and an LSTM for each wait and seed, and keeps how often they name the letter."""
    rows = []
    for wait in WAITS:
        for cell in ("RNN", "LSTM"):
            right = [train_rememberer(cell, wait, seed=seed)[1] for seed in range(MEMORY_SEEDS)]
            rows.append({"wait": wait, "cell": cell, "right": [round(share, 3) for share in right]})
            print(rows[-1], flush=True)
    write_whole(RECORDED / f"{MEMORY}.json", json.dumps(rows, indent=1) + "\n")


def main(argv: Sequence[str] | None = None) -> int:
    """The command; returns its exit status."""
    parser = argparse.ArgumentParser(prog="python -m kgss_helpers.runs.language_models", description=__doc__)
    parser.add_argument("--only", default="", choices=["", MEMORY, *SETTINGS], help="this model alone")
    options = parser.parse_args(argv)
    if options.only in ("", MEMORY):
        record_memory()
    for name in SETTINGS:
        if options.only in ("", name):
            if name in SAMPLE_AFTER:
                record_characters(name)
                measure(name)
            else:
                record_words(name)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
