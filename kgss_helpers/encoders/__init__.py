"""Methods that put nodes and questions into one space.

All follow one protocol: ``fit(graph)``, ``encode_nodes(graph)``, ``encode_queries(texts)``.
"""
