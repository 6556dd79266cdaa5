import type { GraphiQLProps } from "graphiql";

type Monaco = typeof import("monaco-graphql/esm/monaco-editor.js");

/** The editors' themes by name, for GraphiQL. They must have been defined before they show. */
export const EDITOR_THEMES = {
  light: "anchorage-light",
  dark: "anchorage-dark",
} as const satisfies GraphiQLProps["editorTheme"];

const COMMON = { "editor.background": "#00000000", "scrollbar.shadow": "#00000000" };

/** Monaco's own two themes on GraphiQL's backgrounds, with those colours changed that would be too pale on them. */
export function defineThemes(editor: Monaco["editor"]): void {
  editor.defineTheme(EDITOR_THEMES.light, {
    base: "vs",
    inherit: true,
    colors: { ...COMMON, "editorWidget.background": "#ffffff", "editorHoverWidget.background": "#ffffff" },
    rules: [
      { token: "number", foreground: "#076845" },
      { token: "argument.identifier.gql", foreground: "#5250b8" },
    ],
  });
  editor.defineTheme(EDITOR_THEMES.dark, {
    base: "vs-dark",
    inherit: true,
    colors: { ...COMMON, "editorWidget.background": "#212a3b", "editorHoverWidget.background": "#212a3b" },
    rules: [
      { token: "comment", foreground: "#8bbd74" },
      { token: "argument.identifier.gql", foreground: "#a9a4ff" },
      { token: "keyword", foreground: "#7cb8ea" },
    ],
  });
}
