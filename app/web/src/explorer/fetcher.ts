import type { Fetcher, FetcherParams } from "@graphiql/toolkit";
import { type ExecutionResult, GraphQLError, Kind, type OperationDefinitionNode, OperationTypeNode, parse } from "graphql";

import { authorization, type RequestHeaders, sendable } from "./headers.ts";

/** What GraphiQL calls the operation that asks for the schema. It asks at once, before a key can have been typed. */
const INTROSPECTION = "IntrospectionQuery";

type Seen = (result: ExecutionResult) => void;

/**
 * GraphiQL's way to the server: queries and mutations by POST, subscriptions by WebSocket, both at `address`.
 *
 * The key travels in the Authorization header, or in the WebSocket's first message, since a browser cannot set headers
 * on a WebSocket; never in an address, which ends in logs and histories. `seen` is told every result.
 */
export function createFetcher(address: URL, seen: Seen): Fetcher {
  return async (params, options) => {
    const headers = sendable(options?.headers);
    if (params.operationName === INTROSPECTION && authorization(headers) === undefined) {
      return { errors: [new GraphQLError("The schema is shown to known callers: type your key below, under Headers.")] };
    }
    const operation = chosenOperation(params);
    const request = operation === undefined ? params : { ...params, operationName: operation.name?.value ?? null };
    if (operation?.operation === OperationTypeNode.SUBSCRIPTION) {
      return subscribe(address, request, headers, seen);
    }
    const result = await post(address, request, headers);
    seen(result);
    return result;
  };
}

/**
 * The operation to run: the one that is named, or the only one. Read from the text, because the name and the parsed
 * document that GraphiQL passes along are those of a moment ago. Undefined where the server must say what is wrong.
 */
function chosenOperation({ query, operationName }: FetcherParams): OperationDefinitionNode | undefined {
  let operations: OperationDefinitionNode[];
  try {
    operations = parse(query).definitions.filter((definition) => definition.kind === Kind.OPERATION_DEFINITION);
  } catch {
    return undefined;
  }
  return operations.length === 1 ? operations[0] : operations.find(({ name }) => name?.value === operationName);
}

async function post(address: URL, params: FetcherParams, headers: RequestHeaders): Promise<ExecutionResult> {
  const response = await fetch(address, {
    method: "POST",
    headers: {
      "Content-Type": "application/json",
      Accept: "application/graphql-response+json, application/json;q=0.9",
      ...headers,
    },
    body: JSON.stringify(params),
    redirect: "error",
  });
  const type = response.headers.get("Content-Type") ?? "";
  if (!/^application\/(?:graphql-response\+)?json\b/i.test(type)) {
    // A proxy in between, for example, whose HTML page would only show as a syntax error.
    throw new Error(`The answer is not GraphQL: HTTP status ${String(response.status)} ${response.statusText}`.trim());
  }
  return (await response.json()) as ExecutionResult;
}

async function subscribe(
  address: URL,
  params: FetcherParams,
  headers: RequestHeaders,
  seen: Seen,
): Promise<AsyncIterableIterator<ExecutionResult>> {
  const { createClient } = await import("graphql-ws");
  const key = authorization(headers);
  const client = createClient({
    url: webSocketAddress(address),
    ...(key === undefined ? {} : { connectionParams: { Authorization: key } }),
    // A silent new attempt would skip what happened in between: better to say that the feed has ended.
    retryAttempts: 0,
  });
  const results = client.iterate({
    query: params.query,
    operationName: params.operationName ?? null,
    variables: params.variables as Record<string, unknown> | null,
  });
  const feed: AsyncIterableIterator<ExecutionResult> = {
    // Not an async generator: its return() would wait for the event that next() is waiting for.
    [Symbol.asyncIterator]: () => feed,
    async next() {
      try {
        const step = await results.next();
        if (step.done !== true) {
          seen(step.value as ExecutionResult);
        }
        return step as IteratorResult<ExecutionResult>;
      } catch (error) {
        throw readable(error);
      }
    },
    async return() {
      await results.return?.();
      return { done: true, value: undefined };
    },
  };
  return feed;
}

function webSocketAddress(address: URL): string {
  const url = new URL(address);
  url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
  return url.href;
}

/** GraphQL errors stay as they are: GraphiQL prints them. A closed socket gets a sentence. */
function readable(error: unknown): unknown {
  if (error instanceof CloseEvent) {
    return new Error(`The server closed the connection: ${String(error.code)} ${error.reason}`.trim());
  }
  return error instanceof Event ? new Error("The connection for the subscription could not be opened.") : error;
}
