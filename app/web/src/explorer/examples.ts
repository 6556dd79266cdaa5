import type { ExecutionResult } from "graphql";

import placeholders from "./examples/placeholders.json";

/** One operation to start from. */
export interface Example {
  /** The file's number and name: `03-upload-certificate`. */
  readonly name: string;
  /** The first line of the file's opening comment. */
  readonly title: string;
  readonly query: string;
  /** JSON text; empty when the operation takes none. */
  readonly variables: string;
}

const queries = import.meta.glob<string>("./examples/[0-9]*.graphql", {
  query: "?raw",
  import: "default",
  eager: true,
});
const variables = import.meta.glob<string>("./examples/[0-9]*.json", { query: "?raw", import: "default", eager: true });

/** In the order in which they tell a story: what one makes, the next ones use. */
export const EXAMPLES: readonly Example[] = Object.entries(queries)
  .sort(([a], [b]) => a.localeCompare(b, "en"))
  .map(([path, query]) => ({
    name: path.replace(/^.*\/|\.graphql$/g, ""),
    title: query.split("\n", 1)[0]?.replace(/^#\s*/, "") ?? "",
    query,
    variables: variables[path.replace(/\.graphql$/, ".json")] ?? "",
  }));

/**
 * The ids of what this page has made, so that the next example in the story acts on the result of the last one.
 * `placeholders.json` says which field of a result fills which placeholder.
 */
export class MadeIds {
  readonly #ids = new Map<string, string>();

  /** Looks for new ids in a result. */
  readonly see = (result: ExecutionResult): void => {
    for (const [placeholder, path] of Object.entries(placeholders)) {
      const id = path.reduce<unknown>(
        (value, field) => (typeof value === "object" && value !== null ? Reflect.get(value, field) : undefined),
        result.data,
      );
      if (typeof id === "string") {
        this.#ids.set(placeholder, id);
      }
    }
  };

  /** The text with every placeholder replaced whose id is known. */
  fill(text: string): string {
    return [...this.#ids].reduce((filled, [placeholder, id]) => filled.replaceAll(placeholder, id), text);
  }
}
