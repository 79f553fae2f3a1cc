"""Seconds of processor time and memory that each loader takes for a million rows of a made-up file.

Run it: ``python tests/benchmarks/loaders.py``; ``--output data/results/loaders/speed.json`` keeps the numbers. Each
loader runs in a process of its own. What it takes without a row (libraries, an empty graph) is left out, and the rest
is scaled to a million rows. ``load_wikipedia_films`` is not among them: it reads published files only.
"""

import argparse
import json
import random
import resource
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from kgss_helpers import datasets
from kgss_helpers.compute import machine
from kgss_helpers.files import write_whole

EACH = 10
"""Rows for each node that begins them: ratings of a user, credits of a film, links of an article."""
ROLES = ("actor", "director", "writer", "composer", "editor")


def pairs(rows: int) -> Iterator[tuple[int, int]]:
    """Who is joined to whom: ten for each, drawn with hubs."""
    rng = random.Random(0)
    for row in range(rows):
        yield row // EACH, int(rng.random() ** 3 * max(rows // EACH, 1))


def lines(path: Path, header: str, rows: Iterator[str]) -> None:
    """Writes a file line by line."""
    with path.open("w", encoding="utf-8") as file:
        file.write(header)
        file.writelines(f"{row}\n" for row in rows)


def csv(folder: Path, rows: int) -> Callable[[], object]:
    nodes = max(rows // EACH, 1)
    lines(folder / "n.csv", "node_id,node_type,name\n", (f"n{number},person,Name {number}" for number in range(nodes)))
    lines(folder / "e.csv", "source,relation,target\n", (f"n{a},knows{r % 9},n{b}" for r, (a, b) in numbered(rows)))
    return lambda: datasets.load_csv(folder / "n.csv", folder / "e.csv")


def numbered(rows: int) -> Iterator[tuple[int, tuple[int, int]]]:
    """`pairs` with the number of the row."""
    return enumerate(pairs(rows))


def movielens(folder: Path, rows: int) -> Callable[[], object]:
    films = (f"{number},Film {number} (1980),Drama|Crime" for number in range(max(rows // EACH, 1)))
    lines(folder / "movies.csv", "movieId,title,genres\n", films)
    ratings = (f"{a},{b},{r % 10 / 2 + 0.5},1147880044" for r, (a, b) in numbered(rows))
    lines(folder / "ratings.csv", "userId,movieId,rating,timestamp\n", ratings)
    return lambda: datasets.load_movielens(folder, tags=False)


def imdb(folder: Path, rows: int) -> Callable[[], object]:
    count = max(rows // EACH, 1)
    titles = (f"tt{number}\tmovie\tFilm {number}\tFilm\t0\t1980\t\\N\t90\tDrama,Crime" for number in range(count))
    header = "tconst\ttitleType\tprimaryTitle\toriginalTitle\tisAdult\tstartYear\tendYear\truntimeMinutes\tgenres\n"
    lines(folder / "title.basics.tsv", header, titles)
    credited = (f"tt{a}\t{r % EACH}\tnm{b}\t{ROLES[r % 5]}\t\\N\t\\N" for r, (a, b) in numbered(rows))
    lines(folder / "title.principals.tsv", "tconst\tordering\tnconst\tcategory\tjob\tcharacters\n", credited)
    people = (f"nm{number}\tName {number}\t1950\t\\N\tactor\ttt1" for number in range(count))
    header = "nconst\tprimaryName\tbirthYear\tdeathYear\tprimaryProfession\tknownForTitles\n"
    lines(folder / "name.basics.tsv", header, people)
    return lambda: datasets.load_imdb(folder)


def tmdb(folder: Path, rows: int) -> Callable[[], object]:
    drawn, films = pairs(rows), range(max(rows // EACH, 1) if rows else 0)
    genres = '"[{""id"": 1, ""name"": ""Drama""}]"'
    header = "id,title,overview,release_date,genres,keywords\n"
    lines(folder / "m.csv", header, (f"{film},Film {film},About it,1980-01-01,{genres},[]" for film in films))
    crews = ([{"id": b, "name": f"Name {b}", "job": "Director"} for _, b in islice(drawn, EACH)] for _ in films)
    cells = (json.dumps(crew).replace('"', '""') for crew in crews)
    lines(folder / "c.csv", "movie_id,cast,crew\n", (f'{film},[],"{cell}"' for film, cell in enumerate(cells)))
    return lambda: datasets.load_tmdb5000(folder / "m.csv", folder / "c.csv")


def arxiv(folder: Path, rows: int) -> Callable[[], object]:
    papers = (
        json.dumps({"id": f"{row}", "title": f"Paper {row}", "abstract": "We show that it is so. " * 40,
                    "categories": "cs.IR cs.CL", "authors_parsed": [[f"Name{b}", "A.", ""], [f"Name{a}", "B.", ""]],
                    "authors": "A", "versions": [{"version": "v1", "created": "Mon, 2 Apr 2007 19:18:42 GMT"}]})
        for row, (a, b) in numbered(rows)
    )  # fmt: skip
    lines(folder / "arxiv.json", "", papers)
    return lambda: datasets.load_arxiv(folder / "arxiv.json")


def link_records(folder: Path, rows: int) -> Callable[[], object]:
    drawn = pairs(rows)
    records = (
        json.dumps([f"Film {film}", {}, [f"Page {b}" for _, b in islice(drawn, EACH)], "80%", "7.0/10"])
        for film in range(rows // EACH)
    )
    lines(folder / "links.ndjson", "", records)
    return lambda: datasets.load_link_records(folder / "links.ndjson")


def triples(folder: Path, rows: int) -> Callable[[], object]:
    lines(folder / "train.txt", "", (f"n{a}\tknows{r % 9}\tn{b}" for r, (a, b) in numbered(rows)))
    return lambda: datasets.load_triples(folder)


def rdf(folder: Path, rows: int) -> Callable[[], object]:
    site = "http://example.org"
    statements = (f"<{site}/n{a}> <{site}/knows{r % 9}> <{site}/n{b}> ." for r, (a, b) in numbered(rows))
    lines(folder / "graph.nt", "", statements)
    return lambda: datasets.load_rdf(folder / "graph.nt")


def networkx(_: Path, rows: int) -> Callable[[], object]:
    import networkx

    network = networkx.MultiDiGraph()
    network.add_nodes_from(range(10))
    network.add_edges_from(pairs(rows))
    return lambda: datasets.from_networkx(network, node_type="person", relation="knows")


def synthetic(_: Path, rows: int) -> Callable[[], object]:
    return lambda: datasets.synthetic_graph(max(rows // 10, 100))


LOADERS: dict[str, tuple[str, Callable[[Path, int], Callable[[], object]], int]] = {
    "load_csv": ("edges", csv, 300_000),
    "load_movielens": ("ratings", movielens, 500_000),
    "load_imdb": ("credits", imdb, 300_000),
    "load_tmdb5000": ("credits", tmdb, 100_000),
    "load_arxiv": ("papers", arxiv, 50_000),
    "load_link_records": ("links", link_records, 300_000),
    "load_triples": ("triples", triples, 300_000),
    "load_rdf": ("statements", rdf, 50_000),
    "from_networkx": ("edges", networkx, 300_000),
    "synthetic_graph": ("edges", synthetic, 1_000_000),
}
"""What a row is, what writes the file and gives the call, and how many rows are measured."""


def measured(name: str, rows: int) -> tuple[float, float]:
    """Seconds of processor time of the call, and the most memory that this process ever took, in gigabytes."""
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        call = LOADERS[name][1](Path(folder), rows)
        start = time.process_time()
        graph = call()
        seconds = time.process_time() - start
    del graph
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return seconds, peak * (1 if sys.platform == "darwin" else 1024) / 1e9


def in_a_process(name: str, rows: int) -> list[float]:
    """`measured`, where nothing else has been loaded."""
    command = [sys.executable, __file__, "--one", name, str(rows)]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def main() -> None:
    """Measures, prints, and keeps."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, help="a JSON file that keeps machine and numbers")
    parser.add_argument("--only", nargs="*", default=list(LOADERS), choices=LOADERS, help="some loaders")
    parser.add_argument("--one", nargs=2, metavar=("LOADER", "ROWS"), help="one measurement, here and now")
    options = parser.parse_args()
    if options.one:
        print(json.dumps(measured(options.one[0], int(options.one[1]))))
        return
    kept = {}
    for name in options.only:
        row, _, rows = LOADERS[name]
        (seconds, peak), (empty, base) = in_a_process(name, rows), in_a_process(name, 0)
        scale = 1_000_000 / rows
        kept[name] = {
            "row": row, "rows": rows, "seconds": round(max(seconds - empty, 0) * scale, 1),
            "gigabytes": round(max(peak - base, 0) * scale, 2),
        }  # fmt: skip
        print(f"{name}: a million {row} take {kept[name]['seconds']} s and {kept[name]['gigabytes']} GB", flush=True)
    if options.output:
        import torch

        content = machine(torch.device("cpu"), bf16=False) | {"for a million rows": kept}
        write_whole(options.output, json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    main()
