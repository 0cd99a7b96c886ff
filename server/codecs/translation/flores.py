"""How FLORES-200, and so NLLB, calls languages, beside the codes that people use. Tables only.

M2M100's languages are in `writing_systems`; here is what NLLB-200 has besides, and which of several a short code means.
A FLORES code is a language by ISO 639-3 and its script, as in `zho_Hant`.
"""

from __future__ import annotations

from server.codecs.translation.writing_systems import CODES, ELSEWHERE

# The usual code, then others for the same language, where M2M100 does not speak it: two letters, ISO 639-3 and 639-2/B.
# Where the usual code covers several languages, its row names the one that FLORES has, as CLDR's aliases do where they
# name one: Kurdish is Northern Kurdish, Oromo the West Central one, Quechua that of Ayacucho.
SAME = """
ak aka|as asm|ay aym ayr|bm bam|bo bod tib|din dik|dz dzo|ee ewe|eo epo|eu eus baq|fo fao|fj fij|gn grn gug|ki kik
kr kau knc|ks kas|ku kur kmr|kg kon|ky kir|li lim|mi mri mao|mt mlt|nn nno|ny nya|om orm gaz|qu que quy|rn run|rw kin
sa san|sc srd|sg sag|sm smo|sn sna|st sot|te tel|tg tgk|ti tir|tk tuk|ts tso|tt tat|tw twi|ug uig
ff fuv|ps pbt
"""
SHORT: dict[str, str] = CODES | {
    other: code
    for code, *others in (row.split() for row in SAME.replace("\n", "|").split("|") if row)
    for other in others
}

# The script that is meant where FLORES has a language in several and a caller names none.
USUAL_SCRIPTS = {"ace": "latn", "bjn": "latn", "kr": "latn", "ks": "arab", "taq": "latn"}

# Regions in which one of these is written in another script than the usual one, as CLDR's likely subtags have it.
WRITTEN_ELSEWHERE = ELSEWHERE | {
    (code, region): script
    for code, script, regions in (
        ("ku", "arab", "iq ir lb"),
        ("ky", "arab", "cn"),
        ("ky", "latn", "tr"),
        ("tg", "arab", "pk"),
        ("ug", "cyrl", "kz mn"),
        ("yue", "hans", "cn"),
    )
    for region in regions.split()
}

# A language that people ask for by region.
BY_REGION = {"prs": "fa-af"}
