"""Colours that all pages share can be read."""

import re

import pytest

from spacy_rnn.visual.page import THEME

READABLE = 4.5  # WCAG 2.2, level AA, for text of any size
LIGHT, DARK = THEME.split("@media")


def colours_of(rules):
    """Read the values of properties, colours as numbers from 0 to 255."""
    found = dict(re.findall(r"--([\w]+): ([^;]+)[;} ]", rules))
    return {name: read_colour(value) for name, value in found.items()}


def read_colour(value):
    if not value.startswith("#"):
        return [float(part) for part in value.split()]
    digits = value[1:] if len(value) == 7 else "".join(2 * c for c in value[1:])
    return [int(digits[i : i + 2], 16) for i in (0, 2, 4)]


def luminance(colour):
    red, green, blue = (
        part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4
        for part in (each / 255 for each in colour)
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one, other):
    dark, light = sorted([luminance(one), luminance(other)])
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("rules", [LIGHT, DARK], ids=["light", "dark"])
def test_text_can_be_read_on_any_shade_of_a_colour(rules):
    colours = colours_of(rules)
    (full,) = colours["full"]
    for strongest in (colours["more"], colours["less"]):
        for share in range(11):
            alpha = full * share / 10
            pairs = zip(strongest, colours["paper"], strict=True)
            behind = [alpha * a + (1 - alpha) * b for a, b in pairs]
            assert contrast(colours["ink"], behind) >= READABLE


@pytest.mark.parametrize("rules", [LIGHT, DARK], ids=["light", "dark"])
def test_text_of_any_colour_can_be_read_on_the_page(rules):
    colours = colours_of(rules)
    for ground in ("paper", "raised"):
        for name in ("ink", "faint", "more", "less", "c0"):
            assert contrast(colours[name], colours[ground]) >= READABLE, name
    for i in range(8):
        assert contrast(colours[f"c{i}"], colours["paper"]) >= READABLE, i
