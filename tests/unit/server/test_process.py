"""What a front-end process loads."""

from __future__ import annotations

import subprocess
import sys


def test_a_front_end_imports_no_torch_and_no_tokenizer_before_a_card_asks_for_one():
    program = "import sys, server.__main__; print(*sys.modules)"

    loaded = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()

    assert {"torch", "transformers", "numpy", "sentencepiece", "tokenizers", "batcher", "jitney"} & set(loaded) == set()
