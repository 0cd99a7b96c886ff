"""Where words begin and end, as patterns: letters of scripts with spaces between words, and of those without."""

from __future__ import annotations

import re
from unicodedata import category

# In Thai, Lao, Burmese, Khmer, Japanese, Chinese … a word may stand anywhere, and in Korean endings are joined to it.
UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3\U00020000-\U0003ffff"
# Accents that stand by themselves, vowel signs of Indic scripts, points of Hebrew and Arabic: `\w` has none of them.
MARKS = "".join(each for each in map(chr, range(0x300, 0x1E00)) if category(each) in ("Mn", "Mc"))
MARKS = re.sub(f"[{UNSPACED}]", "", MARKS)
LETTER = f"(?:[^\\W{UNSPACED}]|[{MARKS}])"
EDGE = f"(?:(?<!{LETTER})|(?!{LETTER}))"  # where no two letters meet
