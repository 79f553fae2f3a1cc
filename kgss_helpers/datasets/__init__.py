"""Where graphs come from: one module a source, each with a function that returns a `KnowledgeGraph`."""

from kgss_helpers.datasets.arxiv import load_arxiv
from kgss_helpers.datasets.csv_files import load_csv
from kgss_helpers.datasets.films import load_films
from kgss_helpers.datasets.imdb import load_imdb
from kgss_helpers.datasets.link_records import load_link_records
from kgss_helpers.datasets.movielens import load_movielens
from kgss_helpers.datasets.networks import from_networkx, load_graphml
from kgss_helpers.datasets.rdf import load_rdf
from kgss_helpers.datasets.synthetic import synthetic_graph
from kgss_helpers.datasets.tmdb import load_tmdb5000
from kgss_helpers.datasets.triples import load_triples
from kgss_helpers.datasets.wikipedia_films import load_wikipedia_films

__all__ = [
    "from_networkx",
    "load_arxiv",
    "load_csv",
    "load_films",
    "load_graphml",
    "load_imdb",
    "load_link_records",
    "load_movielens",
    "load_rdf",
    "load_tmdb5000",
    "load_triples",
    "load_wikipedia_films",
    "synthetic_graph",
]
