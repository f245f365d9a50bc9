# Reader Reactions behind Varnish 6 or newer: one cached response for everybody, old counts while the service is down.
#
#   varnishd -f /etc/varnish/reactions.vcl -a :6081 …
#
# TLS ends before Varnish. What ends it should speak the PROXY protocol (`-a :6086,PROXY`), so that client.ip is the reader's.
# The service needs REACTIONS_TRUSTED_PROXIES=127.0.0.1/32 and REACTIONS_PUBLIC_URL. See docs/operating.md.
vcl 4.1;

import std;

backend reactions {
    .host = "127.0.0.1";
    .port = "8000";
    .connect_timeout = 1s;
    .first_byte_timeout = 3s;        # the service answers a vote, or refuses it, within a second
    .between_bytes_timeout = 3s;
    .probe = { .url = "/healthz"; .interval = 1s; .timeout = 1s; .window = 4; .threshold = 2; .initial = 2; }
}

# Who may say PURGE: add the hosts of the service here, and this cache to its purge_urls. What the address begins with is asked
# for anew; the address of one article's counts stands for all addresses that name the article.
acl purgers { "localhost"; }

sub vcl_recv {
    if (req.method == "PURGE") {
        # What a proxy on this machine has passed on is not from here, although it comes from here. Varnish itself has put the
        # peer's address into X-Forwarded-For, or behind what stood there.
        if (client.ip !~ purgers || req.http.X-Forwarded-For != "" + client.ip || req.http.Forwarded) {
            return (synth(405, "Wrong method"));
        }
        set req.http.X-Purged = regsuball(req.url, "([.+*?()|\[\]{}^$\\])", "\\\1");
        if (req.url ~ "^/v1/sites/[^/?]+/(reactions|counts)\?article=[^&]+$") {
            set req.http.X-Purged = regsub(req.http.X-Purged, "(reactions|counts)\\\?article=",
                "(reactions|counts)\\?([^&]*&)*article=") + "(&|$)";
        }
        ban("obj.http.X-Address ~ ^" + req.http.X-Purged);
        return (synth(204, "Purged"));
    }
    # Replaced, never appended: a client's own values must not reach the service.
    set req.http.X-Forwarded-For = client.ip;
    unset req.http.Forwarded;

    if (req.method != "GET" && req.method != "HEAD") {
        return (pass);
    }
    if (req.url ~ "^/v1/sites/[^/?]+/(reactions|counts)(\?|$)") {
        # A query with other names would be a cached response of its own: it ends here.
        if (req.url !~ "^[^?]+(\?((article|lang)=[^&]*(&|$))*)?$") {
            return (synth(400, "The request cannot be understood"));
        }
    } elseif (req.url !~ "^/widget/[^/?]+(\?|$)" && req.url != "/openapi.json") {
        return (pass);
    }
    # No header that identifies a reader is forwarded, so nothing of one reader can reach another.
    unset req.http.Origin;
    unset req.http.Cookie;
    unset req.http.Authorization;
    set req.http.Host = "reactions";
    if (req.restarts == 0 && std.healthy(req.backend_hint)) {
        set req.grace = 10s;         # older than that, only what the service cannot answer is served
    }
    return (hash);
}

sub vcl_backend_fetch {
    if (bereq.uncacheable) {
        set bereq.first_byte_timeout = 30s;
        set bereq.between_bytes_timeout = 30s;
    }
}

sub vcl_backend_response {
    if (bereq.uncacheable) {
        return (deliver);
    }
    if (beresp.status >= 500) {
        return (abandon);            # vcl_synth then looks for an old response
    }
    if (beresp.status != 200) {
        set beresp.uncacheable = true;
        return (deliver);
    }
    set beresp.grace = std.duration(regsub(beresp.http.Cache-Control, "^.*stale-if-error=([0-9]+).*$", "\1s"), 1h);
    set beresp.http.X-Address = bereq.url;
    set beresp.do_gzip = true;
}

sub vcl_backend_error {
    if (!bereq.uncacheable) {
        return (abandon);
    }
    call problem_of_the_service;
    return (deliver);
}

sub problem_of_the_service {
    set beresp.status = 503;
    set beresp.http.Content-Type = "application/problem+json";
    set beresp.http.Cache-Control = "no-store";
    set beresp.http.Retry-After = "2";
    set beresp.http.Access-Control-Allow-Origin = "*";
    set beresp.http.Access-Control-Expose-Headers = "Retry-After";
    set beresp.http.X-Content-Type-Options = "nosniff";
    set beresp.body = {"{"type":"/problems#unavailable","title":"The service cannot be reached","status":503,"}
        + {""detail":"Send the same request again in a moment.""} + "}";
}

sub vcl_deliver {
    unset resp.http.X-Address;
    unset resp.http.X-Varnish;
    unset resp.http.Via;
    if (req.is_hitpass || req.is_hitmiss || req.method == "PUT" || req.method == "POST") {
        return (deliver);
    }
    if (obj.hits == 0) {
        set resp.http.X-Cache = "MISS";
    } elseif (obj.ttl < 0s) {
        set resp.http.X-Cache = "STALE";
    } else {
        set resp.http.X-Cache = "HIT";
    }
}

sub vcl_synth {
    if (resp.status == 503 && req.restarts == 0) {
        return (restart);            # an old response, of whatever age it is kept, is better than none
    }
    unset resp.http.X-Varnish;
    set resp.http.Cache-Control = "no-store";
    if (resp.status == 204) {
        return (deliver);
    }
    set resp.http.Content-Type = "application/problem+json";
    set resp.http.Access-Control-Allow-Origin = "*";
    set resp.http.Access-Control-Expose-Headers = "Retry-After";
    set resp.http.X-Content-Type-Options = "nosniff";
    if (resp.status == 400) {
        synthetic({"{"type":"/problems#invalid-request","title":"The request cannot be understood","status":400,"}
            + {""detail":"Send article, once for each article, and for reactions lang; nothing else.""} + "}");
    } elseif (resp.status == 405) {
        synthetic({"{"type":"/problems#method-not-allowed","title":"Wrong method","status":405,"}
            + {""detail":"This method is not known here.""} + "}");
    } else {
        set resp.http.Retry-After = "2";
        synthetic({"{"type":"/problems#unavailable","title":"The service cannot be reached","status":503,"}
            + {""detail":"Send the same request again in a moment.""} + "}");
    }
    return (deliver);
}
