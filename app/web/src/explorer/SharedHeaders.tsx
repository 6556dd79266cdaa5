import { useGraphiQL, useGraphiQLActions } from "@graphiql/react";
import { useEffect, useRef } from "react";

import { authorizationIn, HEADER_TEMPLATE } from "./headers.ts";

/** How long the header editor must rest before the schema is asked for with a new key. */
const REST_MS = 400;

/**
 * Makes one key serve every tab, and loads the schema with it.
 *
 * GraphiQL keeps headers per tab, and asks for the schema once, before a key can have been typed. Renders nothing; must
 * stand inside GraphiQL.
 */
export function SharedHeaders(): null {
  const actions = useGraphiQLActions();
  const headerEditor = useGraphiQL((state) => state.headerEditor);
  const activeTabIndex = useGraphiQL((state) => state.activeTabIndex);
  const hasSchema = useGraphiQL((state) => state.schema !== null && state.schema !== undefined);
  const lastWithKey = useRef<string>(undefined);
  const lastKeyTried = useRef<string>(undefined);

  useEffect(() => {
    if (headerEditor === undefined) {
      return;
    }
    let timer: number | undefined;
    const follow = (): void => {
      const text = headerEditor.getValue();
      const key = authorizationIn(text);
      if (key === undefined) {
        return;
      }
      lastWithKey.current = text;
      window.clearTimeout(timer);
      timer = window.setTimeout(() => {
        if (!hasSchema && key !== lastKeyTried.current) {
          lastKeyTried.current = key;
          void actions.introspect();
        }
      }, REST_MS);
    };
    follow();
    const subscription = headerEditor.onDidChangeModelContent(follow);
    return () => {
      window.clearTimeout(timer);
      subscription.dispose();
    };
  }, [headerEditor, hasSchema, actions]);

  useEffect(() => {
    const text = headerEditor?.getValue().trim();
    if (lastWithKey.current !== undefined && (text === "" || text === HEADER_TEMPLATE)) {
      headerEditor?.setValue(lastWithKey.current);
    }
  }, [headerEditor, activeTabIndex]);

  return null;
}
