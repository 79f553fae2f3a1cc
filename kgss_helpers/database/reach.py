"""Reaching Milvus: a local database or a server, and what is said when that fails."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

ANSWER = 60.0
"""Seconds that a server has for an answer."""
REACH = 8.0
"""Seconds that it has to be reached."""
LOGGERS = ("pymilvus", "milvus_lite", "grpc")

_opened: Counter[Path] = Counter()
"""How often this process has each local database open: the last one to close lets go of its lock."""


class DatabaseError(RuntimeError):
    """The database cannot be reached, opened, read or written; the message says which and what to do."""


class _Kept(logging.Handler):
    """Keeps the errors that are logged, and shows none."""

    def __init__(self) -> None:
        super().__init__()
        self.errors: list[BaseException] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keeps the exception of a record, if it has one."""
        if record.exc_info and record.exc_info[1]:
            self.errors.append(record.exc_info[1])


@contextmanager
def _quietly() -> Iterator[_Kept]:
    """What the client logs inside is not shown: the error that is raised says it once, and without a traceback."""
    kept = _Kept()
    before = [(logger, logger.handlers, logger.propagate) for logger in map(logging.getLogger, LOGGERS)]
    for logger, _, _ in before:
        logger.handlers, logger.propagate = [kept], False
    try:
        yield kept
    finally:
        for logger, handlers, propagate in before:
            logger.handlers, logger.propagate = handlers, propagate


def is_local(uri: str | Path) -> bool:
    """Whether it is a file's name, and no address."""
    return "://" not in str(uri)


def shown(uri: str | Path) -> str:
    """What can be said of it in a message: a file's name, or an address without user and password."""
    return (
        Path(uri).name
        if is_local(uri)
        else str(uri).partition("://")[0] + "://" + urlsplit(str(uri)).netloc.rpartition("@")[2]
    )


@contextmanager
def asking(uri: str | Path, doing: str) -> Iterator[None]:
    """Turns an error of the client inside into a `DatabaseError` that says what was being done."""
    from grpc import RpcError
    from pymilvus import MilvusException

    with _quietly():
        try:
            yield
        except (MilvusException, RpcError) as error:
            said = getattr(error, "message", "") or str(error)
            raise DatabaseError(f"{shown(uri)}: {doing} failed ({said}); nothing that was there is lost") from None


def connect(uri: str | Path, token: str, *, create: bool) -> Any:
    """A client of a local database or of a server.

    Args:
        uri: A file whose name ends in ``.db``, or an address.
        token: What a server asks for.
        create: Make a local database that is not there.

    Raises:
        FileNotFoundError: A local database is not there, and is not to be made.
        ValueError: It is neither such a name nor an address.
        DatabaseError: It cannot be reached or opened, or a package is missing.
    """
    try:
        from pymilvus import MilvusClient, MilvusException
    except ImportError:
        raise DatabaseError("pymilvus is not installed: `python -m kgss_helpers install` brings it") from None
    if is_local(uri):
        return _open_local(Path(uri).resolve(), create)
    if urlsplit(str(uri)).scheme not in ("http", "https"):
        raise ValueError(f"{shown(uri)} is no address of a server: such as http://localhost:19530")
    try:
        with _quietly():
            return MilvusClient(str(uri), token=token, timeout=REACH)
    except (MilvusException, ValueError) as error:
        said = getattr(error, "message", "") or str(error)
        raise DatabaseError(
            f"no Milvus answers at {shown(uri)} ({said}); check the address, the token, and that the server runs"
        ) from None


def _open_local(path: Path, create: bool) -> Any:
    from pymilvus import MilvusClient, MilvusException

    _check(path, create)
    path.parent.mkdir(parents=True, exist_ok=True)
    with _quietly() as kept:
        try:
            client = MilvusClient(str(path), timeout=REACH)
        except MilvusException as error:
            why = kept.errors[-1] if kept.errors else error
            _let_go(path)
            locked = type(why).__name__ == "DataDirLockedError"
            raise DatabaseError(
                f"{path.name} is open in another process: close it there (in a notebook, stop its kernel)"
                if locked
                else f"{path.name} cannot be opened ({why})"
            ) from None
    _opened[path] += 1
    return client


def _check(path: Path, create: bool) -> None:
    """Raises what `connect` says if there can be no local database in this place."""
    if path.suffix != ".db":
        raise ValueError(
            f"{path.name}: the name of a local database ends in .db; a server's address begins with http://"
        )
    if not path.exists() and not create:
        raise FileNotFoundError(f"there is no database {path}; SemanticSpace.to_database writes one")
    if path.exists() and not (path.is_dir() and ((path / "collections").is_dir() or not any(path.iterdir()))):
        raise DatabaseError(f"{path.name} is no database of Milvus Lite: choose another name")
    try:
        import milvus_lite  # noqa: F401 - the client imports it when it opens a file
    except ImportError:
        raise DatabaseError(
            "Milvus Lite, which keeps a database in a file, is not installed: `python -m pip install milvus-lite`. On "
            "Windows its makers do not support it: run a Milvus server (in Docker, say) and give its address, such as "
            "http://localhost:19530"
        ) from None


def disconnect(client: Any, uri: str | Path) -> None:
    """Closes a client; the last one of a local database also lets go of its lock."""
    with _quietly():
        client.close()
        if is_local(uri):
            path = Path(uri).resolve()
            _opened[path] -= 1
            _let_go(path)


def _let_go(path: Path) -> None:
    """Releases the lock of a local database that nobody in this process has open."""
    from milvus_lite import server_manager_instance

    if _opened[path] <= 0:
        server_manager_instance.release_server(str(path))
