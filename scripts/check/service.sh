# The service as its clients meet it, through real HTTP clients: the contract, what schemathesis makes of openapi.json,
# many at once, and faults. The whole sizes (1,000 at once, 10,000 connections, 200 sudden deaths) are for SERVICE_FULL=1.
. scripts/check/tap.sh
need_lumen service
service=build/tests/service/lumen-test-service
requests=200 connections=1000 rounds=6 examples=4
if [ -n "${SERVICE_FULL-}" ]; then
    requests=1000 connections=10000 rounds=200 examples=40
fi
judge() {
    "$python" "tests/service/check_$1.py" --service "$service" --lumen "$lumen" "${@:2}"
}
export -f judge
export python lumen service
limit=900
verdict "contract" bash -c 'judge contract'
verdict "schemathesis" bash -c "judge schemathesis --examples $examples"
verdict "pictures" "$python" tests/service/check_image.py --lumen "$lumen" --write build/tests/networks/write_small_model
verdict "networks" "$python" tests/service/check_networks.py --lumen "$lumen" --write build/tests/partcrafter/write_small_models
verdict "load" bash -c "judge load --requests $requests --connections $connections"
verdict "faults" bash -c "judge faults --rounds $rounds"
