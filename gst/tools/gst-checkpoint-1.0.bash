# SPDX-License-Identifier: LGPL-2.1-or-later
# Completion of gst-checkpoint-1.0 for bash: verbs, and the options of each, as --help tells them.
_gst_checkpoint() {
    local word=${COMP_WORDS[COMP_CWORD]} program=${COMP_WORDS[0]} words
    if [ "$COMP_CWORD" -eq 1 ]; then
        words=$("$program" --help 2>/dev/null | sed -n '/^Verbs:/,/^$/s/^  \([a-z-]*\) .*/\1/p')
        words="$words help --help --version"
    else
        words=$("$program" "${COMP_WORDS[1]}" --help 2>/dev/null |
            sed -n 's/^  \(-., \)\{0,1\}\(--[a-z-]*=\{0,1\}\).*/\2/p')
    fi
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
    case ${COMPREPLY[0]-} in
    *=) compopt -o nospace ;;
    esac
}
complete -o default -F _gst_checkpoint gst-checkpoint-1.0
