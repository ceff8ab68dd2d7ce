#!/usr/bin/env python3
"""Checks what the headers under include/kith include.

Each folder is a room with one job, and arrows between rooms point one way. ROOMS below is the
table of what each may include; nothing else is allowed. Also refused: an include of a kith header
that does not exist, headers that include each other in a ring, a standard name used without its own
header, and in the rooms that are plain state machines anything that reads a clock or a random
device.

usage: check_layers.py [include directory]
"""

import re
import sys

import report

PURE = {"absl/", "boost/system/"}
# What a header needs to offer an Asio completion token, without any I/O.
TOKENS = {
    "boost/asio/any_completion_handler.hpp",
    "boost/asio/any_io_executor.hpp",
    "boost/asio/append.hpp",
    "boost/asio/associated_",
    "boost/asio/associator.hpp",
    "boost/asio/async_result.hpp",
    "boost/asio/bind_",
    "boost/asio/cancellation_",
    "boost/asio/consign.hpp",
    "boost/asio/default_completion_token.hpp",
    "boost/asio/deferred.hpp",
    "boost/asio/dispatch.hpp",
    "boost/asio/execution",
    "boost/asio/executor_work_guard.hpp",
    "boost/asio/post.hpp",
    "boost/asio/prepend.hpp",
}
# Where the simulator runs handlers; it never waits on it.
EXECUTOR = {"boost/asio/io_context.hpp"}
# Headers only; boost/archive is the part with a linked library.
SERIALIZATION = {"boost/serialization/", "boost/mpl/"}
# Boost's own containers, which users' types may hold.
BOOST_TYPES = {"boost/unordered/", "boost/variant/"}
IO = {"boost/asio/", "openssl/"}
HTTP = {"boost/beast/", "boost/json/"}
BELOW_NODE = {"core", "vocabulary", "wire", "store", "cluster", "replica", "near", "node"}

# room -> (rooms it may include beside itself, headers of others by prefix)
ROOMS = {
    "core": (set(), PURE | {"boost/crc.hpp", "boost/unordered/"}),
    "vocabulary": ({"core"}, PURE),
    "wire": ({"core", "vocabulary"}, PURE),
    # The index looks at sixteen tags with one instruction.
    "store": ({"core", "vocabulary"}, PURE | {"emmintrin.h"}),
    "cluster": ({"core", "vocabulary", "wire"}, PURE),
    "replica": ({"core", "vocabulary", "wire", "store"}, PURE),
    "near": ({"core", "vocabulary", "wire", "store"}, PURE),
    "node": (BELOW_NODE, PURE),
    "archive": ({"core", "vocabulary"}, PURE),
    "codec_boost": ({"core", "vocabulary", "archive"}, PURE | SERIALIZATION | BOOST_TYPES),
    "boost_archive": ({"core", "vocabulary"}, PURE | SERIALIZATION | {"boost/archive/"}),
    "handle": (BELOW_NODE, PURE | TOKENS),
    "cache": ({"core", "vocabulary", "codec_boost", "near", "node", "handle"}, PURE | TOKENS),
    "sim": (BELOW_NODE | {"handle", "cache", "codec_boost"}, PURE | TOKENS | EXECUTOR),
    "net": (BELOW_NODE, PURE | IO),
    "facade": (BELOW_NODE | {"handle", "cache", "codec_boost", "net"}, PURE | IO),
    # Opt-in: the pages of a member, and the server that has them.
    "admin": (BELOW_NODE | {"net", "facade"}, PURE | IO | HTTP),
    "admin_server": (BELOW_NODE | {"net", "facade", "admin"}, PURE | IO | HTTP),
    "umbrella": (BELOW_NODE | {"cache", "codec_boost", "net", "facade"}, set()),
}

# Headers at the top of include/kith; folders are rooms by their own name.
TOP = {
    "kith.hpp": "umbrella",
    "fwd.hpp": "umbrella",
    "member.hpp": "facade",
    "member_port.hpp": "facade",
    "member_stats.hpp": "facade",
    "src.hpp": "facade",
    "prometheus.hpp": "facade",
    "admin.hpp": "admin_server",
    "cache.hpp": "cache",
    "cache_many.hpp": "cache",
    "codec_boost.hpp": "codec_boost",
    "boost_archive.hpp": "boost_archive",
    **{
        name + ".hpp": "vocabulary"
        for name in ("error options stats events codec loader writer discovery version "
                     "causal_token").split()
    },
}

# Standard headers with which a room would no longer be a plain state machine.
THREADS = {"barrier", "future", "latch", "random", "semaphore", "stop_token", "thread"}
MAY_USE_THREADS = {"net", "facade", "admin", "admin_server"}
# Known to one header alone, whose annotations let the compiler check who holds what.
LOCKS = {"condition_variable", "mutex", "shared_mutex"}
ANNOTATED_LOCKS = "core/mutex.hpp"

IMPURE = re.compile(r"\b(?:\w+_clock::now|random_device|this_thread|rand|getenv|clock_gettime)\b")
MAY_BE_IMPURE = MAY_USE_THREADS

# A name of the standard library and the headers that bring it. Only names whose header is beyond
# doubt are listed; each header still has to compile alone, which a build target checks.
STANDARD = {
    "array": ["array"],
    "atomic": ["atomic"],
    "bit": ["bit_cast", "bit_ceil", "bit_width", "countl_zero", "countr_zero", "endian",
            "has_single_bit", "popcount", "rotl", "rotr"],
    "charconv": ["from_chars", "to_chars"],
    "chrono": ["chrono"],
    "concepts": ["convertible_to", "integral", "invocable", "same_as", "unsigned_integral"],
    "cstdint": ["int8_t", "int16_t", "int32_t", "int64_t",
                "uint8_t", "uint16_t", "uint32_t", "uint64_t"],
    "cstdio": ["fprintf", "snprintf"],
    "cstdlib": ["abort"],
    "cstring": ["memchr", "memcmp", "memcpy", "memmove", "memset"],
    "deque": ["deque"],
    "exception": ["current_exception", "exception_ptr", "rethrow_exception"],
    "functional": ["equal_to", "function"],
    "limits": ["numeric_limits"],
    "list": ["list"],
    "map": ["map", "multimap"],
    "memory": ["enable_shared_from_this", "make_shared", "make_unique", "shared_ptr", "unique_ptr",
               "weak_ptr"],
    "mutex": ["lock_guard", "mutex", "unique_lock"],
    "optional": ["nullopt", "optional"],
    "set": ["multiset", "set"],
    "span": ["as_bytes", "span"],
    "string": ["string", "to_string"],
    "string_view": ["string_view"],
    "thread": ["thread"],
    "tuple": ["make_tuple", "tuple"],
    "unordered_map": ["unordered_map"],
    "variant": ["get_if", "holds_alternative", "monostate", "variant", "visit"],
    "vector": ["vector"],
    "algorithm": ["all_of", "any_of", "clamp", "copy_n", "find_if", "lower_bound", "max", "min",
                  "max_element", "min_element", "nth_element", "remove_if", "reverse", "sort",
                  "stable_sort", "unique", "upper_bound"],
}
HEADER_OF = {name: header for header, names in STANDARD.items() for name in names}

INCLUDE = re.compile(r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]', re.MULTILINE)
QUOTED = re.compile(r'^[ \t]*#[ \t]*include[ \t]*"([^"]+)"', re.MULTILINE)
DECLARATION = re.compile(r"^(?:namespace|template|class|struct|enum|inline)\b", re.MULTILINE)
STD_NAME = re.compile(r"\bstd::(?:ranges::)?(\w+)")


def room_of(path):
    """The room of a header named by its path below include/kith; None for a folder without one."""
    parts = path.split("/")
    if len(parts) == 1:
        return TOP.get(parts[0])
    return parts[0] if parts[0] in ROOMS and parts[0] not in TOP.values() else None


def without_comments(text):
    """The code without comments and without the contents of strings; lines keep their numbers."""
    token = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"', re.DOTALL)

    def blank(match):
        found = match.group(0)
        return '""' if found[0] == '"' else "\n" * found.count("\n")

    return token.sub(blank, text)


def check_arrow(room, name):
    """Why a header of `room` may not include `name`; None if it may."""
    rooms, others = ROOMS[room]
    if name.startswith("kith/"):
        target = room_of(name[len("kith/"):])
        if target is None:
            return f"{name} belongs to no room"
        if target == "umbrella":
            return f"{name} is for users; the library never includes it"
        if target == room or target in rooms:
            return None
        return f"{room} may not include {target} ({name})"
    if "/" not in name and not name.endswith(".h"):
        return None
    if any(name.startswith(prefix) for prefix in others):
        return None
    if room in MAY_USE_THREADS and name.endswith(".h"):
        return None  # the system's headers
    return f"{room} may not include {name}"


def includes(text):
    """The headers that `text` includes in front of its declarations, and those behind them: a class
    whose bodies have outgrown its file includes them last, and they include the class."""
    begin = DECLARATION.search(without_comments(text))
    lines = begin.string.count("\n", 0, begin.start()) if begin else text.count("\n")
    front, behind = [], []
    for match in INCLUDE.finditer(text):
        is_front = text.count("\n", 0, match.start()) <= lines
        (front if is_front else behind).append(match.group(2))
    return front, behind


def check_header(root, path, text, owner):
    """The faults of one header, as strings. `owner` is the header whose bodies it holds, or ""."""
    room = room_of(path)
    if room is None:
        return [f"{path}: belongs to no room; the table is ROOMS and TOP in this script"]
    faults = []
    included = set(sum(includes(text), []))
    for name in sorted(included):
        why_not = None if name == owner else check_arrow(room, name)
        if why_not:
            faults.append(f"{path}: {why_not}")
        if name.startswith("kith/") and not (root / name).is_file():
            faults.append(f"{path}: missing include: {name} does not exist")
        if name in THREADS and room not in MAY_USE_THREADS:
            faults.append(f"{path}: {room} may not use threads or chance (<{name}>)")
        if name in LOCKS and path != ANNOTATED_LOCKS:
            faults.append(f"{path}: locks are those of kith/{ANNOTATED_LOCKS}, not of <{name}>")
    for name in QUOTED.findall(text):
        faults.append(f'{path}: "{name}": kith headers are included as <kith/...>')
    code = without_comments(text)
    if owner in included:
        included |= set(includes((root / owner).read_text(encoding="utf-8"))[0])
    for name in sorted(set(STD_NAME.findall(code))):
        header = HEADER_OF.get(name)
        if header and header not in included:
            faults.append(f"{path}: missing include: std::{name} needs <{header}>")
    if room not in MAY_BE_IMPURE:
        for name in sorted(set(IMPURE.findall(code))):
            faults.append(f"{path}: {room} takes time and chance as arguments, not from {name}")
    if "#pragma once" not in text:
        faults.append(f"{path}: has no #pragma once")
    return faults


def find_cycle(graph):
    """A list of headers that include each other in a ring; empty if there is none."""
    done = set()

    def visit(node, trail):
        if node in trail:
            return trail[trail.index(node):] + [node]
        if node in done:
            return []
        for target in graph.get(node, []):
            ring = visit(target, trail + [node])
            if ring:
                return ring
        done.add(node)
        return []

    for node in sorted(graph):
        ring = visit(node, [])
        if ring:
            return ring
    return []


def check(root):
    """All faults of the headers below `root`/kith, as strings."""
    files = sorted((root / "kith").rglob("*.hpp"))
    if not files:
        return [f"no headers below {root}/kith"]
    texts = {f.relative_to(root).as_posix(): f.read_text(encoding="utf-8") for f in files}
    owners = {body: name for name, text in texts.items() for body in includes(text)[1]}
    faults = []
    graph = {}
    for name, text in texts.items():
        owner = owners.get(name, "")
        faults += check_header(root, name[len("kith/"):], text, owner)
        graph[name] = [target for target in sum(includes(text), []) if target != owner]
    ring = find_cycle(graph)
    if ring:
        faults.append("include cycle: " + " -> ".join(ring))
    return faults


if __name__ == "__main__":
    sys.exit(report.tell(check, report.PROJECT / "include"))
