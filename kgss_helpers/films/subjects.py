"""People of many crafts whom examples draw on."""

from __future__ import annotations

TEST_SUBJECTS = (
    "George Lucas", "Steven Spielberg", "Kathleen Kennedy", "Frank Marshall", "Roger Corman", "Harrison Ford",
    "Carrie Fisher", "Samuel L. Jackson", "Ewan McGregor", "Mark Hamill", "John Williams", "James Newton Howard",
    "James Horner", "Frank Oz", "Phil Tippett", "Kevin Michael Richardson", "Nina Gold", "Jina Jay", "John Lasseter",
    "Hayao Miyazaki",
)  # fmt: skip
"""People of many crafts whom examples draw on; tests watch that the data knows each of them well."""
