"""What `evtorrent dht` reads from the command line and shows of the network: targets, keys, items, as text and as JSON."""

from __future__ import annotations

import base64
import binascii
import os
from typing import Any

import click

from ...protocols.bencode import BencodeValue
from ...protocols.metainfo import MagnetError
from .. import parse_magnet_uri
from .exit_status import CommandFailed, ExitStatus
from .printable import printable

__all__ = [
    "as_json_value",
    "as_text",
    "endpoint_text",
    "parse_hash",
    "parse_item_name",
    "read_key",
    "write_key",
]

KEY_SIZES = (32, 64)
"""Bytes of a secret key: a seed, or in the form of libsodium or libtorrent."""


def parse_hash(text: str) -> bytes:
    """20 bytes: 40 hexadecimal digits, 32 of base32, or a magnet link.  BadParameter for anything else."""
    if text.lower().startswith("magnet:"):
        try:
            return bytes(parse_magnet_uri(text).info_hashes.best())[:20]
        except MagnetError as error:
            raise click.BadParameter(f"{text!r} is no magnet link: {error}") from None
    try:
        digest = base64.b32decode(text.upper()) if len(text) == 32 else bytes.fromhex(text)
    except (ValueError, binascii.Error):
        digest = b""
    if len(digest) != 20:
        raise click.BadParameter(f"{text!r} is not a hash of 40 hexadecimal digits")
    return digest


def parse_item_name(text: str) -> tuple[bytes, bytes]:
    """(20-byte hash, b"") or (32-byte public key, salt) of TARGET or KEY[:SALT].  BadParameter."""
    digits, colon, salt = text.partition(":")
    if len(digits) == 64:
        try:
            return bytes.fromhex(digits), salt.encode("utf-8", "surrogateescape")
        except ValueError:
            raise click.BadParameter(f"{digits!r} is not a public key of 64 hexadecimal digits") from None
    if colon:
        raise click.BadParameter("only a public key of 64 hexadecimal digits has a salt")
    return parse_hash(text), b""


def read_key(path: str) -> bytes:
    """A secret key from a file: the bytes themselves, or as hexadecimal digits.  CommandFailed."""
    try:
        with open(path, "rb") as file:
            data = file.read(1024)
    except OSError as error:
        raise CommandFailed(f"cannot read the key {path}: {error.strerror}", ExitStatus.BAD_INPUT) from None
    try:
        key = bytes.fromhex(data.decode("ascii"))
    except ValueError:
        key = data
    if len(key) not in KEY_SIZES:
        raise CommandFailed(f"{path} holds no secret key of 32 or 64 bytes", ExitStatus.BAD_INPUT)
    return key


def write_key(path: str) -> None:
    """A new secret key in a new file that only its owner may read.  CommandFailed when there is such a file already."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise CommandFailed(f"{path} exists already", ExitStatus.USAGE) from None
    except OSError as error:
        raise CommandFailed.from_os_error(error, "cannot write the key") from None
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(f"{os.urandom(32).hex()}\n")


def endpoint_text(address: tuple[str, int]) -> str:
    """host:port, as --peer and --bootstrap take it."""
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def as_text(value: BencodeValue) -> str:
    """An item for people: text as it is, what is no text as digits, and lists and dictionaries as JSON would write them."""
    if isinstance(value, bytes):
        try:
            return printable(value.decode())
        except UnicodeDecodeError:
            return value.hex()
    if isinstance(value, int):
        return str(value)
    if isinstance(value, list):
        return f"[{', '.join(map(as_text, value))}]"
    return f"{{{', '.join(f'{as_text(key)}: {as_text(each)}' for key, each in value.items())}}}"


def as_json_value(value: BencodeValue) -> Any:
    """An item for machines (Any: JSON's types): bytes that are no UTF-8 are {"hex": "…"}, keys are made text."""
    if isinstance(value, bytes):
        try:
            return value.decode()
        except UnicodeDecodeError:
            return {"hex": value.hex()}
    if isinstance(value, int):
        return value
    if isinstance(value, list):
        return [as_json_value(each) for each in value]
    return {key.decode("utf-8", "backslashreplace"): as_json_value(each) for key, each in value.items()}
