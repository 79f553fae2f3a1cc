"""Knowledge graphs as files of triples: plain ones, those with texts beside them, and OpenKE's with numbers.

The texts are in the layout in which WN18RR and FB15k-237 come with KG-BERT (Yao et al. 2019); OpenKE's is that of
Han et al. (2018, https://github.com/thunlp/OpenKE).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import chain
from pathlib import Path

import pandas as pd

from kgss_helpers.datasets.tables import find_file
from kgss_helpers.files import BadRows, announce, counted, open_bytes
from kgss_helpers.graph import EDGE_COLUMNS, GraphError, KnowledgeGraph

PARTS = {"train": ("train",), "validation": ("valid", "dev"), "test": ("test",)}
"""What the parts of such a data set are called."""
ENDINGS = (".tsv", ".txt")
TEXTS, RELATIONS = "entity2text.txt", "relation2text.txt"
OPENKE = "entity2id.txt"
WORDNET_ID = re.compile(r"\d{8}")


def load_triples(
    folder: Path | str,
    *,
    parts: Sequence[str] | None = None,
    node_type: str = "keyword",
    split_texts: bool | None = None,
    on_bad_rows: BadRows = "error",
) -> KnowledgeGraph:
    """A graph from files of ``entity TAB relation TAB entity``, plain or as ``.gz``.

    Beside them may lie ``entity2text.txt`` and ``relation2text.txt``. An entity without a text keeps its id as its
    name, in words: ``Ada_Lovelace`` becomes *Ada Lovelace*. OpenKE's files of numbers (``entity2id.txt``,
    ``relation2id.txt``, ``train2id.txt``) are recognised and read.

    Args:
        folder: Where the files lie.
        parts: Which files to read, without their endings; those of ``train``, ``valid`` or ``dev``, and ``test`` that
            are there if not given.
        node_type: The type that all nodes get, since the layout has none.
        split_texts: Read a text as "name, description". Where the source defines it so (WordNet, whose ids are eight
            digits) that is done if not given; elsewhere a comma belongs to the name.
        on_bad_rows: ``"skip"`` counts lines with a wrong number of fields in a warning instead of refusing the file.

    Returns:
        The graph. Triples that stand there twice, entities with two texts (the first counts) and, where there are
        texts, entities without one are counted in a warning.

    Raises:
        FileNotFoundError: A file is missing.
        GraphError: A line has the wrong number of fields, or a packed file is damaged; names file and line.
    """
    folder = Path(folder)
    counts: Counter[str] = Counter()
    if _is_there(folder, OPENKE):
        texts, rows = _openke(folder, parts, on_bad_rows)
    else:
        texts = _texts(folder, on_bad_rows, counts)
        relations = _optional(folder, RELATIONS, on_bad_rows)
        files = _parts(folder, parts)
        found = chain.from_iterable(_rows(file, 3, on_bad_rows) for file in files)
        rows = [(source, relations.get(relation, relation), target) for source, relation, target in found]
    edges = pd.DataFrame(rows, columns=list(EDGE_COLUMNS), dtype="str")
    repeated = edges.duplicated()
    entities = list(dict.fromkeys([*texts, *edges["source"], *edges["target"]]))
    if not entities:
        announce(f"{folder.name}: nothing was read; the files hold no triple")
    counts["repeated triples merged"] = int(repeated.sum())
    if texts:
        counts["entities without a text, called by their id"] = sum(entity not in texts for entity in entities)
    if counts.total():
        announce(f"{folder.name}: " + "; ".join(f"{count:,} {what}" for what, count in counts.items() if count))
    if split_texts is None:
        split_texts = bool(texts) and all(WORDNET_ID.fullmatch(entity) for entity in texts)
    named = [_name_and_description(texts.get(entity) or _in_words(entity), split_texts) for entity in entities]
    nodes = pd.DataFrame(named, columns=["name", "description"], dtype="str")
    nodes = nodes.assign(node_id=pd.Series(entities, dtype="str"), node_type=node_type)
    columns = ["node_id", "node_type", "name", "description"]
    return KnowledgeGraph(nodes[columns], edges[~repeated], name=folder.name)


def _parts(folder: Path, parts: Sequence[str] | None) -> list[Path]:
    """The files of triples: those that are asked for, or those that are there."""
    if parts is not None:
        return [_part(folder, part) for part in ([parts] if isinstance(parts, str) else parts)]
    there, absent = [], []
    for part, names in PARTS.items():
        called = next((name for name in names if any(_is_there(folder, name + end) for end in ENDINGS)), None)
        if called is None:
            absent.append(part)
        else:
            there.append(_part(folder, called))
    if not there:
        raise FileNotFoundError(f"there is no train.txt, train.tsv or the like in {folder.resolve()}; pass parts=")
    if absent:
        announce(f"{folder.name}: there is no file for {' and '.join(absent)}; read {', '.join(f.name for f in there)}")
    return there


def _part(folder: Path, part: str) -> Path:
    for ending in (*ENDINGS, ""):
        if _is_there(folder, part + ending):
            return find_file(folder, part + ending)
    return find_file(folder, part + ENDINGS[0])  # which says what is missing


def _is_there(folder: Path, name: str) -> bool:
    return any((folder / candidate).is_file() for candidate in (name, f"{name}.gz"))


def _optional(folder: Path, name: str, on_bad_rows: BadRows) -> dict[str, str]:
    return dict(_rows(find_file(folder, name), 2, on_bad_rows)) if _is_there(folder, name) else {}


def _texts(folder: Path, on_bad_rows: BadRows, counts: Counter[str]) -> dict[str, str]:
    texts: dict[str, str] = {}
    for entity, text in _rows(find_file(folder, TEXTS), 2, on_bad_rows) if _is_there(folder, TEXTS) else ():
        if texts.setdefault(entity, text) != text:
            counts["further texts of an entity left out"] += 1
    return texts


def _openke(
    folder: Path, parts: Sequence[str] | None, on_bad_rows: BadRows
) -> tuple[dict[str, str], list[tuple[str, str, str]]]:
    """Names of the entities, and triples; in the files of triples the relation stands last, all as numbers."""
    entities, relations = (
        {number: name for name, number in _rows(find_file(folder, file), 2, on_bad_rows, counted_first=True)}
        for file in (OPENKE, "relation2id.txt")
    )
    rows = []
    for names in [(part,) for part in parts] if parts is not None else PARTS.values():
        called = next((name for name in names if _is_there(folder, f"{name}2id.txt")), None)
        if called is None and parts is None:
            continue
        file = find_file(folder, f"{called or names[0]}2id.txt")
        for source, target, relation in _rows(file, 3, on_bad_rows, counted_first=True):
            unknown = [number for number in (source, target) if number not in entities]
            unknown += [relation] if relation not in relations else []
            if unknown:
                raise GraphError(f"{file.name}: the number {unknown[0]} is in no list of names; compare the files")
            rows.append((entities[source], relations[relation], entities[target]))
    return {name: _in_words(name) for name in entities.values()}, rows


def _in_words(entity: str) -> str:
    """An id as a name: without the signs that stand for blanks, or around an address."""
    return entity.strip("<>").replace("_", " ").strip() or entity


def _name_and_description(text: str, split: bool) -> tuple[str, str]:
    name, _, description = text.partition(", ") if split else (text, "", "")
    return (name.strip(), description.strip()) if name.strip() else (text.strip(), "")


def _rows(path: Path, fields: int, on_bad_rows: BadRows, *, counted_first: bool = False) -> Iterable[list[str]]:
    """The fields of each line that is not empty; raises GraphError, or counts, where there are too few or too many.

    With ``counted_first`` the first line is a count, and blanks separate the fields as well as tabs.
    """
    rows, bad = [], 0
    with open_bytes(path) as lines:
        for number, raw in enumerate(lines, 1):
            text = raw.decode("utf-8-sig", errors="replace")
            line = text.rstrip("\r\n")
            row = line.split() if counted_first and "\t" not in line else line.split("\t")
            if counted_first and number == 1 and len(row) == 1:
                continue
            filled = sum(bool(value.strip()) for value in row)
            if len(row) == filled == fields and "\ufffd" not in text:
                rows.append([value.strip() for value in row])
            elif filled and on_bad_rows == "error":
                raise GraphError(
                    f"{path.name}, line {number}: {_what_is_wrong(row, fields, text)}; mend the line, or read with "
                    "on_bad_rows='skip'"
                )
            else:
                bad += filled > 0
    if bad:
        announce(f"{path.name}: {counted(bad, 'line')} without {fields} readable fields skipped")
    return rows


def _what_is_wrong(row: list[str], fields: int, text: str) -> str:
    if "\ufffd" in text:
        return "not UTF-8"
    if len(row) == fields:
        return f"field {next(place for place, value in enumerate(row, 1) if not value.strip())} is empty"
    return f"expected {fields} fields separated by tabs, found {len(row)}"
