import { readFile, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { brotliCompress, constants, gzip } from "node:zlib";

import type { Plugin } from "vite";

const brotliAsync = promisify(brotliCompress);
const gzipAsync = promisify(gzip);

const TEXTUAL = /\.(?:css|html|js|json|md|svg|ttf)$/;

/** Below this, a response fits into one packet either way. */
const WORTH_BYTES = 1024;

/**
 * Writes `name.br` and `name.gz` beside every file of the build that they make smaller, so that the server compresses
 * nothing while somebody waits.
 */
export function compressed(): Plugin {
  let directory = "";
  return {
    name: "anchorage:compressed",
    apply: "build",
    configResolved(config) {
      directory = join(config.root, config.build.outDir);
    },
    // The directory and not the bundle: workers are built on their own and stand in no list of this build.
    closeBundle: {
      order: "post",
      sequential: true,
      async handler() {
        const entries = await readdir(directory, { recursive: true, withFileTypes: true });
        const files = entries.filter((entry) => entry.isFile() && TEXTUAL.test(entry.name));
        await Promise.all(files.map((file) => compress(join(file.parentPath, file.name))));
      },
    },
  };
}

async function compress(path: string): Promise<void> {
  const content = await readFile(path);
  if (content.length < WORTH_BYTES) {
    return;
  }
  const params = { [constants.BROTLI_PARAM_SIZE_HINT]: content.length };
  const [br, gz] = await Promise.all([brotliAsync(content, { params }), gzipAsync(content, { level: 9 })]);
  await Promise.all(
    [
      { suffix: ".br", bytes: br },
      { suffix: ".gz", bytes: gz },
    ]
      .filter(({ bytes }) => bytes.length < content.length)
      .map(({ suffix, bytes }) => writeFile(path + suffix, bytes)),
  );
}
