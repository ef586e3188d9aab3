"""The table of operations on a response `r` and its content `c`. A row may use `b`, the content as
plain bytes, and `plain`, httplib2's own response, too.

Rules:
- A row is one line of Python, with the names of `ROW_NAMES`; a statement leaves its value in
  `value`. `match X: PATTERN` stands for a match statement with a single case.
- A row looks at the response or the content, at once; rows that look at neither are in
  OPERATIONS_WITHOUT_LOOK.
"""

import array
import base64
import binascii
import codecs
import collections.abc
import copy
import functools
import hashlib
import io
import itertools
import json
import operator
import os
import pickle
import re
import socket
import string
import struct
import tempfile
import types
import urllib.parse
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import httplib2

Pair: TypeAlias = tuple[Any, Any]  # Any: no type checker allows what the rows do

BODY = b" Bus 12,\tTram 7\r\nR\xe9seau\n"

RESPONSE_OPERATIONS = """
r["server"]
r["missing"]
r[1]
r[[]]
r.get("server")
r.get("missing")
r.get("missing", 7)
r.__getitem__("server")
operator.itemgetter("server", "x-line")(r)
"server" in r
"missing" in r
"server" not in r
len(r)
bool(r)
not r
r and 1
list(r)
tuple(r)
set(r)
frozenset(r)
sorted(r)
sorted(r, reverse=True)
[*r]
collect_arguments(*r)
list(iter(r))
next(iter(r))
list(reversed(r))
min(r)
max(r)
any(r)
all(r)
list(enumerate(r))
list(zip(r, r))
list(map(str.upper, r))
list(itertools.chain(r, r))
[key for key in r]
{key: value for key, value in r.items()}
list(r.keys())
list(r.values())
list(r.items())
list(reversed(r.items()))
len(r.keys())
sorted(r.keys() & {"server", "a"})
sorted({"server", "a"} & r.keys())
("server", "scripted") in r.items()
"north, south" in r.values()
r.copy()
r.fromkeys("ab")
dict.fromkeys(r)
dict(r)
dict(r, a=1)
dict(**r)
{**r}
{"a": 1, **r, "b": 2}
collect_arguments(**r)
r | {"a": "b"}
r | r
r | [("a", "b")]
{"a": "b", "server": "x"} | r
[] | r
r.__or__({"a": "b"})
r.__ror__({"a": "b"})
collections.defaultdict(int, a=1) | r
collections.OrderedDict(r)
collections.Counter(list(r))
collections.ChainMap(r, {})["server"]
collections.ChainMap({}, r).get("missing")
collections.UserDict(r).data
types.MappingProxyType(r)["server"]
len(types.MappingProxyType(r))
urllib.parse.urlencode(r)
r == {}
{} == r
r == dict(r)
dict(r) == r
r == r
r == plain
plain == r
r == 5
5 == r
r != {}
{} != r
r != dict(r)
r != plain
plain != r
r < {}
{} < r
r <= r
r > {}
{} > r
r >= {}
r in [plain]
plain in [r]
[plain].index(r)
r.status
r.reason
r.version
r.previous
r.fromcache
r.dict
r.missing
r._missing
getattr(r, "status")
getattr(r, "missing", 3)
hasattr(r, "status")
hasattr(r, "missing")
operator.attrgetter("status")(r)
vars(r)
r.__dict__
dir(plain) == sorted({*dir(r)} & {*dir(plain)})
r.__len__()
r.__contains__("server")
callable(r.items)
json.dumps(r)
json.dumps(r, indent=2)
json.dumps(r, sort_keys=True)
json.dumps(r, sort_keys=True, indent=1)
json.dumps([r, {"inside": r}])
json.dumps([r], indent=1)
json.JSONEncoder().encode(r)
"".join(json.JSONEncoder().iterencode(r))
copy.copy(r)
vars(copy.copy(r))
copy.deepcopy(r)
vars(copy.deepcopy(r))
copy.deepcopy([r, r])
vars(pickle.loads(pickle.dumps(r)))
[pickle.loads(pickle.dumps(r, protocol)) for protocol in range(6)]
[pickle.loads(pickle.dumps(r, protocol)).status for protocol in range(6)]
[pickle._loads(pickle._dumps(r, protocol)).reason for protocol in range(6)]
pickle.loads(pickle.dumps([r, r]))
str(r)
repr(r)
ascii(r)
format(r)
format(r, ">9")
f"{r}"
f"{r!r}"
"%s" % r
"%r" % (r,)
"%(server)s" % r
"%(missing)s" % r
"{}".format(r)
"{0[server]} {0.status}".format(r)
"{server}".format(**r)
"{server}".format_map(r)
string.Template("$server").substitute(r)
",".join(r)
"s".translate(r)
print(r, file=io.StringIO())
eval("server", {"__builtins__": {}}, r)
r["added"] = "1"
r["server"] = "mine"
del r["server"]
del r["missing"]
value = r.pop("server")
r.pop("missing")
value = r.pop("missing", 3)
value = r.popitem()
r.clear()
value = r.setdefault("added", "1")
value = r.setdefault("server", "mine")
r.update(added="1")
r.update({"added": "1"}, server="mine")
r.update([("added", "1")])
r |= {"added": "1"}
r |= [("added", "1")]
r.status = 500
r.reason = r.reason.upper()
r.version += 1
r.previous = plain
del r.status
del r.missing
value = {"server": "x"}; value.update(r)
value = {"server": "x"}; value |= r
value = []; value.extend(r)
value = []; value += r
value = set(); value |= r.keys()
value = set(); value.update(r)
value = collections.deque(); value += r
value = collections.OrderedDict(a=1); value.update(r)
value = [key for key in r if key in r]
first, *value = r
match r: {"server": value}
match r: {"missing": _}
match r: {"server": "scripted", **value}
match r: httplib2.Response(status=203, reason=value)
"""

# Rows by the content that the rows run on.
CONTENT_OPERATIONS = {
    BODY: """
c == c
c != c
c < c
c >= c
bytes(c)
bytearray(c)
list(c)
tuple(c)
sorted(c)
set(c)
[*c]
collect_arguments(*c)
next(iter(c))
list(reversed(c))
list(enumerate(c))
list(zip(c, c))
list(map(chr, c))
collections.Counter(c)
collections.deque(c)
array.array("B", c)
sum(c)
min(c)
max(c)
min(c, c)
max(c, b"")
any(c)
all(c)
len(c)
bool(c)
not c
c or 1
hash(c)
hash((c, 1))
{c: 1}[b]
{b: 1}[c]
{b: 1}.get(c)
{b"": 1}.get(c)
{c: 1, b: 2}
{c} == {b}
c in {b}
c in {b"": 1}
c in [b]
b in [c]
b in (b"", c)
[b].index(c)
[c, b, b""].count(b)
sorted([c, b"b", b" "])
sorted([b"b", c, b" "])
c[0]
c[-1]
c[99]
c["x"]
c[None]
c[1:4]
c[:]
c[::-2]
c[slice(1, 3)]
c[99:]
operator.itemgetter(0, -1)(c)
65 in c
66 in c
300 in c
-1 in c
b"Bus" in c
b"Ferry" in c
b"" in c
c in c
bytearray(b"Tram") in c
memoryview(b"Tram") in c
"Bus" in c
None in c
b"Ferry" not in c
c + b"x"
b"x" + c
b"" + c
c + b""
c + c
c + bytearray(b"x")
bytearray(b"x") + c
c + memoryview(b"x")
memoryview(b"x") + c
c + "x"
"x" + c
c + 1
1 + c
c + [1]
[1] + c
c + None
c + ReflectedOperand()
ReflectedOperand() + c
c * 2
2 * c
c * 0
c * -1
c * True
c * "x"
c * 1.5
1.5 * c
c * c
c * ReflectedOperand()
ReflectedOperand() * c
c % ()
c % 1
1 % c
b"%b" % c
b"%s, %b" % (c, c)
b"%r %a" % (c, c)
b"%(c)b" % {b"c": c}
bytearray(b"%b") % c
"%r" % c
"%a" % (c,)
repr(c)
ascii(c)
f"{c!r}"
copy.copy(c)
copy.deepcopy(c)
copy.deepcopy([c, c])
[pickle.loads(pickle.dumps(c, protocol)) for protocol in range(6)]
[pickle._loads(pickle._dumps(c, protocol)) for protocol in range(6)]
pickle.loads(pickle.dumps({"content": c}))
int.from_bytes(c, "big")
urllib.parse.quote(c)
urllib.parse.unquote_to_bytes(c)
operator.concat(c, c)
operator.contains(c, 66)
operator.indexOf(c, 66)
operator.length_hint(c)
c.__len__()
c.__eq__(b)
c.__getitem__(0)
c.__contains__(66)
c.__hash__() == hash(b)
c.__bytes__()
value = c; value += b"x"
value = b"x"; value += c
value = bytearray(b"x"); value += c
value = c; value *= 2
value = [1]; value += c
value = [1]; value.extend(c)
value = collections.deque([1]); value += c
value = collections.deque([1]); value.extend(c)
value = {1}; value.update(c)
value = [1, 2]; value[:1] = c
value = [byte for byte in c]
first, *value = c
match c: b""
""",
    b"12": """
int(c)
float(c)
c.isdigit()
c == b"12"
b"12" == c
match c: b"12"
""",
    b" 1_2.5\n": """
int(c)
float(c)
""",
    b"twelve": """
int(c)
float(c)
""",
    b"%d of %%, %b": """
c % (7, b"x")
c % (7, c)
c % (7, "x")
c % 7
""",
    b"a=1&b=2&b=3": """
urllib.parse.parse_qs(c)
urllib.parse.parse_qsl(c)
urllib.parse.urlsplit(c).path
""",
    b'{"stops": [1, 2, {"name": "R\xc3\xa9seau"}]}': """
json.loads(c)
json.JSONDecoder().decode(c.decode())
""",
    '["Réseau"]'.encode("utf-16"): "json.loads(c)",
    '["Réseau"]'.encode("utf-8-sig"): "json.loads(c)",
    b"[1, 2": "json.loads(c)",
    b"": """
len(c)
bool(c)
not c
bytes(c)
list(c)
c == b""
c == bytearray()
b"" == c
c != b""
c[0]
c[0:]
c.split()
c.split(b",")
next(iter(c))
hash(c)
int(c)
json.loads(c)
b"x" + c
c + b"x"
""",
}

COMPARED_OPERANDS = [
    "b",
    "b[:9]",
    "b + b'x'",
    "b''",
    "bytearray(b)",
    "bytearray(b'z')",
    "memoryview(b)",
    "memoryview(b'z')",
    "array.array('B', b)",
    "'Bus'",
    "5",
    "None",
    "[]",
    "ReflectedOperand()",
]


# Each method of bytes with argument lists, separated by semicolons.
BYTES_METHOD_ARGUMENTS = {
    "capitalize": "",
    "center": "40; 40, b'*'; 40, c[:1]; 'x'",
    "count": "b'u'; 117; c; b'u', 3; b'u', 0, 3; 'u'",
    "decode": "'latin-1'; ; 'utf-8', 'replace'; 'ascii', errors='ignore'; encoding='x-no-such'",
    "endswith": "b'\\n'; c; (b'\\n', b'x'); b'u', 0, 3; 'x'",
    "expandtabs": "; 4; tabsize=2",
    "find": "b'Tram'; b'Ferry'; c; 66; b'u', 9; bytearray(b'Tram'); 'x'",
    "fromhex": "'62 75 73'; 'x'",
    "hex": "; ':'; '-', 2; sep=' ', bytes_per_sep=-3",
    "index": "b'Tram'; b'Ferry'; c; 66",
    "isalnum": "",
    "isalpha": "",
    "isascii": "",
    "isdigit": "",
    "islower": "",
    "isspace": "",
    "istitle": "",
    "isupper": "",
    "join": "[]; [b'a', b'b']; iter([b'a', bytearray(b'b')]); ['a']; 5",
    "ljust": "40; 40, b'*'",
    "lower": "",
    "lstrip": "; b' B'; c; None; 'x'",
    "maketrans": "b'ab', b'cd'; b'a', b''",
    "partition": "b','; b'Ferry'; c; b''",
    "removeprefix": "b' Bus'; b'x'; c",
    "removesuffix": "b'\\n'; b'x'; c",
    "replace": "b'u', b'oo'; b'u', b'', 1; c, b'x'; b'Bus', c; 'a', 'b'",
    "rfind": "b'u'; c; 66",
    "rindex": "b'u'; b'Ferry'; c",
    "rjust": "40; 40, b'*'",
    "rpartition": "b' '; b'Ferry'; c",
    "rsplit": "; b' ', 1; None, 2; sep=b','; maxsplit=1",
    "rstrip": "; b'\\nu'; c",
    "split": "; b','; b' ', 1; None, 2; c; sep=b','; sep=c; maxsplit=1; b''; ','",
    "splitlines": "; True; keepends=True",
    "startswith": "b' Bus'; c; (b'x', b' '); b'Bus', 1; 'x'",
    "strip": "; b' \\n'; c",
    "swapcase": "",
    "title": "",
    "translate": "bytes(range(256))[::-1]; None, b'u'; None, delete=b'u'; None, delete=c; b'x'",
    "upper": "",
    "zfill": "40; 2",
}
# Rows in which Python's C code reads memory: from Python 3.12 on an object can export a buffer.
BUFFER_OPERATIONS = """
memoryview(c).tobytes()
io.BytesIO(c).getvalue()
io.BytesIO().write(c)
bytes_written(lambda file: file.write(c))
bytes_written(lambda file: file.writelines([c, c]))
bytes_written(lambda file: os.write(file.fileno(), c))
bytes_sent(lambda end: end.sendall(c))
hashlib.sha256(c).hexdigest()
zlib.decompress(zlib.compress(c))
zlib.crc32(c)
base64.b64encode(c)
struct.unpack_from(">HB", c)
b"".join([b"x", c, c])
c.join([c, c])
c.startswith((b"x", c))
c.split(sep=c) + b.split(sep=c)
b.find(c)
b.count(c)
b.startswith(c)
b.replace(c, b"x")
b.replace(b"Bus", c)
c in b
c in bytearray(b)
re.search(rb"Bus (\\d+)", c)[1]
re.split(rb"\\s+", c)
re.sub(rb"\\d", b"#", c)
str(c, "latin-1")
codecs.decode(c, "latin-1")
binascii.hexlify(c)
bytearray(b"x").__iadd__(c)
array.array("B", b"x").frombytes(c)
value = bytearray(len(c)); memoryview(value)[:] = c
"""

OPERATIONS_WITHOUT_LOOK = """
isinstance(r, dict)
isinstance(r, httplib2.Response)
isinstance(r, collections.abc.Mapping)
isinstance(r, str)
isinstance(r, bytes)
isinstance(c, bytes)
isinstance(c, (str, bytes))
isinstance(c, str)
isinstance(c, dict)
isinstance(c, collections.abc.Sequence)
issubclass(c.__class__, bytes)
callable(r)
callable(c)
hash(r)
r is r
c is c
r.added = 1
c.__class__
sorted(dir(c))
dispatch_by_type(r)
dispatch_by_type(c)
match r: dict(value)
match c: bytes(value)
match r: [*value]
match c: [*value]
match c: str(value)
-r
r + r
r()
c()
-c
c - c
c & c
c ** 2
c // 2
c[0] = 1
del c[0]
range(c)
[0][c]
json.dumps(c)
c.missing
c.added = 1
"""

# Rows in which Python takes any AttributeError for a missing attribute.
OPERATIONS_THAT_HIDE_ERRORS = """
{**r}
{"a": 1, **r, "b": 2}
dict(**r)
collect_arguments(**r)
"{server}".format(**r)
getattr(r, "missing", 3)
hasattr(r, "status")
hasattr(r, "missing")
vars(r)
copy.copy(r)
vars(copy.copy(r))
copy.deepcopy(r)
vars(copy.deepcopy(r))
copy.deepcopy([r, r])
match r: httplib2.Response(status=203, reason=value)
"""

# Rows that decode by the response's charset, latin-1.
TEXT_OPERATIONS = """
str(c)
format(c)
f"{c}"
f"{c!s:}"
"{}".format(c)
"%s" % c
"%s" % (c,)
value = io.StringIO(); print(c, end="", file=value); value = value.getvalue()
"""


# Names for the rows.


class ReflectedOperand:
    """Implements operators on both sides, and reads the other operand."""

    __hash__ = None  # type: ignore[assignment]  # as for any class with an __eq__

    def __eq__(self, other: object) -> bool:
        return list(other) == list(BODY)  # type: ignore[call-overload,no-any-return]  # bytes

    def __add__(self, other: bytes) -> list[bytes]:
        return [bytes(other)]

    __radd__ = __add__

    def __index__(self) -> int:
        return 2


def collect_arguments(*arguments: object, **keywords: object) -> tuple[object, ...]:
    return arguments, keywords


@functools.singledispatch
def dispatch_by_type(_: object) -> str:
    return "something else"


@dispatch_by_type.register
def _(_: dict) -> str:  # type: ignore[type-arg]  # singledispatch reads the annotation
    return "a dict"


@dispatch_by_type.register
def _(_: bytes) -> str:
    return "bytes"


def bytes_written(write: Callable[[Any], object]) -> bytes:  # Any: a binary file of any kind
    with tempfile.TemporaryFile() as file:
        write(file)
        file.seek(0)
        return file.read()


def bytes_sent(send: Callable[[socket.socket], object]) -> bytes:
    here, there = socket.socketpair()
    with here, there:
        send(here)
        return there.recv(1024)


MODULES = [array, base64, binascii, codecs, collections, copy, hashlib, httplib2, io, itertools]
MODULES += [json, operator, os, pickle, re, string, struct, types, urllib, zlib]
ROW_NAMES = {
    **{module.__name__: module for module in MODULES},
    "ReflectedOperand": ReflectedOperand,
    "collect_arguments": collect_arguments,
    "bytes_sent": bytes_sent,
    "dispatch_by_type": dispatch_by_type,
    "bytes_written": bytes_written,
}


# Rows and outcomes.


@dataclass(frozen=True)
class Outcome:
    """The end of a row. A Response of asynchttp counts as its base, httplib2's Response."""

    kind: type | None = None
    value: object = None
    error: Exception | None = None

    def is_same_as(self, other: "Outcome") -> bool:
        """The same value of the same type, or the same type of error."""
        same_kind = self.kind is other.kind and type(self.error) is type(other.error)
        return same_kind and bool(self.value == other.value)


@dataclass(frozen=True)
class Operation:
    """A row of the table, and the content for the row."""

    row: str
    body: bytes = BODY

    def __str__(self) -> str:
        return self.row if self.body == BODY else f"{self.row} of {self.body!r}"

    def run(self, pair: Pair, plain: httplib2.Response) -> Outcome:
        names = {**ROW_NAMES, "r": pair[0], "c": pair[1], "b": self.body, "plain": plain}
        try:
            value = eval(_compiled(self.row), names)
        except Exception as error:  # noqa: BLE001 - any error is compared
            return Outcome(error=error)
        value = names.get("value", value)
        is_response = isinstance(value, httplib2.Response)
        return Outcome(httplib2.Response if is_response else value.__class__, value)


@functools.cache
def _compiled(row: str) -> types.CodeType:
    if match := re.fullmatch(r"match (\w): (.*)", row):
        row = f"match {match[1]}:\n case {match[2]}: pass"
    try:
        return compile(row, row, "eval")
    except SyntaxError:
        return compile(row, row, "exec")


def parse_rows(table: str, body: bytes = BODY) -> list[Operation]:
    return [Operation(row, body) for row in table.strip().splitlines()]


def comparisons() -> Iterator[Operation]:
    for sign, other in itertools.product(("==", "!=", "<", "<=", ">", ">="), COMPARED_OPERANDS):
        yield Operation(f"c {sign} {other}")
        yield Operation(f"{other} {sign} c")


def method_calls() -> Iterator[Operation]:
    for method, argument_lists in BYTES_METHOD_ARGUMENTS.items():
        for arguments in argument_lists.split(";"):
            yield Operation(f"c.{method}({arguments.strip()})")


ALL_OPERATIONS = [
    *parse_rows(RESPONSE_OPERATIONS),
    *(row for body, table in CONTENT_OPERATIONS.items() for row in parse_rows(table, body)),
    *comparisons(),
    *method_calls(),
]
