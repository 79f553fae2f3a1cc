"""For notebook 09: the seminar's two lists, who gains by the graph, a map of the space, three spaces to ask."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import TYPE_CHECKING

import ipywidgets as ipw
import numpy as np
import pandas as pd

from kgss_helpers.exam.films import FAMILIES, RESULTS
from kgss_helpers.exam.results import ALL, EDITION, ExamResult, difference, recorded
from kgss_helpers.exam.statistics import Interval, mean_interval
from kgss_helpers.graph import KnowledgeGraph
from kgss_helpers.question import Question, Split
from kgss_helpers.runs.sage_with_text import BEST, RECIPES
from kgss_helpers.show.charts import GROUP_STYLES
from kgss_helpers.show.graph_view import READABLE, plain_label
from kgss_helpers.show.palette import BLUE
from kgss_helpers.space import SemanticSpace

if TYPE_CHECKING:
    from matplotlib.figure import Figure as MplFigure
    from plotly.graph_objects import Figure

STAR_WARS = "project:star-wars-1977"
KEYWORDS_OF_THE_SEMINAR = (
    ("marvel cinematic universe", 0.7788), ("captain america", 0.7719), ("space shuttle", 0.7592), ("hulk", 0.7547),
    ("jedi", 0.7543), ("space exploration", 0.7474), ("galactic war", 0.7444), ("galaxy", 0.7439),
    ("starfleet", 0.7401), ("nasa", 0.7363), ("lex luthor", 0.7339), ("warp engine", 0.7326), ("vulcan", 0.7321),
    ("orcs", 0.7315), ("captain atom", 0.7310), ("space colony", 0.7300), ("space marine", 0.7276),
    ("iron man", 0.7266), ("tony stark", 0.7262), ("poseidon", 0.7241), ("giant robot", 0.7235),
    ("jurassic park", 0.7235), ("spaceman", 0.7232), ("mission to mars", 0.7230), ("uss enterprise", 0.7199),
    ("robot fighting", 0.7173),
)  # fmt: skip
PROJECTS_OF_THE_SEMINAR = (
    ("Transformers: Dark of the Moon", 0.7436), ("Home", 0.7019), ("Hulk", 0.6999), ("Star Trek", 0.6959),
    ("Star Wars: Episode I – The Phantom Menace", 0.6953), ("Star Wars: Episode II – Attack of the Clones", 0.6932),
    ("The Empire Strikes Back", 0.6885), ("Star Wars: Episode III – Revenge of the Sith", 0.6829),
    ("Captain America: Civil War", 0.6738), ("Batman Begins", 0.6736), ("Star Wars", 0.6722),
    ("Family Guy Presents: Something, Something, Something, Dark Side", 0.6720),
    ("Transformers: The Last Knight", 0.6688), ("Spider-Man 2", 0.6674), ("Return of the Jedi", 0.6670),
    ("The Lost World: Jurassic Park", 0.6647), ("The Star Wars Holiday Special", 0.6643),
    ("The Day the Earth Stood Still", 0.6631), ("The Terminator", 0.6624), ("Spider-Man 3", 0.6597),
    ("DC Showcase: Catwoman", 0.6596), ("The Avengers", 0.6592), ("Avengers: Age of Ultron", 0.6588),
    ("The Incredible Hulk", 0.6573), ("Mirror Mirror", 0.6567), ("Blade", 0.6544), ("9", 0.6520),
    ("Evolution", 0.6510),
)  # fmt: skip
"""What the seminar's GraphSAGE with text answered, with its scores; its graph was another one than ours."""
FLOOR = ("random", "popularity", "word match (BM25) on skills")
TEXT, PAGERANK = "MiniLM, documents", "personalised PageRank"
WALKS = "graph walks"
"""Its vectors are learned node by node: a node must have been there."""
NODE_BY_NODE = (WALKS, "LightGCN", "ComplEx", "distilled PageRank", "adjacency SVD")
"""Rows of which that is true."""
SAGE = tuple(RECIPES)
SAGE_SMOOTH = f"{BEST}, Correct and Smooth"
SAGE_PAGERANK = f"{BEST}, distilled PageRank"
SHORT = {
    "word match (BM25) on skills": "word match",
    TEXT: "MiniLM",
    f"{TEXT}, 1 hop of averaging": "+ 1 hop",
    f"{TEXT}, APPNP": "+ APPNP",
    f"{TEXT}, Correct and Smooth": "+ Correct and Smooth",
    BEST: "GraphSAGE",
    f"{BEST}, without residual": "without residual",
    f"{BEST}, no neighbourhood dropped": "never alone",
    f"{BEST}, without both": "without both",
    "GraphSAGE, text only": "text only",
    "GraphSAGE, structure only": "structure only",
    SAGE_SMOOTH: "GraphSAGE + Correct and Smooth",
    SAGE_PAGERANK: "GraphSAGE + distilled PageRank",
}
"""Recorded names → what stands for them in a table of all families, which has no room for more."""
GENRES = ("Science fiction", "Western", "Horror", "Animation", "War", "Musical")
"""What the map is coloured by: genres that share few films with each other."""
BANDS = ((1, 1, "1"), (2, 3, "2 or 3"), (4, 9, "4 to 9"), (10, 10**9, "10 or more"))
"""Groups of nodes by their number of edges."""
LONGEST = 300
"""So many letters of a question are repeated above its answers."""
Ask = Callable[[str], np.ndarray]


def rows_of(names: Sequence[str], split: Split = "test") -> dict[str, ExamResult]:
    """Recorded results by name, in this order.

    Raises:
        ValueError: One is not recorded; says how it is.
    """
    found = {result.method: result for result in recorded(RESULTS[EDITION]) if result.split == split}
    missing = [name for name in names if name not in found]
    if missing:
        how = "`python -m kgss_helpers.runs.sage_with_text`"
        raise ValueError(f"not recorded for {split}: {', '.join(missing)}; {how} records it")
    return {name: found[name] for name in names}


def by_family(results: Sequence[ExamResult], families: Sequence[str] = FAMILIES) -> pd.DataFrame:
    """Methods as rows, families as columns: means of nDCG@10, with intervals for few families and for all of them.

    Where there are more than two families, names are those of `SHORT`.
    """
    short = len(families) > 2
    rows = {
        (SHORT.get(result.method, result.method) if short else result.method): [
            f"{result.interval(family).mean:.2f}" if short else str(result.interval(family)) for family in families
        ]
        + [str(result.interval())]
        for result in results
    }
    return pd.DataFrame.from_dict(rows, orient="index", columns=[*families, ALL]).rename_axis("method")


def gain(first: ExamResult, second: ExamResult, family: str = ALL) -> Interval:
    """By how much the first is better in nDCG@10, paired over questions; over all families each counts the same."""
    if family != ALL:
        return difference(first, second, family)
    one, other = first.by_family(), second.by_family()
    return mean_interval(*((one[name] - other[name][one[name].index]).to_numpy() for name in one))


def loss_figure(history: pd.DataFrame) -> MplFigure:
    """The loss of the recorded training, a point each time it was logged."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots()
    axes.plot(history["epoch"], history["loss"], "o-", color=BLUE)
    axes.set(title="Finding the other end of an edge", xlabel="epochs", ylabel="loss, mean of ten steps")
    return figure


def beside(
    ours: pd.DataFrame, published: Sequence[tuple[str, float]], graph: KnowledgeGraph, node_type: str
) -> pd.DataFrame:
    """Our answers beside the seminar's, place by place; a tick where our graph knows what stands on the other list.

    Args:
        ours: ``name`` and ``score``, best first.
        published: Names and scores, best first.
        graph: Ours.
        node_type: Of both lists.
    """
    known = {_plain(name) for name in graph.nodes.loc[graph.nodes["node_type"] == node_type, "name"]}
    rows = min(len(ours), len(published))
    names, scores = zip(*published[:rows], strict=True)
    return pd.DataFrame(
        {
            "ours": ours["name"].to_numpy()[:rows],
            "our score": ours["score"].to_numpy()[:rows].round(2),
            "the seminar's": names,
            "its score": np.round(scores, 2),
            "in our graph": ["✓" if _plain(name) in known else "" for name in names],
        },
        index=pd.RangeIndex(1, rows + 1, name="place"),
    )


def with_years(found: pd.DataFrame, graph: KnowledgeGraph) -> pd.DataFrame:
    """The same answers, where names that stand there twice are told apart by the year of their node.

    Args:
        found: ``node_id`` and ``name``.
        graph: Its nodes have a ``year``.
    """
    year = graph.nodes.set_index("node_id")["year"]
    dated = found["name"] + " (" + found["node_id"].map(year).astype(str) + ")"
    return found.assign(name=found["name"].mask(found["name"].duplicated(keep=False), dated))


def _plain(name: str) -> str:
    return name.casefold().replace("–", "-").strip()


def found_by_band(
    rankings: Mapping[str, Mapping[str, Sequence[str]]], questions: Sequence[Question], graph: KnowledgeGraph
) -> pd.DataFrame:
    """For each right answer of each question: its number of edges as a band, and who has it among the first hundred.

    Args:
        rankings: Method → question id → node ids, best first.
        questions: What was asked.
        graph: Whose edges are counted.

    Returns:
        A row for each question and right answer: ``node_id``, ``edges``, ``described`` and a column of 0 and 1 for each
        method.
    """
    rows = []
    described = dict(zip(graph.nodes["node_id"], graph.nodes["description"] != "", strict=True))
    degree = dict(zip(graph.nodes["node_id"], graph.degree.to_numpy(), strict=True))
    first = {name: {asked: set(found) for asked, found in ranking.items()} for name, ranking in rankings.items()}
    for question in questions:
        for node_id in question.relevant:
            hits = {name: float(node_id in found.get(question.question_id, ())) for name, found in first.items()}
            rows.append({"node_id": node_id, "edges": band(degree[node_id]), "described": described[node_id]} | hits)
    return pd.DataFrame(rows)


def band(edges: int) -> str:
    """The group of a node with so many edges."""
    return next((label for low, high, label in BANDS if low <= edges <= high), "none")


def gains(found: pd.DataFrame, method: str, other: str, by: str) -> dict[object, Interval]:
    """By how much a method finds more right answers than another in each group, paired over the answers."""
    return {
        group: mean_interval((rows[method] - rows[other]).to_numpy()) for group, rows in found.groupby(by, sort=False)
    }


# ---- a map ---------------------------------------------------------------------------------------------------------


def purity(vectors: np.ndarray, labels: Sequence[str], *, neighbours: int = 10) -> float:
    """The mean share of a node's nearest neighbours, by cosine, that have its own label.

    Args:
        vectors: Unit vectors, shape (nodes, dimensions).
        labels: One for each.
        neighbours: How many are looked at.
    """
    cosines, labels = vectors @ vectors.T, np.asarray(labels)
    np.fill_diagonal(cosines, -np.inf)
    nearest = np.argpartition(-cosines, neighbours, axis=1)[:, :neighbours]
    return float((labels[nearest] == labels[:, None]).mean())


def genre_of(graph: KnowledgeGraph) -> pd.Series:
    """Node id → the one of `GENRES` that most of its films have, for nodes where one leads; a film counts itself."""
    triples = graph.triples()
    genres = triples.loc[triples["relation"] == "has genre", ["source", "object"]]
    genres = genres[genres["object"].isin(GENRES)].set_axis(["project", "genre"], axis=1)
    credited = triples.loc[triples["subject_type"] == "person", ["source", "target"]].drop_duplicates()
    tagged = triples.loc[triples["relation"] == "has keyword", ["target", "source"]]
    films = pd.DataFrame({"node": genres["project"].unique(), "project": genres["project"].unique()})
    joined = pd.concat([part.set_axis(["node", "project"], axis=1) for part in (credited, tagged)] + [films])
    counts = joined.merge(genres, on="project").groupby(["node", "genre"]).size().unstack(fill_value=0)
    leads = (counts.eq(counts.max(axis=1), axis=0).sum(axis=1) == 1) & (counts.max(axis=1) > counts.sum(axis=1) / 2)
    return counts[leads].idxmax(axis=1)


def mapped_nodes(graph: KnowledgeGraph, *, each: int = 40, seed: int = 0) -> pd.DataFrame:
    """A sample to be drawn: up to so many people, projects and keywords of each genre, those with most edges first."""
    genre = genre_of(graph)
    nodes = graph.nodes.assign(degree=graph.degree.to_numpy(), genre=graph.nodes["node_id"].map(genre))
    nodes = nodes.dropna(subset="genre").sample(frac=1, random_state=seed)
    nodes = nodes.sort_values("degree", ascending=False, kind="stable")
    return nodes.groupby(["node_type", "genre"]).head(each).sort_values("node_id", ignore_index=True)


def flat(vectors: np.ndarray, *, seed: int = 0) -> np.ndarray:
    """t-SNE of unit vectors (van der Maaten and Hinton 2008), shape (nodes, 2), rounded."""
    from sklearn.manifold import TSNE

    return TSNE(init="pca", perplexity=30, random_state=seed, metric="cosine").fit_transform(vectors).round(1)


def maps(nodes: pd.DataFrame, points: Mapping[str, np.ndarray], by: str) -> Figure:
    """Maps side by side, coloured and shaped by a column of the nodes, names on hover.

    Args:
        nodes: ``name``, ``node_type`` and what they are coloured by.
        points: Title → coordinates, shape (nodes, 2).
        by: The column.
    """
    from plotly.subplots import make_subplots

    figure = make_subplots(
        cols=len(points), subplot_titles=[plain_label(title) for title in points], horizontal_spacing=0.03
    )
    for column, found in enumerate(points.values(), 1):
        for (label, rows), (color, symbol, _) in zip(
            nodes.groupby(by, sort=True).indices.items(), GROUP_STYLES, strict=False
        ):
            figure.add_scatter(
                x=found[rows, 0].tolist(), y=found[rows, 1].tolist(), mode="markers", name=plain_label(label),
                legendgroup=plain_label(label), showlegend=column == 1,
                text=[plain_label(text) for text in (nodes["name"] + ", " + nodes["node_type"]).iloc[rows]],
                hovertemplate="%{text}<extra></extra>", marker={"color": color, "symbol": symbol, "size": 6},
                row=1, col=column,
            )  # fmt: skip
    figure.update_xaxes(visible=False)
    figure.update_yaxes(visible=False)
    figure.update_layout(
        height=480, margin={"l": 10, "r": 10, "t": 60, "b": 10}, plot_bgcolor="white", font={"size": 15},
        legend={"orientation": "h", "y": -0.02, "itemsizing": "constant"},
    )  # fmt: skip
    return figure


# ---- to play with --------------------------------------------------------------------------------------------------


def side_by_side(
    text: str, spaces: Mapping[str, tuple[SemanticSpace, Ask]], *, node_type: str | None = None, k: int = 10
) -> pd.DataFrame:
    """What several spaces answer to one question: a column each, best first, names with their cosines."""
    columns = {}
    for title, (space, ask) in spaces.items():
        hits = space.search(ask(text), k, node_type=node_type)
        columns[title] = [f"{name} ({score:.2f})" for name, score in zip(hits["name"], hits["score"], strict=True)]
    table = pd.DataFrame({title: pd.Series(names, dtype=object) for title, names in columns.items()}).fillna("")
    return table.set_axis(pd.RangeIndex(1, len(table) + 1, name="place"), axis=0)


def panel(
    text: str, spaces: Mapping[str, tuple[SemanticSpace, Ask]], *, node_type: str | None = None, k: int = 10
) -> str:
    """The same as HTML, with what was asked above it; says what to do where nothing was asked."""
    text = " ".join(text.split())
    if not any(letter.isalnum() for letter in text):
        return "Type a question in words, such as <b>space battle</b>, and press Enter."
    asked = text if len(text) <= LONGEST else text[:LONGEST].rsplit(" ", 1)[0] + " …"
    table = side_by_side(text, spaces, node_type=node_type, k=k)
    kind = f", {escape(node_type)}" if node_type else ""
    return f"<b>{escape(asked)}</b>{kind}" + table.to_html(escape=True, border=0)


class AskSpaces(ipw.VBox):
    """One question to several spaces of the same nodes, answers side by side: a text field, and a button a node type.

    Args:
        spaces: Title → the space, and what turns a text into a vector of it.
        text: What is asked first.
        node_type: Of which type the first answers are.
    """

    def __init__(
        self, spaces: Mapping[str, tuple[SemanticSpace, Ask]], text: str = "", *, node_type: str = "keyword"
    ) -> None:
        self.spaces = spaces
        types = sorted({kind for space, _ in spaces.values() for kind in space.types})
        self.asked = ipw.Text(value=text, description="Ask", continuous_update=False, layout=ipw.Layout(width="90%"))
        self.kind = ipw.ToggleButtons(options=types, value=node_type, description="Answers")
        self.result = ipw.HTML()
        self.asked.observe(lambda _: self.show(), names="value")
        self.kind.observe(lambda _: self.show(), names="value")
        super().__init__([self.asked, self.kind, self.result])
        self.show()

    def __repr__(self) -> str:
        return f"<a field to ask {', '.join(self.spaces)}: run this cell in JupyterLab>"

    def show(self) -> None:
        """Answers what stands in the field."""
        self.result.value = "Looking …"
        self.result.value = READABLE.format(panel(self.asked.value, self.spaces, node_type=self.kind.value))
