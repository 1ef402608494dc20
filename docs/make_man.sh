#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Writes the manual page of what the tool itself says:
# docs/make_man.sh PROGRAM > docs/gst-checkpoint-1.0.1
set -eu
program=$1
# A help text as roff: what is indented stays as it is, options become a list, all else is prose.
# `level` is the macro of the headings in it, and nothing before `from` is taken.
roff() {
    awk -v level="$1" -v from="$2" '
    function escaped(line) {
        gsub(/\\/, "\\e", line)
        gsub(/-/, "\\-", line)
        gsub(/…/, "...", line)
        if (line ~ /^[.\x27]/) line = "\\&" line
        return line
    }
    function literal(on) {
        if (on == inside) return
        print on ? ".PP\n.EX" : ".EE"
        inside = on
        gap = !on
    }
    function prose(line) {
        literal(0)
        if (gap) print ".PP"
        gap = 0
        print escaped(line)
    }
    from != "" { if (index($0, from) == 1) from = ""; else next }
    /^$/ { if (inside) blank = 1; else gap = 1; next }
    /^Usage:$/ { synopsis = 1; next }
    synopsis { sub(/^ */, ""); print ".B " escaped($0); synopsis = 0; next }
    /^Options:$/ { literal(0); options = 1; gap = 0; next }
    options && /^  / {
        sub(/^ */, "")
        at = match($0, /  +/)
        print ".TP\n.B " escaped(substr($0, 1, at - 1)) "\n" escaped(substr($0, at + RLENGTH))
        next
    }
    /^(Examples|Verbs):$/ { literal(0); options = 0; sub(/:/, ""); print level " " $0; gap = 0; next }
    options { options = 0; print ".PP"; gap = 0 }
    /^  / { literal(1); if (blank) print ""; blank = 0; sub(/^  /, ""); print escaped($0); next }
    { blank = 0; prose($0) }
    END { literal(0) }'
}
"$program" --version | awk '{
    gsub(/-/, "\\-")
    print ".TH GST\\-CHECKPOINT\\-1.0 1 \"\" \"" $0 "\" \"User Commands\""
}'
cat <<'TEXT'
.SH NAME
gst\-checkpoint\-1.0 \- work on the checkpoints of stages of GStreamer pipelines
.SH SYNOPSIS
.B gst\-checkpoint\-1.0 VERB
[\fIOPTION\fR]... [\fIARGUMENT\fR]...
.SH DESCRIPTION
TEXT
"$program" --help | roff .SH 'Works on'
"$program" --help | sed -n '/^Verbs:/,/^$/s/^  \([a-z-]*\) .*/\1/p' | while read -r verb; do
    printf '.SH "%s"\n' "$(printf '%s' "$verb" | tr '[:lower:]-' '[:upper:] ')"
    "$program" "$verb" --help | roff .SS ''
done
cat <<'TEXT'
.SH "SEE ALSO"
.BR gst\-launch\-1.0 (1),
.BR gst\-inspect\-1.0 (1)
TEXT
