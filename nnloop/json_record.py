"""The JSON form of a frozen dataclass, with its types checked on the way back."""

import dataclasses
import json
import math
from collections.abc import Callable
from enum import StrEnum
from functools import cache, partial
from types import NoneType, UnionType
from typing import Any, Self, Union, get_args, get_origin, get_type_hints

Converter = Callable[[object], object]


class Record:
    """The base of frozen dataclasses that are written as JSON, nested ones included."""

    __slots__ = ()

    def to_json(self) -> dict[str, Any]:
        """Return the record as plain dicts, lists and scalars, keys in field order."""
        return dataclasses.asdict(self)  # type: ignore[call-overload, no-any-return]

    @classmethod
    def from_json(cls, data: object) -> Self:
        """Rebuild the record from what `to_json` returned; missing keys take their default.

        Raises ValueError for an unknown key, a missing one without a default, and a value of another type than its
        field's; the message names record, field and value.
        """
        if not isinstance(data, dict):
            raise ValueError(f"{cls.__name__}: {_shown(data)} is no object")
        converters = _converters(cls)  # type: ignore[arg-type]
        values: dict[str, Any] = {}
        for name, value in data.items():
            if name not in converters:
                raise ValueError(f"{cls.__name__} has no field {name}")
            try:
                values[name] = converters[name](value)
            except TypeError as error:
                raise ValueError(f"{cls.__name__}.{name}: {error}") from None
        try:
            return cls(**values)
        except TypeError:
            fields = dataclasses.fields(cls)  # type: ignore[arg-type]
            needed = [one.name for one in fields if one.default is one.default_factory is dataclasses.MISSING]
            raise ValueError(f"{cls.__name__} lacks {', '.join(sorted({*needed} - {*values}))}") from None

    def line(self) -> str:
        """Return the record as one line of JSON, keys in field order."""
        return json.dumps(self.to_json(), ensure_ascii=False, allow_nan=False)


@cache
def _converters(cls: type["Record"]) -> dict[str, Converter]:
    """Return a class's converters from JSON, by field name."""
    hints = get_type_hints(cls)
    return {each.name: _converter(hints[each.name]) for each in dataclasses.fields(cls)}  # type: ignore[arg-type]


def _converter(kind: Any) -> Converter:
    """Return the function that checks a JSON value against a type and rebuilds it.

    The function raises TypeError, or ValueError from a nested record. It takes an integer as a float, but true and
    false are not numbers.
    """
    origin, arguments = get_origin(kind), get_args(kind)
    if kind is Any:
        return lambda value: value
    if origin in (Union, UnionType):
        return _optional(_converter(next(one for one in arguments if one is not NoneType)))
    if origin in (list, tuple):
        return _list(origin, _converter(arguments[0]))
    if origin is dict:
        return _dict(_converter(arguments[1]))
    if issubclass(kind, Record):
        return partial(kind.from_json)
    if issubclass(kind, StrEnum):
        return _enum(kind)
    return _plain(kind, accepted=(int, float) if kind is float else (kind,))


def _plain(kind: type, *, accepted: tuple[type, ...]) -> Converter:
    def convert(value: object) -> object:
        if type(value) not in accepted or value in (math.inf, -math.inf) or value != value:
            raise TypeError(f"{_shown(value)} is no {kind.__name__}")
        return value

    return convert


def _optional(convert: Converter) -> Converter:
    return lambda value: None if value is None else convert(value)


def _list(kind: type[list[object]] | type[tuple[object, ...]], convert: Converter) -> Converter:
    def convert_list(value: object) -> object:
        if not isinstance(value, list | tuple):
            raise TypeError(f"{_shown(value)} is no list")
        return kind(map(convert, value))

    return convert_list


def _dict(convert: Converter) -> Converter:
    def convert_dict(value: object) -> object:
        if not isinstance(value, dict):
            raise TypeError(f"{_shown(value)} is no object")
        return {key: convert(one) for key, one in value.items()}

    return convert_dict


def _enum(kind: type[StrEnum]) -> Converter:
    def convert(value: object) -> object:
        try:
            return kind(str(value))
        except ValueError:
            raise TypeError(f"{_shown(value)} is none of {', '.join(kind)}") from None

    return convert


def _shown(value: object) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) <= 60 else f"{text[:57]}..."
