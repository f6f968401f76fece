"""The colours of channels can be seen, and told apart with any colour vision. Needs no browser."""

import re

import numpy as np
import pytest
from numpy.typing import NDArray

from local.folder import PROJECT

CSS = (PROJECT / "runtime" / "dashboard" / "static" / "css" / "base.css").read_text()
# Channels that a shop usually has at once.
USUAL = 9
# Least distance in Oklab. Neighbouring greys of 8 bits are 0.003 apart.
LEAST_DISTANCE = 0.08
# Machado, Oliveira, Fernandes 2009, severity 1: https://doi.org/10.1109/TVCG.2009.113
VISIONS: dict[str, list[list[float]]] = {
    "all colours": [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
    "no red": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "no green": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "no blue": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}
# https://bottosson.github.io/posts/oklab/
LMS = [[0.4122214708, 0.5363325363, 0.0514459929], [0.2119034982, 0.6806995451, 0.1073969566],
       [0.0883024619, 0.2817188376, 0.6299787005]]  # fmt: skip
LAB = [[0.2104542553, 0.7936177850, -0.0040720468], [1.9779984951, -2.4285922050, 0.4505937099],
       [0.0259040371, 0.7827717662, -0.8086757660]]  # fmt: skip

Colours = NDArray[np.float64]


def linear(name: str, theme: int) -> Colours:
    """Returns the linear RGB of a custom property in a theme: 0 is light, 1 is dark."""
    match = re.search(rf"--{name}: light-dark\((#\w+), (#\w+)\)", CSS)
    assert match, name
    code = match[theme + 1]
    srgb = np.array([int(code[place : place + 2], 16) / 255 for place in (1, 3, 5)])
    return np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)


def luminance(colour: Colours) -> float:
    return float(colour @ [0.2126, 0.7152, 0.0722])


def oklab(colours: Colours) -> Colours:
    return np.asarray(np.cbrt(np.clip(colours, 0, 1) @ np.transpose(LMS)) @ np.transpose(LAB))


@pytest.mark.parametrize("theme", [0, 1])
def test_each_colour_contrasts_with_its_surface(theme: int) -> None:
    """WCAG 2.2 demands a contrast of 3 for parts of charts."""
    surface = luminance(linear("surface", theme))
    for name in [*(f"channel-{number}" for number in range(18)), "unattributed", "accent", "second", "control"]:
        lighter, darker = sorted([luminance(linear(name, theme)), surface], reverse=True)
        assert (lighter + 0.05) / (darker + 0.05) >= 3, name


@pytest.mark.parametrize("theme", [0, 1])
@pytest.mark.parametrize("vision", VISIONS)
def test_usual_channels_can_be_told_apart(theme: int, vision: str) -> None:
    colours = np.array([linear(f"channel-{number}", theme) for number in range(USUAL)])
    seen = oklab(colours @ np.transpose(VISIONS[vision]))
    distances = np.linalg.norm(seen[:, None] - seen[None], axis=-1)[np.triu_indices(USUAL, 1)]
    assert distances.min() >= LEAST_DISTANCE
