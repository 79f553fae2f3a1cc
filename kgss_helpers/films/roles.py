"""The fourteen roles of the film graph with all their words, and the two relations that are no roles.

One table says each word once: what the role is called, what somebody in it does (a verb), can do (a skill), how one
asks for it, and what other sources call it (job titles of TMDB and categories of IMDb).
"""

from __future__ import annotations

from dataclasses import dataclass

HAS_GENRE, HAS_KEYWORD = "has genre", "has keyword"


@dataclass(frozen=True)
class Role:
    """One role.

    Attributes:
        name: The relation from a person to a project.
        verb: Between subject and object: ``"George Lucas directed Star Wars."``
        skill: What somebody in the role can do.
        question: How the exam asks for the films of a ``{person}`` in this role.
        jobs: Other sources' words for the role, in lower case.
    """

    name: str
    verb: str
    skill: str
    question: str
    jobs: tuple[str, ...] = ()


TABLE = (
    Role("Director", "directed", "Directing", "films directed by {person}", ("co-director",)),
    Role(
        "Screenwriter", "wrote", "Screenwriting", "screenplays by {person}",
        ("screenplay", "writer", "author", "co-writer", "teleplay"),
    ),
    Role(
        "Producer", "produced", "Producing", "films produced by {person}",
        ("executive producer", "associate producer", "co-producer"),
    ),
    Role("Actor", "acted in", "Acting", "films starring {person}", ("actress",)),
    Role("Voice actor", "lent a voice to", "Voice acting", "films with the voice of {person}", ("voice",)),
    Role("Composer", "scored", "Composing", "films scored by {person}", ("original music composer", "music")),
    Role(
        "Cinematographer", "shot", "Cinematography", "films shot by {person}",
        ("director of photography", "cinematography"),
    ),
    Role("Editor", "edited", "Editing", "films edited by {person}"),
    Role("Casting director", "cast", "Casting", "films cast by {person}", ("casting",)),
    Role(
        "Production designer", "designed", "Production design", "films designed by {person}", ("production design",),
    ),
    Role(
        "Costume designer", "made the costumes for", "Costume design", "films with costumes by {person}",
        ("costume design",),
    ),
    Role(
        "Visual effects artist", "made effects for", "Visual effects", "films with effects by {person}",
        ("visual effects", "visual effects supervisor", "special effects"),
    ),
    Role("Animator", "animated", "Animation", "films animated by {person}", ("animation",)),
    Role("Puppeteer", "moved the puppets of", "Puppetry", "films with puppets moved by {person}"),
)  # fmt: skip
ROLES = tuple(role.name for role in TABLE)
SKILLS = {role.name: role.skill for role in TABLE}
VERBS = {role.name: role.verb for role in TABLE} | {
    HAS_GENRE: "belongs to the genre",
    HAS_KEYWORD: "has the keyword",
}
ROLE_OF_JOB = {word: role.name for role in TABLE for word in (role.name.casefold(), *role.jobs)}


def role_of(job: str) -> str:
    """One of the fourteen roles where the job is a word for it, else the job with its first letter in upper case.

    ``"Music"`` and ``"Original Music Composer"`` are both ``"Composer"``; ``"casting_director"`` is ``"Casting
    director"``.
    """
    plain = job.replace("_", " ").strip()
    return ROLE_OF_JOB.get(plain.casefold(), plain[:1].upper() + plain[1:])
