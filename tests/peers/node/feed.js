// One operation through the client of graphql-ws or of graphql-sse, until it ends or enough results have come. Prints
// one line of JSON for each thing that happens: `opened`, `result`, `complete`, or `failed` with what the client says.
//
//   node feed.js ws|sse URL KEY QUERY VARIABLES ENOUGH
import { createClient as createEventsClient } from "graphql-sse";
import { createClient as createSocketClient } from "graphql-ws";
import WebSocket from "ws";

const [kind, url, key, query, variables, enough] = process.argv.slice(2);

function say(what, value = null) {
  console.log(JSON.stringify({ [what]: value }));
}

function socketClient() {
  return createSocketClient({
    url: url.replace(/^http/, "ws"),
    webSocketImpl: WebSocket,
    connectionParams: key ? { Authorization: `Bearer ${key}` } : {},
    lazy: true,
    retryAttempts: 0,
    on: { connected: () => say("opened") },
    // Else the client prints what it then hands on.
    onNonLazyError: () => undefined,
  });
}

function eventsClient() {
  return createEventsClient({
    url,
    headers: key ? { Authorization: `Bearer ${key}` } : {},
    retryAttempts: 0,
    onMessage: () => undefined,
  });
}

const client = kind === "ws" ? socketClient() : eventsClient();
if (kind === "sse") say("opened");
let seen = 0;
const dispose = client.subscribe(
  { query, variables: JSON.parse(variables || "{}") },
  {
    next(result) {
      say("result", result);
      seen += 1;
      if (seen === Number(enough)) {
        dispose();
        client.dispose();
      }
    },
    complete() {
      say("complete");
      client.dispose();
    },
    error(error) {
      const close = error instanceof Error ? { message: error.message } : { code: error.code, reason: error.reason };
      say("failed", Array.isArray(error) ? { errors: error } : close);
      client.dispose();
    },
  },
);
