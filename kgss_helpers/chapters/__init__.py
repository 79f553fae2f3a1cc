"""Figures, demos and tables that one notebook alone needs, a module a notebook."""

from __future__ import annotations
