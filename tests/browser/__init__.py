"""Tests that drive JupyterLab itself in a browser, as a reader does, with no network but the server's own address."""
