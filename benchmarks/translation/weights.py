"""Seeded random M2M100 checkpoints, as directories of the hub's layout: speed does not depend on what was learned.

python -m benchmarks weights --size mid --directory weights
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
import transformers
from transformers import GenerationConfig, M2M100Config, M2M100ForConditionalGeneration

from benchmarks.lib.arguments import parser
from benchmarks.lib.pieces_model import SPECIALS, pieces_model

CACHE = Path(tempfile.gettempdir()) / "jitney-benchmark-translation-2"  # 2: with pieces
PAD, END = 1, 2
LANGUAGES, SPARE = 100, 8  # rows of the embedding after the pieces: one a language, and some for nobody
LONGEST = 1024  # tokens of a text
# Deviation of a layer's weights (by √width) and of the embedding. With the usual 0.02 for both, a random decoder says
# the same word for ever; with these an answer has a dozen different ones, so that engines can be seen to agree.
SPREAD, SPREAD_OF_WORDS = 4.5, 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """Encoder and decoder have the same number of layers; `vocabulary` counts languages and spare rows."""

    width: int
    layers: int
    heads: int
    ffn: int
    vocabulary: int

    @property
    def pieces(self) -> int:
        """Ids before the first language."""
        return self.vocabulary - LANGUAGES - SPARE


SIZES = {
    "mid": Size(width=512, layers=6, heads=8, ffn=2048, vocabulary=32_000),
    "418m": Size(width=1024, layers=12, heads=16, ffn=4096, vocabulary=128_112),
    "tiny": Size(width=64, layers=2, heads=4, ffn=128, vocabulary=512),  # to try a benchmark out
}


def checkpoint(name: str, cache: Path = CACHE, *, seed: int = 0) -> Path:
    """The directory of this size's checkpoint below `cache`, made unless it is there.

    The rows of the end and of padding are zero in the shared embedding, so their logits are 0 while the highest of
    the others is far above: no row ends by itself, and each is as long as it is told to be.
    """
    directory = cache / f"{name}-{seed}"
    if not directory.is_dir():
        unfinished = directory.with_name(f"{directory.name}.unfinished")
        shutil.rmtree(unfinished, ignore_errors=True)
        unfinished.mkdir(parents=True)
        _write(SIZES[name], unfinished, seed)
        unfinished.rename(directory)
    return directory


def words(size: Size) -> list[str]:
    """The vocabulary of vocab.json, in the order of its ids."""
    return [*SPECIALS, *(f"\u2581p{number}" for number in range(size.pieces - len(SPECIALS)))]


def _write(size: Size, directory: Path, seed: int) -> None:
    transformers.logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    torch.manual_seed(seed)
    network = M2M100ForConditionalGeneration(_config(size))
    embedding: torch.Tensor = network.model.shared.weight.data
    embedding *= SPREAD_OF_WORDS / network.config.init_std
    embedding[[PAD, END]] = 0.0
    network.generation_config = GenerationConfig(  # type: ignore[no-untyped-call]
        bos_token_id=0,
        pad_token_id=PAD,
        eos_token_id=END,
        decoder_start_token_id=END,
        max_length=200,
        num_beams=1,
    )
    network.save_pretrained(directory)
    (directory / "vocab.json").write_text(json.dumps({word: number for number, word in enumerate(words(size))}))
    (directory / "sentencepiece.bpe.model").write_bytes(pieces_model(words(size)))


def _config(size: Size) -> M2M100Config:
    return M2M100Config(
        vocab_size=size.vocabulary,
        d_model=size.width,
        encoder_layers=size.layers,
        decoder_layers=size.layers,
        encoder_attention_heads=size.heads,
        decoder_attention_heads=size.heads,
        encoder_ffn_dim=size.ffn,
        decoder_ffn_dim=size.ffn,
        max_position_embeddings=LONGEST,
        init_std=SPREAD / size.width**0.5,
    )


def main(arguments: Sequence[str]) -> int:
    """Prints where it is."""
    command = parser("weights", __doc__)
    command.add_argument("--size", choices=SIZES, default="mid", help="[default: %(default)s]")
    command.add_argument("--directory", type=Path, default=CACHE, help="where it goes [default: %(default)s]")
    asked = command.parse_args(arguments)
    print(checkpoint(asked.size, asked.directory))
    return 0
