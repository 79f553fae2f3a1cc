"""Recorded experiments, and the commands that renew them."""
