-- Asks Anchorage whether the device at the other end of a connection may come in.
--
-- __RUNTIME__      as in haproxy.cfg, whose section `anchorage` passes the question on
-- __SERVICE__      lwm2m or bootstrap
-- __GATEWAY_KEY__  what `anchorage key create --account ID --role gateway --client-cert der` prints

local way = "unix@__RUNTIME__/anchorage.sock"
local address = "http://anchorage/gateway/authorize?service=__SERVICE__"
local authorization = "Bearer __GATEWAY_KEY__"

local function header(answer, name)
    local values = answer.headers and answer.headers[name]
    return values and values[0] or ""
end

core.register_action("anchorage", { "http-req", "tcp-req" }, function(txn)
    local leaf = txn.sf:ssl_c_der()
    if leaf == "" then
        return
    end
    local headers = { authorization = { authorization }, ["x-ssl-client-der"] = { txn.sc:base64(leaf) } }
    -- The others' DER, joined end to end, without the leaf.
    local chain = txn.sf:ssl_c_chain_der()
    if chain ~= "" then
        headers["x-ssl-client-chain-der"] = { txn.sc:base64(chain) }
    end
    -- Longer than that section waits: this client would ask again, up to three times.
    local answer = core.httpclient():get { url = address, dst = way, headers = headers, timeout = 5000 }
    txn:set_var("txn.anchorage_status", tostring(answer.status))
    txn:set_var("txn.anchorage_device", header(answer, "x-device-id"))
    txn:set_var("txn.anchorage_account", header(answer, "x-account-id"))
    -- There only while Anchorage cannot read its database, and answers from what it knew so many seconds ago.
    txn:set_var("txn.anchorage_stale_seconds", header(answer, "x-trust-stale-seconds"))
end)
