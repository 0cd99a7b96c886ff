"""Translation, beside HF generate and CTranslate2."""
