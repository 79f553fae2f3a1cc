"""For notebook 10: static models that learn four kinds of rows in seconds, one measure a kind, and its figures.

The four kinds of rows are those of `kgss_helpers.datasets.primer`; `KINDS` says what people call them.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from html import escape
from typing import TYPE_CHECKING

import ipywidgets as ipw
import numpy as np
import pandas as pd
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.losses import (
    CoSENTLoss,
    MultipleNegativesRankingLoss,
    SoftmaxLoss,
    TripletLoss,
)
from sentence_transformers.sentence_transformer.losses.triplet import TripletDistanceMetric

from kgss_helpers.datasets.primer import texts
from kgss_helpers.exam.statistics import Interval, paired_interval
from kgss_helpers.methods.encoder import encode
from kgss_helpers.methods.static import static_model
from kgss_helpers.show.palette import BLACK, BLUE, VERMILION
from kgss_helpers.training.run import TrainingRun
from kgss_helpers.training.sbert import train_sbert

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    Rows = Mapping[str, tuple[pd.DataFrame, pd.DataFrame]]
    Lookup = Callable[[pd.Series], np.ndarray]
    Outcomes = dict[str, tuple[np.ndarray, ...]]

KINDS = {"sts": "scored pairs", "nli": "labelled pairs", "triplets": "triplets", "pairs": "question and answer"}
MARGIN = 0.3
"""Of the triplet loss, in cosine distance."""


@contextmanager
def _small_steps() -> Iterator[None]:
    """What makes a training of seconds quicker, and its numbers repeat.

    Steps this small gain nothing from a second core, and lose much when it is busy. And the four garbage collections of
    a training take a quarter of its time, unless they leave out what is alive already.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    gc.collect()  # what the last training left behind must not be kept from being collected
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
        torch.set_num_threads(threads)


def loss_for(kind: str, model: SentenceTransformer) -> torch.nn.Module:
    """The loss that belongs to a kind of row: ``"sts"``, ``"nli"``, ``"triplets"`` or ``"pairs"``.

    Raises:
        ValueError: Another kind.
    """
    if kind == "sts":
        return CoSENTLoss(model)
    if kind == "nli":
        return SoftmaxLoss(model, model.get_embedding_dimension(), num_labels=3)
    if kind == "triplets":
        return TripletLoss(model, TripletDistanceMetric.COSINE, triplet_margin=MARGIN)
    if kind == "pairs":
        return MultipleNegativesRankingLoss(model)
    raise ValueError(f"{kind!r} is no kind of row; choose sts, nli, triplets or pairs")


def teach(
    model: SentenceTransformer,
    kind: str,
    rows: pd.DataFrame,
    *,
    epochs: int = 20,
    batch_size: int = 16,
    learning_rate: float = 0.05,
    seed: int = 0,
) -> TrainingRun:
    """Trains a static model in place on one kind of row; in float32 on the CPU, so that numbers repeat."""
    with _small_steps():
        return train_sbert(
            model,
            rows,
            loss=partial(loss_for, kind),
            epochs=epochs,
            batch_size=batch_size,
            learning_rate=learning_rate,
            seed=seed,
            device="cpu",
            bf16=False,
            log_every=5,
        )


def vectors_of(model: SentenceTransformer, texts: Iterable[str]) -> Lookup:
    """Encodes every text once; what it returns gives the unit vectors of a column, shape (rows, dimensions)."""
    distinct = list(dict.fromkeys(texts))
    row = {text: number for number, text in enumerate(distinct)}
    vectors = encode(model, distinct)
    return lambda column: vectors[[row[text] for text in column]]


def cosines(of: Lookup, left: pd.Series, right: pd.Series) -> np.ndarray:
    """Cosine of each pair of texts, shape (rows,)."""
    return (of(left) * of(right)).sum(axis=1)


def pair_features(of: Lookup, rows: pd.DataFrame) -> np.ndarray:
    """What the softmax sees of two sentences: u, v and |u - v|, shape (rows, 3 * dimensions)."""
    u, v = of(rows["sentence1"]), of(rows["sentence2"])
    return np.hstack([u, v, np.abs(u - v)])


def nli_right(of: Lookup, train: pd.DataFrame, held_out: pd.DataFrame) -> np.ndarray:
    """Whether each held-out label is found by a logistic regression on `pair_features`, fitted on training rows."""
    from sklearn.linear_model import LogisticRegression

    classifier = LogisticRegression(C=10, max_iter=5000).fit(pair_features(of, train), train["label"])
    return classifier.predict(pair_features(of, held_out)) == held_out["label"].to_numpy()


def triplet_right(of: Lookup, rows: pd.DataFrame) -> np.ndarray:
    """Whether each anchor lies nearer to its positive than to its negative, shape (rows,)."""
    return cosines(of, rows["anchor"], rows["positive"]) > cosines(of, rows["anchor"], rows["negative"])


def ranks(model: SentenceTransformer, pairs: pd.DataFrame, candidates: pd.Series) -> np.ndarray:
    """The rank, from 1, of each anchor's positive among the candidates, of which it is one; shape (pairs,)."""
    return _ranks(vectors_of(model, pd.concat([pairs["anchor"], pairs["positive"], candidates])), pairs, candidates)


def _ranks(of: Lookup, pairs: pd.DataFrame, candidates: pd.Series) -> np.ndarray:
    right = cosines(of, pairs["anchor"], pairs["positive"])[:, None]
    return 1 + (of(pairs["anchor"]) @ of(candidates).T > right + 1e-6).sum(axis=1)


def outcomes(model: SentenceTransformer, rows: Rows) -> Outcomes:
    """What each measure is computed from, one entry a held-out row.

    Returns:
        ``sts``: cosine and score; ``nli`` and ``triplets``: right or wrong; ``pairs``: right at rank 1 or not,
        among the positives of all pairs.
    """
    scored, triplets, asked = (rows[kind][1] for kind in ("sts", "triplets", "pairs"))
    candidates = pd.concat([part["positive"] for part in rows["pairs"]])
    tables = [scored, *rows["nli"], triplets, asked]
    of = vectors_of(model, sorted(set(candidates).union(*map(texts, tables))))
    return {
        "sts": (cosines(of, scored["sentence1"], scored["sentence2"]), scored["score"].to_numpy()),
        "nli": (nli_right(of, *rows["nli"]),),
        "triplets": (triplet_right(of, triplets),),
        "pairs": (_ranks(of, asked, candidates) == 1,),
    }


def measure(*columns: np.ndarray, axis: int = -1) -> float | np.ndarray:
    """Spearman's correlation of two columns, the mean of one."""
    from scipy.stats import spearmanrho

    return np.mean(columns[0], axis=axis) if len(columns) == 1 else spearmanrho(*columns, axis=axis).statistic


def measured(*columns: np.ndarray, before: tuple[np.ndarray, ...] = ()) -> Interval:
    """A `measure` with its interval over held-out rows, or its gain over ``before`` on the same rows."""

    def gain(*drawn: np.ndarray, axis: int = -1) -> np.ndarray:
        now, then = drawn[: len(columns)], drawn[len(columns) :]
        return measure(*now, axis=axis) - (measure(*then, axis=axis) if then else 0.0)

    return paired_interval(gain, *columns, *before)


def before_and_after(
    kind: str, rows: Rows, *, learning_rate: float = 0.05, epochs: int = 20, batch_size: int = 16, seed: int = 0
) -> pd.DataFrame:
    """Teaches a fresh static model one kind of row and measures it on all four kinds of held-out rows.

    Returns:
        One row a kind: ``untuned``, ``tuned`` and ``gain``, rounded to two decimals.

    Raises:
        ValueError: An unknown kind, or a setting that cannot train anything.
    """
    if min(epochs, batch_size, learning_rate) <= 0 or batch_size < 2:
        raise ValueError("epochs and learning rate must be positive, and a batch needs two rows")
    model = static_model()
    table = pd.DataFrame({"untuned": {name: measure(*found) for name, found in outcomes(model, rows).items()}})
    teach(model, kind, rows[kind][0], learning_rate=learning_rate, epochs=epochs, batch_size=batch_size, seed=seed)
    table["tuned"] = {name: measure(*found) for name, found in outcomes(model, rows).items()}
    return table.assign(gain=table["tuned"] - table["untuned"]).round(2) + 0.0


def matrices(panels: dict[str, np.ndarray], *, x_label: str, y_label: str) -> Figure:
    """Square similarity matrices side by side on one scale of colour, each with its title."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, len(panels), figsize=(4.8 * len(panels), 4.6), squeeze=False, sharey=True)
    for panel, (title, values) in zip(axes[0], panels.items(), strict=True):
        image = panel.imshow(values, cmap="cividis", vmin=-0.2, vmax=1)
        ticks = range(0, len(values), max(len(values) // 5, 1))
        panel.set(title=title, xlabel=x_label, xticks=ticks, yticks=ticks)
    axes[0, 0].set(ylabel=y_label)
    figure.colorbar(image, ax=axes[0].tolist(), label="cosine", shrink=0.8)
    return figure


def by_score(panels: dict[str, np.ndarray], scores: np.ndarray) -> Figure:
    """Cosines of scored pairs above the scores in the rows, one panel a model; bars mark the medians."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, len(panels), figsize=(4.8 * len(panels), 4.2), squeeze=False, sharey=True)
    shift = np.random.default_rng(0).uniform(-0.04, 0.04, len(scores))
    for panel, (title, values) in zip(axes[0], panels.items(), strict=True):
        panel.plot(scores + shift, values, "o", color=BLUE, alpha=0.6)
        levels = np.unique(scores)
        medians = [np.median(values[scores == score]) for score in levels]
        panel.hlines(medians, levels - 0.08, levels + 0.08, color=VERMILION, linewidth=3, label="median")
        panel.set(title=title, xlabel="score in the row", xticks=levels)
    axes[0, 0].set(ylabel="cosine of the two sentences")
    axes[0, -1].legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return figure


def gains(table: pd.DataFrame, *, title: str, x_label: str, y_label: str) -> Figure:
    """A table of gains as colours around zero, each with its number; blue is better, vermilion worse."""
    import matplotlib.pyplot as plt
    from matplotlib.colors import LinearSegmentedColormap

    figure, axes = plt.subplots(figsize=(9, 1.6 + 0.62 * len(table)))
    colors = LinearSegmentedColormap.from_list("loss and gain", [VERMILION, "white", BLUE])
    axes.imshow(table, cmap=colors, vmin=-1, vmax=1, aspect="auto")
    for (row, column), value in np.ndenumerate(table.to_numpy()):
        axes.text(column, row, f"{value:+.2f}", ha="center", va="center", color="white" if abs(value) > 0.6 else BLACK)
    axes.set_xticks(range(table.shape[1]), table.columns)
    axes.set_yticks(range(len(table)), table.index)
    axes.set(title=title, xlabel=x_label, ylabel=y_label)
    return figure


class PrimerBench(ipw.VBox):
    """Turn the knobs of a small training, press the button, and read held-out measures, untuned and tuned."""

    def __init__(self, rows: Rows) -> None:
        self.rows = rows
        self.kind = ipw.Dropdown(
            options={name: kind for kind, name in KINDS.items()}, value="pairs", description="Rows"
        )
        self.learning_rate = ipw.SelectionSlider(options=[0.001, 0.01, 0.05, 0.2, 1.0], value=0.05, description="Rate")
        self.epochs = ipw.IntSlider(10, 1, 40, description="Epochs")
        self.batch_size = ipw.SelectionSlider(options=[2, 4, 8, 16, 32, 64], value=16, description="Batch")
        self.button = ipw.Button(description="Train", tooltip="Takes a few seconds", button_style="primary")
        self.result = ipw.HTML("Choose, and press Train.")
        self.button.on_click(lambda _: self.train())
        knobs = [self.kind, self.learning_rate, self.epochs, self.batch_size]
        super().__init__([*knobs, self.button, self.result])

    def train(self) -> None:
        """Trains with the chosen settings and shows the table."""
        self.button.disabled, self.result.value = True, "Training …"
        try:
            knobs = {"learning_rate": self.learning_rate, "epochs": self.epochs, "batch_size": self.batch_size}
            settings = {name: knob.value for name, knob in knobs.items()}
            table = before_and_after(self.kind.value, self.rows, **settings)
            table.index = table.index.map(KINDS)
            self.result.value = table.to_html(border=0)
        except ValueError as error:
            self.result.value = escape(str(error))
        finally:
            self.button.disabled = False
