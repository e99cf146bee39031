"""What the formats share: text that any of them can hold, and what has to be installed."""

from __future__ import annotations

import re

# What XML 1.0 cannot hold, not even escaped.
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
REQUIREMENT = "spacy-vaedie[export]"


def clean(text: str) -> str:
    """RETURNS (str): The text, with U+FFFD for control characters."""
    return _FORBIDDEN.sub("\ufffd", text)
