-- For wrk: asks with the method, body and headers of the environment, and prints figures as a line of JSON.
--     BODY='{"text": "horse"}' ACCEPT=application/json wrk -s service.lua -c 64 -t 2 -d 5 http://127.0.0.1:8080/generate
local body = os.getenv("BODY")
if body and body ~= "" then
   wrk.method = "POST"
   wrk.body = body
   wrk.headers["Content-Type"] = "application/json"
   wrk.headers["Accept"] = os.getenv("ACCEPT")
end

done = function(summary, latency, requests)
   local errors = summary.errors
   io.write(string.format(
      '{"requests": %d, "seconds": %.6f, "bytes": %d, "p50_ms": %.3f, "p99_ms": %.3f, "bad_status": %d, "failed": %d}\n',
      summary.requests, summary.duration / 1e6, summary.bytes, latency:percentile(50) / 1e3,
      latency:percentile(99) / 1e3, errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end
