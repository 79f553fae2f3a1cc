"""Knowledge graphs as triples with texts, in the layout in which WN18RR comes with KG-BERT (Yao et al. 2019)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from kgss_helpers.datasets.tables import find_file
from kgss_helpers.files import BadRows, announce, counted, open_bytes
from kgss_helpers.graph import EDGE_COLUMNS, GraphError, KnowledgeGraph


def load_triples(
    folder: Path | str,
    *,
    parts: Sequence[str] = ("train", "dev", "test"),
    node_type: str = "keyword",
    on_bad_rows: BadRows = "error",
) -> KnowledgeGraph:
    """A graph from files of ``entity TAB relation TAB entity``.

    Beside them lie ``entity2text.txt`` and, if there is one, ``relation2text.txt``; each may be packed as ``.gz``.

    An entity's text is read as "name, description". An entity without a text keeps its id as its name and is counted
    in a warning, as are triples that stand there twice and entities with two texts, of which the first counts.

    Args:
        folder: Where the files lie.
        parts: Which of ``train.tsv``, ``dev.tsv``, ``test.tsv`` to read.
        node_type: The type that all nodes get, since the layout has none.
        on_bad_rows: ``"skip"`` counts lines with a wrong number of fields in a warning instead of refusing the file.

    Raises:
        FileNotFoundError: A file is missing.
        GraphError: A line has the wrong number of fields, or a packed file is damaged; names file and line.
    """
    folder = Path(folder)
    texts, relations, counts = {}, {}, {}
    for entity, text in _rows(find_file(folder, "entity2text.txt"), 2, on_bad_rows):
        if texts.setdefault(entity, text) != text:
            counts["further texts of an entity left out"] = counts.get("further texts of an entity left out", 0) + 1
    if any((folder / name).is_file() for name in ("relation2text.txt", "relation2text.txt.gz")):
        relations = dict(_rows(find_file(folder, "relation2text.txt"), 2, on_bad_rows))
    rows = [row for part in parts for row in _rows(find_file(folder, f"{part}.tsv"), 3, on_bad_rows)]
    edges = pd.DataFrame(rows, columns=list(EDGE_COLUMNS), dtype="str")
    edges["relation"] = edges["relation"].map(lambda relation: relations.get(relation, relation))
    repeated = edges.duplicated()
    entities = list(dict.fromkeys([*texts, *edges["source"], *edges["target"]]))
    counts["repeated triples merged"] = int(repeated.sum())
    counts["entities without a text, called by their id"] = sum(entity not in texts for entity in entities)
    if any(counts.values()):
        announce(f"{folder.name}: " + "; ".join(f"{count:,} {what}" for what, count in counts.items() if count))
    split = [_name_and_description(texts.get(entity, entity)) for entity in entities]
    nodes = pd.DataFrame(
        {
            "node_id": entities,
            "node_type": node_type,
            "name": [name for name, _ in split],
            "description": [description for _, description in split],
        },
        dtype="str",
    )
    return KnowledgeGraph(nodes, edges[~repeated], name=folder.name)


def _name_and_description(text: str) -> tuple[str, str]:
    name, _, description = text.partition(", ")
    return (name.strip(), description.strip()) if name.strip() else (text.strip(), "")


def _rows(path: Path, fields: int, on_bad_rows: BadRows) -> list[list[str]]:
    """The fields of each line that is not empty; raises GraphError, or counts, where there are too few or too many."""
    rows, bad = [], 0
    with open_bytes(path) as lines:
        for number, raw in enumerate(lines, 1):
            text = raw.decode("utf-8-sig", errors="replace")
            row = text.rstrip("\r\n").split("\t")
            filled = sum(bool(value.strip()) for value in row)
            if len(row) == filled == fields and "\ufffd" not in text:
                rows.append([value.strip() for value in row])
            elif filled and on_bad_rows == "error":
                wrong = (
                    "not UTF-8" if "\ufffd" in text else f"expected {fields} fields separated by tabs, found {filled}"
                )
                raise GraphError(f"{path.name}, line {number}: {wrong}; mend the line, or read with on_bad_rows='skip'")
            else:
                bad += filled > 0
    if bad:
        announce(f"{path.name}: {counted(bad, 'line')} without {fields} readable fields skipped")
    return rows
