"""Sentences, documents and training rows written from a graph.

Everything here reads one graph and nothing else: give it the training graph, and no held-out fact can get into a
document or a row.
"""
