"""The helpers behind the workbook; importing this package loads no heavy library."""

__version__ = "0.1.0"
