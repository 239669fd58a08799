"""Shows texts that callers have sent, such as names of columns, without letting them act.

Control characters, halves of surrogate pairs and marks that turn the direction of writing are shown
by their number: they would clear a terminal, forge its lines, or break a page.
"""

from __future__ import annotations

import unicodedata

_HIDDEN = ("Cc", "Cs", "Cf", "Co", "Cn")


def plain(text: str, *, kept: str = "") -> str:
    """Returns a text with such characters by their number.

    Args:
        text: Of anyone.
        kept: Characters that are left as they are, such as line breaks on a page.
    """
    return "".join(
        f"\\u{ord(letter):04x}"
        if unicodedata.category(letter) in _HIDDEN and letter not in kept
        else letter
        for letter in text
    )
