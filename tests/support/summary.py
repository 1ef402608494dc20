#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Sums up runs of `meson test` from meson's own logs (meson-logs/testlog.json).

Counts test cases, not programs: a gst-check program says how many it ran ("100%: Checks: 5,
Failures: 0, Errors: 0"); a program that says no such thing counts as one. The exit code is that of
the runs.
"""
import argparse
import json
import re
import sys

CHECKS = re.compile(r"^\d+%: Checks: (\d+), Failures: (\d+), Errors: (\d+)$", re.MULTILINE)
FAILED_CASE = re.compile(r"^\S+:\d+:[FE]:.*$", re.MULTILINE)
GOOD = {"OK", "EXPECTEDFAIL"}


def cases(test, no_skips):
    """(passed, failed, skipped) of one program."""
    if test["result"] == "SKIP":
        return (0, 1, 0) if no_skips else (0, 0, 1)
    good = test["result"] in GOOD
    counts = [tuple(map(int, found)) for found in CHECKS.findall(test["stdout"])]
    if not counts:
        return int(good), int(not good), 0
    failed = sum(failures + errors for _, failures, errors in counts)
    passed = sum(checks for checks, _, _ in counts) - failed
    # Ended badly though no case failed: in its last breath, or under a sanitizer.
    return passed, max(failed, int(not good)), 0


def why(test):
    """The lines that say what failed."""
    found = FAILED_CASE.findall(test["stdout"])
    if not found:
        return (test["stdout"] + test["stderr"]).splitlines()[-30:]
    # A case that failed has said why; one that crashed has not.
    crashed = any(":E:" in line for line in found)
    return found + (test["stderr"].splitlines()[-30:] if crashed else [])


def read(path):
    with open(path, encoding="utf-8", errors="replace") as log:
        tests = [json.loads(line) for line in log if line.strip()]
    return [{"stdout": "", "stderr": "", **test} for test in tests]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--no-skips", action="store_true", help="a skipped test counts as failed")
    parser.add_argument("--cases", metavar="LOG", help="count only gst-check programs in this log")
    parser.add_argument("logs", nargs="*")
    args = parser.parse_args()
    tests = [test for log in args.logs for test in read(log)]
    if args.cases:
        tests += [test for test in read(args.cases) if CHECKS.search(test["stdout"])]

    passed = failed = skipped = 0
    for test in tests:
        p, f, s = cases(test, args.no_skips)
        passed, failed, skipped = passed + p, failed + f, skipped + s
        name = test["name"].rsplit(" / ")[-1].rsplit(":")[-1]
        if f:
            print(f"FAILED {name} ({test['result'].lower()}, {f} of {p + f})")
            for line in why(test):
                print(f"  {line}")
        elif s:
            print(f"skipped {name}")
        elif p:
            print(f"ok {name} ({p}, {test['duration']:.1f} s)")
    if passed + failed + skipped == 0:
        print("no test has that name")
    tail = f", {skipped} skipped" if skipped else ""
    print(f"{passed} passed, {failed} failed{tail}")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
