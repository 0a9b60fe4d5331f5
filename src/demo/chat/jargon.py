"""Makes jargon.tsv.gz, one term and its definition a line, out of the Jargon File as Debian's dict-jargon ships it.

    python3 jargon.py /usr/share/dictd/jargon.dict.dz jargon.tsv.gz

The same input gives the same text. What is taken: entries whose first paragraph defines the term in a few sentences
and says nothing rude, of drugs, weapons, illness, belief, politics or people.
"""

import gzip
import re
import sys

SHORTEST, LONGEST = 110, 520
REFUSED = re.compile(
    r"\b(a[sr]se?|arsehole|asshole|ass|bastard|bitch\w*|bogon|bullshit|cock\w*|crap\w*|crud\w*|cunt|damn\w*|dick|"
    r"fart\w*|fuck\w*|fsck\w*|hell|piss\w*|poop|porn\w*|prick|puke|vomit\w*|screw\w*|sex\w*|shit\w*|suck\w*|tit|tits|turd|"
    r"whore|slut|wank\w*|gender|gay|lesbian|homosex\w*|rap(e|ed|ist)|breast\w*|naked|nude|penis|vagina|orgas\w*|"
    r"masturbat\w*|condom\w*|erotic\w*|genital\w*|urin\w*|excre\w*|feces|fecal|obscen\w*|profan\w*|vulgar\w*|euphemis\w*|"
    r"drug\w*|cocaine|heroin|marijuana|lsd|acid|drunk\w*|beer|alcohol\w*|gun|guns|\w*bomb\w*|weapon\w*|nuke\w*|kill\w*|"
    r"murder\w*|death|dead|die|dies|suicid\w*|war|wars|military|nazi\w*|hitler|holocaust|jew\w*|muslim\w*|islam\w*|"
    r"christ\w*|catholic\w*|religio\w*|god|gods|church|satan\w*|devil\w*|demonic|bible|biblical|jesus|race|racis\w*|black|white|"
    r"negro\w*|nigger|asian|chinese|japan\w*|indian\w*|african\w*|mexican\w*|slav\w*|master|girl\w*|boy|boys|woman|women|"
    r"female\w*|male|males|wife|girlfriend|mother|man|men|guy|guys|feminis\w*|retard\w*|idiot\w*|moron\w*|stupid\w*|"
    r"dumb\w*|\w*wit|\w*witted|cretin\w*|derisi\w*|died|derid\w*|halfwit\w*|hysteri\w*|holy|ritual\w*|armpit\w*|sacrific\w*|teenage\w*|incest\w*|bastardi\w*|\w*shit\w*|bagbit\w*|lame\w*|lamer|luser\w*|loser\w*|fool\w*|clueless|ignora\w*|crippl\w*|insan\w*|crazy|brain-damaged|"
    r"brain\w*|cancer|disease\w*|aids|autis\w*|mental\w*|schizo\w*|epilep\w*|blood\w*|butcher\w*|hate\w*|"
    r"govern\w*|president\w*|politic\w*|republican\w*|democrat\w*|liberal\w*|communis\w*|fascis\w*|terror\w*|police|fbi|cia|nsa|"
    r"pejorative|derogatory|insult\w*|offens\w*|contempt\w*|despis\w*|flam\w*|warez|d00d\w*|crack\w*|pirat\w*|phreak\w*|"
    r"spam\w*|troll\w*|steal\w*|theft|crim\w*|attack\w*|exploit\w*|rms|esr|gls|stallman|raymond|gates|jobs|torvalds|"
    r"microsoft|lawyer\w*|lawsuit\w*|evil\w*|bigot\w*|enem\w*|mr|mrs|dr|sir|lord|prof|professor|dirty|nasty)\b",
    re.IGNORECASE,
)
TERMS = set(
    "gang bang,bytesexual,progasm,rasterbation,nipple mouse,lobotomy,New Testament,creationism,infant mortality,demented,"
    "Mongolian Hordes technique,rubber-hose cryptanalysis,superloser,Chernobyl packet,warlording,priesthood,Guido,"
    "tar and feather,search-and-destroy mode,BUAF,locked and loaded,Yu-Shiang Whole Fish,scratch monkey,English,scag,mav"
    .split(",")
)
# A word of two capitals in a row inside a sentence is mostly a person's or a company's name.
NAMED = re.compile(r"(?<=[a-z,;] )[A-Z][a-z]+ [A-Z][a-z]+")


def plain(text):
    """Joins lines, drops brackets, braces, sense numbers, cross references and fancy quotes."""
    text = re.sub(r"\s+", " ", text).strip()
    for fancy, simple in {"‘": "'", "’": "'", "“": '"', "”": '"', "—": "-", "–": "-", "…": "..."}.items():
        text = text.replace(fancy, simple)
    text = re.sub(r"^\[[^\]]*\]\s*", "", re.sub(r"^(\d+|[a-z])\.\s*", "", text))
    text = re.sub(r"^((n|v|adj|adv|vt|vi|obs|excl|pl|interj|imp)\.\s*(,|&|and)?\s*)+", "", text)
    text = re.sub(r"^\[[^\]]*\]\s*", "", text)
    text = re.sub(r"\s*\((see|compare|cf\.|opposite|also)[^()]*\)", "", text, flags=re.IGNORECASE)
    text = re.sub(r"\{\s*([^{}]*?)\s*\}", r"\1", text)
    sentences = re.split(r"(?<=[.!?])\s+(?=[A-Z\"(])", text)
    kept = []
    for sentence in sentences:
        if re.match(r"(see|compare|cf|oppose|syn|synonym|also|this term|the term)\b", sentence, re.IGNORECASE):
            continue
        if sum(map(len, kept)) + len(sentence) > LONGEST:
            break
        kept.append(sentence)
    return " ".join(kept)


def entries(text):
    for block in re.split(r"\n\n(?=\S)", "\n" + text):
        head, *rest = block.strip("\n").split("\n")
        paragraphs = [p for p in re.split(r"\n\s*\n", "\n".join(rest)) if p.startswith("    ")]
        if paragraphs:
            yield head.strip(), plain(paragraphs[0])


def fits(term, definition):
    words = re.fullmatch(r"[A-Za-z][A-Za-z0-9 '-]{2,28}", term)
    whole = re.match(r"[A-Z]", definition) and definition.endswith((".", "!", "?")) and definition.isascii()
    clean = not REFUSED.search(term + " " + definition) and not NAMED.search(definition)
    return term not in TERMS and words and whole and clean and len(definition) >= SHORTEST and "@" not in definition and "http" not in definition


def main(source, target):
    text = gzip.open(source, "rt", encoding="utf-8").read()
    found = {}
    for term, definition in entries(text):
        if fits(term, definition):
            found.setdefault(term.lower(), f"{term}\t{definition}\n")
    lines = "".join(found[term] for term in sorted(found))
    with open(target, "wb") as file:
        file.write(gzip.compress(lines.encode(), 9, mtime=0))
    print(f"{len(found)} terms, {len(lines)} bytes")


main(*sys.argv[1:])
