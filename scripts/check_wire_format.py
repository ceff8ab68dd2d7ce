#!/usr/bin/env python3
"""Checks the tables of docs/wire-format.md against include/kith/wire: each message, record,
enumeration and bound has its row there, with the numbers, fields and types of the code, and there
is no other row. What follows those cells in a row is words, and free.

usage: check_wire_format.py [--rows] [project directory]
  --rows   prints the rows that the code asks for, without their words
"""

import pathlib
import re
import sys

PAGE = "docs/wire-format.md"
STRUCT = re.compile(r"^struct (\w+) \{\n(.*?)^\};", re.MULTILINE | re.DOTALL)
ENUM = re.compile(r"^enum class (\w+) : std::uint8_t \{(.*?)\};", re.MULTILINE | re.DOTALL)
FIELDS = re.compile(r"visit\((.*?)\);\n", re.DOTALL)
FIELD = re.compile(r"(?:(fixed|capped)\()?self\.(\w+)(?:, (?:limits::)?(\w+)\))?\)?(?:, |$)")
MEMBER = re.compile(r"^  ([\w:<>]+) (\w+)(?: = [^;]*|\{[^;]*\})?;", re.MULTILINE)
BOUND = re.compile(r"inline constexpr (std::size_t|std::chrono::seconds) (\w+)"
                   r"(?: = |(?=\{))(.*?);")
TYPES = {"time_point": "time", "std::string": "text", "byte_view": "bytes",
         "view_number": "int64", "sequence": "int64", "stream_number": "int64"}
# Enumerations of the wire's own code, which never travel.
NOT_SENT = {"plane", "decode_error", "frame_error", "session_role", "opcode"}


def without_comments(text):
    return re.sub(r"//[^\n]*", "", text)


def wire_type(name):
    """The page's name of a field's type."""
    for outer, mark in (("std::vector<", "[]"), ("std::optional<", "?")):
        if name.startswith(outer):
            return wire_type(name[len(outer):-1]) + mark
    plain = TYPES.get(name, name.removeprefix("kith::"))
    return re.sub(r"^std::uint(\d+)_t$", r"int\1", plain)


def fields(body):
    """The fields of a struct in the order in which they travel, or None where none do."""
    listed = FIELDS.search(body)
    if not listed:
        return None
    types = {name: kind for kind, name in MEMBER.findall(body)}
    shown = []
    for how, name, cap in FIELD.findall(" ".join(listed.group(1).split())):
        kind = wire_type(types[name])
        if how == "fixed" and kind != "time":
            kind = "word"
        shown.append(f"{name}: {kind}" + (f" ≤ {cap}" if cap else ""))
    return ", ".join(shown)


def opcodes(text):
    """(name, number) of every kind of message."""
    listed = re.search(r"enum class opcode .*?\};", text, re.DOTALL).group(0)
    return re.findall(r"(\w+) = (0x[0-9A-F]{2})", listed)


def bounds(text):
    """The rows of limits.hpp. A value is a number, or one shifted to the left."""
    for kind, name, value in BOUND.findall(text):
        number, shift = re.fullmatch(r"\D*(\d+)\}?(?: << (\d+))?", value).groups()
        yield f"| `{name}` | {int(number) << int(shift or 0):,}" + (
            " s |" if "chrono" in kind else " |")


def expected(root):
    """What the rows of each section begin with."""
    folder = root / "include/kith/wire"
    sources = [without_comments(file.read_text(encoding="utf-8"))
               for file in sorted(folder.glob("*.hpp"))]
    structs = {name: body for text in sources for name, body in STRUCT.findall(text)}
    enums = {name: re.findall(r"\w+", body)
             for text in sources for name, body in ENUM.findall(text)}
    coded = {re.search(r"opcode code = opcode::(\w+)", body).group(1): body
             for body in structs.values() if "opcode code = opcode::" in body}
    records = {name: fields(body) for name, body in structs.items()
               if "opcode code =" not in body and fields(body)}
    header = without_comments((folder / "opcode.hpp").read_text(encoding="utf-8"))
    return {
        "Messages": [f"| {number} | `{name}` | `{fields(coded[name])}` |"
                     for name, number in opcodes(header)],
        "Records": [f"| `{name}` | `{listed}` |" for name, listed in records.items()],
        "Enumerations": [f"| `{name}` | `" + ", ".join(f"{value} {i}" for i, value
                                                       in enumerate(values)) + "` |"
                         for name, values in enums.items() if name not in NOT_SENT],
        "Bounds": list(bounds(without_comments(
            (folder / "limits.hpp").read_text(encoding="utf-8")))),
    }


def rows(page, section):
    """The rows of the tables of one section, without their heads."""
    part = re.search(rf"^## {section}\n(.*?)(?=^## |\Z)", page, re.MULTILINE | re.DOTALL)
    lines = part.group(1).splitlines() if part else []
    return [line for line, following in zip(lines, lines[1:] + [""])
            if line.startswith("| ") and not following.startswith("|--")]


def check(root):
    """All faults of the page, as strings."""
    page = (root / PAGE).read_text(encoding="utf-8")
    faults = []
    for section, wanted in expected(root).items():
        found = rows(page, section)
        faults += [f"{PAGE}: {section}: missing: {row}" for row in wanted
                   if not any(line.startswith(row) for line in found)]
        faults += [f"{PAGE}: {section}: not as in the code: {line}" for line in found
                   if not any(line.startswith(row) for row in wanted)]
        if len(found) > len(wanted):
            faults.append(f"{PAGE}: {section}: a row is there twice")
    return faults


def main():
    arguments = sys.argv[1:]
    show = "--rows" in arguments
    folders = [one for one in arguments if one != "--rows"]
    root = pathlib.Path(folders[0] if folders else pathlib.Path(__file__).resolve().parents[1])
    if show:
        for section, wanted in expected(root).items():
            print(f"## {section}", *wanted, "", sep="\n")
        return 0
    faults = check(root)
    for fault in faults:
        print(fault)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
