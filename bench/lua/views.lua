-- Beacons, each about one of so many articles, from a network of its own where the forwarded address is believed.
-- Argument: over how many articles they are spread.

require "figures"

local articles, sent

function init(args)
  articles, sent = tonumber(args[1]), 0
end

function request()
  sent = sent + 1
  local address = string.format("%d.%d.%d.%d", 11 + math.floor(sent / 16777216) % 80, math.floor(sent / 65536) % 256,
    math.floor(sent / 256) % 256, sent % 256)
  return wrk.format("POST", nil, { ["Content-Type"] = "text/plain;charset=UTF-8", ["X-Forwarded-For"] = address },
    string.format('{"articles":["news/%d"]}', math.random(articles)))
end
