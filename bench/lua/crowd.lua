-- Votes as those of votes.lua, each from an address of its own, which the proxy before the service would tell.

require "votes"

local vote, headers = request, {}

function request()
  for name, value in pairs(wrk.headers) do headers[name] = value end
  headers["X-Forwarded-For"] = string.format("%d.%d.%d.%d",
    math.random(11, 126), math.random(0, 255), math.random(0, 255), math.random(1, 254))
  return vote(headers)
end
