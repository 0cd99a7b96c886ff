"""English names of languages, by the codes that clients of translation servers know. A table only.

A language that goes by several codes has a row for each: clients compare them letter by letter.
"""

from __future__ import annotations

ROWS = """
af Afrikaans|am Amharic|ar Arabic|as Assamese|ast Asturian|ay Aymara|az Azerbaijani|ba Bashkir|be Belarusian
bg Bulgarian|bho Bhojpuri|bm Bambara|bn Bengali|bo Tibetan|br Breton|bs Bosnian|ca Catalan|ceb Cebuano
ckb Central Kurdish|cs Czech|cy Welsh|da Danish|de German|dz Dzongkha|ee Ewe|el Greek|en English|eo Esperanto
es Spanish|et Estonian|eu Basque|fa Persian|ff Fula|fi Finnish|fil Filipino|fj Fijian|fo Faroese|fr French
fur Friulian|fy Western Frisian|ga Irish|gd Scottish Gaelic|gl Galician|gn Guarani|gu Gujarati|ha Hausa|he Hebrew
hi Hindi|hr Croatian|ht Haitian Creole|hu Hungarian|hy Armenian|id Indonesian|ig Igbo|ilo Iloko|is Icelandic
it Italian|ja Japanese|jv Javanese|ka Georgian|kab Kabyle|ki Kikuyu|kk Kazakh|km Khmer|kn Kannada|ko Korean
ku Kurdish|ky Kyrgyz|lb Luxembourgish|lg Ganda|li Limburgish|lij Ligurian|lmo Lombard|ln Lingala|lo Lao|lt Lithuanian
lv Latvian|mai Maithili|mg Malagasy|mi Maori|mk Macedonian|ml Malayalam|mn Mongolian|mr Marathi|ms Malay|mt Maltese
my Burmese|nb Norwegian Bokmål|ne Nepali|nl Dutch|nn Norwegian Nynorsk|no Norwegian|ns Northern Sotho|ny Chichewa
oc Occitan|om Oromo|or Odia|pa Punjabi|pap Papiamento|pl Polish|ps Pashto|pt Portuguese|pt-BR Portuguese (Brazil)
pt-PT Portuguese (Portugal)|qu Quechua|rn Rundi|ro Romanian|ru Russian|rw Kinyarwanda|sa Sanskrit|sc Sardinian
scn Sicilian|sd Sindhi|sg Sango|si Sinhala|sk Slovak|sl Slovenian|sm Samoan|sn Shona|so Somali|sq Albanian|sr Serbian
ss Swati|st Southern Sotho|su Sundanese|sv Swedish|sw Swahili|szl Silesian|ta Tamil|te Telugu|tg Tajik|th Thai
ti Tigrinya|tk Turkmen|tl Tagalog|tn Tswana|tpi Tok Pisin|tr Turkish|ts Tsonga|tt Tatar|tw Twi|ug Uyghur|uk Ukrainian
ur Urdu|uz Uzbek|vec Venetian|vi Vietnamese|war Waray|wo Wolof|xh Xhosa|yi Yiddish|yo Yoruba|yue Cantonese|zh Chinese
zh-Hans Chinese (Simplified)|zh-Hant Chinese (Traditional)|zu Zulu
"""
NAMES: dict[str, str] = dict(row.split(" ", 1) for row in ROWS.strip().replace("\n", "|").split("|"))
