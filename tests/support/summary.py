#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Sums up a run of `meson test` from its own log:

    summary.py BUILD_DIR/meson-logs/testlog.json NO_SKIPS(0|1)

Counts test cases, not programs: a gst-check program says how many it ran ("100%: Checks: 5,
Failures: 0, Errors: 0"); a program that says no such thing counts as one. The exit code is that of
the run.
"""
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
    counts = [tuple(map(int, found)) for found in CHECKS.findall(test.get("stdout", ""))]
    if not counts:
        return int(good), int(not good), 0
    failed = sum(failures + errors for _, failures, errors in counts)
    passed = sum(checks for checks, _, _ in counts) - failed
    # Ended badly though no case failed: in its last breath, or under a sanitizer.
    return passed, max(failed, int(not good)), 0


def main():
    no_skips = sys.argv[2] == "1"
    passed = failed = skipped = 0
    with open(sys.argv[1], encoding="utf-8", errors="replace") as log:
        tests = [json.loads(line) for line in log if line.strip()]
    for test in tests:
        p, f, s = cases(test, no_skips)
        passed, failed, skipped = passed + p, failed + f, skipped + s
        name = test["name"].removeprefix("gst-checkpoint:")
        if f:
            print(f"FAILED {name} ({test['result'].lower()}, {f} of {p + f})")
            lines = FAILED_CASE.findall(test.get("stdout", ""))
            if not lines:
                lines = (test.get("stdout", "") + test.get("stderr", "")).splitlines()[-15:]
            for line in lines:
                print(f"  {line}")
        elif s:
            print(f"skipped {name}")
        elif p:
            print(f"ok {name} ({p}, {test['duration']:.1f} s)")
    if not tests or passed + failed + skipped == 0:
        print("no test has that name")
    tail = f", {skipped} skipped" if skipped else ""
    print(f"{passed} passed, {failed} failed{tail}")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
