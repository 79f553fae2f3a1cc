"""For notebook 14: the whole exam on one table, what each step bought, who is best at what, and which one to use."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from kgss_helpers.exam.films import FAMILIES, HEADLINE, gain, results
from kgss_helpers.exam.results import ALL, Cost, ExamResult, difference
from kgss_helpers.exam.statistics import Interval
from kgss_helpers.files import DATA
from kgss_helpers.question import Split

SYSTEM = "hybrid (learned router), tuned reader"
"""The row of the one system: all evidence, weighed by what was learned from validation questions."""
TUNED_DOCUMENTS, TUNED_COUNTS = "tuned, documents", "soft structured query, tuned reader"
LARGER, AVERAGED = "mpnet", "averaged weights"
"""Stand in the names of rows with readers that the system lacks; the first has five times the weights of its own."""
WEIGHED = "fields with learned weights"
"""So begin the names of rows that compare many texts of a node, word by word too, which the system does not."""
READERS = ("MiniLM", LARGER, "tuned", AVERAGED)
"""What the names of rows begin with that share one reader's vectors."""
KINDS = {
    "nothing read": ("random", "popularity"),
    "shared words": ("word match (BM25)", "word match (BM25) on films", "word match (BM25) on skills", "TF-IDF"),
    "counts": (
        "structured query", "soft structured query", "soft structured query, keywords too",
        "soft structured query, next credits too", "soft structured query, mpnet reader",
    ),
    "word vectors": (
        "PPMI-SVD", "GloVe, trained here", "GloVe 6B", "Word2Vec, skip-gram", "FastText",
        "character CNN, trained on slips",
    ),
    "graph alone": (
        "personalised PageRank", "Adamic–Adar", "graph walks", "link vectors, ranking loss", "ComplEx", "LightGCN",
        "GraphSAGE without text", "learned proximity, years too",
    ),
    "texts, untuned": (
        "MiniLM, names", "MiniLM, documents", "MiniLM, descriptions and documents",
        "mpnet, names", "mpnet, documents", "mpnet, descriptions and documents",
    ),
    "texts and graph": (
        "MiniLM, documents, 2 hops of averaging", "GraphSAGE with text", "GraphSAGE with text, distilled PageRank",
        "MiniLM, documents, Correct and Smooth",
    ),
    "fine-tuned": (
        "tuned, names", TUNED_DOCUMENTS, "tuned, descriptions and documents", TUNED_COUNTS,
        "soft structured query, keywords too, tuned reader", "averaged weights, documents",
        "averaged weights, descriptions and documents", "soft structured query, tuned mpnet reader",
        "soft structured query, keywords too, tuned mpnet reader",
    ),
    "weighed fields": (WEIGHED, f"{WEIGHED}, tuned reader"),
    "all together": (SYSTEM,),
}  # fmt: skip
"""The rows of the table, by what they go by; the last kind combines the others."""
OTHERS_TOGETHER = "hybrid"
"""What the names of further rows of the last kind begin with, if some are recorded: other readers, other weights."""
TOGETHER = "all together"
RENEWED_BY = {
    "nothing read": "python -m kgss_helpers exam --renew",
    "shared words": "python -m kgss_helpers exam --renew; TF-IDF: python -m kgss_helpers.runs.counted_words",
    "counts": "python -m kgss_helpers.runs.untuned; next credits: .graph_embeddings; mpnet: .tuned --untuned",
    "word vectors": (
        "python -m kgss_helpers.runs.counted_words, .predicted_words; the CNN: python -m "
        "kgss_helpers.runs.character_vectors"
    ),
    "graph alone": "python -m kgss_helpers.runs.graph_embeddings; walks: .predicted_words; links: .link_embeddings",
    "texts, untuned": (
        "python -m kgss_helpers.runs.untuned; mpnet: python -m kgss_helpers.runs.tuned --untuned --name mpnet "
        "--model all-mpnet-base-v2"
    ),
    "texts and graph": "python -m kgss_helpers.runs.sage_with_text; averaging: .untuned",
    "fine-tuned": "python -m kgss_helpers.runs.tuned; averaged weights: --averaged; mpnet: its help says how",
    "weighed fields": "python -m kgss_helpers.runs.field_weights, then with --reader tuned",
    "all together": "python -m kgss_helpers.runs.hybrid_rows --reader tuned",
}
"""Which command records the rows of a kind anew."""
SHORT = {
    "word match (BM25)": "BM25, names and descriptions",
    "word match (BM25) on films": "BM25, documents with films",
    "word match (BM25) on skills": "BM25, documents with skills",
    "Word2Vec, skip-gram": "Word2Vec",
    "character CNN, trained on slips": "character CNN",
    "link vectors, ranking loss": "link vectors",
    "learned proximity, years too": "learned proximity",
    "GraphSAGE with text, distilled PageRank": "GraphSAGE + distilled PageRank",
    "MiniLM, documents, 2 hops of averaging": "SGC (2 hops of averaging)",
    "MiniLM, documents, Correct and Smooth": "Correct and Smooth",
    "hybrid (learned router)": "one system, untuned reader",
    "hybrid (reciprocal ranks), tuned reader": "all believed alike",
    "hybrid, late interaction, tuned reader": "late interaction on top",
    WEIGHED: "weighed fields",
    f"{WEIGHED}, tuned reader": "weighed fields, tuned reader",
    SYSTEM: "one system (learned router)",
}
"""Recorded names → what stands for them where room is short."""
LADDER = (
    ("chance", "random"),
    ("exact words", "word match (BM25) on skills"),
    ("counted words", "PPMI-SVD"),
    ("predicted words", "FastText"),
    ("words that read the web", "GloVe 6B"),
    ("the graph as a network", "GraphSAGE without text"),
    ("a transformer reads names", "MiniLM, names"),
    ("… and what the graph says", "MiniLM, documents"),
    ("… and its neighbours", "GraphSAGE with text"),
    ("a space reads, the graph counts", "soft structured query"),
    ("the model is fine-tuned", TUNED_DOCUMENTS),
    ("… reads, and the graph counts", TUNED_COUNTS),
    ("all evidence, one router", SYSTEM),
)
"""The steps of the workbook, each with the row that it led to."""
NEEDS = {
    "role and genre are named": ("role and genre",),
    "asked in words of one's own": ("other words", "theme"),
    "a story retold": ("plot",),
    "another word for it": ("keyword",),
    "more like this": ("alike",),
    "which edge comes next": ("credit",),
    "who could, though nothing says so": ("implicit",),
    "nodes that came yesterday": ("newcomer",),
    "a bit of everything": FAMILIES,
}
"""What somebody needs → the families that ask for it."""
TUNING = DATA / "results" / "tuned"
MANY = 10_000
"""Costs are compared as processor time: learning once, and so many questions."""


def rows(split: Split = "test") -> dict[str, ExamResult]:
    """The recorded results of `KINDS` by name, in that order.

    Raises:
        ValueError: One is not recorded; names it and the command that records it.
    """
    found = {result.method: result for result in results(split=split)}
    for kind, names in KINDS.items():
        for name in names:
            if name not in found:
                raise ValueError(f"{name!r} is not recorded for {split}; record it: {RENEWED_BY[kind]}")
    names = [name for kind in KINDS for name in KINDS[kind] if kind != TOGETHER]
    names += [name for name in sorted(found) if name.startswith(OTHERS_TOGETHER) and name not in KINDS[TOGETHER]]
    return {name: found[name] for name in (*names, *KINDS[TOGETHER])}


def kind_of(name: str) -> str:
    """Which of `KINDS` a row belongs to."""
    return next((kind for kind, names in KINDS.items() if name in names), TOGETHER)


def short(name: str) -> str:
    """A row's name where room is short."""
    return SHORT.get(name, name.replace("soft structured query", "soft query"))


def means(found: Mapping[str, ExamResult]) -> pd.DataFrame:
    """nDCG@10, methods as rows, families as columns, their mean last."""
    table = pd.DataFrame(
        {name: {of: part.mean() for of, part in one.by_family().items()} for name, one in found.items()}
    )
    table = table.T[list(FAMILIES)]
    return table.assign(mean=table.mean(axis=1))


def in_full(found: Mapping[str, ExamResult]) -> pd.DataFrame:
    """Each family with its 95 % interval, then what it costs: the columns of ``python -m kgss_helpers exam``."""
    shown = [
        pd.concat([one.row()[[*FAMILIES, ALL]], one.cost_row()]).rename(short(name)) for name, one in found.items()
    ]
    return pd.DataFrame(shown).rename_axis("method")


# ---- who is best at what ---------------------------------------------------------------------------------------------


def mean_of(result: ExamResult, families: Sequence[str] = FAMILIES) -> float:
    """nDCG@10, each family counting the same."""
    by_family = result.by_family()
    return float(sum(by_family[family].mean() for family in families) / len(families))


def best_at(families: Sequence[str], scores: pd.DataFrame) -> str:
    """The row with the best mean over families; scores are those of `means` on the half that one may look at.

    Of several, the system, or else the first: the simplest.
    """
    mean = scores[list(families)].mean(axis=1).round(4)
    best = mean.index[mean == mean.max()].tolist()
    return SYSTEM if SYSTEM in best else str(best[0])


def single(found: Mapping[str, ExamResult]) -> dict[str, ExamResult]:
    """The rows that go by one kind of evidence, or by one after another: all but those that combine."""
    return {name: one for name, one in found.items() if kind_of(name) != TOGETHER}


def within_reach(found: Mapping[str, ExamResult]) -> dict[str, ExamResult]:
    """The rows without other readers and weighed fields: all that the system, as it is, could have been made of."""
    beyond = (LARGER, AVERAGED, WEIGHED)
    return {name: one for name, one in found.items() if not any(part in name for part in beyond)}


def winners(validation: Mapping[str, ExamResult], test: Mapping[str, ExamResult]) -> pd.DataFrame:
    """For each family the best single method, chosen on validation, and its score on test.

    Columns ``method``, ``kind``, ``test`` and ``best on test``, the row that nobody could have known.
    """
    shown, seen, unseen = {}, means(single(validation)), means(single(test))
    for family in FAMILIES:
        chosen, hindsight = best_at([family], seen), best_at([family], unseen)
        shown[family] = {
            "method": short(chosen), "kind": kind_of(chosen), "test": str(test[chosen].interval(family)),
            "best on test": "the same" if hindsight == chosen else short(hindsight),
        }  # fmt: skip
    return pd.DataFrame(shown).T.rename_axis("family")


def against_best(
    system: str, validation: Mapping[str, ExamResult], test: Mapping[str, ExamResult]
) -> dict[str, tuple[str, Interval, Interval, Interval]]:
    """Family → the best single method (chosen on validation), its score, the system's, and the paired difference."""
    found, seen = {}, means(single(validation))
    for family in FAMILIES:
        rival = best_at([family], seen)
        scores = (test[name].interval(family) for name in (rival, system))
        found[family] = (rival, *scores, difference(test[system], test[rival], family))
    rival = best_at(FAMILIES, seen)
    found[ALL] = (rival, test[rival].interval(), test[system].interval(), gain(test[system], test[rival]))
    return found


def verdict(gained: Interval) -> str:
    """What an interval of a difference says."""
    return "better" if gained.low > 0 else "worse" if gained.high < 0 else "as good"


def beside_best(found: Mapping[str, tuple[str, Interval, Interval, Interval]]) -> pd.DataFrame:
    """`against_best` as a table."""
    shown = {
        family: {
            "best single method": short(rival), "its score": str(its), "the system": str(ours),
            "difference": f"{gained:+}", "the system is": verdict(gained),
        }
        for family, (rival, its, ours, gained) in found.items()
    }  # fmt: skip
    return pd.DataFrame(shown).T.rename_axis("family")


# ---- what each step bought -------------------------------------------------------------------------------------------


def ladder(found: Mapping[str, ExamResult]) -> pd.DataFrame:
    """The steps of the workbook: ``step``, ``method``, and mean, low and high of the headline family and of all.

    Columns of numbers are ``headline``, ``headline low``, ``headline high``, ``mean``, ``mean low``, ``mean high``.
    """
    shown = []
    for step, name in LADDER:
        parts = {"headline": found[name].interval(HEADLINE), "mean": found[name].interval()}
        numbers = {
            f"{part} {end}".strip(): value
            for part, interval in parts.items()
            for end, value in zip(("", "low", "high"), interval, strict=True)
        }
        shown.append({"step": step, "method": short(name), **numbers})
    return pd.DataFrame(shown)


# ---- which one to use ------------------------------------------------------------------------------------------------


def cost_of(result: ExamResult) -> Cost:
    """What a row took, with the fine-tuning of its reader; a row that was not measured costs infinitely much."""
    cost = result.cost or Cost(float("inf"), 0, float("inf"))
    is_tuned = "tuned" in result.method or kind_of(result.method) == "fine-tuned"
    return replace(
        cost, seconds=cost.seconds + _tuning_seconds(LARGER if LARGER in result.method else "tuned") * is_tuned
    )


def _tuning_seconds(reader: str) -> float:
    """Of the recorded training that the tuned rows of a reader stand on."""
    return 60 * json.loads((TUNING / f"{reader}-seed-0.json").read_text(encoding="utf-8"))["minutes"]


def processor_seconds(result: ExamResult, *, questions: int = MANY) -> float:
    """Learning once and answering so many questions."""
    cost = cost_of(result)
    return cost.seconds + cost.milliseconds * questions / 1000


def cheapest_as_good(families: Sequence[str], best: str, found: Mapping[str, ExamResult]) -> str:
    """Of the rows that are not worse than the best by the interval, the one that costs least."""
    for name in sorted(found, key=lambda name: processor_seconds(found[name])):
        first, second = found[best], found[name]
        if name == best or (_is_near(first, second, families) and gain(first, second, families).low <= 0):
            return name
    return best


def _is_near(first: ExamResult, second: ExamResult, families: Sequence[str]) -> bool:
    """Whether the first is better by less than four standard errors: beyond, there is nothing to resample."""
    one, other = first.by_family(), second.by_family()
    apart = [one[family] - other[family][one[family].index] for family in families]
    error = np.sqrt(sum(part.var() / len(part) for part in apart))
    return bool(sum(part.mean() for part in apart) <= 4 * error)


def charged(validation: Mapping[str, ExamResult], test: Mapping[str, ExamResult]) -> dict[str, ExamResult]:
    """The test rows, each that shares a reader's vectors with the most that any of these rows took in either half.

    Whichever came first paid for reading all texts and questions, and the others found it done. Weighed fields read
    texts that were read before, too.
    """
    rows, read = dict(test), {}
    for reader in READERS:
        shared = [name for name in test if name.startswith(f"{reader}, ")]
        paid = [half[name].cost for half in (validation, test) for name in shared]
        paid = [cost for cost in paid if cost is not None]
        if paid:
            seconds, milliseconds = (max(getattr(cost, of) for cost in paid) for of in ("seconds", "milliseconds"))
            read[reader] = seconds
            for name in shared:
                size = test[name].cost.bytes_a_node if test[name].cost else 0
                rows[name] = replace(test[name], cost=Cost(seconds, size, milliseconds))
    for name in (name for name in test if name.startswith(WEIGHED) and test[name].cost):
        seconds = sum(read.get(reader, 0) for reader in ("MiniLM", "tuned")[: 1 + ("tuned" in name)])
        rows[name] = replace(test[name], cost=replace(test[name].cost, seconds=test[name].cost.seconds + seconds))
    return rows


def decisions(validation: Mapping[str, ExamResult], test: Mapping[str, ExamResult]) -> pd.DataFrame:
    """For each need the best row (chosen on validation), and the cheapest that is not measurably worse on test."""
    shown, seen, test = {}, means(validation), charged(validation, test)
    for need, families in NEEDS.items():
        best = best_at(families, seen)
        cheap = cheapest_as_good(families, best, test)
        cost = cost_of(test[cheap])
        shown[need] = {
            "best": short(best), "it scores": f"{mean_of(test[best], families):.2f}",
            "cheapest as good": short(cheap), "which scores": f"{mean_of(test[cheap], families):.2f}",
            "to learn": f"{cost.seconds:,.0f} s", "a question": f"{cost.milliseconds:,.0f} ms",
        }  # fmt: skip
    return pd.DataFrame(shown).T.rename_axis("need")
