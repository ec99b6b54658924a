"""What a video may be called, and an id for a file that has another name."""

import hashlib
import re
import unicodedata

ID_RULE = "1-64 letters, digits, - and _ (the first a letter or digit), or the 11 characters of a YouTube id"
"""Completes the sentence "found X, expected ..."."""
_PLAIN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
_YOUTUBE_ID = re.compile(r"[A-Za-z0-9_-]{11}")
_FOREIGN = re.compile(r"[^A-Za-z0-9_]+")
_N_DIGEST, _N_READABLE = 6, 48


def is_youtube_id(video_id: str) -> bool:
    """Whether this could be a YouTube id."""
    return _YOUTUBE_ID.fullmatch(video_id) is not None


def is_video_id(text: str) -> bool:
    """Whether this can be a video's id: it becomes the name of folders and part of commands."""
    return _PLAIN_ID.fullmatch(text) is not None or is_youtube_id(text)


def id_of_name(stem: str) -> str:
    """The id of a file called `stem` before its suffix: that itself, or made from it where it cannot be an id.

    What is made has the letters and digits that are left without accents, and six digits of the name's digest, so
    that the ids of `a b` and `a+b` differ, and no other file has a say in it: `Müller tanzt` -> `Muller-tanzt-` and
    the digits. Names that differ only in how Unicode writes an accent have the same id.
    """
    if is_video_id(stem):
        return stem
    # A name that is no text (on Linux any bytes are a file's name) has surrogates in it.
    digest = hashlib.sha256(unicodedata.normalize("NFC", stem).encode(errors="surrogatepass")).hexdigest()
    plain = _FOREIGN.sub("-", unicodedata.normalize("NFKD", stem).encode("ascii", "ignore").decode())
    return f"{plain[:_N_READABLE].strip('-_') or 'video'}-{digest[:_N_DIGEST]}"
