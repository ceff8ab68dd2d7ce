#!/usr/bin/env python3
"""Compiles one header by itself, unless another one does it: a class whose bodies have outgrown its
file includes them last (check_layers.py). When the class's header is compiled alone, the bodies'
own text sees no more than it would alone, where it begins by including the class and with it the
other bodies.

Writes the STAMP when the header passes, and STAMP.d with what it depends on.

usage: header_alone.py INCLUDE_FOLDER HEADER STAMP COMMAND...      (the command makes STAMP.d)
"""

import pathlib
import subprocess
import sys

import check_layers


def owner_of(folder, name):
    """The header that `name` begins with and that includes `name` last; None if there is none."""
    front, _ = check_layers.includes((folder / name).read_text(encoding="utf-8"))
    for other in front:
        path = folder / other
        if path.is_file() and name in check_layers.includes(path.read_text(encoding="utf-8"))[1]:
            return other
    return None


def main(folder, name, stamp, *command):
    folder, stamp = pathlib.Path(folder), pathlib.Path(stamp)
    owner = owner_of(folder, name)
    if owner is None:
        passed = subprocess.run(command).returncode == 0
    else:
        depends = pathlib.Path(f"{stamp}.d")
        depends.write_text(f"{stamp}: {folder / name} {folder / owner}\n", encoding="utf-8")
        passed = True
    if passed:
        stamp.touch()
    return 0 if passed else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
