//! Languages that can be told from a text.

use whatlang::Lang;

/// A language, by its two-letter code of ISO 639-1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Language(Lang);

/// Every language that can be told, by its code.
const KNOWN: [(&str, Lang); 67] = [
    ("af", Lang::Afr),
    ("ak", Lang::Aka),
    ("am", Lang::Amh),
    ("ar", Lang::Ara),
    ("az", Lang::Aze),
    ("be", Lang::Bel),
    ("bg", Lang::Bul),
    ("bn", Lang::Ben),
    ("ca", Lang::Cat),
    ("cs", Lang::Ces),
    ("cy", Lang::Cym),
    ("da", Lang::Dan),
    ("de", Lang::Deu),
    ("el", Lang::Ell),
    ("en", Lang::Eng),
    ("eo", Lang::Epo),
    ("es", Lang::Spa),
    ("et", Lang::Est),
    ("fa", Lang::Pes),
    ("fi", Lang::Fin),
    ("fr", Lang::Fra),
    ("gu", Lang::Guj),
    ("he", Lang::Heb),
    ("hi", Lang::Hin),
    ("hr", Lang::Hrv),
    ("hu", Lang::Hun),
    ("hy", Lang::Hye),
    ("id", Lang::Ind),
    ("it", Lang::Ita),
    ("ja", Lang::Jpn),
    ("jv", Lang::Jav),
    ("ka", Lang::Kat),
    ("km", Lang::Khm),
    ("kn", Lang::Kan),
    ("ko", Lang::Kor),
    ("la", Lang::Lat),
    ("lt", Lang::Lit),
    ("lv", Lang::Lav),
    ("mk", Lang::Mkd),
    ("ml", Lang::Mal),
    ("mr", Lang::Mar),
    ("my", Lang::Mya),
    ("nb", Lang::Nob),
    ("ne", Lang::Nep),
    ("nl", Lang::Nld),
    ("or", Lang::Ori),
    ("pa", Lang::Pan),
    ("pl", Lang::Pol),
    ("pt", Lang::Por),
    ("ro", Lang::Ron),
    ("ru", Lang::Rus),
    ("si", Lang::Sin),
    ("sk", Lang::Slk),
    ("sl", Lang::Slv),
    ("sn", Lang::Sna),
    ("sr", Lang::Srp),
    ("sv", Lang::Swe),
    ("ta", Lang::Tam),
    ("te", Lang::Tel),
    ("th", Lang::Tha),
    ("tk", Lang::Tuk),
    ("tl", Lang::Tgl),
    ("tr", Lang::Tur),
    ("uk", Lang::Ukr),
    ("ur", Lang::Urd),
    ("uz", Lang::Uzb),
    ("vi", Lang::Vie),
];

/// Codes of languages that are told as another's, or share one.
const ALSO: [(&str, Lang); 4] = [("zh", Lang::Cmn), ("yi", Lang::Yid), ("zu", Lang::Zul), ("no", Lang::Nob)];

impl Language {
    /// The language of a code; `None`: it cannot be told.
    pub fn of_code(code: &str) -> Option<Self> {
        KNOWN.iter().chain(&ALSO).find(|(known, _)| *known == code).map(|(_, lang)| Self(*lang))
    }

    /// Every code.
    pub fn codes() -> impl Iterator<Item = &'static str> {
        KNOWN.iter().chain(&ALSO).map(|(code, _)| *code)
    }

    /// The code.
    pub fn code(self) -> &'static str {
        let known = KNOWN.iter().chain(&ALSO).find(|(_, lang)| *lang == self.0);
        known.map_or("", |(code, _)| code)
    }

    /// Says whether a text is for sure in another language. One that is too short to tell is not.
    pub(super) fn is_missed_by(self, text: &str) -> bool {
        whatlang::detect(text).is_some_and(|found| found.is_reliable() && found.lang() != self.0)
    }
}
