import "./explorer.css";
import "./workers.ts";

import { explorerPlugin } from "@graphiql/plugin-explorer";
import { HISTORY_PLUGIN } from "@graphiql/plugin-history";
import type { GraphiQLPlugin } from "@graphiql/react";
import { GraphiQL } from "graphiql";

import { EditorLook } from "./EditorLook.tsx";
import { EDITOR_THEMES } from "./editorThemes.ts";
import { EXAMPLES, MadeIds } from "./examples.ts";
import { ExamplesIcon, ExamplesPanel, MadeIdsContext } from "./ExamplesPanel.tsx";
import { createFetcher } from "./fetcher.ts";
import { HEADER_TEMPLATE } from "./headers.ts";
import { SharedHeaders } from "./SharedHeaders.tsx";
import { persistsHeaders, storage } from "./storage.ts";

const EXAMPLES_PLUGIN: GraphiQLPlugin = { title: "Examples", icon: ExamplesIcon, content: ExamplesPanel };
const PLUGINS = [EXAMPLES_PLUGIN, explorerPlugin(), HISTORY_PLUGIN];
const FIRST_TABS = EXAMPLES.slice(0, 1).map(({ query, variables }) => ({ query, variables }));

const madeIds = new MadeIds();
// The page's own path, without its query and fragment: the server answers both at one address.
const fetcher = createFetcher(new URL(location.pathname, location.origin), madeIds.see);
const shouldPersistHeaders = persistsHeaders();

/** GraphiQL for the server that serves this page, and for no other. */
export function Explorer() {
  return (
    <MadeIdsContext value={madeIds}>
      <GraphiQL
        fetcher={fetcher}
        storage={storage}
        plugins={PLUGINS}
        visiblePlugin={EXAMPLES_PLUGIN}
        defaultTabs={FIRST_TABS}
        defaultHeaders={HEADER_TEMPLATE}
        editorTheme={EDITOR_THEMES}
        defaultEditorToolsVisibility="headers"
        shouldPersistHeaders={shouldPersistHeaders}
        showPersistHeadersSettings
        inputValueDeprecation
        schemaDescription
      >
        <GraphiQL.Logo>
          <h1>Anchorage</h1>
        </GraphiQL.Logo>
        <SharedHeaders />
        <EditorLook />
      </GraphiQL>
    </MadeIdsContext>
  );
}
