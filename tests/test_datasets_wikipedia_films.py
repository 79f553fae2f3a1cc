"""Wikipedia films: a verified download, from a server of our own on this machine."""

import hashlib
import http.server
import json
import threading
import warnings

import pytest

from kgss_helpers.datasets import load_wikipedia_films
from kgss_helpers.datasets import wikipedia_films as module
from kgss_helpers.graph import GraphError

NAME = "movies-1970s.json"
FILMS = [
    {
        "title": "Tin Harbour",
        "year": 1975,
        "cast": ["Ann Lee", "Bo Ray", "Ann Lee", " "],
        "genres": ["Drama", "Science Fiction"],
        "href": "Tin_Harbour_(1975_film)",
        "extract": "A film about a lighthouse – é.",
    },
    {"title": "NA", "year": 1976, "cast": ["Ánn Lee", "C++", "C"], "genres": [], "href": None},
    {"title": "Fog!", "year": 1976, "cast": [], "genres": ["Drama"], "href": "Fog!"},
    {"title": "Fog", "year": 1976, "cast": [], "genres": ["Drama"], "href": "Fog"},
    {"title": "Fog again", "year": 1976, "cast": ["Bo Ray"], "genres": ["War"], "href": "Fog"},
]
CONTENT = json.dumps(FILMS, ensure_ascii=False).encode()


class Server:
    """Serves one content and counts what it was asked for."""

    def __init__(self, content):
        self.content, self.asked, self.cut = content, [], False
        server = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                server.asked.append(self.path)
                if server.content is None:
                    self.send_error(404)
                    return
                self.send_response(200)
                self.send_header("Content-Length", str(len(server.content)))
                self.end_headers()
                self.wfile.write(server.content[:20] if server.cut else server.content)

            def log_message(self, *_):
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}/"
        self.thread = threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.01})
        self.thread.start()

    def stop(self):
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()


@pytest.fixture
def server(monkeypatch):
    for variable in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setitem(module.SHA256, 1970, hashlib.sha256(CONTENT).hexdigest())
    server = Server(CONTENT)
    yield server
    server.stop()


def load(server, folder, **how):
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        graph = load_wikipedia_films(cache=folder, base_url=server.url, **{"progress": False, **how})
    return graph, [str(warning.message) for warning in warned]


def files_in(folder):
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def test_a_download_becomes_a_graph(server, tmp_path):
    graph, warned = load(server, tmp_path)
    assert warned == [
        "Wikipedia films: 1 empty names in casts left out; 1 other spellings of a name merged with its first; "
        "1 films with the same article and year as another merged"
    ]
    assert server.asked == [f"/{NAME}"]
    projects = graph.nodes[graph.nodes["node_type"] == "project"]
    assert projects["name"].tolist() == ["Tin Harbour", "NA", "Fog!", "Fog"]
    assert projects["year"].tolist() == [1975, 1976, 1976, 1976]
    assert projects["description"].iloc[0] == "A film about a lighthouse – é."
    cast = graph.neighbours(projects["node_id"].iloc[1], relation="Actor")["name"]
    assert cast.tolist() == ["Ann Lee", "C++", "C"]
    assert graph.find("Ann Lee")["degree"].tolist() == [2]
    assert set(graph.neighbours("project:fog-1976-2")["name"]) == {"Drama", "War", "Bo Ray"}


def test_the_cache_needs_no_network(server, tmp_path):
    first, _ = load(server, tmp_path)
    server.content = None
    again, _ = load(server, tmp_path)
    assert again.edges.equals(first.edges)
    assert len(server.asked) == 1
    assert files_in(tmp_path) == [NAME]


def test_a_damaged_cache_is_fetched_again(server, tmp_path):
    (tmp_path / NAME).write_bytes(CONTENT[:-5] + b"wrong")
    graph, _ = load(server, tmp_path)
    assert len(server.asked) == 1
    assert (tmp_path / NAME).read_bytes() == CONTENT
    assert len(graph.find("Tin Harbour")) == 1


def test_a_damaged_cache_is_never_used_even_offline(server, tmp_path):
    (tmp_path / NAME).write_bytes(b"[]")
    server.content = None
    with pytest.raises(GraphError, match=rf"{NAME} could not be downloaded from http://127.*404.*check the network"):
        load(server, tmp_path)
    assert files_in(tmp_path) == []


@pytest.mark.parametrize("content", [b"[]", CONTENT + b" ", b"<html>sign in to the hotel</html>"])
def test_another_content_is_refused_and_nothing_stays(server, tmp_path, content):
    server.content = content
    with pytest.raises(GraphError, match=rf"^{NAME} from http://127.* is not the published file and was deleted"):
        load(server, tmp_path)
    assert files_in(tmp_path) == []


def test_a_download_that_breaks_off_leaves_nothing(server, tmp_path):
    server.cut = True
    with pytest.raises(GraphError, match=NAME):
        load(server, tmp_path)
    assert files_in(tmp_path) == []
    server.cut = False
    assert len(load(server, tmp_path)[0].nodes) > 0


def test_no_server_at_all(server, tmp_path):
    server.stop()
    try:
        with pytest.raises(GraphError, match=rf"{NAME} could not be downloaded .* put the file into"):
            load(server, tmp_path)
    finally:
        server.stop = lambda: None


def test_a_progress_bar_can_be_shown(server, tmp_path, capfd):
    load(server, tmp_path, progress=True)
    assert "100%" in capfd.readouterr().err


def test_an_unknown_decade_names_those_there_are(tmp_path):
    with pytest.raises(GraphError, match=r"no file for 1975; decades are 1900, 1910, .*2020"):
        load_wikipedia_films([1975], cache=tmp_path)


def test_the_table_of_hashes_is_the_published_one(reference):
    lines = (reference / "wikipedia_films" / "SHA256SUMS").read_text(encoding="utf-8").split("\n")
    published = {name: digest for digest, name in (line.split() for line in lines if line)}
    assert {f"movies-{decade}s.json": digest for decade, digest in module.SHA256.items()} == published


def test_the_real_decade_loads_from_the_cache(reference, tmp_path):
    (tmp_path / NAME).write_bytes((reference / "wikipedia_films" / NAME).read_bytes())
    with pytest.warns(UserWarning, match=r"^Wikipedia films: 7 other spellings of a name merged") as warned:
        graph = load_wikipedia_films([1970], cache=tmp_path, base_url="http://127.0.0.1:9/", progress=False)
    assert len(warned) == 1
    projects = graph.nodes[graph.nodes["node_type"] == "project"]
    assert len(projects) == len(json.loads((tmp_path / NAME).read_bytes()))
    assert projects["year"].between(1970, 1979).all()
    star_wars = graph.find("Star Wars", "project")
    assert star_wars["year"].tolist() == [1977]
    cast = graph.neighbours(star_wars["node_id"].item(), relation="Actor")["name"]
    assert {"Mark Hamill", "Harrison Ford", "Carrie Fisher"} <= set(cast)
    assert "Roy Scheider" in set(graph.neighbours(graph.find("Jaws")["node_id"].item())["name"])
