"""What several notebooks draw, and the views that a reader plays with."""
