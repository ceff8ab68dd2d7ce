#!/usr/bin/env python3
"""Checks the budgets of the sources: lines up to 100 columns, functions up to 70 lines, files up to
500. A long function or file is a sign that two ideas share one place. In headers, virtual functions
are inline where their class declares them.

usage: tidy.py [project directory]
"""

import pathlib
import re
import sys

import report

COLUMNS = 100
FUNCTION_LINES = 70
FILE_LINES = 500

FOLDERS = ["include", "tests", "examples", "bench", "cmake", "scripts", ".ci"]
CODE = {".hpp", ".cpp"}
TEXT = CODE | {".py", ".sh", ".cmake"}

# What may cross a budget: (file, "columns", "file" or a function's declaration) -> the reason.
EXCEPTIONS = {
    (f"examples/{name}.cpp", "columns"): "the promised interface, word for word"
    for name in ["atomic_updates", "coroutines", "simulated_cluster"]
}

TOKEN = re.compile(
    r'//[^\n]*|/\*.*?\*/'
    r'|R"(?P<mark>[^(\s]*)\(.*?\)(?P=mark)"'
    r"|\"(?:\\.|[^\"\\\n])*\"|(?<![0-9A-Fa-f])'(?:\\.|[^'\\\n])+'",
    re.DOTALL)
# Directives and macros on a line of their own are no part of the declaration that follows them.
NO_DECLARATION = re.compile(
    r"^[ \t]*(?:#(?:[^\n]*\\\n)*[^\n]*|[A-Z][A-Z0-9_]*\([^{}\n]*\)[ \t]*$)", re.MULTILINE)
CONTROL = re.compile(r"(?:else|if|for|while|switch|do|try|catch|return)\b|(?:case\b.*|default):")
NOT_A_FUNCTION = re.compile(r"(?:typedef|inline|export|extern)?\s*(?:class|struct|union|enum"
                            r"|namespace|concept)\b")
TEMPLATE = re.compile(r"template\s*<")
# A virtual function that is declared here and defined elsewhere.
VIRTUAL = re.compile(r"[^;{}=]*\b(?:virtual|override)\b[^;{}=]*;")


def blanked(text):
    """The code without comments and literals; every line keeps its number."""

    def blank(match):
        found = match.group(0)
        return (" " if found[0] == "/" else '""') + "\n" * found.count("\n")

    code = TOKEN.sub(blank, text)
    return NO_DECLARATION.sub(lambda match: "\n" * match.group(0).count("\n"), code)


def without_template(head):
    """The declaration `head` without the template parameters in front of it."""
    head = head.strip()
    while TEMPLATE.match(head):
        depth = 0
        for at in range(head.index("<"), len(head)):
            depth += {"<": 1, ">": -1}.get(head[at], 0)
            if depth == 0:
                break
        head = head[at + 1:].strip()
    return head


def is_function(head):
    """Whether the text between the last statement and a brace declares a function."""
    head = re.sub(r"^(?:(?:public|private|protected)\s*:\s*)+", "", head.strip())
    head = without_template(head)
    return "(" in head and not CONTROL.match(head) and not NOT_A_FUNCTION.match(head)


def functions(text):
    """(first line, last line, declaration) of every function with a body; a lambda inside one
    counts as a part of it."""
    code = blanked(text)
    found = []
    stack = []  # of (kind, first line, head before the brace)
    head, first, line, parens = "", 0, 1, 0
    for at, sign in enumerate(code):
        if sign == "\n":
            line += 1
        if sign == "{":
            before = code[:at].rstrip()[-1:]
            is_value = before in ("=", ",", "(", "{", "<") or not code[at - 1].isspace()
            is_value = is_value or head.rstrip().endswith("return") or parens > 0
            inside = any(kind == "function" for kind, _, _ in stack)
            if is_value and not inside and head.strip():
                stack.append(("value", first, head))
            elif not inside and is_function(head):
                stack.append(("function", first, head))
            else:
                stack.append(("block", first, head))
            head, first = "", 0
        elif sign == "}" and stack:
            kind, began, declaration = stack.pop()
            head, first = "", 0
            if kind == "function":
                found.append((began, line, " ".join(declaration.split())))
            elif kind == "value":
                head, first = declaration + "{}", began
        elif sign == ";" and parens == 0:
            head, first = "", 0
        else:
            parens += {"(": 1, ")": -1}.get(sign, 0)
            head += sign
            if not first and not sign.isspace():
                first = line
    return found


def key_functions(text):
    """(line, declaration) of the virtual functions that are not said to be inline in their class.
    The first such one is the class's key function: the compiler then makes its table of virtual
    functions, and all that these reach, in every file that includes the header and uses nothing."""
    code = blanked(text)
    for found in re.finditer(r"[^;{}]+;", code):
        statement = found.group(0)
        if VIRTUAL.fullmatch(statement.strip()) and not re.search(r"\binline\b", statement):
            began = found.start() + len(statement) - len(statement.lstrip())
            yield code.count("\n", 0, began) + 1, " ".join(statement.split())


def check_file(path, text):
    """The faults of one file, as strings."""
    faults = []
    lines = text.splitlines()
    for number, line in enumerate(lines, 1):
        if len(line) > COLUMNS and (path, "columns") not in EXCEPTIONS:
            faults.append(f"{path}:{number}: {len(line)} columns, more than {COLUMNS}")
    if len(lines) > FILE_LINES and (path, "file") not in EXCEPTIONS:
        faults.append(f"{path}: {len(lines)} lines, more than {FILE_LINES}")
    if pathlib.PurePath(path).suffix in CODE:
        for began, ended, declaration in functions(text):
            length = ended - began + 1
            if length > FUNCTION_LINES and (path, declaration) not in EXCEPTIONS:
                faults.append(f"{path}:{began}: {length} lines, more than {FUNCTION_LINES}: "
                              + declaration[:60])
    if path.startswith("include/"):
        for line, declaration in key_functions(text):
            faults.append(f"{path}:{line}: virtual and not inline: {declaration[:60]}")
    return faults


def check(root):
    """All faults of the sources below `root`, as strings."""
    faults = []
    seen = 0
    for folder in FOLDERS:
        for file in sorted((root / folder).rglob("*")):
            if file.is_file() and (file.suffix in TEXT or file.name == "CMakeLists.txt"):
                seen += 1
                path = file.relative_to(root).as_posix()
                faults += check_file(path, file.read_text(encoding="utf-8"))
    if not seen:
        faults.append(f"no sources below {root}")
    return faults


if __name__ == "__main__":
    sys.exit(report.tell(check))
