"""The colours of Okabe and Ito (2008), told apart with any colour vision, a grey readable on white, and contrast."""

from __future__ import annotations

BLUE, VERMILION, GREEN, PURPLE = "#0072B2", "#D55E00", "#009E73", "#CC79A7"
ORANGE, SKY, BLACK = "#E69F00", "#56B4E9", "#000000"
WHITE = "#FFFFFF"
GREY = "#767676"

READABLE = 4.5
"""The least contrast between a text and what is behind it: WCAG 2.2, criterion 1.4.3, level AA."""


def _channels(color: str) -> list[int]:
    """Red, green and blue of ``#RRGGBB``, each 0 to 255."""
    return [int(color[at : at + 2], 16) for at in (1, 3, 5)]


def luminance(color: str) -> float:
    """The relative luminance of ``#RRGGBB``, from 0 (black) to 1 (white); by WCAG 2.2's definition."""
    parts = [channel / 255 for channel in _channels(color)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(first: str, second: str) -> float:
    """The contrast of two colours ``#RRGGBB``, from 1 (none) to 21 (black and white); by WCAG 2.2's definition."""
    dark, light = sorted((luminance(first), luminance(second)))
    return (light + 0.05) / (dark + 0.05)


def shade(color: str, share: float) -> str:
    """A share of a colour, 0 to 1, mixed with white: opaque, so that it is the same on a page of any colour."""
    return "#" + "".join(f"{round(255 + share * (channel - 255)):02X}" for channel in _channels(color))


def text_on(background: str) -> str:
    """Black or white, whichever is easier to read on a background ``#RRGGBB``."""
    return max((BLACK, WHITE), key=lambda color: contrast(color, background))
