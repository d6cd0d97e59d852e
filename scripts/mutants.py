"""Mutation testing: break a sample of the formulas and list those whose break no test notices. Development only.

Run from the repository, by `make mutants` or `make mutants SAMPLE=100 SEED=7`. The library mutmut makes the mutants and
runs the tests that reach each; this script only draws the sample. What is mutated is set in `pyproject.toml`.
"""

from __future__ import annotations

import random
import subprocess
import sys

SAMPLE, SEED = 400, 1


def listed() -> dict[str, str]:
    """Every mutant by name, with what became of it."""
    done = subprocess.run(["mutmut", "results", "--all", "true"], check=True, capture_output=True, text=True)
    lines = (line.strip().split(": ", 1) for line in done.stdout.splitlines() if "__mutmut_" in line)
    return dict((name, state) for name, state in lines)


def drawn(names: list[str], count: int, seed: int) -> list[str]:
    """A sample without repetition; the same for the same seed and code."""
    return sorted(random.Random(seed).sample(sorted(names), min(count, len(names))))


def main(count: int, seed: int) -> int:
    subprocess.run(["mutmut", "run", "none of them"], check=False, capture_output=True)  # makes them, and tests none
    sample = drawn(list(listed()), count, seed)
    if not sample:
        print("no mutants were made; `mutmut run` says why", file=sys.stderr)
        return 1
    subprocess.run(["mutmut", "run", *sample], check=False)
    states = {name: state for name, state in listed().items() if name in set(sample)}
    left = [name for name, state in states.items() if state in ("survived", "no tests")]
    tested = sum(state != "not checked" for state in states.values())
    print(f"\n{tested} mutants, {tested - len(left)} noticed, {len(left)} survive:")
    for name in left:
        shown = subprocess.run(["mutmut", "show", name], check=False, capture_output=True, text=True).stdout
        changed = [line for line in shown.splitlines() if line[:1] in "+-" and line[:3] not in ("+++", "---")]
        print(name, *changed, sep="\n  ")
    return 0


if __name__ == "__main__":
    given = [int(word) for word in sys.argv[1:]]
    sys.exit(main(*(given + [SAMPLE, SEED][len(given) :])))
