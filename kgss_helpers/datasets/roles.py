"""Roles in different words are one skill: the job titles of other sources, read as the workbook's fourteen roles."""

from __future__ import annotations

ROLE_OF_JOB = {
    "co-director": "Director",
    "screenplay": "Screenwriter",
    "writer": "Screenwriter",
    "author": "Screenwriter",
    "co-writer": "Screenwriter",
    "teleplay": "Screenwriter",
    "executive producer": "Producer",
    "associate producer": "Producer",
    "co-producer": "Producer",
    "actress": "Actor",
    "voice": "Voice actor",
    "original music composer": "Composer",
    "music": "Composer",
    "director of photography": "Cinematographer",
    "cinematography": "Cinematographer",
    "casting": "Casting director",
    "production design": "Production designer",
    "costume design": "Costume designer",
    "visual effects": "Visual effects artist",
    "visual effects supervisor": "Visual effects artist",
    "special effects": "Visual effects artist",
    "animation": "Animator",
}


def role_of(job: str) -> str:
    """One of the fourteen roles where the job is another word for it, else the job with its first letter in upper case.

    ``"Music"`` and ``"Original Music Composer"`` are both ``"Composer"``; ``"casting_director"`` is ``"Casting
    director"``.
    """
    plain = job.replace("_", " ").strip()
    return ROLE_OF_JOB.get(plain.casefold(), plain[:1].upper() + plain[1:])
