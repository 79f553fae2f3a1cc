"""Rows that teach a model how people ask: questions in words of their own, and what in the graph they are about.

All words were written by hand, by writers who had not seen the exam's: whole questions that name neither role nor
genre, sentences with a gap for a subject, descriptions of genres and of keywords, and films retold.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd

from kgss_helpers.files import DATA, require_file
from kgss_helpers.films.roles import HAS_KEYWORD
from kgss_helpers.films.skills import skilled_people
from kgss_helpers.films.wording import ASKED_ABOUT
from kgss_helpers.graph import KnowledgeGraph
from kgss_helpers.text.documents import documents
from kgss_helpers.text.rows import DESCRIPTION, SKILL, fact_key
from kgss_helpers.text.schema import PHRASE

ASKING = DATA / "asking"
TABLES = {
    "questions": ("role", "genre", "text"),
    "role_forms": ("role", "form"),
    "genre_scenes": ("genre", "phrase"),
    "keyword_phrases": ("node_id", "name", "phrase"),
    "retellings": ("node_id", "text"),
}
COLUMNS = ["anchor", "positive", "relation", "node_id", "other", "fact"]
Row = tuple[str, str, str, str, str, str]


@cache
def load_asking(folder: Path | str = ASKING) -> dict[str, pd.DataFrame]:
    """The tables by name, with the columns of `TABLES`.

    Raises:
        FileNotFoundError: A table is missing.
        ValueError: A column is missing or a cell is empty; names file and line.
    """
    return {name: _read(Path(folder) / f"{name}.csv", columns) for name, columns in TABLES.items()}


def _read(path: Path, columns: Sequence[str]) -> pd.DataFrame:
    table = pd.read_csv(require_file(path), keep_default_na=False, dtype=str)
    if list(table.columns) != list(columns):
        raise ValueError(f"{path.name}: the header must be {','.join(columns)}, and is {','.join(table.columns)}")
    for column in columns:
        empty = table[column].str.strip() == ""
        if empty.any():
            raise ValueError(f"{path.name}, line {int(empty.to_numpy().argmax()) + 2}: {column} is empty; fill it in")
    return table


class Asking:
    """Makes the rows of one graph and seed; `asking_rows` is how to call it."""

    def __init__(self, graph: KnowledgeGraph, seed: int) -> None:
        self.graph, self.rng, self.tables = graph, np.random.default_rng(seed), load_asking()
        nodes = graph.nodes
        self.full = dict(zip(nodes["node_id"], documents(graph, "skills"), strict=True))
        self.described = dict(zip(nodes["node_id"], nodes["description"], strict=True))
        genres = nodes[nodes["node_type"] == "genre"]
        self.genre_ids = dict(zip(genres["name"], genres["node_id"], strict=True))
        self.forms = self.tables["role_forms"].groupby("role")["form"].agg(list).to_dict()
        self.scenes = self.tables["genre_scenes"].groupby("genre")["phrase"].agg(list).to_dict()
        skilled = skilled_people(graph)
        self.skilled = skilled.groupby(["role", "genre"])["person"].agg(list).to_dict()
        holders = graph.edges[graph.edges["relation"] == HAS_KEYWORD]
        self.projects_of = holders.groupby("target")["source"].agg(list).to_dict()

    def one_of(self, values: Sequence[str]) -> str:
        """One by lot."""
        return values[self.rng.integers(len(values))]

    def composed(self, role: str, subject: str) -> str:
        """A sentence of somebody who looks for the role, with a subject in its gap."""
        return self.one_of(self.forms[role]).replace("{theme}", subject)

    def of_skill(self, question: str, role: str, genre: str) -> Iterator[Row]:
        """What the question asks for, as a phrase, and somebody who has it."""
        genre_id = self.genre_ids[genre]
        fact = fact_key(SKILL, role, genre)
        yield question, PHRASE.format(role=role, subject=genre.lower()), SKILL, "", genre_id, fact
        if people := self.skilled.get((role, genre_id)):
            person = self.one_of(people)
            yield question, self.full[person], SKILL, person, genre_id, fact

    def whole_questions(self) -> Iterator[Row]:
        """Questions as they were written."""
        for role, genre, text in self.tables["questions"].itertuples(index=False):
            yield from self.of_skill(text, role, genre)

    def composed_questions(self, count: int) -> Iterator[Row]:
        """Sentences of a role with a scene of a genre."""
        for _ in range(count):
            role, genre = self.one_of(list(self.forms)), self.one_of(list(self.scenes))
            yield from self.of_skill(self.composed(role, self.one_of(self.scenes[genre])), role, genre)

    def themes(self, times: int) -> Iterator[Row]:
        """Sentences of a role with what a keyword means; each description with so many roles."""
        for node_id, name, phrase in self.tables["keyword_phrases"].itertuples(index=False):
            for _ in range(times):
                role = self.one_of(list(self.forms))
                said = PHRASE.format(role=role, subject=name)
                yield self.composed(role, phrase), said, SKILL, "", node_id, fact_key(SKILL, role, node_id)

    def keywords(self) -> Iterator[Row]:
        """What a keyword means: the keyword, and a film that has it."""
        for node_id, name, phrase in self.tables["keyword_phrases"].itertuples(index=False):
            fact = fact_key(HAS_KEYWORD, node_id)
            yield phrase, name, HAS_KEYWORD, node_id, node_id, fact
            if projects := self.projects_of.get(node_id):
                project = self.one_of(projects)
                yield ASKED_ABOUT.format(phrase=phrase), self.full[project], HAS_KEYWORD, project, node_id, fact

    def retold(self) -> Iterator[Row]:
        """A film told in other words: its description, and its document."""
        for node_id, text in self.tables["retellings"].itertuples(index=False):
            fact = fact_key(DESCRIPTION, node_id)
            yield text, self.described[node_id], DESCRIPTION, node_id, "", fact
            yield text, self.full[node_id], DESCRIPTION, node_id, "", fact


def asking_rows(graph: KnowledgeGraph, *, composed: int = 3000, themes: int = 2, seed: int = 0) -> pd.DataFrame:
    """Rows whose anchors are questions as people ask them, with the columns of `kgss_helpers.text.rows.training_rows`.

    Args:
        graph: The only source of facts; the training graph if the exam is to be sat afterwards.
        composed: How many questions are put together from a sentence of a role and a scene of a genre.
        themes: For each description of a keyword, how many sentences of a role it is put into.
        seed: Of everything that is drawn.

    Returns:
        In random order; ``node_id`` is the node whose text is the positive, none for a phrase.
    """
    made = Asking(graph, seed)
    rows = [*made.whole_questions(), *made.composed_questions(composed), *made.themes(themes), *made.keywords()]
    table = pd.DataFrame([*rows, *made.retold()], columns=COLUMNS)
    return table.iloc[made.rng.permutation(len(table))].reset_index(drop=True)
