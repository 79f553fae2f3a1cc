"""The best recipe: rows from the graph and rows that teach how people ask; what it forgets; what is kept of it.

python -m kgss_helpers.runs.tuned                                    # three seeds, and the adapter of the first
python -m kgss_helpers.runs.tuned --model FOLDER --name mpnet --seeds 0 --graph-rows 0 --batch-size 64
                                              # another base, taught to read alone: its rows, untuned and tuned
python -m kgss_helpers.runs.tuned --model FOLDER --name mpnet --untuned  # that base as it is: rows and no training
python -m kgss_helpers.runs.tuned --averaged                         # two rows of the first seed's weights, halfway

A run that was cut off goes on when the command is repeated: trainings from their checkpoints, measurements from what is
written already, both below ``build/tuned`` in a folder of the films and questions as they are. What is chosen (the
share of the difference between base and tuned weights, the rank) is chosen on validation.
"""

from __future__ import annotations

import argparse
import copy
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import numpy as np
import pandas as pd
from gensim.test.utils import datapath
from scipy.stats import spearmanr

from kgss_helpers.compute import machine, release_memory
from kgss_helpers.datasets.primer import load_primer
from kgss_helpers.exam.films import RESULTS, film_exam, sit, training_graph
from kgss_helpers.exam.results import EDITION, ExamResult
from kgss_helpers.files import DATA, slug, write_whole
from kgss_helpers.methods import adapter
from kgss_helpers.methods.encoder import encode
from kgss_helpers.methods.fields import DESCRIPTION, Fields
from kgss_helpers.methods.pretrained import ADAPTER, PACKAGED, load_pretrained
from kgss_helpers.methods.protocol import Encoder, Method
from kgss_helpers.methods.structured import StructuredQuery
from kgss_helpers.methods.text_vectors import TextVectors
from kgss_helpers.question import Split
from kgss_helpers.runs.records import digest
from kgss_helpers.runs.untuned import KeptDocuments
from kgss_helpers.text.asking import asking_rows
from kgss_helpers.text.rows import SKILL, training_rows
from kgss_helpers.training import sbert

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

FOLDER = DATA / "results" / "tuned"
SITTINGS = FOLDER / "exam"
"""Each seed's results, question by question."""
WORK = Path("build") / "tuned"
SCALES = (0.0, 0.25, 0.5, 0.75, 1.0)
RANK = 88
"""As many as eight megabytes hold."""
RANKS = (8, 16, 32, 64, RANK)
AVERAGED, HALFWAY = "averaged weights", 0.5
"""The rows of a model midway between base and tuned, and the share of the difference that it has."""
DENSE = (f"{AVERAGED}, documents", f"{AVERAGED}, descriptions and documents")
"""Their names: where meaning alone answers, and what was forgotten shows."""
SEEDS = (0, 1, 2)
WORD_PAIRS = {"WordSim-353": "wordsim353.tsv", "SimLex-999": "simlex999.txt"}
SENTENCES = "film sentences"


@dataclass(frozen=True)
class Recipe:
    """What is learned, and how.

    Attributes:
        graph_rows: Rows made from edges and skills, half of them skills; names or documents stand for nodes.
        composed: As for `kgss_helpers.text.asking.asking_rows`; so is ``themes``.
        batch_size: Rows a step.
        learning_rate: At its peak.
        epochs: How often all rows are seen.
        seed: Of the rows, their order and dropout.
    """

    graph_rows: int = 12_288
    composed: int = 3_000
    themes: int = 2
    batch_size: int = 128
    learning_rate: float = 2e-4
    epochs: int = 1
    seed: int = 0

    def rows(self) -> pd.DataFrame:
        """Columns ``anchor``, ``positive`` and ``fact``, in random order."""
        graph = training_graph()
        of_graph = training_rows(graph, "either", seed=self.seed)
        skill = of_graph["relation"] == SKILL
        parts = [of_graph[which].head(self.graph_rows // 2) for which in (skill, ~skill)]
        parts.append(asking_rows(graph, composed=self.composed, themes=self.themes, seed=self.seed))
        rows = pd.concat(parts)[["anchor", "positive", "fact"]]
        return rows.sample(frac=1, random_state=self.seed).reset_index(drop=True)


def train(base: str, recipe: Recipe, folder: Path) -> tuple[SentenceTransformer, dict[str, object]]:
    """The tuned model and what it took; read from the folder where the training is done already."""
    model_folder, config = folder / "model", folder / "config.json"
    if config.is_file():
        return load_pretrained(str(model_folder)), json.loads(config.read_text(encoding="utf-8"))
    rows, model = recipe.rows(), load_pretrained(base)
    freeze_tables(model)
    checkpoints = folder / "checkpoints"
    trained = sbert.train_sbert(
        model, rows[["anchor", "positive"]], facts=rows["fact"].tolist(), loss=sbert.both_directions,
        epochs=recipe.epochs, batch_size=recipe.batch_size, learning_rate=recipe.learning_rate, seed=recipe.seed,
        checkpoint_dir=checkpoints, resume=checkpoints.is_dir() and any(checkpoints.glob("checkpoint-*")),
        identity=asdict(recipe) | {"base": Path(base).name}, log_every=20,
    )  # fmt: skip
    if not trained.finished:
        raise SystemExit("the training did not come to its end; repeat the command and it goes on")
    about = {"base": Path(base).name, **asdict(recipe), "rows": len(rows), "steps": trained.steps}
    about |= {"minutes": round(trained.seconds / 60, 1), "edition": EDITION, **machine(model.device, bf16=True)}
    model.save(str(model_folder))
    write_whole(folder / "history.csv", trained.history.round(4).to_csv(index=False, lineterminator="\n"))
    write_whole(config, json.dumps(about, indent=2) + "\n")
    return model, about


def freeze_tables(model: SentenceTransformer) -> None:
    """Leaves the tables of tokens and positions as they are: half of the weights, and no film in them."""
    for name, parameter in model.named_parameters():
        if "embeddings" in name and "LayerNorm" not in name:
            parameter.requires_grad_(False)


def mixed(base: SentenceTransformer, tuned: SentenceTransformer, scale: float) -> SentenceTransformer:
    """A model of its own, whose weights lie on the line from base (0) to tuned (1)."""
    made = copy.deepcopy(base)
    before, after = base.state_dict(), tuned.state_dict()
    between = {
        name: value + scale * (after[name].to(value) - value) if value.is_floating_point() else value
        for name, value in before.items()
    }
    made.load_state_dict(between)
    return made


def methods(model: SentenceTransformer, said: str, *, bf16: bool = False) -> Iterator[Method | Encoder]:
    """The ways to use one model, with a share of all texts' vectors; ``said`` is what stands in the rows' names."""
    vectors = TextVectors(model, bf16=bf16)
    plain, keywords_too = readers(said)
    for query in (
        StructuredQuery(model, name=plain),
        StructuredQuery(model, subject_types=("genre", "keyword"), name=keywords_too),
    ):
        query.vectors = vectors
        yield query
    yield KeptDocuments(vectors, "name", f"{said}, names")
    yield KeptDocuments(vectors, "skills", f"{said}, documents")
    fields = Fields(model, (DESCRIPTION, "skills"), name=f"{said}, descriptions and documents")
    fields.vectors = vectors
    yield fields


def readers(said: str) -> tuple[str, str]:
    """The names of the two rows in which a model reads and the graph counts."""
    return f"soft structured query, {said} reader", f"soft structured query, keywords too, {said} reader"


def scores(model: SentenceTransformer, split: Split, keep: str = "") -> pd.DataFrame:
    """nDCG@10 by way (rows) and family (columns), computed in bfloat16 where that is faster.

    With a name to ``keep`` it under, each result is written to `SITTINGS` too, question by question.
    """
    asked = [question for question in film_exam().questions if not question.variant]
    found = {}
    for method in methods(model, "this", bf16=True):
        result = sit(method, split=split, questions=asked)
        way = method.name.replace("this, ", "").replace(", this reader", "")
        found[way] = result.by_family()
        if keep:
            replace(result, method=f"{way}, {keep}").save(SITTINGS)
    return pd.DataFrame({way: {of: part.mean() for of, part in by.items()} for way, by in found.items()}).T


def general_similarity(model: SentenceTransformer) -> dict[str, float]:
    """Spearman's correlation with what people said of pairs that have nothing to do with the exam."""
    held_out = load_primer()["sts"][1][["sentence1", "sentence2", "score"]].set_axis(
        ["first", "second", "score"], axis=1
    )
    judged = {name: word_pairs(name) for name in WORD_PAIRS} | {SENTENCES: held_out}
    return {name: float(spearmanr(cosines(model, pairs), pairs["score"]).statistic) for name, pairs in judged.items()}


def word_pairs(name: str) -> pd.DataFrame:
    """Pairs of words that people judged, as gensim brings them: ``first``, ``second``, ``score``.

    Args:
        name: ``"WordSim-353"`` (Finkelstein et al. 2002) or ``"SimLex-999"`` (Hill et al. 2015).
    """
    path = datapath(WORD_PAIRS[name])
    pairs = pd.read_csv(path, sep="\t", comment="#", names=["first", "second", "score"])
    return pairs.assign(score=pd.to_numeric(pairs["score"], errors="coerce")).dropna().reset_index(drop=True)


def cosines(model: SentenceTransformer, pairs: pd.DataFrame) -> np.ndarray:
    """Of the two texts of each row."""
    first, second = (encode(model, pairs[column].tolist()) for column in ("first", "second"))
    return (first * second).sum(axis=1)


def measured(
    path: Path,
    made: Iterator[tuple[dict[str, object], SentenceTransformer]],
    splits: Sequence[Split],
    *,
    keep: bool = False,
) -> None:
    """Writes one table: for each model its families by way, and general similarity; goes on after what is there.

    Once it is whole, the table is kept in `FOLDER`. With ``keep``, what each scored question by question is kept too,
    by what tells the models apart.
    """
    done = pd.read_csv(path) if path.is_file() else pd.DataFrame()
    for about, model in made:
        for split in splits:
            wanted = {**about, "split": split}
            if len(done) and (done[list(wanted)].astype(str) == pd.Series(wanted).astype(str)).all(axis=1).any():
                continue
            kept_as = ", ".join(f"{name} {value}" for name, value in about.items()) if keep else ""
            table = scores(model, split, kept_as).rename_axis("way").reset_index()
            general = general_similarity(model) if split == "validation" else {}
            rows = table.assign(**wanted, **general)
            done = pd.concat([done, rows[[*wanted, *rows.columns.drop(list(wanted))]]], ignore_index=True)
            write_whole(path, done.round(4).to_csv(index=False, lineterminator="\n"))
            print(path.stem, wanted, table.set_index("way").mean(axis=1).round(3).to_dict(), general, flush=True)
        release_memory()
    write_whole(FOLDER / path.name, path.read_bytes())


def chosen_scale(mixture: pd.DataFrame) -> float:
    """The share of the difference with the best mean on validation: over families, over all ways."""
    seen = mixture[mixture["split"] == "validation"]
    families = [column for column in seen if column in set(film_families())]
    return float(seen.groupby("scale")[families].mean().mean(axis=1).idxmax())


def film_families() -> list[str]:
    """All families, in the order of the exam."""
    return list(dict.fromkeys(question.family for question in film_exam().questions))


def record(
    model: SentenceTransformer, said: str, wanted: Sequence[str] = (), *, bf16: bool = False
) -> list[ExamResult]:
    """Sits both halves of the exam in all ways, or in those of these names alone, and keeps the rows."""
    kept = []
    for method in methods(model, said, bf16=bf16):
        if wanted and method.name not in wanted:
            continue
        for split in get_args(Split):
            result = sit(method, split=split)
            result.save(RESULTS[EDITION])
            kept.append(result)
            print(f"{method.name}, {split}: {result.interval()}", flush=True)
    return kept


def main(argv: Sequence[str] | None = None) -> int:
    """The command; returns its exit status."""
    parser = argparse.ArgumentParser(prog="python -m kgss_helpers.runs.tuned", description=__doc__.split("\n")[0])
    parser.add_argument("--model", default=PACKAGED, help="the base: a folder or a name on the hub (%(default)s)")
    parser.add_argument("--name", default="tuned", help="what it is called in the exam's rows (%(default)s)")
    parser.add_argument("--seeds", type=int, nargs="+", default=list(SEEDS))
    parser.add_argument("--batch-size", type=int, default=Recipe.batch_size)
    parser.add_argument("--graph-rows", type=int, default=Recipe.graph_rows)
    parser.add_argument("--work", type=Path, default=WORK, help="where models and checkpoints lie (%(default)s)")
    parser.add_argument("--averaged", action="store_true", help=f"only the rows of {AVERAGED!r}, from the first seed")
    parser.add_argument("--untuned", action="store_true", help="only the rows of the base itself, under that name")
    options = parser.parse_args(argv)
    base, which, work = load_pretrained(options.model), slug(options.name), options.work / digest()[:12]
    if options.untuned:
        record(base, options.name, bf16=True)
        return 0
    trained: dict[int, SentenceTransformer] = {}
    for seed in options.seeds[:1] if options.averaged else options.seeds:
        recipe = Recipe(seed=seed, batch_size=options.batch_size, graph_rows=options.graph_rows)
        trained[seed], about = train(options.model, recipe, work / f"{which}-{seed}")
        write_whole(FOLDER / f"{which}-seed-{seed}.json", json.dumps(about, indent=2) + "\n")
    first = trained[options.seeds[0]]
    if options.averaged:
        record(mixed(base, first, HALFWAY), AVERAGED, DENSE)
        return 0
    if options.model != PACKAGED:
        record(base, options.name, bf16=True)
        record(first, f"tuned {options.name}", readers(f"tuned {options.name}"), bf16=True)
        return 0
    measured(
        work / f"{which}-mixture.csv",
        (({"scale": scale}, mixed(base, first, scale)) for scale in SCALES),
        ("validation",),
    )
    scale = chosen_scale(pd.read_csv(FOLDER / f"{which}-mixture.csv"))
    ship(base, first, scale, work, about={"scale": scale, "rank": RANK, "base": PACKAGED, "edition": EDITION})
    record(load_pretrained("tuned"), options.name)
    record(mixed(base, first, HALFWAY), AVERAGED, DENSE)
    measured(
        work / f"{which}-seeds.csv",
        (({"seed": seed}, mixed(base, model, scale)) for seed, model in trained.items()),
        get_args(Split),
        keep=True,
    )
    return 0


def ship(
    base: SentenceTransformer, tuned: SentenceTransformer, scale: float, work: Path, about: dict[str, object]
) -> None:
    """Keeps the difference reduced to `RANK` as the adapter, and measures other ranks beside it on validation."""
    before, after = base.state_dict(), tuned.state_dict()
    weights = adapter.reduced(before, after, rank=RANK, scale=scale)
    size = sum(value.numel() for value in weights.values())
    adapter.save(ADAPTER, weights, about | {"numbers": size, "licence": "Apache-2.0, as the base's"})
    reductions = (
        ({"rank": rank}, adapter.apply(copy.deepcopy(base), adapter.reduced(before, after, rank=rank, scale=scale)))
        for rank in RANKS
    )
    measured(work / "tuned-ranks.csv", reductions, ("validation",))


if __name__ == "__main__":
    raise SystemExit(main())
