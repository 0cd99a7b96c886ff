"""Codes of FLORES-200 and short ones, either way: for a model that has the first, and for one that has the others."""

from __future__ import annotations

import re

import pytest

from server.codecs.errors import CodecError
from server.codecs.translation.flores import SHORT, USUAL_SCRIPTS
from server.codecs.translation.languages import by_tag, resolve, short_language
from tests.unit.server.codecs.test_languages_all import M2M100

NLLB = re.findall(
    r"[a-z]{3}_[A-Z][a-z]{3}",
    """ace_Arab ace_Latn acm_Arab acq_Arab aeb_Arab afr_Latn ajp_Arab aka_Latn amh_Ethi apc_Arab arb_Arab ars_Arab
    ary_Arab arz_Arab asm_Beng ast_Latn awa_Deva ayr_Latn azb_Arab azj_Latn bak_Cyrl bam_Latn ban_Latn bel_Cyrl bem_Latn
    ben_Beng bho_Deva bjn_Arab bjn_Latn bod_Tibt bos_Latn bug_Latn bul_Cyrl cat_Latn ceb_Latn ces_Latn cjk_Latn ckb_Arab
    crh_Latn cym_Latn dan_Latn deu_Latn dik_Latn dyu_Latn dzo_Tibt ell_Grek eng_Latn epo_Latn est_Latn eus_Latn ewe_Latn
    fao_Latn pes_Arab fij_Latn fin_Latn fon_Latn fra_Latn fur_Latn fuv_Latn gla_Latn gle_Latn glg_Latn grn_Latn guj_Gujr
    hat_Latn hau_Latn heb_Hebr hin_Deva hne_Deva hrv_Latn hun_Latn hye_Armn ibo_Latn ilo_Latn ind_Latn isl_Latn ita_Latn
    jav_Latn jpn_Jpan kab_Latn kac_Latn kam_Latn kan_Knda kas_Arab kas_Deva kat_Geor knc_Arab knc_Latn kaz_Cyrl kbp_Latn
    kea_Latn khm_Khmr kik_Latn kin_Latn kir_Cyrl kmb_Latn kon_Latn kor_Hang kmr_Latn lao_Laoo lvs_Latn lij_Latn lim_Latn
    lin_Latn lit_Latn lmo_Latn ltg_Latn ltz_Latn lua_Latn lug_Latn luo_Latn lus_Latn mag_Deva mai_Deva mal_Mlym mar_Deva
    min_Latn mkd_Cyrl plt_Latn mlt_Latn mni_Beng khk_Cyrl mos_Latn mri_Latn zsm_Latn mya_Mymr nld_Latn nno_Latn nob_Latn
    npi_Deva nso_Latn nus_Latn nya_Latn oci_Latn gaz_Latn ory_Orya pag_Latn pan_Guru pap_Latn pol_Latn por_Latn prs_Arab
    pbt_Arab quy_Latn ron_Latn run_Latn rus_Cyrl sag_Latn san_Deva sat_Beng scn_Latn shn_Mymr sin_Sinh slk_Latn slv_Latn
    smo_Latn sna_Latn snd_Arab som_Latn sot_Latn spa_Latn als_Latn srd_Latn srp_Cyrl ssw_Latn sun_Latn swe_Latn swh_Latn
    szl_Latn tam_Taml tat_Cyrl tel_Telu tgk_Cyrl tgl_Latn tha_Thai tir_Ethi taq_Latn taq_Tfng tpi_Latn tsn_Latn tso_Latn
    tuk_Latn tum_Latn tur_Latn twi_Latn tzm_Tfng uig_Arab ukr_Cyrl umb_Latn urd_Arab uzn_Latn vec_Latn vie_Latn war_Latn
    wol_Latn xho_Latn ydd_Hebr yor_Latn yue_Hant zho_Hans zho_Hant zul_Latn""",
)
OFFERED = by_tag(NLLB)
OF_M2M100 = by_tag(M2M100)
NOT_SPOKEN = {"br", "fy"}  # of M2M100's languages, by NLLB


def answer(tag: str, offered: dict[str, str] = OFFERED) -> str:
    """The code, or "" where it is refused."""
    try:
        return resolve(tag, offered, "toLang")
    except CodecError as error:
        assert error.code == "unknown_language" and error.message.isascii()
        return ""


@pytest.mark.parametrize("code", NLLB)
def test_its_own_codes_are_always_right(code: str) -> None:
    assert {answer(code), answer(code.lower()), answer(code.replace("_", "-")), answer(code.upper())} == {code}


@pytest.mark.parametrize("code", M2M100)
def test_every_short_code_of_m2m100_is_one_language_of_nllb(code: str) -> None:
    found = answer(code)

    assert (found == "") == (code in NOT_SPOKEN)
    assert not found or short_language(found) == code


@pytest.mark.parametrize("code", NLLB)
def test_a_language_goes_by_its_code_without_a_script(code: str) -> None:
    language, _, script = code.lower().partition("_")
    several = sum(one.startswith(f"{language}_") for one in NLLB) > 1
    usual = USUAL_SCRIPTS.get(short_language(code), "hans")  # of Chinese

    expected = next(one for one in NLLB if one.lower() == f"{language}_{usual if several else script}")
    assert answer(language) == answer(short_language(code)) == expected
    assert answer(f"{short_language(code)}-{script}") == code


@pytest.mark.parametrize(
    ("tag", "code"),
    [
        ("en", "eng_Latn"),
        ("en-US", "eng_Latn"),
        ("zh", "zho_Hans"),
        ("zh-CN", "zho_Hans"),
        ("cmn", "zho_Hans"),
        ("zh-TW", "zho_Hant"),
        ("zh-HK", "zho_Hant"),
        ("zh_Hant", "zho_Hant"),
        ("yue", "yue_Hant"),
        ("zh-yue", "yue_Hant"),
        ("pt-BR", "por_Latn"),
        ("no", "nob_Latn"),
        ("nb", "nob_Latn"),
        ("nn", "nno_Latn"),
        ("ar", "arb_Arab"),
        ("ar-EG", "arb_Arab"),
        ("ar-arz", "arz_Arab"),
        ("fa", "pes_Arab"),
        ("fa-AF", "prs_Arab"),
        ("fas-AF", "prs_Arab"),
        ("prs", "prs_Arab"),
        ("sr", "srp_Cyrl"),
        ("ms", "zsm_Latn"),
        ("sq", "als_Latn"),
        ("sw", "swh_Latn"),
        ("ku", "kmr_Latn"),
        ("ckb", "ckb_Arab"),
        ("ps", "pbt_Arab"),
        ("ff", "fuv_Latn"),
        ("om", "gaz_Latn"),
        ("qu", "quy_Latn"),
        ("ks", "kas_Arab"),
        ("ks-Deva", "kas_Deva"),
        ("kr", "knc_Latn"),
        ("ace", "ace_Latn"),
        ("taq-Tfng", "taq_Tfng"),
        ("baq", "eus_Latn"),
        ("eu-ES", "eus_Latn"),
        ("fil", "tgl_Latn"),
        ("iw", "heb_Hebr"),
    ],
)
def test_a_short_code_means_the_usual_one(tag: str, code: str) -> None:
    assert answer(tag) == code


@pytest.mark.parametrize(
    "tag", ["sr-Latn", "sr-ME", "arb_Latn", "uz-AF", "ug-KZ", "ky-CN", "ku-IQ", "tg-PK", "yue-CN", "en-Cyrl", "eu-Cyrl"]
)
def test_another_script_is_refused(tag: str) -> None:
    assert answer(tag) == ""


@pytest.mark.parametrize("tag", ["xx", "tlh_Latn", "tlh", "auto", "english", "br", "sh"])
def test_what_it_does_not_speak_is_refused_with_its_own_codes(tag: str) -> None:
    with pytest.raises(CodecError) as caught:
        resolve(tag, OFFERED, "toLang")

    assert (caught.value.code, caught.value.extra) == ("unknown_language", {"languages": sorted(NLLB)})


@pytest.mark.parametrize("code", NLLB)
def test_m2m100_takes_flores_codes_of_the_languages_and_scripts_that_it_speaks(code: str) -> None:
    short = short_language(code)
    is_spoken = short in M2M100 and code != "zho_Hant"

    assert answer(code, OF_M2M100) == (short if is_spoken else "")


def test_a_language_has_one_short_code() -> None:
    assert not set(SHORT) & set(SHORT.values())
    assert set(USUAL_SCRIPTS) <= {short_language(code) for code in NLLB}


@pytest.mark.parametrize(("code", "short"), [("zho_Hant", "zh"), ("pes_Arab", "fa"), ("zul_Latn", "zu"), ("x", "x")])
def test_rules_for_sentences_know_a_language_by_its_short_code(code: str, short: str) -> None:
    assert short_language(code) == short
