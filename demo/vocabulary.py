"""The translation vocabulary: SentencePiece pieces learned from the phrasebook, written as M2M100's own files."""

from __future__ import annotations

import io
import json
import tempfile
from collections.abc import Iterable
from contextlib import chdir
from pathlib import Path

import sentencepiece
from transformers.models.m2m_100.tokenization_m2m_100 import FAIRSEQ_LANGUAGE_CODES

LANGUAGE_CODES: list[str] = FAIRSEQ_LANGUAGE_CODES["m2m100"]
MADE_UP_WORDS = 8  # M2M100 pads its embedding by eight rows that no token uses
SPECIALS = ("<s>", "<pad>", "</s>", "<unk>")
PIECES = 3000
CUT = "\t"  # stands between two slots while the pieces are learned

# Whatever a person may type in the six languages keeps an id of its own, if only a letter at a time.
LATIN = "".join(chr(code) for code in range(0x21, 0x7F)) + "ÀÂÄÆÇÈÉÊËÎÏÔÖŒÙÛÜŸÁÍÑÓÚàâäæçèéêëîïôöœùûüÿáíñóúß¿¡«»€"
KANA = "".join(chr(code) for code in range(0x3041, 0x3097)) + "".join(chr(code) for code in range(0x30A1, 0x30FD))
CJK_MARKS = "。、！？，：；（）「」・"

# Only spellings of the same sign are folded. NFKC, SentencePiece's default, would also turn
# the full-width comma and question mark into ASCII, and Chinese answers would carry English ones.
FOLDED = {"’": "'", "‘": "'", "“": '"', "”": '"', "\u00a0": " ", "\u202f": " ", "\u3000": " ", "…": "..."} | {
    chr(0xFEE0 + code): chr(code) for code in range(0x30, 0x7B) if chr(code).isalnum()
}


def train_pieces(sentences: Iterable[str]) -> bytes:
    """A SentencePiece model of the sentences; the same sentences give the same model."""
    model = io.BytesIO()
    # The model remembers the path of its rules; only a relative one is the same on every machine.
    with tempfile.TemporaryDirectory() as scratch, chdir(scratch):
        Path("folded.tsv").write_text("".join(f"{ord(s):X}\t{_hex(plain)}\n" for s, plain in sorted(FOLDED.items())))
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(sentences),
            model_writer=model,
            model_type="unigram",
            vocab_size=PIECES,
            hard_vocab_limit=False,
            character_coverage=1.0,
            required_chars=LATIN + KANA + CJK_MARKS,
            byte_fallback=False,
            split_digits=True,
            normalization_rule_tsv="folded.tsv",
            pretokenization_delimiter=CUT,
            num_threads=1,
            shuffle_input_sentence=False,
            minloglevel=2,
        )
    return model.getvalue()


def write_tokenizer(pieces: bytes, folder: Path) -> int:
    """Write the files `M2M100Tokenizer.from_pretrained` reads. Returns the size of the model's embedding."""
    processor = sentencepiece.SentencePieceProcessor(model_proto=pieces)
    learned = [processor.id_to_piece(i) for i in range(processor.get_piece_size()) if not processor.is_control(i)]
    ordered = [*SPECIALS, *(piece for piece in learned if piece not in SPECIALS)]
    (folder / "sentencepiece.bpe.model").write_bytes(pieces)
    _write_json(folder / "vocab.json", {piece: i for i, piece in enumerate(ordered)})
    named = {"bos_token": "<s>", "eos_token": "</s>", "sep_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>"}
    # Without the list of language tokens here the tokenizer would not know them as special and print them.
    languages = [f"__{code}__" for code in LANGUAGE_CODES]
    _write_json(folder / "special_tokens_map.json", named | {"additional_special_tokens": languages})
    _write_json(
        folder / "tokenizer_config.json",
        named
        | {
            "additional_special_tokens": languages,
            "language_codes": "m2m100",
            "model_max_length": 1024,
            "num_madeup_words": MADE_UP_WORDS,
            "src_lang": None,
            "tgt_lang": None,
            "tokenizer_class": "M2M100Tokenizer",
        },
    )
    return len(ordered) + len(LANGUAGE_CODES) + MADE_UP_WORDS


def _hex(text: str) -> str:
    return " ".join(f"{ord(character):X}" for character in text)


def _write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
