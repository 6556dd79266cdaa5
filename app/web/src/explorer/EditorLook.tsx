import { pick, useGraphiQL, useMonaco } from "@graphiql/react";
import { useEffect } from "react";

import { defineThemes } from "./editorThemes.ts";

/** As `--font-family-mono` in explorer.css: Monaco measures a font itself and does not read the style sheet. */
const FONT_FAMILY = 'ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", "Liberation Mono", monospace';

/**
 * Gives every editor our theme and the system's monospace font (GraphiQL names one that this page does not carry, with nothing to
 * fall back on), wraps long lines, such as a certificate's, and keeps the active tab in view.
 *
 * Renders nothing; must stand inside GraphiQL.
 */
export function EditorLook(): null {
  const { queryEditor, variableEditor, headerEditor, responseEditor, activeTabIndex } = useGraphiQL(
    pick("queryEditor", "variableEditor", "headerEditor", "responseEditor", "activeTabIndex"),
  );
  const monacoTheme = useGraphiQL((state) => state.monacoTheme);
  const monaco = useMonaco((state) => state.monaco);
  useEffect(() => {
    if (monaco !== undefined) {
      defineThemes(monaco.editor);
      monaco.editor.setTheme(monacoTheme ?? "vs");
    }
  }, [monaco, monacoTheme]);
  useEffect(() => {
    for (const editor of [queryEditor, variableEditor, headerEditor, responseEditor]) {
      editor?.updateOptions({ fontFamily: FONT_FAMILY, fontSize: 14, wordWrap: "on", renderFinalNewline: "on" });
    }
  }, [queryEditor, variableEditor, headerEditor, responseEditor]);
  useEffect(() => {
    document
      .getElementById(`graphiql-session-tab-${String(activeTabIndex)}`)
      ?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }, [activeTabIndex]);
  return null;
}
