# The files, opened by programs that are not ours: trimesh for meshes and points, Khronos' validator
# for GLB. And the other way round: weight files that the official library wrote.
. scripts/check/tap.sh
need_lumen formats
words=horse,cat,owl,shark,car,airplane,oak,chair,bee,spider,lobster,snake,lizard,snail,octopus,whale
words+=,dragon,bicycle,sailboat,train,rocket,house,lighthouse,bridge,wardrobe,hammer,sword,fork,cup,bottle
words+=,backpack,apple,carrot,rose,mushroom,pizza,mountain,cloud,moon,star,heart,violin,trumpet,drum,piano
words+=,lamp,book,television,clock,ball,ring,hat,boot,shirt,umbrella,glasses,hand,skull,door,woman
words+=,xyzzyplugh
# ... and one concept of every template there is.
words+=,$("$lumen" generate --list-concepts | awk '!seen[$2]++ { gsub("_", " ", $1); printf "%s%s", comma, $1; comma = "," }')
folder=build/check/formats
rm -rf "$folder"
mkdir -p "$folder"
limit=600 verdict "meshes are watertight, points and parts are as counted" \
    "$python" tests/formats/check_formats.py --lumen "$lumen" --words "$words" --out "$folder"
mapfile -t files < <(find "$folder" -name '*.glb' | sort)
if [ ${#files[@]} -eq 0 ]; then
    echo "not ok there are GLB files to validate"
    exit 1
fi
NODE_PATH=$PWD/build/node/node_modules verdict "the glTF validator finds nothing in ${#files[@]} GLB files" \
    node tests/formats/validate_glb.mjs "${files[@]}"
verdict "what trimesh writes is read" \
    "$python" tests/formats/check_foreign.py --describe build/tests/formats/describe_shape --out "$folder/foreign"
verdict "weight files are read as by their official reader" \
    "$python" tests/tensor/check_safetensors.py --print build/tests/tensor/print_safetensors
