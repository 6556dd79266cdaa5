import { appendFile, readFile, readdir } from "node:fs/promises";
import { join } from "node:path";

import type { Plugin } from "vite";

const PACKAGE_DIRECTORY = /^(?:\0)?(.*\/node_modules\/(?:@[^/]+\/)?[^/]+)\//;
const LICENCE_FILE = /^licen[cs]e(?:\.\w+)?$/i;
const NOTICES_FILE = /^third-?party-?notices\.\w+$/i;

/**
 * Completes the list of packages and licences that Vite writes to `fileName`: it misses the packages that only workers
 * use, and what packages themselves have taken in (Monaco's icons, for example), which their own notices name.
 *
 * `worker` belongs into the plugins of the workers' builds, `page` into those of the page's.
 */
export function notices(fileName: string): { page: Plugin; worker: Plugin } {
  const directories = new Set<string>();
  let path = "";
  const collector: Plugin = {
    name: "anchorage:notices",
    apply: "build",
    generateBundle(_options, bundle) {
      for (const output of Object.values(bundle)) {
        for (const id of output.type === "chunk" ? Object.keys(output.modules) : []) {
          const directory = PACKAGE_DIRECTORY.exec(id)?.[1];
          if (directory !== undefined) {
            directories.add(directory);
          }
        }
      }
    },
  };
  const page: Plugin = {
    ...collector,
    configResolved(config) {
      path = join(config.root, config.build.outDir, fileName);
    },
    closeBundle: {
      sequential: true,
      async handler() {
        await complete(path, [...directories].sort());
      },
    },
  };
  return { page, worker: collector };
}

async function complete(path: string, directories: readonly string[]): Promise<void> {
  const listed = await readFile(path, "utf8");
  const sections = new Set<string>();
  for (const directory of directories) {
    const manifest = JSON.parse(await readFile(join(directory, "package.json"), "utf8")) as PackageManifest;
    const title = `${manifest.name} - ${manifest.version}`;
    if (!listed.includes(`## ${title} `)) {
      sections.add(`## ${title} (${manifest.license})\n\n${await textOf(directory, LICENCE_FILE)}`);
    }
    const taken = await textOf(directory, NOTICES_FILE);
    if (taken !== "") {
      sections.add(`## ${title}: third-party notices\n\n${taken}`);
    }
  }
  await appendFile(path, [...sections].map((section) => `\n${section.trimEnd()}\n`).join(""));
}

interface PackageManifest {
  readonly name: string;
  readonly version: string;
  readonly license: string;
}

/** The text of the file of this name in the directory; empty when there is none. */
async function textOf(directory: string, name: RegExp): Promise<string> {
  const file = (await readdir(directory)).find((entry) => name.test(entry));
  return file === undefined ? "" : readFile(join(directory, file), "utf8");
}
