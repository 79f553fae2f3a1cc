"""The training loops: one short file a model on `loop`, and ``sbert`` on its library's trainer."""
