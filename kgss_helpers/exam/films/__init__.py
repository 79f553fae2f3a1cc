"""The film exam."""

from kgss_helpers.exam.films.first_edition import *  # noqa: F403
