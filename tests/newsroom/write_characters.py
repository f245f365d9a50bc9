"""`python -m tests.newsroom.write_characters` writes reactions/newsroom/characters.py from the properties that `regex` knows."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import regex

from tests.databases import PROJECT

FILE = PROJECT / "reactions" / "newsroom" / "characters.py"

_EVERY = "".join(map(chr, range(0x110000)))
_HEAD = '''"""Unicode's properties that article keys go by, as the inside of character classes of `re`.

Written by `python -m tests.newsroom.write_characters`; a test compares it with the properties. Do not edit it.
"""

'''

# The name in the module, the property in the notation of `regex`, and what it is for.
CLASSES = {
    "FOLDED": (r"[\p{Variation_Selector}]", "change how a character is drawn, not which one it is"),
    "INVISIBLE": (
        r"[[\p{Default_Ignorable_Code_Point}\p{Noncharacter_Code_Point}\p{Cc}\p{Cs}\p{Co}\p{Zl}\p{Zp}\p{Cf}]"
        r"--[\p{Prepended_Concatenation_Mark}\p{Variation_Selector}\p{Join_Control}]]",
        "not drawn, no character, or private",
    ),
    "JOINS_LEFT": (r"[\p{Joining_Type=D}\p{Joining_Type=L}]", "cursive letters that join the next one"),
    "JOINS_RIGHT": (r"[\p{Joining_Type=D}\p{Joining_Type=R}]", "cursive letters that join the one before"),
    "TRANSPARENT": (
        r"[[\p{Joining_Type=T}]--[\p{Variation_Selector}\p{Default_Ignorable_Code_Point}]]",
        "marks that joining skips",
    ),
    "VIRAMA": (r"[\p{Indic_Syllabic_Category=Virama}]", "take the vowel of a consonant away"),
    "DEPENDENT_VOWEL": (r"[\p{Indic_Syllabic_Category=Vowel_Dependent}]", "vowels that follow a consonant"),
    "PICTOGRAPH": (r"[\p{Extended_Pictographic}]", "what an emoji sequence is made of"),
}
ALPHABETS = ("Latin", "Cyrillic", "Greek", "Armenian", "Cherokee", "Coptic", "Georgian", "Lisu")


def rendered() -> str:
    """The module's text."""
    lines = [_HEAD]
    for name, (pattern, why) in CLASSES.items():
        lines.append(f"# {why[0].upper()}{why[1:]}.\n{name} = {_wrapped(_ranges(pattern))}\n")
    lines.append("# The letters of alphabets that share shapes, by script.\nLETTERS_OF = {\n")
    for script in ALPHABETS:
        pattern = rf"[[\p{{L}}]&&[\p{{Script={script}}}]]"
        lines.append(f'    "{script}": {_wrapped(_ranges(pattern), indent=4)},\n')
    return "".join([*lines, "}\n"])


@cache
def members(pattern: str) -> list[int]:
    """The code points of a set."""
    return list(map(ord, regex.findall(pattern, _EVERY, regex.V1)))


def _ranges(pattern: str) -> list[str]:
    runs: list[list[int]] = []
    for point in members(pattern):
        if runs and point == runs[-1][1] + 1:
            runs[-1][1] = point
        else:
            runs.append([point, point])
    return [_escaped(first) if first == last else f"{_escaped(first)}-{_escaped(last)}" for first, last in runs]


def _escaped(point: int) -> str:
    return rf"\u{point:04x}" if point < 0x10000 else rf"\U{point:08x}"


def _wrapped(ranges: list[str], *, indent: int = 0) -> str:
    lines, line = [], ""
    for each in ranges:
        if len(line) + len(each) > 110:
            lines.append(line)
            line = ""
        line += each
    if not lines:
        return f'r"{line}"'
    inner = "\n".join(f'{" " * (indent + 4)}r"{each}"' for each in [*lines, line])
    return f"(\n{inner}\n{' ' * indent})"


if __name__ == "__main__":
    Path(FILE).write_text(rendered(), encoding="utf-8")
