"""Trains GraphSAGE on a graph of any source, and keeps model, vectors and learning curve.

python -m kgss_helpers.training.sage --graph synthetic --nodes 1000000 --output build/sage
torchrun --nproc-per-node 2 -m kgss_helpers.training.sage --graph csv nodes.csv edges.csv --output build/sage
"""

from __future__ import annotations

from collections.abc import Sequence

from kgss_helpers.training.sage.sage_command import parser, run


def main(argv: Sequence[str] | None = None) -> int:
    """The command; returns its exit status."""
    command = parser("kgss_helpers.training.sage", __doc__.split("\n")[0])
    return run(command, command.parse_args(argv))


if __name__ == "__main__":
    raise SystemExit(main())
