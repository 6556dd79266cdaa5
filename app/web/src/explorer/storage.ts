import type { GraphiQLProps } from "graphiql";

type ExplorerStorage = NonNullable<GraphiQLProps["storage"]>;

const PREFIX = "graphiql:";
const PERSIST_HEADERS = `${PREFIX}shouldPersistHeaders`;
const HISTORIES: readonly string[] = [`${PREFIX}queries`, `${PREFIX}favorites`];

/** Whether the user has asked, in the settings dialog, that headers be kept in this browser. */
export function persistsHeaders(): boolean {
  return localStorage.getItem(PERSIST_HEADERS) === "true";
}

/**
 * The browser's local storage, minus credentials: GraphiQL's history writes the headers of every operation that was
 * run, whatever the setting says, and with them the API key. Here they are taken out unless the user asked for them.
 */
export const storage: ExplorerStorage = {
  getItem: (key) => localStorage.getItem(key),
  setItem: (key, value) => {
    localStorage.setItem(key, HISTORIES.includes(key) && !persistsHeaders() ? withoutHeaders(value) : value);
  },
  removeItem: (key) => {
    localStorage.removeItem(key);
  },
  get length() {
    return ownKeys().length;
  },
  clear: () => {
    ownKeys().forEach((key) => {
      localStorage.removeItem(key);
    });
  },
};

function withoutHeaders(history: string): string {
  return JSON.stringify(JSON.parse(history), (key, value: unknown) => (key === "headers" ? undefined : value));
}

function ownKeys(): string[] {
  return Object.keys(localStorage).filter((key) => key.startsWith(PREFIX));
}
