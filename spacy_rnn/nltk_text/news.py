"""What news agencies and newspapers write around an article: who, where and when.

These are rules for English, on the safe side: what could be part of a sentence stays.
"""

import re

_MONTH = (
    r"(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|"
    r"Sept?(?:ember)?|Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?)\.?"
)
_DAY = rf"(?:\d{{1,2}}(?:st|nd|rd|th)?\s+{_MONTH}|{_MONTH}\s+\d{{1,2}})"
_DATE = rf"{_DAY}(?:,?\s+\d{{4}})?"
_TIME = r"\d{1,2}[:.]\d{2}(?:\s*[ap]\.?m\.?)?(?:\s+[A-Z]{2,4})?"
_MOMENT = rf"(?:{_TIME}(?:,?\s+(?:on\s+)?{_DATE})?|{_DATE}(?:,?\s+(?:at\s+)?{_TIME})?)"

_AGENCY = (
    r"(?:CNN|AP|AFP|Reuters|UPI|Xinhua|Bloomberg|dpa|ANSA|EFE|Kyodo|PTI|IANS|"
    r"(?:ITAR-)?TASS|Interfax|IRIN|IRNA|BBC|NPR|VOA|Associated Press|The Associated "
    r"Press|Thomson Reuters|Financial Times)"
)
_PLACE_WORD = r"(?:[^\W\d_a-z][\w.'’/-]*|de|del|la|of|the|and)"
_CAPITALS = r"[A-Z][A-Z.'’-]+(?:[ ][A-Z.'’-]+){0,3}"
_REGION = r"(?:,\s+[A-Z][\w.'’-]*(?:\s+[A-Z][\w.'’-]*){0,3})?"
_DASH = r"(?:--+|[-–—])"
_NAMED = (  # LONDON, England (CNN) --, NEW YORK, Jan. 5 (Reuters) -, (CNN)Before
    rf"(?:{_PLACE_WORD}(?:(?:,|[^\S\n])+(?:{_PLACE_WORD}|\d{{1,4}})){{0,7}}[^\S\n]+)?"
    rf"\({_AGENCY}(?: [A-Z][\w.]*){{0,2}}\)"
    rf"(?:[^\S\n]*{_DASH}|(?=[^\S\n]*[A-Z\"'“‘]))"
)
_OTHER = (  # LONDON, England (Mental Floss) --, (Mental Floss) --
    rf"(?:{_CAPITALS}{_REGION} +)?\([A-Z][\w.&'’-]*(?: [\w.&'’-]+){{0,4}}\)"
    r"[^\S\n]*(?:--+|[–—])"
)
_UNNAMED = (  # PARIS —, WASHINGTON, March 5 --
    r"(?!(?:BREAKING|EXCLUSIVE|NOTE|UPDATE|WARNING)\b)(?=[A-Z]{3}|[A-Z]+[. ])"
    rf"{_CAPITALS}{_REGION}(?:,? +{_DATE})?[^\S\n]*(?:--+|[–—])"
)
_AT_TEXT_START = re.compile(rf"\A(?:\s*(?:{_NAMED}|{_OTHER}|{_UNNAMED})\s*)+")
_AT_LINE_START = re.compile(
    rf"^(?:[^\S\n]*(?:{_NAMED}|{_OTHER})[^\S\n]*)+", re.MULTILINE
)

_BY = re.compile(r"(?:(?:posted|reported|written)\s+)?by\b:?\s*", re.IGNORECASE)
_STAMP = re.compile(
    r"(?:(?:first\s+|last\s+)?(?:created|modified|posted|published|updated)\b"
    rf"(?:\s+(?:at|on))?:?\s*(?:{_MOMENT})?|{_MOMENT})",
    re.IGNORECASE,
)
_IN_NAMES = """
& al and at bin chief correspondent da de del den der di du editor el for ibn in la le
of reporter special staff the to van von writer
"""
_LOWER_IN_NAMES = frozenset(_IN_NAMES.split())
_MAX_NAME = 100  # characters
_CREDIT = re.compile(
    r"(?:\A|\n|(?<=[.!?\"'”’)]))\s*(?:"
    r"\(?(?:additional\s+)?(?:compiled|editing|reporting|writing)\s+by\s[^()\n]{1,300}?"
    r"|[A-Z][^.!?\n]{0,200}\scontributed\s+to\s+this\s+(?:article|report|story)"
    r"|copyright\s+(?:©\s*|\(c\)\s*)?\d{4}\s[^\n]{1,300}?"
    r")[.)\s]*\Z",
    re.IGNORECASE,
)
_MAX_CREDIT = 400  # characters


def strip_datelines(text: str) -> str:
    """Take off where an article is from, as in "LONDON, England (CNN) -- ".

    With an agency at the beginning of any line, without one ("PARIS — ") at the
    beginning of the text.
    """
    return _AT_LINE_START.sub("", _AT_TEXT_START.sub("", text))


def strip_bylines(text: str) -> str:
    """Take off who wrote an article and when: lines before it, credits behind it.

    A text of nothing else stays as it is.
    """
    end = len(text)
    while credit := _CREDIT.search(text, max(0, end - _MAX_CREDIT), end):
        end = credit.start()
    lines = text[:end].split("\n")
    has_byline = name_follows = False
    for n, line in enumerate(lines):
        line = line.strip(" \t\r|.")
        is_by = _is_by(line)
        if is_by or _STAMP.fullmatch(line) or (name_follows and _is_name(line)):
            has_byline, name_follows = True, bool(_BY.fullmatch(line))
        elif line:
            return "\n".join(lines[n if has_byline else 0 :])
    return text


def _is_by(line: str) -> bool:
    """Tell whether a line is "By" with a name or before one."""
    match = _BY.match(line)
    return match is not None and (
        match.end() == len(line) or _is_name(line, match.end())
    )


def _is_name(line: str, start: int = 0) -> bool:
    """Tell whether a line could be names of people, and what or where they are."""
    if not start < len(line) <= _MAX_NAME:
        return False
    words = re.findall(r"[^\s,;()/|]+", line[start:])
    return any(word[0].isupper() for word in words) and all(
        word[0].isupper() or word[0] == "@" or word.lower() in _LOWER_IN_NAMES
        for word in words
    )
