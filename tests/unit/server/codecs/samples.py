"""Sentences in 26 languages, and a small M2M100 vocabulary learned from them, in the layout of the hub."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import sentencepiece

from broker.messages import ModelCard

SENTENCES: Mapping[str, Sequence[str]] = {
    "en": ("Life is like a box of chocolates.", "The ferry leaves at seven, and nobody wants to miss it!"),
    "fr": ("Où est la gare, s'il vous plaît ?", "Nous avons déjà goûté ce fromage à Noël."),
    "de": ("Die Straße ist heute gesperrt.", "Können Sie mir bitte die größere Tasse geben?"),
    "es": ("¿Cuánto cuesta el pan de mañana?", "La niña corre detrás de un pequeño perro."),
    "pt": ("Não há água quente na cozinha.", "Amanhã voltaremos às montanhas."),
    "it": ("Perché la finestra è già aperta?", "Il treno per Città Alta è in ritardo."),
    "nl": ("Het meisje leest een boek bij het raam.", "Wij fietsen morgen naar zee."),
    "sv": ("Båten går över sjön på lördag.", "Älgen står under den gamla eken."),
    "pl": ("Gdzie leży żółty parasol?", "Dziękuję, już jadłem śniadanie."),
    "cs": ("Příliš žluťoučký kůň běží domů.", "Dnes večer půjdeme do divadla."),
    "hu": ("A kertben öt nagy fa áll.", "Hűvös az őszi reggel."),
    "fi": ("Yöllä satoi lunta järven jäälle.", "Äiti keittää kahvia keittiössä."),
    "tr": ("Bugün hava çok güzel, değil mi?", "Küçük kız şarkı söylüyor."),
    "vi": ("Hôm nay trời mưa rất to.", "Bạn có thể giúp tôi một việc nhỏ không?"),
    "id": ("Kami akan pergi ke pasar besok pagi.", "Anak itu sedang membaca buku."),
    "sw": ("Watoto wanacheza mpira uwanjani.", "Ninataka kununua mkate na maziwa."),
    "ru": ("Завтра мы поедем на дачу.", "Сколько стоит этот красный шарф?"),
    "uk": ("Її подруга живе біля річки.", "Чи є ще вільні місця?"),
    "el": ("Πού βρίσκεται το λιμάνι;", "Το πρωί πίνω πάντα καφέ."),
    "he": ("הספר החדש נמצא על השולחן.", "מתי יוצאת הרכבת לחיפה?"),
    "ar": ("أين تقع المكتبة الجديدة؟", "يشرب جدي الشاي كل صباح."),
    "hi": ("मेरी बहन बाज़ार जा रही है।", "क्या आपको चाय पसंद है?"),
    "th": ("วันนี้อากาศดีมาก", "ฉันอยากกินข้าวผัด"),
    "ko": ("내일은 바다에 가고 싶어요.", "이 책은 얼마입니까?"),
    "ja": ("人生はチョコレートの箱のようなものだ。", "駅はどこですか？"),
    "zh": ("生活就像一盒巧克力。", "请问火车站在哪里？"),
}
SPECIALS = ("<s>", "<pad>", "</s>", "<unk>")
FOREIGN = "🦊"  # has an id in vocab.json, and no piece in SentencePiece
MISSING = "▁chocolates"  # a piece SentencePiece emits, and vocab.json lacks: the hub's files have such gaps
CODES = ("af", *SENTENCES, "zu")


@cache
def tokenizer_files(**rules: Any) -> dict[str, bytes]:
    """`sentencepiece.bpe.model` and `vocab.json`; the ids of the two differ, as the hub's do.

    `rules` are how SentencePiece normalizes, where that is not its default.
    """
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=(sentence for pair in SENTENCES.values() for sentence in pair),
        model_writer=model,
        model_type="bpe",
        vocab_size=900,
        character_coverage=1.0,
        user_defined_symbols=[MISSING],
        num_threads=1,
        minloglevel=2,
        **rules,
    )
    pieces = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
    learned = [pieces.id_to_piece(number) for number in range(pieces.get_piece_size())]
    words = [*SPECIALS, *sorted({*learned, FOREIGN} - {*SPECIALS, MISSING}, reverse=True)]
    vocab = json.dumps({word: number for number, word in enumerate(words)}, ensure_ascii=False)
    return {"sentencepiece.bpe.model": model.getvalue(), "vocab.json": vocab.encode()}


def vocab() -> dict[str, int]:
    """What `vocab.json` says."""
    numbers: dict[str, int] = json.loads(tokenizer_files()["vocab.json"])
    return numbers


def translation_card(codes: Sequence[str] = CODES, **changes: Any) -> ModelCard:
    """A card whose languages stand after the vocabulary, as M2M100's do."""
    numbers = {code: len(vocab()) + place for place, code in enumerate(codes)}
    fields: dict[str, Any] = {
        "name": "small",
        "task": "translation",
        "codec": "m2m100",
        "revision": "1",
        "languages": tuple(codes),
        "options": {"language_ids": numbers},
    }
    return ModelCard(**fields | changes)
