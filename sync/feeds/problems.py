"""How a file as a whole is refused, and the bytes of a file as text."""

import codecs

from sync.errors import RefusedFileError
from sync.feeds.drafts import Reading

LARGEST_FILE = 32 * 1024 * 1024

_WIDE_MARKS = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE, codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)


def text_of(content: bytes, reading: Reading) -> str:
    """The file as text, without a byte order mark; raises RefusedFileError for what is not text, or nothing."""
    if len(content) > LARGEST_FILE:
        raise RefusedFileError(f"is larger than {LARGEST_FILE // 1024**2} MiB; split it")
    if content.startswith(_WIDE_MARKS) and reading.encoding == "utf-8":
        raise RefusedFileError("is written in UTF-16 or UTF-32; save it as UTF-8, or declare its encoding")
    try:
        text = content.decode(reading.encoding).removeprefix("\N{ZERO WIDTH NO-BREAK SPACE}")
    except (UnicodeDecodeError, LookupError):
        raise RefusedFileError(
            f"is not text in {reading.encoding}; save it as UTF-8, or declare its encoding, such as cp1252"
        ) from None
    if "\0" in text:
        raise RefusedFileError("holds zero bytes, so it is not a text file; export it as CSV")
    if not text.strip():
        raise RefusedFileError("is empty")
    return text
