"""One source of a hybrid's evidence on its own, as a method: what it says beside what all of them say."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kgss_helpers.graph import KnowledgeGraph
from kgss_helpers.methods.hybrid import HybridSearch
from kgss_helpers.methods.sources import SOURCES
from kgss_helpers.question import Asked


class SingleSource:
    """What one source of evidence says; it shares all that the system has made ready.

    Args:
        system: Reads the question.
        source: One of `kgss_helpers.methods.sources.SOURCES`.
        name: What it is called beside others; the source's name, if not given.

    Raises:
        ValueError: There is no such source.
    """

    def __init__(self, system: HybridSearch, source: str, *, name: str = "") -> None:
        if source not in SOURCES:
            raise ValueError(f"there is no source {source!r}; there are {', '.join(SOURCES)}")
        self.system, self.source, self.name = system, source, name or source
        self.sees = system.sees

    def score(self, questions: Sequence[Asked], graph: KnowledgeGraph) -> np.ndarray:
        """Shape (questions, nodes), minus infinity where the source says nothing."""
        prepared = self.system.prepare(graph)
        heard = self.system.hear(questions, prepared)
        said = [SOURCES[self.source](prepared.evidence, one) for one in heard]
        return np.stack(said) if said else np.zeros((0, len(graph.nodes)))
