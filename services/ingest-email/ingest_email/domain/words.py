# ruff: noqa: RUF001 - people write in Cyrillic too
"""Separates what is new in a mail from what it quotes and from its signature.

It works line by line in linear time: a hostile mail can make a pattern over the whole text run for minutes, and a program
that cuts at the first dash loses a customer's list. In doubt a line counts as new: a quotation too much is a nuisance, but a
line too few is a complaint that nobody reads.
"""

import re
from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple

LONGEST_LINE = 400
_SIGNATURE_LINES = 12
_CLOSING_LINES = 6

# "On Monday, Jo wrote:" in the forms that mail programs write; the line may be wrapped.
_WROTE = re.compile(
    r"(?:wrote|writes|schrieb(?: [^:]{1,120})?|a écrit|escribió|escreveu|ha scritto|schreef(?: [^:]{1,120})?|skrev"
    r"(?: [^:]{1,120})?|kirjoitti|napsal(?:\(a\))?|napisał(?:\(a\))?|пишет|написал\(?а?\)?|写道|님이 작성)\s?[:：]$",
    re.IGNORECASE,
)
_WROTE_BEGIN = re.compile(
    r"(?:on|am|le|el|em|il|op|den|dne|dnia|w dniu|\d{1,4}[./年 -]|mon|tue|wed|thu|fri|sat|sun|lun|mar|mer|mié|jue|vie"
    r"|понедельник|вторник|среда|четверг|пятница|суббота|воскресенье)",
    re.IGNORECASE,
)
_DATED = re.compile(r"\d.*(?:@|\d)|<[^<>][^<>@]*@[^<>]+>")
_AFTER_DATE = re.compile(
    r"(?:\d{4}[-/.年]\s?\d{1,2}[-/.月]\s?\d{1,2}.{1,200}<[^<>\s][^<>\s@]*@[^<>\s]+>:?"
    r"|(?:\w{2,4},? )?\d{1,2}[ ./-]\w{1,9}[ ./-]\d{2,4},? .{1,200}<[^<>\s][^<>\s@]*@[^<>\s]+>:)"
)
_SEPARATOR = re.compile(
    r"-{2,}\s?(?:original message|original appointment|forwarded message|forwarded by .{1,100}|ursprüngliche nachricht"
    r"|weitergeleitete nachricht|message d'origine|message transféré|mensaje original|mensaje reenviado"
    r"|mensagem original|messaggio originale|oorspronkelijk bericht|oprindelig meddelelse|original besked"
    r"|ursprungligt meddelande|původní zpráva|wiadomość oryginalna|исходное сообщение|пересылаемое сообщение)\s?-*",
    re.IGNORECASE,
)
_FORWARD = re.compile(r"(?:begin forwarded message|anfang der weitergeleiteten nachricht)\s?:", re.IGNORECASE)
_FIELD = re.compile(
    r"\*?(?:(from|von|de|da|van|od|fra|från|от|发件人|보낸 사람)|sent|date|to|cc|subject|reply-to|gesendet|datum|an|betreff"
    r"|envoyé|date|à|objet|enviado(?: el)?|para|asunto|fecha|inviato|a|oggetto|verzonden|aan|onderwerp|sendt|til|emne"
    r"|skickat|till|ämne|odesláno|komu|předmět|wysłano|do|temat|отправлено|кому|тема|дата)\s?:\*?\s",
    re.IGNORECASE,
)
_RULE = re.compile(r"[_-]{10,}")
_QUOTE = re.compile(r"\s{0,3}>")
_SIGNATURE = re.compile(r"(?:--|—|__|_{20,})\s*")
_DEVICE = re.compile(
    r"(?:sent|envoyé|gesendet|von|enviado|inviato|verzonden|sendt|skickat|odesláno|wysłano|отправлено) "
    r"(?:from|via|with|using|depuis|de|von|mit|desde|da|vanaf|fra|från|z|с) "
    r"(?:my |mon |ma |meinem |meiner |mi |il mio |mijn |min |mého |mojego )?"
    r"(?:verizon |wireless |samsung |mobile |galaxy |outlook |yahoo |t-mobile |at&t |apple |windows |google )*"
    r"(?:iphone|ipad|ipod|android|blackberry|phone|mobile|mobil|smartphone|handy|device|móvil|cell|galaxy|samsung|outlook"
    r"|mail|yahoo|gmail|proton|téléphone|appareil|windows|tablet|telefon|mobiltelefon|computer|huawei|xiaomi|pixel)\b.{0,60}"
    r"|get outlook for .{1,40}|hol(?:en sie sich|e dir) outlook .{1,40}|télécharger outlook .{1,40}",
    re.IGNORECASE,
)
_CLOSING = re.compile(
    r"(?:(?:best|kind|kindest|warm|many) regards|regards|best wishes|yours (?:sincerely|faithfully|truly)|sincerely"
    r"|cheers|mit freundlichen grüßen|mit freundlichen gruessen|(?:viele|liebe|beste|freundliche) grüße|mfg"
    r"|(?:bien )?cordialement|salutations(?: distinguées)?|saludos(?: cordiales)?|un saludo|atentamente"
    r"|cordiali saluti|met vriendelijke groet(?:en)?|med venlig hilsen|mvh|med vänliga hälsningar|z poważaniem"
    r"|pozdrawiam|s pozdravem|с уважением)[,.! ]*",
    re.IGNORECASE,
)  # fmt: skip


class Split(NamedTuple):
    """A text in three parts: what is new, what is quoted, and the signature."""

    new: str
    quoted: str | None
    signature: str | None


def split(text: str) -> Split:
    """The parts of `text`. When nothing new would be left, all of it is new."""
    lines = text.split("\n")
    is_quote = _quoted(lines)
    fresh = [line for line, quote in zip(lines, is_quote, strict=True) if not quote]
    cut = _signature_begin(fresh)
    new, signature = _joined(fresh[:cut]), _joined(fresh[cut:])
    if not new:
        # The mail is only a signature, or forwards another without a comment.
        new, signature = _joined(fresh), ""
    if not new:
        return Split(text.strip(), None, None)
    quoted = _joined([line for line, quote in zip(lines, is_quote, strict=True) if quote])
    return Split(new, quoted or None, signature or None)


def _joined(lines: Sequence[str]) -> str:
    return re.sub(r"\n{3,}", "\n\n", "\n".join(line.rstrip() for line in lines)).strip("\n")


def _quoted(lines: Sequence[str]) -> list[bool]:
    """For each line, whether it is quoted or introduces a quotation."""
    marks = [bool(_QUOTE.match(line)) for line in lines]
    following = _next_words(lines)
    place = 0
    while place < len(lines):
        length = 0 if marks[place] else _introduction(lines, place)
        if not length:
            place += 1
            continue
        for at in range(place, place + length):
            marks[at] = True
        after = following[place + length]
        if after is None or not marks[after]:
            # The lines that follow have no quote signs: all the rest is the old mail.
            return marks[:place] + [True] * (len(lines) - place)
        place += length
    return marks


def _next_words(lines: Sequence[str]) -> list[int | None]:
    """For each line, the next one that is not empty; itself when it is not."""
    following: list[int | None] = [None] * (len(lines) + 1)
    for place in range(len(lines) - 1, -1, -1):
        following[place] = place if lines[place].strip() else following[place + 1]
    return following


def _introduction(lines: Sequence[str], place: int) -> int:
    """How many lines from `place` introduce a quotation; 0 when none does."""
    line = lines[place].strip()
    if not line or len(line) > LONGEST_LINE:
        return 0
    if _SEPARATOR.fullmatch(line) or _FORWARD.fullmatch(line) or _AFTER_DATE.fullmatch(line):
        return 1
    if _RULE.fullmatch(line):
        fields = next((at for at in range(place + 1, min(place + 3, len(lines))) if lines[at].strip()), None)
        return 1 + fields - place if fields is not None and _header_block(lines, fields) else 0
    if _header_block(lines, place):
        return 1
    return _attribution(lines, place)


def _header_block(lines: Sequence[str], place: int) -> bool:
    """Whether a block of From:, Sent:, To:, Subject: begins here."""
    if _FIELD.match(lines[place].strip() + " ") is None:
        return False
    near = [line.strip()[:LONGEST_LINE] + " " for line in lines[place : place + 7]]
    fields = [match for line in near if (match := _FIELD.match(line))]
    # Most programs begin with the sender. A block that does not must have more fields.
    return len(fields) >= (3 if fields[0][1] else 4) and any(match[1] for match in fields)


def _attribution(lines: Sequence[str], place: int) -> int:
    if not _WROTE_BEGIN.match(lines[place].strip()):
        return 0
    attribution = ""
    for length in range(1, 5):
        if place + length > len(lines):
            return 0
        line = lines[place + length - 1].strip()
        if not line or len(line) > LONGEST_LINE:
            return 0
        attribution = f"{attribution} {line}".strip()
        if attribution.endswith((":", "：")) and _WROTE.search(attribution):
            return length if _DATED.search(attribution) else 0
    return 0


def _signature_begin(lines: Sequence[str]) -> int:
    """The line at which the signature begins, in lines without quotations; their number when there is none."""
    # How many lines before each one are not empty.
    before = [0, *accumulate(bool(line.strip()) for line in lines)]
    end = len(lines)
    is_short = True
    for place in range(len(lines) - 1, -1, -1):
        line = lines[place].strip()
        if len(line) > LONGEST_LINE:
            break
        after = before[min(end + 40, len(lines))] - before[place + 1]
        if after > _SIGNATURE_LINES:
            break
        if _SIGNATURE.fullmatch(line) and after:
            return place
        if (_DEVICE.fullmatch(line.strip("<>*_ ")) and after <= 3) or (
            _CLOSING.fullmatch(line) and after <= _CLOSING_LINES and is_short
        ):
            end = place
        is_short = is_short and len(lines[place]) <= 80
    return end
