#!/usr/bin/env python3
"""Shows that the simulator sees what it is for. Each patch in tests/mutants breaks one rule in a
copy of the headers; the simulator, built with that copy, must report a violation.

One build holds all mutants: a function that a patch changes begins there with the body that the
patch gives it, which runs if KITH_MUTANT is the mutant's number. So patches change nothing but
bodies of functions.

Each mutant runs from seed 1 on until it is caught, and tests/mutants/table.txt, which has the
seeds, is written anew. With --recorded each runs the seed that the table has for it. In both cases
the unbroken headers must pass the same seed.

A patch that does not apply or changes something else, a mutant that is not caught and a seed that
fails without a mutation fail the run.

With --shrink, each mutant that is named fails in the seed of its table again, and what its faults
were is shrunk as far as the mutant still fails, to a schedule in tests/sim/schedules.

usage: mutants.py [--recorded | --shrink] [--limit SEEDS] [--build FOLDER] [--jobs N] [MUTANT...]
"""

import argparse
import concurrent.futures
import dataclasses
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import tidy

PROJECT = pathlib.Path(__file__).resolve().parent.parent
MUTANTS = PROJECT / "tests" / "mutants"
TABLE = MUTANTS / "table.txt"
SCHEDULES = PROJECT / "tests" / "sim" / "schedules"
LIBRARIES = ["-labsl_raw_hash_set", "-labsl_hash", "-labsl_city", "-labsl_low_level_hash"]
# So few that a range never counts as wide: a wide one fails when a rare branch was not visited.
SEEDS_AT_A_TIME = 20
SECONDS_MAX = 600


@dataclasses.dataclass
class Row:
    """What catches one mutant: a seed, under these options of the simulator."""

    name: str
    seed: int
    options: list


@dataclasses.dataclass
class Verdict:
    seeds: int = 0
    caught_by: str = ""
    wrong: str = ""


def table():
    rows = {}
    for line in TABLE.read_text().splitlines():
        if not line or line.startswith("#"):
            continue
        name, seed, *options = line.split()
        rows[name] = Row(name, int(seed), options)
    return rows


def write_table(rows):
    comments = [line for line in TABLE.read_text().splitlines() if line.startswith("#")]
    lines = [" ".join([row.name, str(row.seed), *row.options]) for row in rows.values()]
    TABLE.write_text("\n".join(comments + sorted(lines)) + "\n")


def compiler():
    # clang builds the simulator without optimisation in half the time of g++.
    default = "clang++-19" if shutil.which("clang++-19") else "g++"
    chosen = os.environ.get("CXX", default).split()
    return [*(["ccache"] if shutil.which("ccache") else []), *chosen]


SELECTION = """#include <cstdlib>
namespace kith_mutants {
inline const int chosen = [] {
  const char* const number = std::getenv("KITH_MUTANT");
  return number != nullptr ? std::atoi(number) : 0;
}();
constexpr bool is(int number) {
  return __builtin_is_constant_evaluated() ? false : chosen == number;
}
}
"""
VOID = re.compile(r"(?:(?:\[\[\w+\]\]|inline|static|constexpr|virtual)\s+)*void\b")


def bodies(text):
    """(declaration, begin, end) of every function, whose body is text[begin:end]."""
    code = tidy.TOKEN.sub(lambda found: re.sub(r"[^\n]", " ", found.group(0)), text)
    lines = [0, *(at + 1 for at, sign in enumerate(code) if sign == "\n"), len(code)]
    found = []
    for first, last, declaration in tidy.functions(text):
        end = begin = code.rindex("}", lines[first - 1], lines[last])
        depth = 1
        while depth > 0:
            begin -= 1
            depth += {"}": 1, "{": -1}.get(code[begin], 0)
        found.append((tidy.without_template(declaration), begin + 1, end))
    return sorted(found, key=lambda each: each[1])


def changed_bodies(text, mutated):
    """The bodies that `mutated` has instead of those of `text`, by the number of their function;
    None if it has another change."""
    before, after = bodies(text), bodies(mutated)
    changed = {}
    seen, seen_mutated = 0, 0
    for number, (old, new) in enumerate(zip(before, after)):
        if text[seen:old[1]] != mutated[seen_mutated:new[1]]:
            return None
        seen, seen_mutated = old[2], new[2]
        if text[old[1]:seen] != mutated[new[1]:seen_mutated]:
            changed[number] = mutated[new[1]:seen_mutated]
    same_end = len(before) == len(after) and text[seen:] == mutated[seen_mutated:]
    return changed if same_end and changed else None


def woven(text, mutations):
    """`text` with the bodies of `mutations`, which are (mutant, changed_bodies), to choose from."""
    for number, (declaration, begin, _) in reversed(list(enumerate(bodies(text)))):
        end = "return;\n" if VOID.match(declaration) else ""
        text = text[:begin] + "".join(
            f"\nif (kith_mutants::is({mutant})) {{\n{changed[number]}\n{end}}}\n"
            for mutant, changed in mutations if number in changed) + text[begin:]
    return text


def mutation(patch):
    """The changed bodies of each header that `patch` changes. Throws ValueError."""
    names = re.findall(r"^--- a/(\S+)", patch.read_text(), re.MULTILINE)
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            (pathlib.Path(folder) / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(PROJECT / name, pathlib.Path(folder) / name)
        done = subprocess.run(["patch", "--strip=1", "--fuzz=0", "--silent", f"--input={patch}"],
                              cwd=folder, capture_output=True, text=True)
        if done.returncode != 0:
            raise ValueError(f"does not apply: {(done.stdout + done.stderr).strip()[:400]}")
        for name in names:
            changed = changed_bodies((PROJECT / name).read_text(),
                                     (pathlib.Path(folder) / name).read_text())
            if changed is None:
                raise ValueError(f"changes {name}, but not the bodies of functions alone")
            found[name] = changed
    return found


def build(folder, mutants, settings):
    """The simulator with the headers and, to choose from, `mutants`: number -> mutation. Throws."""
    # Always the same folder, so that the compiler's cache knows it again.
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(PROJECT / "include", folder / "include")
    (folder / "selection.hpp").write_text(SELECTION)
    for name in {name for changes in mutants.values() for name in changes}:
        header = folder / name
        header.write_text(woven(header.read_text(), [
            (number, changes[name]) for number, changes in mutants.items() if name in changes]))
    # One seed takes less time than an optimised build saves.
    level = "-O0" if settings.recorded else "-O1"
    common = ["-std=c++20", level, f"-I{folder / 'include'}"]
    if mutants:
        common += ["-include", str(folder / "selection.hpp")]
    subprocess.run([*compiler(), *common, "-c", str(PROJECT / "tests/sim/main.cpp"),
                    "-o", str(folder / "main.o")], check=True, capture_output=True, text=True)
    subprocess.run([*compiler()[-1:], str(folder / "main.o"), "-o", str(folder / "kith_sim"),
                    *LIBRARIES], check=True, capture_output=True, text=True)
    return [str(folder / "kith_sim")]


def run(program, first, last, options):
    """What the simulator reported first in these seeds: (seed, violation), or None."""
    command = [*program, "--seeds", f"{first}:{last}", "--quiet", *options]
    # Where the simulator leaves the schedules of what failed.
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS_MAX,
                              cwd=folder)
    seed = re.search(r"^seed (\d+)", done.stdout, re.MULTILINE)
    violation = re.search(r"^  VIOLATION (.*)", done.stdout, re.MULTILINE)
    if done.returncode == 1 and seed and violation:
        return int(seed[1]), violation[1]
    if done.returncode == 0:
        return None
    # It ended itself, and did not get to say in which seed.
    if first < last:
        halves = [(first, (first + last) // 2), ((first + last) // 2 + 1, last)]
        return next(filter(None, (run(program, a, b, options) for a, b in halves)), None)
    words = done.stderr.strip().splitlines()
    return first, "assertion: " + (words[0] if words else f"exit {done.returncode}")


def search(program, options, limit):
    for first in range(1, limit + 1, SEEDS_AT_A_TIME):
        found = run(program, first, min(first + SEEDS_AT_A_TIME - 1, limit), options)
        if found is not None:
            return found
    return None


def judge(name, program, row, sound, settings):
    """`row` may be None in a search. Returns the verdict and the row that stands now."""
    options = row.options if row else []
    if not settings.recorded:
        found = search(program, options, settings.limit)
        if found is None:
            return Verdict(settings.limit, wrong="not caught"), row
        row = Row(name, found[0], options)
        seeds = found[0]
    elif row is None:
        return Verdict(wrong="has no line in the table"), row
    else:
        found = run(program, row.seed, row.seed, options)
        seeds = row.seed
        if found is None:
            return Verdict(seeds, wrong=f"not caught by seed {row.seed}"), row
    alarm = run(sound, row.seed, row.seed, options)
    wrong = f"the seed fails without it too: {alarm[1]}" if alarm else ""
    return Verdict(seeds, found[1], wrong), row


def shrink(row, program, sound):
    """Keeps the least schedule in which a mutant fails and the unbroken headers do not. Returns
    what is wrong."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([*program, "--seeds", f"{row.seed}:{row.seed}", "--quiet", *row.options],
                       cwd=folder, capture_output=True, timeout=SECONDS_MAX)
        large = pathlib.Path(folder) / f"seed-{row.seed}.schedule"
        if not large.exists():
            return f"not caught by seed {row.seed}"
        done = subprocess.run([*program, "--shrink", str(large)], capture_output=True, text=True)
        print(done.stdout.replace(folder + "/", "  "), end="", flush=True)
        small = large.with_name(large.name + ".small")
        if done.returncode != 0 or not small.exists():
            return "its schedule does not fail"
        alarm = subprocess.run([*sound, "--schedule", str(small)], capture_output=True, text=True)
        if alarm.returncode != 0:
            return "the schedule fails without it too"
        SCHEDULES.mkdir(exist_ok=True)
        shutil.copy(small, SCHEDULES / f"{row.name}.schedule")
    return ""


def shrink_all(patches, settings):
    rows = table()
    try:
        mutants = {number: mutation(patch) for number, patch in enumerate(patches, 1)}
    except ValueError as wrong:
        sys.exit(f"a patch {wrong}")
    program = build(settings.build / "shrunk", mutants, settings)
    failed = 0
    for number, patch in enumerate(patches, 1):
        print(patch.stem, flush=True)
        row, wrong = rows.get(patch.stem), "has no line in the table"
        if row is not None:
            # Without a number the same program is unbroken.
            wrong = shrink(row, ["env", f"KITH_MUTANT={number}", *program], program)
        if wrong:
            print(f"  FAILED: {wrong}", flush=True)
        failed += bool(wrong)
    return 1 if failed else 0


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--recorded", action="store_true")
    parser.add_argument("--shrink", action="store_true")
    parser.add_argument("--limit", type=int, default=2000)
    parser.add_argument("--build", type=pathlib.Path, default=PROJECT / "build" / "mutants")
    parser.add_argument("--jobs", type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument("mutants", nargs="*")
    return parser.parse_args()


def main():
    settings = arguments()
    settings.build = settings.build.resolve()
    rows = table()
    patches = sorted(MUTANTS.glob("*.patch"))
    stale = set(rows) - {patch.stem for patch in patches}
    if settings.mutants:
        patches = [p for p in patches if any(p.stem.startswith(m) for m in settings.mutants)]
    if settings.shrink:
        return shrink_all(patches, settings)
    failed = len(stale)
    for name in sorted(stale):
        print(f"{name}: in the table, and there is no such patch")
    mutants, wrong = {}, {}
    for number, patch in enumerate(patches, 1):
        try:
            mutants[number] = mutation(patch)
        except ValueError as why:
            wrong[number] = str(why)
    print(f"{'mutant':<36} {'seeds':>5}  caught by", flush=True)
    with concurrent.futures.ThreadPoolExecutor(settings.jobs) as pool:
        builds = [pool.submit(build, settings.build / name, them, settings)
                  for name, them in (("mutants", mutants), ("sound", {}))]
        program, sound = (each.result() for each in builds)
        judged = {number: pool.submit(
            judge, patches[number - 1].stem, ["env", f"KITH_MUTANT={number}", *program],
            rows.get(patches[number - 1].stem), sound, settings) for number in mutants}
        for number, patch in enumerate(patches, 1):
            verdict, row = Verdict(wrong=wrong.get(number, "")), rows.get(patch.stem)
            if number in judged:
                verdict, row = judged[number].result()
            failed += bool(verdict.wrong)
            if row is not None:
                rows[patch.stem] = row
            told = verdict.caught_by[:60] + (" FAILED: " + verdict.wrong if verdict.wrong else "")
            print(f"{patch.stem:<36} {verdict.seeds:>5}  {told}", flush=True)
    if not settings.recorded:
        write_table(rows)
    print(f"{len(patches)} mutants, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except subprocess.CalledProcessError as failed:
        sys.exit(f"the simulator does not compile:\n{failed.stderr[:4000]}")
