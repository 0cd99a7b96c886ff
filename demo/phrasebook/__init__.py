"""The phrasebook: templates and slot values in six languages, and the sentences they yield.

`slots_*.txt` hold the values, `topic_*.txt` the templates; both are meant to be read and edited by people.
"""

from demo.phrasebook.meanings import Meaning, meanings
from demo.phrasebook.reading import LANGUAGES, Slot, Template, read_slots, read_templates
from demo.phrasebook.split import Split, split_meanings

__all__ = [
    "LANGUAGES",
    "Meaning",
    "Slot",
    "Split",
    "Template",
    "meanings",
    "read_slots",
    "read_templates",
    "split_meanings",
]
