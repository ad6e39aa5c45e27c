"""Pages as a browser draws them."""

import re
import shutil
import subprocess
from typing import Any, NamedTuple

import pytest

# A window can't be as narrow as a phone, but a frame in it can.
FRAME = """<!DOCTYPE html>
<html><head><meta charset="utf-8"><meta name="color-scheme" content="light dark">
<style>html, body { margin: 0; background: Canvas; }
iframe { border: 0; display: block; width: WIDTHpx; height: HEIGHTpx; }</style></head>
<body><iframe src="PAGE"></iframe><script>
onload = () => {
  const root = document.querySelector("iframe").contentDocument.documentElement;
  const late = [...root.querySelectorAll("*")].filter((each) => (
    !each.closest(".wide") && each.getBoundingClientRect().right > root.clientWidth + 1
  )).map((each) => `<${each.tagName}> ${each.textContent.slice(0, 40)}`);
  console.log(`sizes ${root.clientWidth} ${root.scrollWidth} ${late.join(", ")}.`);
};
</script></body></html>
"""
SIZES = re.compile(r'CONSOLE.*"sizes (\d+) (\d+) (.*)\."')


class Look(NamedTuple):
    """What a browser makes of a page.

    Attributes:
        pixels: In [0, 1], shape (height, width, 3).
        width: What there is for the page, in pixels.
        needed: What it takes.
        outside: The elements that stand out at the right, but for those in something
            that scrolls.
        messages: What the console says.
    """

    pixels: Any
    width: int
    needed: int
    outside: str
    messages: list[str]


def look_at(page, *, width, dark, height=1200):
    """Draw a page with Chromium, or skip the test where there is none.

    Args:
        page: Path of the page. The picture is written beside it.
        width: Of the window, in pixels.
        dark: Whether the user prefers dark pages.
        height: Of the window, in pixels.
    """
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("needs Chromium")
    frame, picture = page.with_name("frame.html"), page.with_suffix(".png")
    text = FRAME.replace("WIDTH", str(width)).replace("HEIGHT", str(height))
    frame.write_text(text.replace("PAGE", page.name), "utf8")
    run = subprocess.run(
        [
            chromium,
            *("--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run"),
            *("--disable-background-networking", "--hide-scrollbars"),
            *("--allow-file-access-from-files", "--enable-logging=stderr"),
            f"--blink-settings=preferredColorScheme={int(not dark)}",
            f"--user-data-dir={page.with_name('profile')}",
            f"--window-size={max(500, width)},{height}",
            f"--screenshot={picture}",
            frame.as_uri(),
        ],
        check=True,
        capture_output=True,
        text=True,
        timeout=90,
    )
    from matplotlib.image import imread

    lines = [line for line in run.stderr.splitlines() if "CONSOLE" in line]
    (sizes,) = (found for line in lines if (found := SIZES.search(line)))
    pixels = imread(picture)[:, :width, :3]
    messages = [line for line in lines if not SIZES.search(line)]
    return Look(pixels, int(sizes[1]), int(sizes[2]), sizes[3], messages)
