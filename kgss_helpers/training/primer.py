"""Static models that learn the primer's rows in seconds, and one measure for each kind of row.

A static model is a table with one vector a token; a sentence is the mean of its tokens' vectors.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Literal

import numpy as np
import pandas as pd
import torch
from scipy.stats import spearmanr
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.losses import (
    CoSENTLoss,
    MultipleNegativesRankingLoss,
    SoftmaxLoss,
    TripletLoss,
)
from sentence_transformers.sentence_transformer.losses.triplet import TripletDistanceMetric
from sentence_transformers.sentence_transformer.modules import StaticEmbedding

from kgss_helpers.encoders.pretrained import load_pretrained
from kgss_helpers.encoders.sentence import encode
from kgss_helpers.training.common import TrainingRun
from kgss_helpers.training.sbert import train_sbert

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

    Rows = Mapping[str, tuple[pd.DataFrame, pd.DataFrame]]

MARGIN = 0.3
RESAMPLES = 2000


def static_model(
    start: Literal["pretrained", "random"] = "pretrained", *, dimensions: int = 128, seed: int = 0
) -> SentenceTransformer:
    """A table of token vectors as a sentence transformer, shape (30522, dimensions), on the CPU.

    Args:
        start: ``"pretrained"`` takes the packaged transformer's own token embeddings, its contextual layers left out,
            projected on their largest directions; ``"random"`` draws normal numbers.
        dimensions: 1 to 384.
        seed: Of the random start.

    Raises:
        ValueError: Another start, or dimensions out of range.
    """
    if start not in ("pretrained", "random") or not 1 <= dimensions <= 384:
        raise ValueError("start is 'pretrained' or 'random', and dimensions lie between 1 and 384")
    tokenizer, weights = _start(dimensions)
    if start == "random":
        weights = torch.randn(weights.shape, generator=torch.Generator().manual_seed(seed))
    weights = weights / weights.std()  # so that one learning rate suits both starts
    return SentenceTransformer(modules=[StaticEmbedding(tokenizer, embedding_weights=weights)], device="cpu")


@cache
def _start(dimensions: int) -> tuple[PreTrainedTokenizerFast, torch.Tensor]:
    """The transformer's tokenizer and its token embeddings on their largest directions."""
    transformer = load_pretrained(device="cpu")
    table = next(weight for name, weight in transformer.named_parameters() if "word_embeddings" in name).detach()
    centred = (table - table.mean(dim=0)).double()
    _, directions = torch.linalg.eigh(centred.T @ centred)
    return transformer.tokenizer, (table.double() @ directions[:, -dimensions:]).float()


@contextmanager
def _one_thread() -> Iterator[None]:
    """Steps this small gain nothing from a second core, and lose much when it is busy; their numbers repeat."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
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
    with _one_thread():
        return train_sbert(
            model,
            rows,
            loss=lambda taught: loss_for(kind, taught),
            epochs=epochs,
            batch_size=batch_size,
            learning_rate=learning_rate,
            seed=seed,
            device="cpu",
            bf16=False,
            log_every=5,
        )


# ---- one number for each held-out row, so that intervals can be drawn from them ---------------------------------


def cosines(model: SentenceTransformer, left: pd.Series, right: pd.Series) -> np.ndarray:
    """Cosine of each pair of texts, shape (rows,)."""
    return (encode(model, left) * encode(model, right)).sum(axis=1)


def pair_features(model: SentenceTransformer, rows: pd.DataFrame) -> np.ndarray:
    """What the softmax sees of two sentences: u, v and |u - v|, shape (rows, 3 * dimensions)."""
    u, v = encode(model, rows["sentence1"]), encode(model, rows["sentence2"])
    return np.hstack([u, v, np.abs(u - v)])


def nli_right(model: SentenceTransformer, train: pd.DataFrame, held_out: pd.DataFrame) -> np.ndarray:
    """Whether each held-out label is found by a logistic regression on `pair_features`, fitted on training rows."""
    from sklearn.linear_model import LogisticRegression

    classifier = LogisticRegression(C=10, max_iter=5000).fit(pair_features(model, train), train["label"])
    return classifier.predict(pair_features(model, held_out)) == held_out["label"].to_numpy()


def triplet_right(model: SentenceTransformer, rows: pd.DataFrame) -> np.ndarray:
    """Whether each anchor lies nearer to its positive than to its negative, shape (rows,)."""
    near, far = (cosines(model, rows["anchor"], rows[column]) for column in ("positive", "negative"))
    return near > far


def places(model: SentenceTransformer, pairs: pd.DataFrame, candidates: pd.Series) -> np.ndarray:
    """The place, from 1, of each anchor's positive among the candidates, of which it is one; shape (pairs,)."""
    anchors = encode(model, pairs["anchor"])
    right = (anchors * encode(model, pairs["positive"])).sum(axis=1, keepdims=True)
    return 1 + (anchors @ encode(model, candidates).T > right + 1e-6).sum(axis=1)


def outcomes(model: SentenceTransformer, rows: Rows) -> dict[str, tuple[np.ndarray, ...]]:
    """What each measure is computed from, one entry a held-out row.

    Returns:
        ``sts``: cosine and score; ``nli`` and ``triplets``: right or wrong; ``pairs``: right at the first place or not,
        among the positives of all pairs.
    """
    scored = rows["sts"][1]
    everything = pd.concat([part["positive"] for part in rows["pairs"]])
    return {
        "sts": (cosines(model, scored["sentence1"], scored["sentence2"]), scored["score"].to_numpy()),
        "nli": (nli_right(model, *rows["nli"]),),
        "triplets": (triplet_right(model, rows["triplets"][1]),),
        "pairs": (places(model, rows["pairs"][1], everything) == 1,),
    }


def measure(*columns: np.ndarray) -> float:
    """Spearman's correlation of two columns, the mean of one."""
    if len(columns) == 1:
        return float(np.mean(columns[0]))
    return float(spearmanr(*columns).statistic)


def interval(*columns: np.ndarray, before: tuple[np.ndarray, ...] | None = None, seed: int = 0) -> np.ndarray:
    """A measure with its 95 % bootstrap interval, or its gain over ``before`` on the same rows: mean, low, high."""
    rng = np.random.default_rng(seed)

    def value(chosen: np.ndarray | slice) -> float:
        gained = measure(*(column[chosen] for column in columns))
        return gained - measure(*(column[chosen] for column in before)) if before else gained

    drawn = [value(rng.integers(len(columns[0]), size=len(columns[0]))) for _ in range(RESAMPLES)]
    return np.array([value(slice(None)), *np.quantile(drawn, [0.025, 0.975])])


def before_and_after(
    kind: str, rows: Rows, *, learning_rate: float = 0.05, epochs: int = 20, batch_size: int = 16, seed: int = 0
) -> pd.DataFrame:
    """Teaches a fresh static model one kind of row and measures it on all four kinds of held-out rows.

    Returns:
        One row a kind: ``before``, ``after`` and ``gain``, rounded to two decimals.

    Raises:
        ValueError: An unknown kind, or a setting that cannot train anything.
    """
    if min(epochs, batch_size, learning_rate) <= 0 or batch_size < 2:
        raise ValueError("epochs and learning rate must be positive, and a batch needs two rows")
    model = static_model()
    before = {name: measure(*found) for name, found in outcomes(model, rows).items()}
    teach(model, kind, rows[kind][0], learning_rate=learning_rate, epochs=epochs, batch_size=batch_size, seed=seed)
    after = {name: measure(*found) for name, found in outcomes(model, rows).items()}
    table = pd.DataFrame({"before": before, "after": after})
    return table.assign(gain=table["after"] - table["before"]).round(2) + 0.0
