#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Writes docs/cli.md of what the tool itself says: docs/make_cli.sh PROGRAM > docs/cli.md
set -eu
program=$1
fenced() {
    printf '```text\n'
    "$program" "$@"
    printf '```\n'
}
cat <<'TEXT'
# gst-checkpoint-1.0

Lists, shows, checks, compares, draws, exports and copies what `checkpointsink` and `checkpointtap`
have stored. Each text below is what `--help` says; a test compares them, and `docs/make_cli.sh`
writes this page.

Results are on standard output, one error at most is on standard error: `error: what`, and below it
`  next: what to do`. Control characters in names are shown as escapes. With `--json` what is printed
is one JSON document; numbers beyond 64-bit signed integers are strings in it.

TEXT
fenced --help
"$program" --help | sed -n '/^Verbs:/,/^$/s/^  \([a-z-]*\) .*/\1/p' | while read -r verb; do
    printf '\n## %s\n\n' "$verb"
    fenced "$verb" --help
done
