/**
 * What a new tab's header editor holds. The ellipsis marks the place for the key: nothing that still contains it is
 * ever sent.
 */
export const HEADER_TEMPLATE = `{
  "Authorization": "Bearer ak_…"
}`;

/** Header names and values, as the header editor's JSON gives them. */
export type RequestHeaders = Readonly<Record<string, string>>;

/**
 * The headers that may be sent: names with text values, without those that still hold the template's ellipsis (a
 * browser refuses to send that character, with an error that explains nothing).
 */
export function sendable(headers: unknown): RequestHeaders {
  if (typeof headers !== "object" || headers === null) {
    return {};
  }
  const entries: [string, unknown][] = Object.entries(headers);
  return Object.fromEntries(
    entries.filter((entry): entry is [string, string] => typeof entry[1] === "string" && !entry[1].includes("…")),
  );
}

/** The value of the Authorization header, whatever the case of its name; undefined when there is none. */
export function authorization(headers: RequestHeaders): string | undefined {
  return Object.entries(headers).find(([name]) => name.toLowerCase() === "authorization")?.[1];
}

/** The Authorization value in the header editor's text; undefined while it is absent, unfinished or not JSON. */
export function authorizationIn(text: string): string | undefined {
  try {
    return authorization(sendable(JSON.parse(text)));
  } catch {
    // Half-typed JSON is the normal state of an editor.
    return undefined;
  }
}
