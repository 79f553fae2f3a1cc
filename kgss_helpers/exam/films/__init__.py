"""The film exam, second edition: its graph and what is held out, its questions, its table.

`holdout` draws what no method sees, `families` makes the questions that the graph proves, `by_hand` reads what people
wrote and judged, `variants` puts questions differently, `ceilings` says what counting alone can reach, and
`first_edition` keeps the exam that older recorded runs were measured with.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from typing import Literal, get_args

import pandas as pd

from kgss_helpers.datasets.films import load_films
from kgss_helpers.exam import sitting
from kgss_helpers.exam.films import by_hand
from kgss_helpers.exam.films.families import Families
from kgss_helpers.exam.films.first_edition import FAMILIES as FIRST_FAMILIES
from kgss_helpers.exam.films.first_edition import first_graph, first_questions, first_split
from kgss_helpers.exam.films.holdout import hold_out
from kgss_helpers.exam.films.variants import with_variants
from kgss_helpers.exam.results import ALL, EDITION, ExamResult, difference, in_order, recorded
from kgss_helpers.exam.statistics import Interval, mean_interval
from kgss_helpers.files import DATA
from kgss_helpers.graph import KnowledgeGraph
from kgss_helpers.methods.protocol import Encoder, Method
from kgss_helpers.question import Question, Split, load_questions
from kgss_helpers.text.documents import Style, documents

Family = Literal["role and genre", "other words", "theme", "plot", "keyword", "alike", "credit", "implicit", "newcomer"]
FAMILIES: tuple[Family, ...] = get_args(Family)
HEADLINE: Family = "other words"
"""The family that the table is sorted by: what somebody meets who asks in words of their own."""
QUESTIONS = by_hand.FOLDER / "questions.jsonl"
RESULTS = {1: DATA / "results" / "first_edition" / "exam", 2: DATA / "results" / "exam"}
_SAT: dict[tuple[int, str, str], ExamResult] = {}
"""What sat the film exam in this session, by edition, method and split."""


@dataclass(frozen=True, eq=False)
class FilmExam:
    """One edition of the film exam.

    Attributes:
        edition: 2, or 1 for older recorded runs.
        graph: Everything; it proves the answers, and no method may see it.
        training_graph: All that a method may learn from.
        newcomer_graph: The training graph and the newcomers with all their edges; the training graph where an edition
            has none.
        validation: Edges between known nodes, held out for the validation half.
        test: Likewise for the test half.
        newcomers: Ids of the people and films that are in no training graph.
        questions: All questions, variants included.
    """

    edition: int
    graph: KnowledgeGraph = field(repr=False)
    training_graph: KnowledgeGraph
    newcomer_graph: KnowledgeGraph
    validation: pd.DataFrame = field(repr=False)
    test: pd.DataFrame = field(repr=False)
    newcomers: frozenset[str] = field(repr=False)
    questions: tuple[Question, ...] = field(repr=False)

    def texts(self, style: Style) -> list[str]:
        """One text for each node of ``newcomer_graph``, for a method that embeds all of them at once.

        What is said of a known node is written from the training graph alone.
        """
        known = dict(zip(self.training_graph.nodes["node_id"], documents(self.training_graph, style), strict=True))
        everyone = zip(self.newcomer_graph.nodes["node_id"], documents(self.newcomer_graph, style), strict=True)
        return [known.get(node_id, text) for node_id, text in everyone]


def film_exam(edition: int = EDITION) -> FilmExam:
    """The film exam, read once a session.

    Raises:
        ValueError: There is no such edition.
    """
    return read_film_exam(edition)


@cache
def read_film_exam(edition: int) -> FilmExam:
    """The film exam, read from its files; `film_exam` reads each edition once."""
    if edition == 1:
        graph = first_graph()
        split = first_split(graph)
        training, asked = split.training_graph, tuple(first_questions())
        return FilmExam(1, graph, training, training, split.validation, split.test, frozenset(), asked)
    if edition != EDITION:
        raise ValueError(f"there is no edition {edition!r} of the film exam; there are 1 and {EDITION}")
    held_out = hold_out(load_films())
    return FilmExam(
        EDITION, held_out.graph, held_out.training_graph, held_out.newcomer_graph, held_out.validation, held_out.test,
        held_out.newcomers, tuple(with_variants(load_questions(QUESTIONS))),
    )  # fmt: skip


def gain(first: ExamResult, second: ExamResult, families: Sequence[str] = FAMILIES) -> Interval:
    """By how much the first is better, paired over questions, each family counting the same."""
    if len(families) == 1:
        return difference(first, second, families[0])
    one, other = first.by_family(), second.by_family()
    return mean_interval(*((one[family] - other[family][one[family].index]).to_numpy() for family in families))


def derive_questions() -> list[Question]:
    """All questions without their variants, made anew from the graph and from what was written by hand."""
    return Families(hold_out(load_films())).all()


def training_graph(edition: int = EDITION) -> KnowledgeGraph:
    """The film graph without newcomers and held-out edges: the only graph a method may learn from."""
    return film_exam(edition).training_graph


def sit(
    method: Method | Encoder,
    *,
    split: Split = "test",
    graph: KnowledgeGraph | None = None,
    questions: Sequence[Question] | None = None,
    fit: bool = True,
    newcomer_graph: KnowledgeGraph | None = None,
    variants: bool = True,
    edition: int = EDITION,
) -> ExamResult:
    """Lets a method sit the film exam, or any other.

    Args:
        method: As for `kgss_helpers.exam.sitting.sit`.
        split: ``"validation"`` while tuning, ``"test"`` to report.
        graph: What the method may see; the film graph without what is held out if not given. A graph comes with its
            questions.
        questions: Of any families; those of the film exam if not given.
        fit: Fit an encoder on the graph first; False for one that is trained already.
        newcomer_graph: With a graph of one's own: as for `kgss_helpers.exam.sitting.sit`.
        variants: Ask the misspelt and the Hungarian questions too; they count in no family.
        edition: Of the film exam.

    Returns:
        What it scored; with the film exam's own questions it also joins `table` for the rest of the session.

    Raises:
        ValueError: As `kgss_helpers.exam.sitting.sit` does, or a graph is given without questions.
    """
    if graph is not None and questions is None:
        raise ValueError(f"the film exam's questions are not about {graph.name}: pass questions= that it answers")
    if graph is not None and questions is not None:
        result = sitting.sit(
            method, graph=graph, questions=questions, split=split, fit=fit, newcomer_graph=newcomer_graph
        )
        return replace(result, edition=edition)
    the_exam = film_exam(edition)
    asked = [one for one in (the_exam.questions if questions is None else questions) if variants or not one.variant]
    result = sitting.sit(
        method, graph=the_exam.training_graph, questions=asked, split=split, fit=fit,
        newcomer_graph=the_exam.newcomer_graph if the_exam.newcomers else None,
    )  # fmt: skip
    result = replace(result, edition=edition)
    if questions is None:
        families = FAMILIES if edition == EDITION else FIRST_FAMILIES
        result = replace(result, scores=in_order(result.scores, families))
        _SAT[edition, method.name, split] = result
    return result


def table(
    metric: str = "nDCG@10", *, split: Split = "test", edition: int = EDITION, variants: bool = False
) -> pd.DataFrame:
    """Every method's row, worst first by the headline family (by the mean of all families where there is none).

    With ``variants`` it is the questions as they were written that rows are sorted by.

    Shows what is recorded in ``data/results`` and what sat the exam in this session: families, cost, and what each
    method sees.

    Args:
        metric: One of the exam's metrics.
        split: Which half.
        edition: Of the exam.
        variants: Show the questions put differently instead of the families.

    Raises:
        ValueError: The metric is unknown.
    """
    ExamResult.require_metric(metric)
    shown = results(split=split, edition=edition)
    shown.sort(key=lambda result: result.mean_as_written(metric) if variants else _headline(result, metric))
    if variants:
        rows = [result.variant_row(metric) for result in shown]
    else:
        rows = [pd.concat([result.row(metric), result.cost_row()]).rename(result.method) for result in shown]
    return pd.DataFrame(rows).rename_axis("method").fillna("")


def results(*, split: Split = "test", edition: int = EDITION) -> list[ExamResult]:
    """What is recorded, and what sat the film exam in this session, which stands for a record of the same name."""
    kept = {(result.method, result.split): result for result in recorded(RESULTS[edition], edition=edition)}
    kept |= {(name, which): result for (of, name, which), result in _SAT.items() if of == edition}
    return [result for (_, which), result in kept.items() if which == split]


def _headline(result: ExamResult, metric: str) -> float:
    """What the table is sorted by: the headline family, or the mean where a result has none."""
    return result.interval(HEADLINE if HEADLINE in result.by_family() else ALL, metric).mean
