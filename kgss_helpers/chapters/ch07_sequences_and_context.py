"""For notebook 07: cells by hand, what a memory keeps, what a neuron follows, senses, and two things to try."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

import ipywidgets as ipw
import numpy as np
import pandas as pd
import torch
from torch import nn

from kgss_helpers.exam.statistics import Interval, mean_interval
from kgss_helpers.files import DATA, require_file
from kgss_helpers.methods.contextual import ContextualModel, Reading
from kgss_helpers.runs.language_models import numbered
from kgss_helpers.text.corpora import words_of
from kgss_helpers.text.source_code import quoted
from kgss_helpers.text.tokens import well_formed
from kgss_helpers.training.language import UNKNOWN, Alphabet, LanguageModel, fill_gap, sample
from kgss_helpers.training.remembering import Rememberer, remember_rows

if TYPE_CHECKING:
    from gensim.models import KeyedVectors

SENSES = DATA / "word_senses.csv"
LONGEST_PREFIX, WRITTEN = 300, 300
ON, OFF = "#FFE3B0", "#FFFFFF"
WRAPPED = "white-space:pre-wrap;word-break:normal;overflow-wrap:anywhere"
"""JupyterLab would break lines inside words; only a word longer than a line may be."""


# ---- memory ----------------------------------------------------------------------------------------------------------


def lstm_step(lstm: nn.LSTM, x: torch.Tensor, h: torch.Tensor, c: torch.Tensor) -> dict[str, torch.Tensor]:
    """One step of a one-layer LSTM by its formulas: gates ``i``, ``f``, ``o``, candidate ``g``, new ``c`` and ``h``.

    All have shape (batch, units); ``x`` has shape (batch, width).
    """
    sums = x @ lstm.weight_ih_l0.T + lstm.bias_ih_l0 + h @ lstm.weight_hh_l0.T + lstm.bias_hh_l0
    i, f, g, o = sums.chunk(4, dim=1)
    i, f, g, o = i.sigmoid(), f.sigmoid(), g.tanh(), o.sigmoid()
    c = f * c + i * g
    return {"i": i, "f": f, "o": o, "g": g, "c": c, "h": o * c.tanh()}


def keeper(steps: Mapping[str, np.ndarray], letters: np.ndarray) -> tuple[int, float]:
    """The unit whose memory at the end tells most about what was read first: the unit, and the share of its variance.

    Args:
        steps: `steps_of`, many texts.
        letters: What each text began with, shape (batch,).
    """
    last = steps["c"][:, -1]
    between = sum(
        (letters == letter).mean() * (last[letters == letter].mean(axis=0) - last.mean(axis=0)) ** 2
        for letter in np.unique(letters)
    )
    shares = between / np.maximum(last.var(axis=0), 1e-12)
    unit = int(shares.argmax())
    return unit, float(shares[unit])


@torch.inference_mode()
def steps_of(lstm: nn.LSTM, inputs: torch.Tensor) -> dict[str, np.ndarray]:
    """Every gate and state while an LSTM reads: by name, shape (batch, length, units).

    Args:
        lstm: Of one layer.
        inputs: Vectors, shape (batch, length, width).
    """
    h = c = torch.zeros(len(inputs), lstm.hidden_size)
    kept = []
    for x in inputs.unbind(dim=1):
        kept.append(found := lstm_step(lstm, x, h, c))
        h, c = found["h"], found["c"]
    return {name: torch.stack([found[name] for found in kept], dim=1).numpy() for name in kept[0]}


def influence(cell: str, length: int = 60, *, seed: int = 0) -> np.ndarray:
    """How much the last state of a fresh cell still depends on each input, shape (length,); 1 for the last input.

    Measured as the length of the gradient of the state's sum with respect to the input.
    """
    torch.manual_seed(seed)
    model = Rememberer(cell)
    inputs = model.input(remember_rows(length - 1, 16, seed).tensors[0]).detach().requires_grad_()
    model.cell(inputs)[0][:, -1].sum().backward()
    lengths = inputs.grad.norm(dim=2).mean(dim=0).numpy()
    return lengths / lengths[-1]


# ---- what a neuron follows -------------------------------------------------------------------------------------------


@torch.inference_mode()
def memory(model: LanguageModel, alphabet: Alphabet, text: str, *, piece: int = 400, lead: int = 100) -> np.ndarray:
    """The memory c of a one-layer language model behind each character, shape (characters, units).

    The text is read in pieces side by side, each after a ``lead`` of the characters before it, which is a few hundred
    times quicker than one after the other.
    """
    symbols = torch.cat([torch.zeros(lead, dtype=torch.int64), alphabet.encode(text)])
    symbols = torch.cat([symbols, torch.zeros(-len(text) % piece, dtype=torch.int64)])
    pieces = symbols.unfold(0, lead + piece, piece)
    found = steps_of(model.lstm, model.embedded(pieces))["c"][:, lead:]
    return found.reshape(-1, found.shape[2])[: len(text)]


def neuron_following(states: np.ndarray, followed: Sequence[float]) -> tuple[int, float]:
    """The unit whose value goes with a property: chosen on the first half of a text, correlated on the second.

    Args:
        states: Shape (characters, units).
        followed: A number a character.

    Returns:
        The unit, and Pearson's r on the half that did not choose it.
    """
    half = len(states) // 2
    values = np.asarray(followed, dtype=float)
    unit = int(np.abs(_correlations(states[:half], values[:half])).argmax())
    return unit, float(_correlations(states[half:, [unit]], values[half:])[0])


def _correlations(states: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Pearson's r of each unit with the values; 0 where one of them does not vary."""
    centred, values = states - states.mean(axis=0), values - values.mean()
    lengths = np.linalg.norm(centred, axis=0) * np.linalg.norm(values)
    return np.divide(values @ centred, lengths, out=np.zeros(states.shape[1]), where=lengths > 0)


def coloured(text: str, on: Sequence[bool]) -> str:
    """A text as HTML in which characters that are *on* stand on orange and underlined."""
    style = f"background:{ON};text-decoration:underline;font-weight:bold"
    parts, place = [], 0
    while place < len(text):
        end = next((at for at in range(place, len(text)) if bool(on[at]) != bool(on[place])), len(text))
        said = escape(text[place:end])
        parts.append(f'<span style="{style}">{said}</span>' if on[place] else said)
        place = end
    return f'<pre style="background:{OFF};color:#000000;padding:8px;line-height:1.5;{WRAPPED}">{"".join(parts)}</pre>'


def a_stretch_with_strings(text: str, *, lines: int = 14) -> slice:
    """The lines of a text, so many in a row, in which strings and other code are mixed most evenly; the first such."""
    inside, ends = np.array(quoted(text), dtype=float), [0]
    while (end := text.find("\n", ends[-1])) >= 0:
        ends.append(end + 1)
    stretches = [slice(*pair) for pair in zip(ends, ends[lines:], strict=False)]
    changes = [np.abs(np.diff(inside[stretch])).sum() for stretch in stretches]
    return stretches[int(np.argmax(changes))] if stretches else slice(0, len(text))


# ---- senses ----------------------------------------------------------------------------------------------------------


def word_senses(path: Path | str = SENSES) -> pd.DataFrame:
    """Sentences in which a word has one of two meanings: columns ``word``, ``sense``, ``sentence``.

    Raises:
        FileNotFoundError: The file is not there.
        ValueError: A column or a cell is missing, a sentence lacks its word, or a word has other than two senses.
    """
    path = require_file(path)
    try:
        table = pd.read_csv(path, keep_default_na=False)
    except ValueError as error:
        raise ValueError(f"{path.name} cannot be read as CSV in UTF-8 ({error}); save it as such") from None
    if list(table.columns) != ["word", "sense", "sentence"]:
        raise ValueError(f"{path.name} has the columns {', '.join(table.columns)}, not word, sense, sentence")
    for line, (word, sense, sentence) in enumerate(table.itertuples(index=False), start=2):
        if not (word and sense) or f" {word}" not in f" {sentence.lower()}":
            raise ValueError(f"{path.name}, line {line}: a word, its sense and a sentence that holds it are needed")
    odd = table.groupby("word")["sense"].nunique().loc[lambda counts: counts != 2]
    if len(odd):
        raise ValueError(f"{path.name}: two senses are needed for each word, and {odd.index[0]} has {odd.iloc[0]}")
    return table


def same_sense(vectors: np.ndarray, senses: pd.DataFrame) -> pd.Series:
    """By word: how often the nearest other sentence of this word, by the cosine, has it in the same sense.

    Neighbours that are equally near share the answer, so that vectors that are all alike get what chance would.

    Args:
        vectors: Of the word in each sentence, shape (sentences, dimensions).
        senses: `word_senses`, a row a sentence.
    """
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    shares = {}
    for word, rows in senses.groupby("word", sort=False).indices.items():
        cosines = (unit[rows] @ unit[rows].T).round(5)
        np.fill_diagonal(cosines, -np.inf)
        nearest = cosines == cosines.max(axis=1, keepdims=True)
        sense = senses["sense"].to_numpy()[rows]
        alike = sense[:, None] == sense[None, :]
        shares[word] = float(((nearest & alike).sum(axis=1) / nearest.sum(axis=1)).mean())
    return pd.Series(shares)


def sense_table(kinds: Mapping[str, np.ndarray], senses: pd.DataFrame) -> pd.DataFrame:
    """`same_sense` for each kind of vectors, with its interval over words: ``label``, ``mean``, ``low``, ``high``."""
    rows = [(label, *mean_interval(same_sense(vectors, senses))) for label, vectors in kinds.items()]
    return pd.DataFrame(rows, columns=["label", "mean", "low", "high"])


def difference(one: np.ndarray, other: np.ndarray, senses: pd.DataFrame) -> Interval:
    """How much more often the first kind of vectors finds the same sense, paired over words."""
    return mean_interval(same_sense(one, senses) - same_sense(other, senses))


@torch.inference_mode()
def frequencies(model: LanguageModel, sentences: Sequence[Sequence[int]]) -> np.ndarray:
    """Logarithms of how likely a model finds each symbol, as a mean over all places of some sentences: (symbols,)."""
    total = sum(torch.softmax(model(torch.tensor([one]))[0][0], dim=1).sum(dim=0) for one in sentences)
    return (total / total.sum()).log().numpy()


def looks(readings: Iterable[Reading], offset: int) -> np.ndarray:
    """How much each head takes from the token so many places on (-1: just before), as a mean: (layers, heads)."""
    taken = []
    for reading in readings:
        shares = reading.attention[:, :, 1:-1]
        at = np.arange(shares.shape[2])
        taken.append(shares[:, :, at, at + 1 + offset].mean(axis=2))
    return np.mean(taken, axis=0)


def sentence_vector(model: ContextualModel, text: str) -> np.ndarray:
    """The mean of the last layer's vectors of all tokens, at length 1: shape (dimensions,)."""
    vector = model.read(text).layers[-1].mean(axis=0)
    return vector / np.linalg.norm(vector)


def mean_vector(table: KeyedVectors, text: str) -> np.ndarray:
    """The mean of the static vectors of the words that a table knows, at length 1, or zeros: shape (dimensions,)."""
    known = [table.get_vector(word, norm=True) for word in words_of(text) if word in table]
    mean = np.mean(known or np.zeros((1, table.vector_size)), axis=0)
    return mean / max(np.linalg.norm(mean), 1e-9)


def gap_votes(
    forward: LanguageModel, backward: LanguageModel, before: str, behind: str, numbers: Mapping[str, int],
    sentences: Iterable[str],
) -> pd.Series:  # fmt: skip
    """What two word LSTMs put between two texts, by `fill_gap`: logarithms by word, largest first.

    Args:
        forward: It reads ``before``.
        backward: It reads ``behind``.
        before: What stands before the gap.
        behind: And behind it.
        numbers: Of the words; the first two, what is no word and where a sentence ends, cannot be voted for.
        sentences: By which `frequencies` tells how frequent each word is anywhere.
    """
    start, end = (torch.tensor(numbered(words_of(part), numbers)) for part in (before, behind))
    prior = frequencies(forward, [numbered(words_of(one), numbers) for one in sentences])
    votes = fill_gap(forward, backward, start[:-1], end[1:], prior)
    return pd.Series(votes, index=sorted(numbers, key=numbers.__getitem__)).iloc[2:].sort_values(ascending=False)


def flat(vectors: np.ndarray) -> np.ndarray:
    """Vectors on their two directions of largest variance, shape (rows, 2); the largest coordinate is positive."""
    centred = vectors - vectors.mean(axis=0)
    left, sizes, directions = np.linalg.svd(centred, full_matrices=False)
    signs = np.sign(directions[np.arange(2), np.abs(directions[:2]).argmax(axis=1)])
    return left[:, :2] * sizes[:2] * signs


def directions() -> pd.DataFrame:
    """Three families of models, and what a prediction of theirs may look at."""
    return pd.DataFrame(
        {
            "BERT (2018)": ["fill a gap", "both sides, in every layer", "not by itself", "MiniLM came from such"],
            "GPT (2018)": ["say what comes next", "the left side", "yes", "the character LSTMs look the same way"],
            "ELMo (2018)": [
                "say what comes next, and what came before", "left by one network, right by another",
                "each network, in its direction", "the two word LSTMs",
            ],
        },
        index=["learns to", "may see", "can write text", "in this notebook"],
    )  # fmt: skip


def seconds_of(job: Callable[[], object], *, times: int = 5) -> float:
    """The quickest of several runs of a job, after one that does not count."""
    job()
    found = []
    for _ in range(times):
        began = time.perf_counter()
        job()
        found.append(time.perf_counter() - began)
    return min(found)


# ---- to try ----------------------------------------------------------------------------------------------------------


def written(
    model: LanguageModel, alphabet: Alphabet, prefix: str, *, temperature: float, seed: int, length: int = WRITTEN
) -> tuple[str, str]:
    """How a model goes on from whatever somebody typed, and what there is to say about the prefix, if anything.

    Returns:
        The continuation, empty if nothing was typed, and a remark, empty if none is needed.
    """
    if not prefix:
        return "", "Type at least one character, and the model goes on from there."
    remarks = []
    if len(prefix) > LONGEST_PREFIX:
        prefix = prefix[-LONGEST_PREFIX:]
        remarks.append(f"Only the last {LONGEST_PREFIX} characters are read.")
    if unknown := sorted({letter for letter in prefix if letter not in alphabet or letter == UNKNOWN}):
        shown = " ".join(repr(letter)[1:-1] for letter in unknown[:8])
        remarks.append(f"Characters that this model never met, and reads as one unknown: {shown}")
    return sample(model, alphabet, [prefix], length=length, temperature=temperature, seed=seed)[0], " ".join(remarks)


class PrefixWriter(ipw.VBox):
    """Type how a text begins; a character model goes on.

    Args:
        models: What a button says → the model and its alphabet.
        prefix: What stands in the field first.
    """

    def __init__(self, models: Mapping[str, tuple[LanguageModel, Alphabet]], prefix: str) -> None:
        self.models, self.seed = dict(models), 0
        wide = {"description_width": "110px"}
        self.prefix = ipw.Text(prefix, description="Begin with", style=wide, layout=ipw.Layout(width="95%"))
        self.prefix.continuous_update = False
        self.temperature = ipw.FloatSlider(
            0.5, min=0.0, max=1.5, step=0.1, description="Temperature", style=wide, continuous_update=False
        )
        self.chosen = ipw.ToggleButtons(options=list(self.models), description="Learned from", style=wide)
        self.again = ipw.Button(description="Write another")
        self.result = ipw.HTML()
        for control in (self.prefix, self.temperature, self.chosen):
            control.observe(lambda _: self.write(), names="value")
        self.again.on_click(lambda _: self.write(self.seed + 1))
        super().__init__([self.prefix, self.chosen, self.temperature, self.again, self.result])
        self.write()

    def __repr__(self) -> str:
        return f"<a text that begins {self.prefix.value!r}, continued: run this cell in JupyterLab>"

    def write(self, seed: int | None = None) -> None:
        """Shows a continuation; with the same seed, prefix and temperature always the same one."""
        self.seed = self.seed if seed is None else seed
        model, prefix = self.models[self.chosen.value], well_formed(self.prefix.value)
        text, remark = written(*model, prefix, temperature=self.temperature.value, seed=self.seed)
        said = f"<p>{escape(remark)}</p>" if remark else ""
        shown = f"<b>{escape(prefix[-LONGEST_PREFIX:])}</b>{escape(text)}" if text else ""
        self.result.value = (
            f'{said}<pre style="background:{OFF};color:#000000;padding:8px;line-height:1.4;{WRAPPED}">{shown}</pre>'
        )


def compared(model: ContextualModel, word: str, one: str, other: str) -> tuple[pd.Series | None, str]:
    """The cosine of one word's vectors in two sentences, by layer, and a remark where there is something to say."""
    try:
        first, second = (model.read(sentence).word(word.strip()) for sentence in (one, other))
    except ValueError as problem:
        return None, f"Nothing to compare: {problem}. Type the word as it stands in both sentences."
    cosines = (first * second).sum(axis=1) / np.linalg.norm(first, axis=1) / np.linalg.norm(second, axis=1)
    return pd.Series(cosines.astype(float), index=[f"layer {layer}" for layer in range(len(cosines))]), ""


class SenseComparer(ipw.VBox):
    """Type a word and two sentences that hold it: how near its two vectors are in each layer."""

    def __init__(self, model: ContextualModel, word: str, one: str, other: str) -> None:
        self.model = model
        layout, style = ipw.Layout(width="95%"), {"description_width": "110px"}
        self.fields = [
            ipw.Text(value, description=label, continuous_update=False, layout=layout, style=style)
            for label, value in (("Word", word), ("One sentence", one), ("Another", other))
        ]
        self.result = ipw.HTML()
        for field in self.fields:
            field.observe(lambda _: self.compare(), names="value")
        super().__init__([*self.fields, self.result])
        self.compare()

    def __repr__(self) -> str:
        return f"<the word {self.fields[0].value!r} in two sentences, layer by layer: run this cell in JupyterLab>"

    def compare(self) -> None:
        """Reads the three fields and shows the cosines."""
        cosines, remark = compared(self.model, *(field.value for field in self.fields))
        if cosines is None:
            self.result.value = f"<p>{escape(remark)}</p>"
            return
        self.result.value = cosines.map("{:.2f}".format).rename("cosine of the two").to_frame().T.to_html(border=0)
