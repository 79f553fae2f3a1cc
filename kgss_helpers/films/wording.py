"""How facts about films are put into words: the forms of documents and of training rows."""

from __future__ import annotations

CREDIT_FORMS = (
    "{role} in '{film}'",
    "{role} of the film '{film}'",
    "Worked on '{film}' as {role_lower}",
    "{skill} in '{film}'",
)
CAST_FORMS = ("A film with {person} as {role_lower}", "{role}: {person}", "{person} was its {role_lower}")
SKILL_FORMS = (
    "{role}, '{genre}' films",
    "{role} with experience in the genre '{genre}'",
    "Has been {role_lower} of {count} '{genre}' films",
    "Works in '{genre}' as {role_lower}",
)
GENRE_FORMS = ("A '{genre}' film", "Genre: {genre}", "Belongs to the genre '{genre}'")
KEYWORD_FORMS = ("A film related to '{keyword}'", "Keyword: {keyword}", "'{keyword}' occurs in this film")
RELATED_FORMS = ("A keyword related to the film '{film}'", "Occurs in the film '{film}'")
OF_GENRES, ABOUT_KEYWORDS = "{genres} film", "about {keywords}"
"""What a document says of a film."""
ROLE_IN, CREDITED_IN = "{role} of {titles}", "Credited in {titles}"
"""What a document says of a person: role by role, or only where."""
ASKED_ABOUT = "a film about {phrase}"
"""How one asks for a film by what happens in it."""
