"""What all pictures share: their colours, light and dark, and the page around them."""

from html import escape

# Rules reach nothing but what has the class, so a cell of a notebook may have them.
# Colours that are behind a text are no stronger than leaves it readable, --full.
THEME = """.rnn { color-scheme: light dark; --ink: #1f2328; --faint: #59636e;
  --paper: #fff; --raised: #f6f8fa; --line: #d8dee4; --more: 0 90 181;
  --less: 200 70 0; --full: .65; --c0: #0b62c4; --c1: #c2410c; --c2: #0f766e;
  --c3: #7c3aed; --c4: #be185d; --c5: #4d7c0f; --c6: #0e7490; --c7: #6b7280;
  font-family: system-ui, sans-serif; color: var(--ink); background: var(--paper);
  print-color-adjust: exact; -webkit-print-color-adjust: exact; }
.rnn figure, .rnn svg { break-inside: avoid; }
@media (prefers-color-scheme: dark) { .rnn { --ink: #e6edf3; --faint: #9aa4af;
  --paper: #14171b; --raised: #1c2127; --line: #343b44; --more: 96 165 250;
  --less: 251 146 60; --full: .55; --c0: #6cb0ff; --c1: #ff9f5a; --c2: #4fd1c0;
  --c3: #b79cff; --c4: #ff85b8; --c5: #b4d455; --c6: #67d4ec; --c7: #a8adb5; } }
"""
PAGE = """<!DOCTYPE html>
<html lang="{lang}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy"
  content="default-src 'none'; style-src 'unsafe-inline'">
<title>{title}</title>
<style>
{style}
html {{ -webkit-text-size-adjust: 100%; text-size-adjust: 100%; }}
body {{ margin: 0; }}
</style>
</head>
<body class="rnn">
{body}
</body>
</html>
"""


def make_page(body: str, *, title: str, lang: str = "en", style: str = "") -> str:
    """Make a page of markup, which may ask for nothing from elsewhere and run nothing.

    Args:
        body: The markup.
        title: Its title, as plain text.
        lang: Code of its language.
        style: Rules beside those of the theme.
    """
    return PAGE.format(
        lang=escape(lang), title=escape(title), style=THEME + style, body=body
    )
