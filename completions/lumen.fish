# Completion of lumen for fish.

set -l commands generate preflight help
set -l first "not __fish_seen_subcommand_from $commands"
set -l generate '__fish_seen_subcommand_from generate'

complete -c lumen -f
complete -c lumen -n $first -a generate -d 'make the shape of each text'
complete -c lumen -n $first -a preflight -d 'say whether this machine can run lumen'
complete -c lumen -n $first -a help -d 'print a summary'
complete -c lumen -n $first -l version -d 'print the version'
complete -c lumen -l help -d 'print a summary'

complete -c lumen -n $generate -s o -r -F -d 'write the shape to a file'
complete -c lumen -n $generate -l sheet -r -F -d 'draw all shapes as one picture'
complete -c lumen -n $generate -l verb -x -d 'what the shape shall do'
complete -c lumen -n $generate -l engine -x -a 'auto procedural' -d 'the engine that makes it'
complete -c lumen -n $generate -l parts -x -d 'at most so many parts, 1 to 16'
complete -c lumen -n $generate -l points -x -d 'exactly so many points, 256 to 65536'
complete -c lumen -n $generate -l seed -x -d 'choose the individual'
complete -c lumen -n $generate -l quality -x -a 'fast standard high' -d 'how finely it is worked out'
complete -c lumen -n $generate -l image-size -x -d 'width and height of a picture, in pixels'
complete -c lumen -n $generate -l concepts -r -F -d 'read further kinds of shapes'
complete -c lumen -n $generate -l explain -d 'print what is understood of each text'
complete -c lumen -n $generate -l list-concepts -d 'print the concepts with a shape of their own'
complete -c lumen -n $generate -l quiet -d 'print nothing but errors'

complete -c lumen -n '__fish_seen_subcommand_from help' -a 'generate preflight'
