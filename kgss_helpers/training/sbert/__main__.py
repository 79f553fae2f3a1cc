"""Fine-tunes on the rows of the film graph, and keeps the model.

python -m kgss_helpers.training.sbert --output build/sbert
torchrun --nproc-per-node 2 -m kgss_helpers.training.sbert --output build/sbert
"""

from __future__ import annotations

from collections.abc import Sequence

from kgss_helpers.training.sbert.command import parser, run


def main(argv: Sequence[str] | None = None) -> int:
    """The command; returns its exit status."""
    command = parser("kgss_helpers.training.sbert", __doc__.split("\n")[0])
    return run(command, command.parse_args(argv))


if __name__ == "__main__":
    raise SystemExit(main())
