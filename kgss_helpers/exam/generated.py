"""An exam for any graph, made from the graph itself: what is asked is taken out of it first, or can be counted in it.

Nobody has to write a question. That makes these the easy kind: they are asked in the graph's words. They compare
methods on data of one's own; questions as people ask them have to be collected from people.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from kgss_helpers.files import announce, slug
from kgss_helpers.graph import GraphError, KnowledgeGraph, did_you_mean
from kgss_helpers.question import Question, Split
from kgss_helpers.text.schema import counted_roles, role_name, schema_of
from kgss_helpers.text.sentences import verb

ROLE, SUBJECT, DESCRIPTION, EDGE = "role and subject", "subject", "description", "edge"
FAMILIES = (ROLE, SUBJECT, DESCRIPTION, EDGE)
SPLITS: tuple[Split, Split] = ("validation", "test")
ROLE_FORMS = ("{role} in {subject}", "a good {role} for {subject}", "we need a {role} who knows {subject}")
SUBJECT_FORMS = (
    "who could help me with {subject}?",
    "somebody who knows about {subject}",
    "I have a question about {subject}, whom do I ask?",
)
TOO_MANY = 50
"""A question with more right answers than this is too easy to separate anybody."""
SHORTEST = 4
"""A question made of a description has at least so many words."""
SHARE = 0.1
"""Of the edges, at most so many are held out for each half."""


@dataclass(frozen=True, eq=False)
class GeneratedExam:
    """An exam of one graph; `kgss_helpers.exam.sit` takes ``graph`` and ``questions``.

    Attributes:
        graph: What a method may see and learn from: all nodes, without the sentences and edges that are asked about.
        questions: Of both halves.
        held_out: The edges that are asked about: ``source``, ``relation``, ``target``, ``split``.
        left_out: Families that this graph cannot have, and why.
    """

    graph: KnowledgeGraph
    questions: tuple[Question, ...] = field(repr=False)
    held_out: pd.DataFrame = field(repr=False)
    left_out: dict[str, str]

    def sizes(self) -> pd.DataFrame:
        """How many questions each family has in each half."""
        rows = [(question.family, question.split) for question in self.questions]
        table = pd.DataFrame(rows, columns=["family", "split"]).value_counts().unstack(fill_value=0)
        return table.reindex(index=[family for family in FAMILIES if family in table.index], columns=list(SPLITS))


def generated_exam(
    graph: KnowledgeGraph, seed: int = 0, *, families: Sequence[str] = FAMILIES, at_least: int = 2, most: int = 40
) -> GeneratedExam:
    """Makes questions whose answers the graph knows.

    - *role and subject*, *subject*: who has a role in at least ``at_least`` projects of a subject (twice as many: grade
      2), or any roles in one more than that. What a project and a subject is, `kgss_helpers.text.schema.schema_of`
      reads off the graph. Counted in what methods see, so a structured query is the ceiling; whom only held-out edges
      prove leaves the ranking. The halves have subjects of their own.
    - *description*: the second half of the sentences that describe a project (any node, where there are no projects) is
      the question, and the first stays.
    - *edge*: *Ada Quill researcher in …*; right are edges that were held out, and what else the node is joined to
      leaves the ranking. Nothing that a name in a description gives away is held out, and every node keeps an edge.

    Args:
        graph: Everything.
        seed: The same seed gives the same exam.
        families: Some of `FAMILIES`.
        at_least: The threshold of the first family.
        most: So many questions a family and half, drawn by lot where there are more.

    Returns:
        The exam. A family that the graph is too small or too poor for is left out, with a warning that says why.

    Raises:
        GraphError: No family is left; says why for each.
        ValueError: There is no such family, or a number is less than 1.
    """
    if not families:
        raise ValueError(f"an exam needs at least one family; there are {', '.join(FAMILIES)}")
    unknown = next((family for family in families if family not in FAMILIES), None)
    if unknown is not None:
        there = ", ".join(FAMILIES) + did_you_mean(unknown, FAMILIES)
        raise ValueError(f"there is no family {unknown!r}; there are {there}")
    if min(at_least, most) < 1:
        raise ValueError(f"at_least and most must be 1 or more, not {at_least} and {most}")
    made = _Making(graph, np.random.default_rng(seed), at_least, most)
    visible = made.descriptions(graph) if DESCRIPTION in families else graph
    visible = made.edges(visible, seed) if EDGE in families else visible
    if {ROLE, SUBJECT} & set(families):
        made.counts(visible, families)
    if not made.questions:
        reasons = "; ".join(f"{family}: {reason}" for family, reason in made.left_out.items())
        raise GraphError(f"{graph.name} gives no exam. {reasons}")
    if made.left_out:
        reasons = "; ".join(f"{family}: {reason}" for family, reason in made.left_out.items())
        announce(f"the exam of {graph.name} leaves families out. {reasons}")
    asked = sorted(made.questions, key=lambda question: FAMILIES.index(question.family))
    return GeneratedExam(visible, tuple(asked), made.held_out, made.left_out)


class _Making:
    """The questions of one exam while they are made; each family returns what methods still see."""

    def __init__(self, graph: KnowledgeGraph, rng: np.random.Generator, at_least: int, most: int) -> None:
        self.full, self.rng, self.at_least, self.most = graph, rng, at_least, most
        self.names = dict(zip(graph.nodes["node_id"], graph.nodes["name"], strict=True))
        self.types = dict(zip(graph.nodes["node_id"], graph.nodes["node_type"], strict=True))
        self.questions: list[Question] = []
        self.left_out: dict[str, str] = {}
        self.asked = 0
        self.held_out = graph.edges.iloc[:0].assign(split="")

    def one_of(self, forms: Sequence[str]) -> str:
        """One by lot."""
        return forms[self.rng.integers(len(forms))]

    def keep(self, family: str, drawn: dict[Split, list[Question]], reason: str) -> bool:
        """Takes a family's questions if both halves have any, else leaves it out for the reason."""
        if all(drawn.get(split) for split in SPLITS):
            self.questions += [question for split in SPLITS for question in drawn[split]]
            return True
        self.left_out[family] = reason
        return False

    # ---- descriptions ----------------------------------------------------------------------------------------------

    def descriptions(self, graph: KnowledgeGraph) -> KnowledgeGraph:
        """Hides the second halves of some descriptions."""
        plain = [" ".join(text.split()) for text in graph.nodes["description"]]
        everything = "\n".join([*map(str.casefold, plain), *map(str.casefold, self.names.values())])
        kept: dict[int, str] = {}
        drawn: dict[Split, list[Question]] = defaultdict(list)
        halves = [_halves(text) for text in plain]
        kinds = schema_of(graph).project_types or tuple(graph.nodes["node_type"])
        asked = graph.nodes["node_type"].isin(kinds)
        candidates = [row for row in np.flatnonzero(asked) if len(halves[row][1].split()) >= SHORTEST]
        for row in self.rng.permutation(candidates).astype(int)[: 4 * self.most]:
            split = SPLITS[len(kept) % 2]
            hidden, node_id = halves[row][1], graph.nodes["node_id"].iloc[row]
            if len(drawn[split]) == self.most:
                break
            if everything.count(hidden.casefold()) > 1 or self.names[node_id].casefold() in hidden.casefold():
                continue  # another text says it too, or it says the answer
            kept[row] = halves[row][0]
            drawn[split].append(self._question(DESCRIPTION, split, hidden, self.types[node_id], {node_id: 1}))
        reason = (
            f"it needs at least two projects whose description has two sentences, the second with {SHORTEST} words or "
            "more, that nothing else repeats; add a column 'description' to the nodes"
        )
        if not self.keep(DESCRIPTION, drawn, reason):
            return graph
        nodes = graph.nodes.copy()
        nodes.loc[list(kept), "description"] = list(kept.values())
        return KnowledgeGraph(nodes, graph.edges, name=graph.name)

    # ---- edges -----------------------------------------------------------------------------------------------------

    def edges(self, graph: KnowledgeGraph, seed: int) -> KnowledgeGraph:
        """Takes some edges out: of roles, or of any relation where there are no roles."""
        reason = (
            "it needs edges that can be taken away: each node has to keep one, and no description may name the other "
            "end; add edges"
        )
        asked = graph.edges["relation"].isin(schema_of(graph).role_relations or tuple(graph.edges["relation"]))
        fixed = ~asked.to_numpy() | self._given_away(graph)
        if fixed.all():
            self.left_out[EDGE] = reason
            return graph
        shown = graph.split_edges(validation=SHARE, test=SHARE, never_hold_out=fixed, seed=seed)
        joined = self._joined(graph)
        drawn: dict[Split, list[Question]] = {}
        for split, held_out in zip(SPLITS, (shown.validation, shown.test), strict=True):
            drawn[split] = self._edge_questions(held_out, joined, split)
        if not self.keep(EDGE, drawn, reason):
            return graph
        sides = [part.assign(split=split) for split, part in zip(SPLITS, (shown.validation, shown.test), strict=True)]
        self.held_out = pd.concat(sides, ignore_index=True)
        return shown.training_graph

    def _given_away(self, graph: KnowledgeGraph) -> np.ndarray:
        """True for edges one of whose ends is named in the text of the other, or joins a node to itself."""
        text = {
            node_id: f"{name} {description}".casefold()
            for node_id, name, description in graph.nodes[["node_id", "name", "description"]].itertuples(index=False)
        }
        pairs = zip(graph.edges["source"], graph.edges["target"], strict=True)
        said = [
            one == other or self.names[one].casefold() in text[other] or self.names[other].casefold() in text[one]
            for one, other in pairs
        ]
        return np.array(said, dtype=bool)

    def _joined(self, graph: KnowledgeGraph) -> dict[str, set[str]]:
        joined: dict[str, set[str]] = defaultdict(set)
        for source, target in zip(graph.edges["source"], graph.edges["target"], strict=True):
            joined[source].add(target)
            joined[target].add(source)
        return joined

    def _edge_questions(self, held_out: pd.DataFrame, joined: dict[str, set[str]], split: Split) -> list[Question]:
        namesakes = self.full.nodes["name"].value_counts()
        right: dict[tuple[str, str, str], dict[str, int]] = defaultdict(dict)
        for source, relation, target in held_out.itertuples(index=False):
            right[source, relation, self.types[target]][target] = 1
        found = []
        for place in self.rng.permutation(len(right)):
            (source, relation, node_type), relevant = list(right.items())[place]
            if namesakes[self.names[source]] == 1 and len(found) < self.most:
                others = sorted((joined[source] | {source}) - set(relevant))
                text = f"{self.names[source]} {verb(relation)} …"
                found.append(self._question(EDGE, split, text, node_type, relevant, exclude=others))
        return found

    # ---- counts ----------------------------------------------------------------------------------------------------

    def counts(self, graph: KnowledgeGraph, families: Sequence[str]) -> None:
        """Asks for those whom the visible graph proves by counting."""
        reason = (
            "it needs a chain such as person → project → keyword, with edges that point that way, and for two subjects "
            f"somebody who meets them in {self.at_least} projects or more; add edges, or lower at_least"
        )
        before, after = (self._with_types(counted_roles(one)) for one in (self.full, graph))
        subjects = sorted(set(after["subject"]))
        half = {subjects[place]: SPLITS[turn % 2] for turn, place in enumerate(self.rng.permutation(len(subjects)))}
        keys = {ROLE: ["role", "subject", "type"], SUBJECT: ["subject", "type"]}
        for family in (one for one in (ROLE, SUBJECT) if one in families):
            least = self.at_least + (family == SUBJECT)
            now, once = (table.groupby([*keys[family], "holder"])["count"].sum() for table in (after, before))
            proved, ever = _from(least, now), _from(least, once)
            drawn: dict[Split, list[Question]] = defaultdict(list)
            usable = [key for key, people in proved.items() if len(people) <= TOO_MANY]
            for place in self.rng.permutation(len(usable)):
                key = usable[place]
                split = half[key[-2]]
                if len(drawn[split]) < self.most:
                    drawn[split].append(self._counted(family, split, key, proved[key], set(ever[key]), least))
            self.keep(family, drawn, reason)

    def _with_types(self, counted: pd.DataFrame) -> pd.DataFrame:
        return counted.assign(type=counted["holder"].map(self.types))

    def _counted(
        self, family: str, split: Split, key: tuple[str, ...], proved: dict[str, int], ever: set[str], least: int
    ) -> Question:
        right = {holder: 2 if count >= 2 * least else 1 for holder, count in proved.items()}
        words = {"subject": self.names[key[-2]], "role": role_name(key[0])}
        text = self.one_of(ROLE_FORMS if family == ROLE else SUBJECT_FORMS).format(**words)
        return self._question(family, split, text, key[-1], right, exclude=sorted(ever - set(right)))

    def _question(
        self, family: str, split: Split, text: str, node_type: str, right: dict[str, int], exclude: Sequence[str] = ()
    ) -> Question:
        self.asked += 1
        return Question(f"{slug(family)}-{self.asked}", family, split, text, node_type, right, exclude=tuple(exclude))


def _from(least: int, counts: pd.Series) -> dict[tuple[str, ...], dict[str, int]]:
    """What is counted → who is counted at least so often; of a series whose last level is the holder."""
    found: dict[tuple[str, ...], dict[str, int]] = defaultdict(dict)
    for ids, count in counts[counts >= least].items():
        found[ids[:-1]][ids[-1]] = int(count)
    return found


def _halves(text: str) -> tuple[str, str]:
    """The first half of a text's sentences, the middle one included, and the second."""
    sentences = re.split(r"(?<=[.!?…]) ", text)
    middle = (len(sentences) + 1) // 2
    return " ".join(sentences[:middle]), " ".join(sentences[middle:])
