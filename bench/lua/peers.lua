-- Likes, as each of the peers takes them, each from a network of its own where that is asked. Arguments: 16 hexadecimal digits
-- (unused), over how many articles the likes are spread, and the peer.

require "figures"

local articles, peer, sent

local request_of = {
  isso = function(article)
    local address = string.format("%d.%d.%d.1", 11 + math.floor(sent / 65536) % 80, math.floor(sent / 256) % 256, sent % 256)
    return wrk.format("POST", string.format("/id/%d/like", article), { ["X-Forwarded-For"] = address }, "")
  end,
  ["flask-openheart"] = function(article)
    return wrk.format("POST", string.format("/openheart/articles/%d/", article), nil, "❤️")
  end,
  waline = function(article)
    local body = string.format('{"path":"/articles/%d","type":"reaction0","action":"inc"}', article)
    return wrk.format("POST", "/api/article", { ["Content-Type"] = "application/json" }, body)
  end,
}

function init(args)
  articles, peer, sent = tonumber(args[2]), args[3], tonumber(args[1]:sub(1, 5), 16)
  math.randomseed(sent)
end

function request()
  sent = sent + 1
  return request_of[peer](math.random(articles))
end
