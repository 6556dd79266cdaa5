import { pick, useGraphiQL } from "@graphiql/react";
import { useEffect } from "react";

const FONT_FAMILY = 'ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", "Liberation Mono", monospace';

/**
 * Sets the system's monospace font in every editor: GraphiQL names a font that this page does not carry, and gives no
 * other to fall back on. Renders nothing; must stand inside GraphiQL.
 */
export function MonospaceEditors(): null {
  const { queryEditor, variableEditor, headerEditor, responseEditor } = useGraphiQL(
    pick("queryEditor", "variableEditor", "headerEditor", "responseEditor"),
  );
  useEffect(() => {
    for (const editor of [queryEditor, variableEditor, headerEditor, responseEditor]) {
      editor?.updateOptions({ fontFamily: FONT_FAMILY, fontSize: 14 });
    }
  }, [queryEditor, variableEditor, headerEditor, responseEditor]);
  return null;
}
