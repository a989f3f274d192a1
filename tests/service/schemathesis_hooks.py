"""What openapi.json cannot say of a picture: that the base64 is one of a PNG. Any base64 that schemathesis thinks of
becomes one; what is no base64 stays, and is to be refused."""

import base64
import re
import struct
import zlib

import schemathesis


def _chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


PICTURE = base64.b64encode(b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)) +
                           _chunk(b"IDAT", zlib.compress(b"\0\0\0\0")) + _chunk(b"IEND", b"")).decode()
BASE64 = re.compile(r"([A-Za-z0-9+/]{4})+([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?\Z")


@schemathesis.hook
def before_call(context, case, kwargs):
    body = case.body
    if isinstance(body, dict) and isinstance(body.get("image"), str) and BASE64.match(body["image"]):
        case.body = {**body, "image": PICTURE}
