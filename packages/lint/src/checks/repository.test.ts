// SPDX-License-Identifier: Apache-2.0
import { expect, it } from "vitest";
import { repositoryFindings } from "./repository.ts";

const SPDX = "// SPDX-License-Identifier: Apache-2.0\n";
const what = (path: string, text: string): string[] => repositoryFindings(path, text).map((finding) => finding.what);
const home = "/" + "home/ada/typeone";

it("wants the licence line first, after the interpreter of a script", () => {
  expect(what("a.ts", "const a = 1;\n")).toEqual(["the licence line is missing"]);
  expect(what("a.ts", `\n${SPDX}`)).toHaveLength(1);
  expect(what("a.S", "/* SPDX-License-Identifier: Apache-2.0 */\n")).toEqual([]);
  expect(what(".ci/run", "#!/usr/bin/env bash\n# SPDX-License-Identifier: Apache-2.0\n")).toEqual([]);
  expect(what(".ci/run", "#!/usr/bin/env bash\necho\n")).toHaveLength(1);
  expect(what("README.md", "# A title\n")).toEqual([]);
});

it("finds paths of a machine, with their line", () => {
  expect(repositoryFindings("a.ts", `${SPDX}const a = "${home}";\n`)).toEqual([
    { path: "a.ts", line: 2, what: "names a path of one machine" },
  ]);
  expect(what("a.md", `see ${home}`)).toHaveLength(1);
  expect(what("a.md", "see build/home/a and ./work/a and https://example.org/root/a")).toEqual([]);
});

it("finds notes to oneself", () => {
  expect(what("a.ts", `${SPDX}// ${"TO"}${"DO"}: later\n`)).toEqual(["leaves a note instead of doing the work"]);
  expect(what("a.ts", `${SPDX}// the todo list of the guest\n`)).toEqual([]);
});

it("accepts the public registry only", () => {
  expect(what("package-lock.json", '"resolved": "https://registry.npmjs.org/a/-/a-1.0.0.tgz"')).toEqual([]);
  expect(what("package-lock.json", '"resolved": "http://localhost:4873/a.tgz"')).toHaveLength(1);
});
