import { pick, useGraphiQL, useGraphiQLActions } from "@graphiql/react";
import { createContext, use } from "react";

import { type Example, EXAMPLES, MadeIds } from "./examples.ts";

/** The ids that this page has made, for the placeholders in variables. */
export const MadeIdsContext = createContext(new MadeIds());

/** How to sign in, and operations to start from. */
export function ExamplesPanel() {
  const open = useOpenExample();
  return (
    <section className="examples" aria-labelledby="examples-title">
      <h2 id="examples-title" className="graphiql-doc-explorer-title">
        Start here
      </h2>
      <p>
        Every request needs an API key. The first start of the server printed one, and wrote it to the file{" "}
        <code>admin-key</code> in the data directory. Put it in place of <code>ak_…</code> under <b>Headers</b>, below
        the editor: it serves every tab, and is forgotten when this page is closed.
      </p>
      <p>
        Then open an example and run it with the button beside the editor, or <kbd>Ctrl</kbd> <kbd>Enter</kbd>. In this order they
        tell a story: what one makes, the next ones use. Their inputs are under <b>Variables</b>.
      </p>
      <ol>
        {EXAMPLES.map((example) => (
          <li key={example.name}>
            <button
              type="button"
              data-example={example.name}
              onClick={() => {
                open(example);
              }}
            >
              {example.title}
            </button>
          </li>
        ))}
      </ol>
    </section>
  );
}

export function ExamplesIcon() {
  return (
    <svg viewBox="0 0 16 16" height="1em" fill="none" stroke="currentColor" strokeLinecap="round" aria-hidden="true">
      <circle cx="8" cy="3" r="1.7" />
      <path d="M8 4.7V14.2M5.2 7h5.6M2 9.5c.6 3 3 4.7 6 4.7s5.4-1.7 6-4.7" />
    </svg>
  );
}

/** Opens an example in its tab: the one where it already stands, else a new one. */
function useOpenExample(): (example: Example) => void {
  const actions = useGraphiQLActions();
  const ids = use(MadeIdsContext);
  const { tabs, headerEditor, queryEditor, variableEditor } = useGraphiQL(
    pick("tabs", "headerEditor", "queryEditor", "variableEditor"),
  );
  return (example) => {
    // A new tab starts with the template: the headers that stand now are carried over.
    const headers = headerEditor?.getValue();
    const index = tabs.findIndex((tab) => tab.query === example.query);
    if (index >= 0) {
      actions.changeTab(index);
    } else {
      actions.addTab();
      queryEditor?.setValue(example.query);
    }
    variableEditor?.setValue(ids.fill(example.variables));
    headerEditor?.setValue(headers ?? "");
  };
}
