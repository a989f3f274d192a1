# What deploy/ promises: the configurations are read by the programs they are for, and the names of the dashboard and
# the alerts are those of a service that runs.
. scripts/check/tap.sh
need_lumen deploy
folder=$PWD/build/check/deploy
rm -rf "$folder"
mkdir -p "$folder"

"$lumen" serve --port 0 --port-file "$folder/port" --cache-dir "$folder/cache" 2>"$folder/log" &
service=$!
trap 'kill $service; wait $service' EXIT
for ((i = 0; i < 200; i++)); do
    [ ! -s "$folder/port" ] || break
    sleep 0.05
done
url=http://127.0.0.1:$(cat "$folder/port")
ask=(curl --silent --show-error --fail --max-time 30 --retry 20 --retry-delay 1)
verdict "a service to ask runs" "${ask[@]}" --output /dev/null --data '{"text": "cat"}' "$url/generate"
# Twice, so that what is made of the first answer (its time, its status) is told by the second.
"${ask[@]}" --output /dev/null "$url/metrics/prometheus" && "${ask[@]}" --output "$folder/metrics" "$url/metrics/prometheus"
verdict "deploy" python3 tests/deploy/check_deploy.py --metrics "$folder/metrics"
