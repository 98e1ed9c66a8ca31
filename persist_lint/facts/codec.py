"""Facts ↔ bytes: typed msgpack, so that reading never executes anything and damaged bytes raise."""

from __future__ import annotations

from msgspec.msgpack import Decoder, Encoder

from persist_lint.model.facts import ModuleFacts, Stmt

_ENCODER = Encoder()
_BODY = Decoder(tuple[Stmt, ...])
_MODULE = Decoder(ModuleFacts)


def encode_body(body: tuple[Stmt, ...]) -> bytes:
    """The bytes of a function's statements, as ``FunctionFacts.body`` keeps them."""
    return _ENCODER.encode(body)


def decode_body(data: bytes) -> tuple[Stmt, ...]:
    """The statements of ``FunctionFacts.body``, as new nodes at every call.

    Raises ``msgspec.DecodeError`` for damaged bytes and its subclass ``msgspec.ValidationError`` for those of another
    facts version.
    """
    return _BODY.decode(data)


def encode_module(facts: ModuleFacts) -> bytes:
    """The bytes of a whole file's facts; function bodies stay encoded inside."""
    return _ENCODER.encode(facts)


def decode_module(data: bytes) -> ModuleFacts:
    """The facts of a whole file. Raises as ``decode_body`` does; the caller compares ``version``."""
    return _MODULE.decode(data)
