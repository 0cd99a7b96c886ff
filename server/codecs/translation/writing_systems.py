"""Codes of languages and the scripts that they are written in, as ISO 639 and CLDR have them. Tables only."""

from __future__ import annotations

import re

# The script in which M2M100 writes each of its languages: CLDR's likely one.
BY_SCRIPT = {
    "latn": "af ast az bs br ca ceb cs cy da de en es et ff fi fr fy ga gd gl ha hr ht hu id ig ilo is it jv lb lg ln"
    " lt lv mg ms nl no ns oc pl pt ro sk sl so sq ss su sv sw tl tn tr uz vi wo xh yo zu",
    "cyrl": "ba be bg kk mk mn ru sr uk",
    "arab": "ar fa ps sd ur",
    "deva": "hi mr ne",
    "hebr": "he yi",
    "beng": "bn",
    "guru": "pa",
    "gujr": "gu",
    "orya": "or",
    "taml": "ta",
    "knda": "kn",
    "mlym": "ml",
    "sinh": "si",
    "thai": "th",
    "laoo": "lo",
    "mymr": "my",
    "khmr": "km",
    "geor": "ka",
    "armn": "hy",
    "ethi": "am",
    "grek": "el",
    "hans": "zh",
    "jpan": "ja",
    "kore": "ko",
}
SCRIPTS: dict[str, tuple[str, ...]] = {
    **{code: (script,) for script, codes in BY_SCRIPT.items() for code in codes.split()},
    "ko": ("kore", "hang"),  # either name is right
    "fa": ("arab", "aran"),  # Nastaliq, a hand of the Arabic script
    "ur": ("arab", "aran"),
}
NAMES = {  # for people, where the code does not say it
    **{"latn": "Latin", "cyrl": "Cyrillic", "arab": "Arabic", "deva": "Devanagari", "hans": "Simplified Chinese"},
    **{"guru": "Gurmukhi", "hebr": "Hebrew", "beng": "Bengali", "jpan": "Japanese", "kore": "Korean", "grek": "Greek"},
}

# The regions for which CLDR's likely subtags name another script than the usual one.
ELSEWHERE = {
    (code, region): script
    for code, script, regions in (
        ("zh", "hant", "au bn gb gf hk id mo pa pf ph sr th tw us vn"),
        ("sr", "latn", "me ro ru tr"),
        ("kk", "arab", "af cn ir mn"),
        ("az", "arab", "iq ir"),
        ("az", "cyrl", "ru"),
        ("ha", "arab", "cm sd"),
        ("uz", "arab", "af"),
        ("uz", "cyrl", "cn"),
        ("pa", "arab", "pk"),
        ("ms", "arab", "cc"),
        ("sd", "deva", "in"),
        ("mn", "mong", "cn"),
    )
    for region in regions.split()
}
# Those regions by their numbers (UN M.49), which a tag may have instead.
BY_NUMBER = """
af 004|au 036|bn 096|cm 120|cn 156|tw 158|cc 166|gf 254|pf 258|hk 344|in 356|id 360|ir 364|iq 368|mo 446|mn 496|me 499
pk 586|pa 591|ph 608|ro 642|ru 643|vn 704|sd 729|sr 740|th 764|tr 792|gb 826|us 840
"""
NUMBERS = {number: code for code, number in re.findall(r"(\w+) (\w+)", BY_NUMBER)}

# The usual code, then others for the same language: three letters (ISO 639-3 and 639-2/B), older ones, the standard
# form of a language that covers several. Not here, for these would be other languages: nno, yue, prs, azb, sh.
SAME = """
af afr|am amh|ar ara arb|az aze azj|ba bak|be bel|bg bul|bn ben|br bre|bs bos|ca cat|cs ces cze|cy cym wel|da dan
de deu ger|el ell gre|en eng|es spa|et est ekk|fa fas per pes|ff ful|fi fin|fr fra fre|fy fry|ga gle|gd gla|gl glg
gu guj|ha hau|he heb iw|hi hin|hr hrv scr|ht hat|hu hun|hy hye arm|id ind in|ig ibo|is isl ice|it ita|ja jpn|jv jav jw
ka kat geo|kk kaz|km khm|kn kan|ko kor|lb ltz|lg lug|ln lin|lo lao|lt lit|lv lav lvs|mg mlg plt|mk mkd mac|ml mal
mn mon khk|mr mar|ms msa may zsm|my mya bur|ne nep npi|nl nld dut|no nor nob nb|ns nso|oc oci|or ori ory|pa pan|pl pol
ps pus|pt por|ro ron rum mo mol|ru rus|sd snd|si sin|sk slk slo|sl slv|so som|sq sqi alb als|sr srp scc|ss ssw|su sun
sv swe|sw swa swh|ta tam|th tha|tl tgl fil|tn tsn|tr tur|uk ukr|ur urd|uz uzb uzn|vi vie|wo wol|xh xho|yi yid ydd ji
yo yor|zh zho chi cmn|zu zul
"""
CODES: dict[str, str] = {
    other: code
    for code, *others in (row.split() for row in SAME.replace("\n", "|").split("|") if row)
    for other in others
}
