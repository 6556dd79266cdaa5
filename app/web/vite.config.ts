import react from "@vitejs/plugin-react";
import { defineConfig } from "vite";

import { compressed } from "./build/compressed.ts";
import { notices } from "./build/notices.ts";

const NOTICES = "licenses.md";
const { page, worker } = notices(NOTICES);

export default defineConfig({
  // The server mounts dist/assets at /assets, whatever page asks for it.
  base: "/",
  appType: "mpa",
  plugins: [react(), page, compressed()],
  worker: { format: "es", plugins: () => [worker] },
  build: {
    license: { fileName: NOTICES },
    // Monaco is one editor: half of it would be no smaller to wait for.
    chunkSizeWarningLimit: 4_000,
    rolldownOptions: {
      input: { explorer: "explorer.html" },
      // "use no memo" speaks to a compiler that ran before the packages were published.
      onLog(level, log, report) {
        if (log.code !== "MODULE_LEVEL_DIRECTIVE") {
          report(level, log);
        }
      },
    },
  },
  server: {
    proxy: {
      "/graphql": {
        target: "http://127.0.0.1:8000",
        ws: true,
        // As the server does: the page and the API share the address, and `Accept` tells them apart.
        bypass: ({ method, headers }) =>
          method === "GET" && headers.accept?.includes("text/html") ? "/explorer.html" : undefined,
      },
    },
  },
});
