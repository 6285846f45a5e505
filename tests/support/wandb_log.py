"""Read the transaction log of an offline W&B run: LevelDB's log framing around protocol buffers."""

import json
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

_BLOCK, _HEAD = 32768, 7
_FULL, _FIRST, _MIDDLE, _LAST = 1, 2, 3, 4


def read_log(path: Path) -> list[dict[str, Any]]:
    """Every record with its type and content; history rows and the config by dotted key."""
    from google.protobuf.json_format import MessageToDict
    from wandb.proto import wandb_internal_pb2 as pb

    found = []
    for raw in _frames(path.read_bytes()):
        record = pb.Record.FromString(raw)
        kind = record.WhichOneof("record_type")
        content = MessageToDict(getattr(record, kind), preserving_proto_field_name=True) if kind else {}
        if kind == "history":
            content = _items(record.history.item) | {"_step": record.history.step.num}
        if kind == "run":
            content["config"] = _items(record.run.config.update)
        found.append({"type": kind, "content": content})
    return found


def _items(items: Any) -> dict[str, Any]:
    return {item.key or ".".join(item.nested_key): json.loads(item.value_json) for item in items}


def _frames(data: bytes) -> Iterator[bytes]:
    """The payloads; a torn tail ends them, as after a kill."""
    place, parts = _HEAD, b""  # the file opens with a mark of its own
    while place + _HEAD <= len(data):
        left = _BLOCK - place % _BLOCK
        crc, length, kind = struct.unpack("<IHB", data[place : place + _HEAD])
        if left < _HEAD or (kind == 0 and length == 0):
            place += left
            continue
        payload = data[place + _HEAD : place + _HEAD + length]
        if len(payload) < length:
            return
        assert zlib.crc32(payload, zlib.crc32(bytes([kind]))) == crc
        place += _HEAD + length
        parts = payload if kind in (_FULL, _FIRST) else parts + payload
        if kind in (_FULL, _LAST):
            yield parts
