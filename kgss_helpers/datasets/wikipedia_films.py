"""American films since 1900 from Wikipedia, as collected by Peter Rust.

Source: https://github.com/prust/wikipedia-movie-data (MIT licence).
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from kgss_helpers.datasets.builder import GraphBuilder
from kgss_helpers.files import slug
from kgss_helpers.films.roles import HAS_GENRE
from kgss_helpers.graph import GraphError, KnowledgeGraph

COMMIT = "91ae721"
BASE_URL = f"https://raw.githubusercontent.com/prust/wikipedia-movie-data/{COMMIT}/"
SHA256 = {
    1900: "5a42dfc3ff83ab30e3982f93f1164114b41e99e73c632c2321a87772959793e5",
    1910: "4672fe20aeddfe1c52464efc804ee3091f9e4b5fd385401ff0ce48cf8d367573",
    1920: "cb892518d2ffda4f2f11a0bd56f28b102fd0d47e5ae1ba2b2e4cb4e964f8127a",
    1930: "b2ffc5608cbeff231408433ad43f873d422b914bebdf408ebe18427c09a9dcb2",
    1940: "b4d96fc8b7c36f406e489b6fc017de03dd6a10f4c89a84d2a2a46af74e8b49a3",
    1950: "8f566bfec734e93f19f688598e82239556401bde63c226510d71190b30855298",
    1960: "a2450179f0744c07960a7840b9a86b5e0d733f7c0136a4ebcb804a63de9dc0a1",
    1970: "f9abef01840fc70afd148906c7985fa5548ab1f473520dfa6623a3a397bc4ce3",
    1980: "21d0f3c203f77169bb6508225aad4740816a3d7efd9e3bac82e3b812d0569672",
    1990: "facf24e3297937022285d064cc069e8bbe02581c3248a87f0b377c045b4fb61d",
    2000: "66140e41fe6c79cbb325b6566f156e27fe032a42175f224dfff1b71aa9630207",
    2010: "e218edfdd8453cdd938fcb8b07b6b177474b3b18361e3422fdd6480d7e3bf9f9",
    2020: "505f0f56ecdca7a2643fb3a811399b885f837e2cbfa9ee95a24b9018073e3eb3",
}


def load_wikipedia_films(
    decades: Iterable[int] = (1970,),
    *,
    cache: Path | str | None = None,
    base_url: str = BASE_URL,
    progress: bool = True,
) -> KnowledgeGraph:
    """Films with cast, genres and the opening of their article, downloaded decade by decade.

    Each file is kept in a cache and its SHA-256 is compared with the published one after the download and on every
    use; a file that differs is deleted and fetched again, or refused. The source has no ids for people: here a name
    *is* a key, and two people of one name become one node. So do two spellings of a name that differ in case, accents
    or punctuation alone; these are counted in a warning.

    Args:
        decades: Any of 1900, 1910 … 2020.
        cache: Folder for the files; the system's cache folder if not given.
        base_url: Where the files lie (a mirror, say).
        progress: Show a progress bar while downloading.

    Raises:
        GraphError: An unknown decade, a file that is not the published one, or no network; says which file.
    """
    builder = GraphBuilder("Wikipedia films")
    articles: dict[tuple[str, int], str] = {}
    for decade in decades:
        file = fetch_decade(decade, cache=cache, base_url=base_url, progress=progress)
        for film in json.loads(file.read_text(encoding="utf-8")):
            _add_film(builder, articles, film)
    return builder.build(quiet=["repeated edges merged"])


def fetch_decade(
    decade: int, *, cache: Path | str | None = None, base_url: str = BASE_URL, progress: bool = False
) -> Path:
    """The verified file of one decade, from the cache or the network; raises GraphError like `load_wikipedia_films`."""
    import pooch

    if decade not in SHA256:
        raise GraphError(f"there is no file for {decade!r}; decades are {', '.join(map(str, SHA256))}")
    name = f"movies-{decade}s.json"
    folder = Path(cache) if cache else Path(pooch.os_cache("kgss")) / "wikipedia_films"
    expected = f"sha256:{SHA256[decade]}"
    try:
        if (folder / name).is_file() and pooch.file_hash(str(folder / name)) != SHA256[decade]:
            (folder / name).unlink()
        return Path(pooch.retrieve(base_url + name, expected, fname=name, path=folder, progressbar=progress))
    except ValueError as error:
        raise GraphError(
            f"{name} from {base_url} is not the published file and was deleted ({error}); "
            "try again, or check the address"
        ) from None
    except OSError as error:
        raise GraphError(
            f"{name} could not be downloaded from {base_url} ({error}); "
            f"check the network, or put the file into {folder}"
        ) from None


def _add_film(builder: GraphBuilder, articles: dict[tuple[str, int], str], film: dict) -> None:
    title, year = film["title"].strip(), film["year"]
    article = (film.get("href") or title, year)
    if article in articles:
        builder.count("films with the same article and year as another merged")
    elif not title:
        builder.count("films without a title left out")
        return
    else:
        node_id = builder.free_id(f"project:{slug(article[0])}-{year}")
        articles[article] = builder.node(node_id, "project", title, film.get("extract") or "", year=year)
    for name in film["cast"]:
        if name.strip():
            builder.edge(builder.named("person", name.strip()), "Actor", articles[article])
        else:
            builder.count("empty names in casts left out")
    for genre in film["genres"]:
        builder.edge(articles[article], HAS_GENRE, builder.named("genre", genre))
