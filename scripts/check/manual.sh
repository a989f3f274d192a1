# The man page and the completions: well-formed, and about the options that the command really has.
. scripts/check/tap.sh

page=man/lumen.1
verdict "mandoc finds nothing in the man page" mandoc -Tlint -Wwarning "$page"
verdict "bash reads its completions" bash -n completions/lumen.bash
verdict "bash completes commands, options and values" bash tests/completions/check_bash.sh
verdict "zsh reads its completions" zsh -n completions/_lumen
verdict "fish reads its completions" fish -n completions/lumen.fish

need_lumen manual
# Every option that a command's --help names is in the manual and the completions of that command, and nothing else is.
options() { grep -oE -e '--[a-z][a-z-]+' | sort -u; }

from_help() { "$lumen" "$1" --help </dev/null 2>&1 | options; }
# The list that follows "The options of .Cm COMMAND"; roff writes --option as `.It Fl -option`.
from_manual() {
    awk -v command=".Cm $1" '/^The options of$/ { getline; inside = $0 == command } /^\.El/ { inside = 0 } inside' "$page" |
        sed -n 's/^\.It Fl -\([a-z-]*\).*/--\1/p' | sort -u
}
from_bash() { bash -c '. completions/lumen.bash; COMP_WORDS=(lumen "$1" --) COMP_CWORD=2; _lumen
    printf "%s\n" "${COMPREPLY[@]}"' bash "$1" | options; }
from_zsh() { awk -v command="    $1)" '$0 ~ /^    [a-z]+\)/ { inside = index($0, command) == 1 } inside' completions/_lumen | options; }
from_fish() { fish -c 'source completions/lumen.fish; complete -C "lumen '"$1"' --"' | cut -f 1 | options; }

mapfile -t commands < <("$lumen" --help | sed -n 's/^  lumen \([a-z]*\) .*/\1/p' | grep -vx help | sort -u)
verdict "--help names the commands" test "${#commands[@]}" -gt 3
for command in "${commands[@]}"; do
    from_help "$command" >build/check/options
    verdict "lumen $command --help names options" test -s build/check/options
    for place in manual bash zsh fish; do
        # The manual lists what a command takes beside --help, which every command takes.
        if [ "$place" = manual ] && [ "$(cat build/check/options)" = --help ]; then continue; fi
        verdict "$place names the options of lumen $command --help" \
            diff build/check/options <("from_$place" "$command")
    done
done
