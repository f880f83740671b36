// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from "vitest";
import { databaseFiles, parseControl, parseTriggers, recordsOf } from "./dpkg-database.ts";
import type { TarEntry } from "./tar.ts";

const file = (name: string, text: string, mode = 0o644): TarEntry => ({
  kind: "file",
  name,
  mode,
  uid: 0,
  gid: 0,
  target: "",
  data: Buffer.from(text),
});
const folder = (name: string): TarEntry => ({ ...file(name, "", 0o755), kind: "directory" });

const CONTROL = "Package: demo\nVersion: 1:2-3\nArchitecture: riscv64\nDescription: short\n long\n .\n more\n";
const control = (text: string, ...more: TarEntry[]): TarEntry[] => [folder(""), file("control", text), ...more];

describe("parseControl", () => {
  it("keeps continuation lines", () => {
    const fields = parseControl(CONTROL);
    expect(fields.get("Version")).toBe("1:2-3");
    expect(fields.get("Description")).toBe("short\n long\n .\n more");
  });
});

describe("recordsOf", () => {
  const data = [folder(""), folder("etc"), file("etc/demo.conf", "hello\n"), file("usr/bin/demo", "")];

  it("says unpacked right behind the name, and the sums of configuration files", () => {
    const conffiles = file("conffiles", "/etc/demo.conf\nremove-on-upgrade /etc/old.conf\n");
    const { status } = recordsOf(control(CONTROL, conffiles), data);
    expect(status.split("\n").slice(0, 3)).toEqual(["Package: demo", "Status: install ok unpacked", "Version: 1:2-3"]);
    expect(status.endsWith("Conffiles:\n /etc/demo.conf b1946ac92492d2347c6235b4d2611184\n")).toBe(true);
    expect(status).not.toContain("old.conf");
  });

  it("lists every path as dpkg does, keeps scripts' modes, drops the control file", () => {
    const { info } = recordsOf(control(CONTROL, file("postinst", "#!/bin/sh\n", 0o755)), data);
    expect(info.get("demo.list")?.data).toBe("/.\n/etc\n/etc/demo.conf\n/usr/bin/demo\n");
    expect(info.get("demo.postinst")?.mode).toBe(0o755);
    expect(info.has("demo.control")).toBe(false);
  });

  it("names files with the architecture where several may be installed", () => {
    expect(recordsOf(control(`${CONTROL}Multi-Arch: same\n`), data).base).toBe("demo:riscv64");
    expect(recordsOf(control(`${CONTROL}Multi-Arch: foreign\n`), data).base).toBe("demo");
  });

  it("refuses a package without a version", () => {
    expect(() => recordsOf(control("Package: demo\nArchitecture: all\n"), data)).toThrow("lacks Version");
  });
});

describe("triggers", () => {
  it("are interests only, and say who is not waited for", () => {
    const text = "# x\ninterest-noawait /usr/share/a\ninterest b\ninterest-await c\nactivate-noawait ldconfig\n";
    expect(parseTriggers(text, "demo")).toEqual([
      { trigger: "/usr/share/a", record: "demo/noawait" },
      { trigger: "b", record: "demo" },
      { trigger: "c", record: "demo" },
    ]);
  });

  it("go to one file for paths, and to a file each by name", () => {
    const one = recordsOf(control(CONTROL, file("triggers", "interest /a\ninterest b\n")), []);
    const two = recordsOf(control(CONTROL.replace("demo", "two"), file("triggers", "interest-noawait b\n")), []);
    const files = databaseFiles([one, two]);
    expect(files.get("triggers/File")?.data).toBe("/a demo\n");
    expect(files.get("triggers/b")?.data).toBe("demo\ntwo/noawait\n");
    expect(String(files.get("status")?.data).split("\n\n")).toHaveLength(2);
  });
});
