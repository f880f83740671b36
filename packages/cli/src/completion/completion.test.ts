// SPDX-License-Identifier: Apache-2.0
// The scripts are given to the shells that are here: bash always, zsh and fish where they are installed.
import { spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { typeone } from "../testing/run.ts";

const folder = mkdtempSync(path.join(os.tmpdir(), "typeone-completion-"));
const installed = (program: string): boolean => spawnSync(program, ["--version"]).status === 0;

async function scriptFor(shell: string): Promise<string> {
  const { code, out } = await typeone(`completion ${shell}`);
  expect(code).toBe(0);
  const file = path.join(folder, `typeone.${shell}`);
  writeFileSync(file, Buffer.from(out, "latin1"));
  return file;
}

describe("bash", () => {
  let file = "";
  beforeAll(async () => {
    file = await scriptFor("bash");
    // Names of guests and hosts come from the command itself.
    const fake = path.join(folder, "typeone");
    writeFileSync(fake, '#!/bin/sh\ncase "$1" in ls) echo web; echo db;; hosts) echo lab;; esac\n');
    chmodSync(fake, 0o755);
    writeFileSync(path.join(folder, "web.yaml"), "");
  });

  /** What is offered behind these words; the last one is being typed. */
  function complete(...words: string[]): string[] {
    const line = words.map((word) => `'${word}'`).join(" ");
    const script = `source ${file}; COMP_WORDS=(typeone ${line}); COMP_CWORD=${words.length}; _typeone; printf '%s\\n' "\${COMPREPLY[@]}"`;
    const env = { ...process.env, PATH: `${folder}:${process.env["PATH"] ?? ""}` };
    const { stdout, stderr } = spawnSync("bash", ["-c", script], { encoding: "utf8", env, cwd: folder });
    expect(stderr).toBe("");
    return stdout.split("\n").filter((word) => word !== "");
  }

  it("can be read by bash", () => {
    expect(spawnSync("bash", ["-n", file], { encoding: "utf8" })).toMatchObject({ status: 0, stderr: "" });
  });

  it("offers verbs, verbs of groups, aliases", () => {
    expect(complete("re")).toEqual(["resume", "reboot", "reset"]);
    expect(complete("unp")).toEqual(["unpause"]);
    expect(complete("vcpu", "p")).toEqual(["pin", "pause"]);
    expect(complete("crash", "")).toEqual(["ls", "list", "show"]);
    expect(complete("-H", "lab", "hos")).toEqual(["hosts", "host"]);
  });

  it("offers options and their values", () => {
    expect(complete("run", "--de")).toEqual(["--detach"]);
    expect(complete("ls", "-o", "")).toEqual(["table", "json"]);
    expect(complete("run", "--aia", "aplic-")).toEqual(["aplic-imsic"]);
    expect(complete("pause", "--no")).toEqual(["--no-wait"]);
    expect(complete("completion", "z")).toEqual(["zsh"]);
  });

  it("offers guests, hosts and files", () => {
    expect(complete("pause", "")).toEqual(["web", "db"]);
    expect(complete("pause", "web", "d")).toEqual(["db"]);
    expect(complete("vcpu", "pin", "w")).toEqual(["web"]);
    expect(complete("vcpu", "pin", "web", "")).toEqual([]);
    expect(complete("unpause", "--timeout", "5", "w")).toEqual(["web"]);
    expect(complete("-H", "")).toEqual(["lab"]);
    expect(complete("run", "we")).toEqual(["web.yaml"]);
  });
});

describe.each([
  ["zsh", ["-n"]],
  ["fish", ["--no-execute"]],
])("%s", (shell, flags) => {
  it("names every verb with what it does", async () => {
    const { out } = await typeone(`completion ${shell}`);
    for (const word of ["console", "vcpu", "unpause", "aplic-imsic", "only look; what is typed is not sent"])
      expect(out).toContain(word);
  });

  it("quotes what it says", async () => {
    const { out } = await typeone(`completion ${shell}`);
    // An apostrophe in a description, as in compile's --format.
    expect(out).toContain(shell === "zsh" ? "by FILE'\\''s end" : "by FILE\\'s end");
  });

  it.runIf(installed(shell))(`can be read by ${shell}`, async () => {
    const file = await scriptFor(shell);
    expect(spawnSync(shell, [...flags, file], { encoding: "utf8" })).toMatchObject({ status: 0, stderr: "" });
  });
});
