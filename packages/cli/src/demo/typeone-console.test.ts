// SPDX-License-Identifier: Apache-2.0
import { Console } from "@typeone/host";
import { describe, expect, it } from "vitest";
import { parseGuestStats } from "./guest-stats.ts";
import { HOST, TypeOneConsole, plainText } from "./typeone-console.ts";

function make() {
  const sent: number[] = [];
  const console = new Console((bytes) => void sent.push(...bytes));
  const line = new TypeOneConsole(console, ["alpha", "beta"]);
  return { line, sent, say: (text: string) => console.feed(Buffer.from(text)) };
}

describe("TypeOneConsole", () => {
  it("sorts lines by prefix and focus", () => {
    const { line, sent, say } = make();
    say("OpenSBI\ntypeone: 2 guests\n[alpha] booting\n[gamma] not a guest\n[be");
    say("ta] booting too\n");
    line.focus("alpha");
    say("typeone: console is now alpha\nalpha:~# ls\n[beta] still booting\nprompt> ");
    expect(sent).toEqual([0x1d, 0x31]);
    expect(line.tail("alpha")).toBe("booting\nalpha:~# ls\nprompt> ");
    expect(line.tail("beta")).toBe("booting too\nstill booting");
    expect(line.tail(HOST)).toBe("OpenSBI\ntypeone: 2 guests\n[gamma] not a guest\ntypeone: console is now alpha");
    expect(line.tail("alpha", 1)).toBe("prompt> ");
  });

  it("shows no control bytes of a guest in a transcript", () => {
    expect(plainText("a\u001b[31mred\u001b[0m\u0007\u009b5n b\tc")).toBe("ared5n b\tc");
    const { line, say } = make();
    say("\r\u001b[K[alpha] \u001b]0;title\u0007up\n");
    expect(line.tail("alpha")).not.toMatch(/[\u0000-\u0008\u001b]/);
  });

  it("refuses a focus that no key gives", () => {
    expect(() => make().line.focus("gamma")).toThrow(RangeError);
  });
});

describe("parseGuestStats", () => {
  it("takes the guest's own line, with fields that are not known yet", () => {
    const line = 'typeone> {"guest":"alpha","vcpus":2,"new":{"x":1},"exits":{"wfi":3}}\r\n';
    expect(parseGuestStats(line, "alpha")?.exits).toEqual({ wfi: 3 });
    expect(parseGuestStats(line, "beta")).toBeUndefined();
    expect(parseGuestStats('{"guest":1,"name":"alpha"}', "alpha")?.guest).toBe(1);
  });

  it.each(['{"guest":', '{"guest":"alpha","exits":{"wfi":"many"}}', '{"guest":[]}', "guest alpha"])(
    "refuses %s",
    (line) => {
      expect(parseGuestStats(line, "alpha")).toBeUndefined();
    },
  );
});
