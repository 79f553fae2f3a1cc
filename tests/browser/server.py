"""One JupyterLab server on a copy of the notebooks, with settings of its own and no network."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import psutil

from kgss_helpers.frontdoor.cli import lab_variables
from kgss_helpers.frontdoor.environment import ROOT, child_variables

START_SECONDS, STOP_SECONDS = 120, 30
FORGOTTEN_SECONDS = 900  # a server whose tests were killed ends itself
COPIED = ("notebooks", "kgss_helpers", "data")
# Nothing listens here: what a kernel asks of the web fails at once.
NOWHERE = "http://127.0.0.1:9"
LAB_CONFIG = {
    "ServerApp": {"open_browser": False, "ip": "127.0.0.1", "shutdown_no_activity_timeout": FORGOTTEN_SECONDS},
    "MappingKernelManager": {"cull_idle_timeout": FORGOTTEN_SECONDS},
    # The tests ask the page's application what has been executed.
    "LabApp": {"expose_app_in_browser": True, "extension_manager": "readonly"},
}
# What the tests need besides the settings that the front door gives to every reader.
USER_SETTINGS = {
    "docmanager-extension/plugin": {"autosave": False},
    "extensionmanager-extension/plugin": {"enabled": False},
    # All cells stand in the page, not only those in view; a notebook that names no kernel asks no question.
    "notebook-extension/tracker": {"autoStartDefaultKernel": True, "windowingMode": "none"},
}


class Server:
    """A JupyterLab server in a folder of its own; the working tree is read, never written to.

    Kernels run this very Python and import the copied ``kgss_helpers``. Defaults are those of the `lab` command.
    """

    def __init__(self, folder: Path) -> None:
        """Copies the workbook into ``folder``, starts the server and waits until it answers.

        Raises:
            RuntimeError: It ended, or did not answer in time; the message ends with its log.
        """
        self.root, self.state = folder / "root", folder / "state"
        self.log_file = folder / "jupyterlab.log"
        self.token = secrets.token_hex(16)
        _copy_workbook(self.root)
        _write_settings(self.state)
        with self.log_file.open("wb") as log:
            self.process = subprocess.Popen(
                self._command(), cwd=self.root, env=self._variables(), stdout=log, stderr=subprocess.STDOUT
            )
        try:
            self.url = self._wait_for_answer()
        except BaseException:
            self.stop()
            raise

    @property
    def log(self) -> str:
        """What the server and its kernels have said so far."""
        return self.log_file.read_text(encoding="utf-8", errors="replace")

    def stop(self) -> None:
        """Ends the server and its kernels: by asking, else by force."""
        family = _descendants(self.process.pid)
        if hasattr(self, "url"):
            try:
                self._ask("POST", f"{self.url}api/shutdown")
            except OSError:
                self.process.terminate()
        else:
            self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        for process in psutil.wait_procs(family, timeout=STOP_SECONDS)[1]:
            process.kill()

    def has_idle_kernel(self, path: str) -> bool:
        """Whether a notebook, given its path below the server's root, has a kernel that is connected and idle."""
        kernels = [session["kernel"] for session in self._sessions() if session["path"] == path]
        return any(kernel["connections"] and kernel["execution_state"] == "idle" for kernel in kernels)

    def shut_down_kernel(self, path: str) -> None:
        """Ends the kernel of a notebook, given its path below the server's root."""
        for session in self._sessions():
            if session["path"] == path:
                self._ask("DELETE", f"{self.url}api/sessions/{session['id']}")

    def settings(self, plugin: str) -> dict[str, Any]:
        """What is in force of a plugin's settings: what its user chose, else the defaults."""
        answer = json.loads(self._ask("GET", self._settings_address(plugin)))
        defaults = {key: value.get("default") for key, value in answer["schema"]["properties"].items()}
        return defaults | answer["settings"]

    def choose(self, plugin: str, settings: dict[str, Any]) -> None:
        """Chooses settings of a plugin as a user does in the settings editor; an empty choice is the defaults again."""
        self._ask("PUT", self._settings_address(plugin), {"raw": json.dumps(settings)})

    def _settings_address(self, plugin: str) -> str:
        return f"{self.url}lab/api/settings/{plugin}"

    def _command(self) -> list[str]:
        # If somebody takes the port in between, the server tries others; the one it got stands in its own record.
        return [sys.executable, "-m", "jupyterlab", f"--ServerApp.port={_free_port()}", "--allow-root"]

    def _variables(self) -> dict[str, str]:
        variables = lab_variables(child_variables(quiet=True))
        variables.pop("MPLBACKEND", None)
        paths = [str(self.root), *filter(None, variables.get("PYTHONPATH", "").split(os.pathsep))]
        return variables | {
            "PYTHONPATH": os.pathsep.join(paths),
            "JUPYTER_TOKEN": self.token,
            "JUPYTER_CONFIG_DIR": str(self.state / "config"),
            "JUPYTER_DATA_DIR": str(self.state / "data"),
            "JUPYTER_RUNTIME_DIR": str(self.state / "runtime"),
            "JUPYTERLAB_SETTINGS_DIR": str(self.state / "settings"),
            "JUPYTERLAB_WORKSPACES_DIR": str(self.state / "workspaces"),
            "JUPYTER_PREFER_ENV_PATH": "0",  # our kernel and settings before any others
            "IPYTHONDIR": str(self.state / "ipython"),
            **dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), NOWHERE),
            **dict.fromkeys(("NO_PROXY", "no_proxy"), "127.0.0.1,localhost"),
        }

    def _wait_for_answer(self) -> str:
        give_up = time.monotonic() + START_SECONDS
        while time.monotonic() < give_up and self.process.poll() is None:
            try:
                for record in (self.state / "runtime").glob("jpserver-*.json"):
                    url = json.loads(record.read_text(encoding="utf-8"))["url"]
                    self._ask("GET", f"{url}api/status")
                    return url
            except (OSError, ValueError):
                pass  # not written to its end, or not listening yet
            time.sleep(0.1)
        raise RuntimeError(f"JupyterLab did not start within {START_SECONDS} s. Its log:\n{self.log}")

    def _sessions(self) -> list[dict[str, Any]]:
        return json.loads(self._ask("GET", f"{self.url}api/sessions"))

    def _ask(self, method: str, url: str, content: object = None) -> bytes:
        data = None if content is None else json.dumps(content).encode()
        headers = {"Authorization": f"token {self.token}", "Content-Type": "application/json"}
        request = urllib.request.Request(url, data, headers, method=method)
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with direct.open(request, timeout=STOP_SECONDS) as answer:
            return answer.read()


def _copy_workbook(root: Path) -> None:
    unwanted = shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints")
    for name in COPIED:
        shutil.copytree(ROOT / name, root / name, ignore=unwanted)


def _write_settings(state: Path) -> None:
    kernel = {
        "argv": [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        "display_name": "Python 3 (ipykernel)",
        "language": "python",
        "metadata": {"debugger": False},
    }
    files = {
        state / "config" / "jupyter_lab_config.json": LAB_CONFIG,
        state / "data" / "kernels" / "python3" / "kernel.json": kernel,
    } | {
        state / "settings" / "@jupyterlab" / f"{plugin}.jupyterlab-settings": settings
        for plugin, settings in USER_SETTINGS.items()
    }
    for file, content in files.items():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(content), encoding="utf-8")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _descendants(pid: int) -> list[psutil.Process]:
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []
