"""How a check of the sources tells what it found."""

import pathlib
import sys

PROJECT = pathlib.Path(__file__).resolve().parent.parent


def tell(check, root=PROJECT):
    """Prints the faults that check(directory) finds, a line each, and returns the exit code. The
    directory is the first argument of the program, or else `root`."""
    faults = check(pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else root)
    for fault in faults:
        print(fault)
    return 1 if faults else 0
