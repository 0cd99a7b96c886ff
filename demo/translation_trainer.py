"""How the small M2M100 learns the phrasebook: every pair of languages, sampled by template."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import GenerationConfig, M2M100Config, M2M100ForConditionalGeneration

from demo.batches import Batch, Batches
from demo.phrasebook import Split, read_slots, read_templates
from demo.phrasebook.meanings import segmented
from demo.vocabulary import CUT, train_pieces, write_tokenizer

PAD, EOS = 1, 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """Everything a training run depends on, besides the phrasebook."""

    seed: int = 9527
    steps: int = 3400
    batch_size: int = 96  # sentences
    peak_rate: float = 2e-3
    warm_up: int = 300  # steps
    smoothing: float = 0.1  # keeps the beams' scores apart without certainty
    width: int = 192
    heads: int = 6
    inner: int = 512
    encoder_layers: int = 3
    decoder_layers: int = 2
    dropout: float = 0.0


def train_translation(split: Split, folder: Path, recipe: Recipe, say: Callable[[str], None]) -> None:
    """Train from nothing and write a complete model directory."""
    pieces = train_pieces(segmented(read_templates(), read_slots(), CUT))
    vocabulary = write_tokenizer(pieces, folder)
    torch.manual_seed(recipe.seed)
    model = M2M100ForConditionalGeneration(configuration(recipe, vocabulary))
    # On a CPU in bfloat16 the plain matrix products of "eager" take half the time of the fused attention.
    model.set_attn_implementation("eager")
    say(f"translation model parameters={model.num_parameters()} vocabulary={vocabulary} steps={recipe.steps}")
    _fit(model, Batches(split.training, folder, recipe.batch_size, recipe.seed), recipe, say)
    model.generation_config = generation()
    model.half().save_pretrained(folder)


def configuration(recipe: Recipe, vocabulary: int) -> M2M100Config:
    """The real architecture, only narrow and shallow."""
    return M2M100Config(
        vocab_size=vocabulary,
        d_model=recipe.width,
        encoder_layers=recipe.encoder_layers,
        decoder_layers=recipe.decoder_layers,
        encoder_attention_heads=recipe.heads,
        decoder_attention_heads=recipe.heads,
        encoder_ffn_dim=recipe.inner,
        decoder_ffn_dim=recipe.inner,
        dropout=recipe.dropout,
        attention_dropout=0.0,
        encoder_layerdrop=0.0,
        decoder_layerdrop=0.0,
        max_position_embeddings=1024,
        scale_embedding=True,
        tie_word_embeddings=True,
    )


def generation() -> GenerationConfig:
    """Greedy: the phrasebook has one right answer, and beams would cost five times as much to find the same."""
    return GenerationConfig(
        bos_token_id=0,
        pad_token_id=PAD,
        eos_token_id=EOS,
        decoder_start_token_id=EOS,
        num_beams=1,
        max_length=200,
        early_stopping=False,
    )


def _fit(model: M2M100ForConditionalGeneration, batches: Batches, recipe: Recipe, say: Callable[[str], None]) -> None:
    model.train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=recipe.peak_rate, betas=(0.9, 0.98), weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: rate(step, recipe))
    started, total = time.monotonic(), 0.0
    for step, batch in enumerate(batches.endless(recipe.steps), start=1):
        loss = _loss(model, batch, recipe.smoothing)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad(set_to_none=True)
        total += loss.item()
        if step % 100 == 0:
            elapsed = time.monotonic() - started
            say(f"translation step={step}/{recipe.steps} loss={total / 100:.4f} elapsed={elapsed:.0f}s")
            total = 0.0
    model.eval()


def _loss(model: M2M100ForConditionalGeneration, batch: Batch, smoothing: float) -> torch.Tensor:
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits = model(
            input_ids=batch.source,
            attention_mask=batch.source.ne(PAD),
            decoder_input_ids=batch.prefix,
            use_cache=False,
        ).logits
    return torch.nn.functional.cross_entropy(
        logits.float().flatten(0, 1), batch.labels.flatten(), ignore_index=-100, label_smoothing=smoothing
    )


def rate(step: int, recipe: Recipe) -> float:
    """The share of the peak learning rate: a linear rise, then half a cosine down to nothing."""
    if step < recipe.warm_up:
        return (step + 1) / recipe.warm_up
    progress = (step - recipe.warm_up) / max(1, recipe.steps - recipe.warm_up)
    return 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))
