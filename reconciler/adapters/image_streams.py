"""Streams over the file of an image: its digest taken on the way, and what is packed unpacked in bounded memory."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import lzma
import zlib
from collections.abc import Callable
from typing import BinaryIO, Protocol, cast

from reconciler.errors import trouble

CHUNK = 1 << 20
# What a crafted archive may make the decoder keep: xz -9 needs 65 MiB, zstd at its highest level without --long 128.
MEMORY = 256 << 20
WINDOW = 128 << 20

# How each compression begins: RFC 1952, the .xz format 1.2, RFC 8878, bzip2 1.0.
MAGICS = {"gzip": b"\x1f\x8b", "xz": b"\xfd7zXZ\x00", "zstd": b"\x28\xb5\x2f\xfd", "bzip2": b"BZh"}
# What the decoders raise where the data is not what it should be.
BROKEN = (lzma.LZMAError, zlib.error, EOFError, gzip.BadGzipFile, ValueError)


class Readable(Protocol):
    """What bytes come from; fewer than asked for is not the end, none is."""

    def read(self, count: int, /) -> bytes: ...


class Hashed:
    """Passes bytes on and keeps their digest, in an algorithm of hashlib. `head` is read ahead and comes again."""

    def __init__(self, source: Readable, algorithm: str) -> None:
        self._source = source
        self._sum = hashlib.new(algorithm)
        self._ahead = b""
        self.count = 0

    def head(self, count: int) -> bytes:
        """The next bytes, without taking them."""
        self._ahead = self._ahead or self._source.read(count)
        return self._ahead[:count]

    def read(self, count: int, /) -> bytes:
        if self._ahead:
            data, self._ahead = self._ahead[:count], self._ahead[count:]
        else:
            data = self._source.read(count)
        self._sum.update(data)
        self.count += len(data)
        return data

    def digest(self) -> str:
        """The hex digest of all bytes, once the rest is read as well."""
        while self.read(CHUNK):
            pass
        return self._sum.hexdigest()


class _Decoder(Protocol):
    """What lzma and bz2 have in common."""

    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int = ...) -> bytes: ...


class _Unpacked:
    """What a decoder of lzma or bz2 makes of a stream, or of several in a row with zeros between them."""

    def __init__(self, source: Readable, decoder: Callable[[], _Decoder]) -> None:
        self._source = source
        self._new = decoder
        self._decoder = decoder()
        self._left = b""

    def read(self, count: int, /) -> bytes:
        while True:
            if self._decoder.eof and not self._next():
                return b""
            data = self._input()
            try:
                out = self._decoder.decompress(data, count)
            except OSError as error:
                # That is how bz2 says that the data is wrong.
                raise ValueError(str(error)) from error
            if out:
                return out

    def _input(self) -> bytes:
        """What the decoder wants to have. Raises EOFError where there is no more."""
        if not self._decoder.needs_input:
            return b""
        data, self._left = self._left or self._source.read(CHUNK), b""
        if not data:
            raise EOFError("it ends in the middle")
        return data

    def _next(self) -> bool:
        """Whether another stream follows; begin with it."""
        left = self._decoder.unused_data.lstrip(b"\0")
        while not left:
            more = self._source.read(CHUNK)
            if not more:
                return False
            left = more.lstrip(b"\0")
        self._decoder, self._left = self._new(), left
        return True


def compression_of(head: bytes) -> str:
    """The compression that a file's first bytes tell: a name of `MAGICS`, else `none`."""
    return next((name for name, magic in MAGICS.items() if head.startswith(magic)), "none")


def unpacked(source: Hashed, compression: str) -> Readable:
    """The content of a file; `compression` is a name of `MAGICS`, `none`, or "" for what the first bytes tell.

    Reading raises one of `BROKEN` where the file is not packed like that.
    """
    match compression or compression_of(source.head(CHUNK)):
        case "none":
            return source
        case "gzip":
            # It asks for nothing but `read`, though the library's type says more.
            return gzip.GzipFile(fileobj=cast(BinaryIO, source), mode="rb")
        case "xz":
            return _Unpacked(source, lambda: lzma.LZMADecompressor(memlimit=MEMORY))
        case "bzip2":
            return _Unpacked(source, bz2.BZ2Decompressor)
        case "zstd":
            return _zstd(source)
        case other:
            raise trouble("R999", f"no compression is called {other}")


def _zstd(source: Hashed) -> Readable:
    import zstandard  # Few images need it.

    stream = zstandard.ZstdDecompressor(max_window_size=WINDOW).stream_reader(
        cast(BinaryIO, source), read_across_frames=True
    )
    return _Zstd(stream, zstandard.ZstdError)


class _Zstd:
    """A stream of the library, whose own error becomes one of `BROKEN`."""

    def __init__(self, stream: Readable, error: type[Exception]) -> None:
        self._stream, self._error = stream, error

    def read(self, count: int, /) -> bytes:
        try:
            return self._stream.read(count)
        except self._error as error:
            raise ValueError(str(error)) from error
