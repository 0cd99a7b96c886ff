"""A card's tokenizer: a text's ids, read no further than is needed, its tokens with their places, and the text of
tokens."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from tokenizers import Tokenizer

from broker.messages import ModelCard
from server.codecs.checks import file_of
from server.codecs.contract import Token
from server.codecs.errors import CodecError
from server.codecs.work import Work

STRETCH = 16_384  # characters that are read at once
MOST = 65_536  # characters of a text whose tokens are told: 60 MB while it is read, where each has four. And tokens


def load_tokenizer(card: ModelCard, files: Mapping[str, bytes]) -> Tokenizer:
    """Made of the card's tokenizer.json, without padding or truncation. Raises `ValueError`."""
    tokenizer = read_tokenizer(file_of(card, files, "tokenizer.json"))
    tokenizer.encode_special_tokens = bool(card.options.get("split_special_tokens", False))
    return tokenizer


def read_tokenizer(data: bytes) -> Tokenizer:
    """Of a tokenizer.json. Raises `ValueError`."""
    try:
        tokenizer: Tokenizer = Tokenizer.from_str(data.decode())
    except Exception as error:  # the library raises nothing narrower
        raise ValueError("tokenizer.json cannot be read") from error
    # A file may carry the lengths of a training run. The card says the length, and the batcher pads.
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def plain_ids(tokenizer: Tokenizer, text: str) -> list[int]:
    """The ids of a text, without special tokens."""
    # Of the tokenizer's ways this one lets other threads run meanwhile, and keeps no offsets.
    ids: list[int] = tokenizer.encode_batch_fast([text], add_special_tokens=False)[0].ids
    return ids


def first_ids(tokenizer: Tokenizer, text: str, most: int, side: str, work: Work) -> list[int]:
    """The ids of a text; of one with more than twice as many as `most`, that many at least of those at its beginning,
    or at its end where it is cut on the left."""
    size = STRETCH
    while True:
        work.check()
        part = text[-size:] if side == "left" else text[:size]
        ids = plain_ids(tokenizer, part)
        # Twice as many as are kept: then where this part was cut shows in none of those.
        if len(part) == len(text) or len(ids) > 2 * most:
            return ids
        size *= 4


def tokens(tokenizer: Tokenizer, text: str, *, with_special: bool) -> Iterator[Token]:
    """Those of the whole text. Raises `CodecError` (too_large)."""
    if len(text) > MOST:
        raise CodecError(f"text has more than {MOST} characters: divide it, to see its tokens", code="too_large")
    # This way lets other threads run meanwhile, and keeps offsets.
    (encoded,) = tokenizer.encode_batch([text], add_special_tokens=with_special)
    rows = zip(encoded.ids, encoded.tokens, encoded.special_tokens_mask, encoded.offsets, strict=True)
    for id, token, is_special, (start, stop) in rows:
        if is_special:
            yield Token(id=id, text=token, is_special=True)
        else:
            yield Token(id=id, text=text[start:stop], is_special=False, start=start, stop=stop)


def text_of_ids(tokenizer: Tokenizer, ids: Sequence[int], *, with_special: bool) -> str:
    """The text that these tokens make. Raises `CodecError` (also too_large)."""
    if len(ids) > MOST:
        raise CodecError(f"more than {MOST} tokens: divide them, to see their text", code="too_large")
    for id in set(ids):
        if tokenizer.id_to_token(id) is None:
            raise CodecError(f"no token of this model has the id {id}")
    # This way lets other threads run meanwhile.
    (text,) = tokenizer.decode_batch([ids], skip_special_tokens=not with_special)
    return str(text)
