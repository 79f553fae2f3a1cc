"""What stands behind `python -m kgss_helpers`.

Everything here starts with the standard library alone, because it runs before anything is installed. What it needs
beyond that (nbclient, nbconvert) is imported inside functions that run in the finished environment. Only
`pytest_notebooks` is another's: pytest loads it.
"""
