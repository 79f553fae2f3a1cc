"""The space that both benchmarks of a search look through: random vectors, a share of them of the type asked for."""

import numpy as np

from kgss_helpers.space import SemanticSpace


def random_space(nodes: int, dimensions: int, share: float) -> SemanticSpace:
    """Filled in pieces, so that the vectors need no second copy."""
    rng = np.random.default_rng(0)
    vectors = np.empty((nodes, dimensions), dtype=np.float32)
    for start in range(0, nodes, 100_000):
        piece = vectors[start : start + 100_000]
        piece[:] = rng.standard_normal(piece.shape, dtype=np.float32)
        piece /= np.linalg.norm(piece, axis=1, keepdims=True)
    ids = np.array([str(number) for number in range(nodes)], dtype=object)
    types = np.where(rng.random(nodes) < share, "wanted", "other").astype(object)
    return SemanticSpace("random", ids, types, ids, vectors)
