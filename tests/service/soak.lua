-- For wrk: a stream of requests as soak.py wants it: mostly cached shapes, some refused, some about the service itself.
local prepared = {}
local chance = 0

local function add(times, request)
   for _ = 1, times do
      prepared[#prepared + 1] = request
   end
end

init = function(args)
   math.randomseed(tonumber(args[1]) or 1)
   local json = {["Content-Type"] = "application/json"}
   local binary = {["Content-Type"] = "application/json", ["Accept"] = "application/octet-stream"}
   for seed = 1, 60 do
      local body = string.format('{"text": "cat", "seed": %d}', seed)
      add(12, wrk.format("POST", "/generate", json, body))
      add(3, wrk.format("POST", "/generate", binary, body))
   end
   add(15, wrk.format("POST", "/generate", json, '{"text": "cat"'))
   add(15, wrk.format("POST", "/generate", json, '{"text": "", "points": 1, "seed": "x"}'))
   add(10, wrk.format("GET", "/nowhere"))
   add(10, wrk.format("PUT", "/generate", json, "{}"))
   add(10, wrk.format("GET", "/health"))
   add(5, wrk.format("GET", "/health/ready"))
   add(2, wrk.format("GET", "/metrics"))
   add(2, wrk.format("GET", "/metrics/prometheus"))
   add(2, wrk.format("GET", "/cache/stats"))
   add(10, wrk.format("GET", "/shapes/0000000000000000.ply"))
   add(10, wrk.format("POST", "/generate", {["Accept"] = "image/png"}, '{"text": "cat"}'))
   add(5, wrk.format("GET", "/"))
end

request = function()
   return prepared[math.random(#prepared)]
end
