// SPDX-License-Identifier: Apache-2.0
// `typeone version`: of these tools, and of a host if one runs.
import { readFile } from "node:fs/promises";
import path from "node:path";
import { REPO_ROOT } from "@typeone/host";
import { asCliError } from "../errors.ts";
import { printJson, printLine } from "../output/print.ts";
import { facts } from "../output/table.ts";
import { defineVerb } from "../verb.ts";

export default defineVerb({
  args: {},
  examples: [["version", "tools and hypervisor"]],
  async run(_args, context) {
    const { version } = JSON.parse(await readFile(path.join(REPO_ROOT, "package.json"), "utf8")) as { version: string };
    const host = await context
      .connect()
      .then((client) => client.host())
      .catch((error: unknown) => {
        if (asCliError(error)) return undefined;
        throw error;
      });
    const node = process.versions.node;
    const running = host && {
      name: host.name,
      release: host.release,
      build: host.build,
      architecture: host.architecture,
    };
    if (context.format === "json")
      return printJson(context, { typeone: version, node, ...(running ? { host: running } : {}) });
    printLine(
      context,
      facts(
        [
          ["typeone", version],
          ["node", node],
          [
            "host",
            running &&
              `${running.name}: TypeOne ${running.release} for ${running.architecture}, build ${running.build}`,
          ],
        ],
        context.style,
      ),
    );
  },
});
