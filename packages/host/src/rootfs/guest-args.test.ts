// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from "vitest";
import { machineIdOf, rootBootargs } from "./guest-args.ts";

const words = (text: string): string[] => text.split(" ");

describe("rootBootargs", () => {
  it("names the root file system, the host and its machine id", () => {
    const all = words(rootBootargs({ name: "alpha" }));
    expect(all).toContain("root=/dev/vda");
    expect(all).toContain("rw");
    expect(all).toContain("systemd.hostname=alpha");
    expect(all).toContain(`systemd.machine_id=${machineIdOf("alpha")}`);
    expect(all.some((word) => word.startsWith("ip=") || word.startsWith("systemd.set_credential"))).toBe(false);
  });

  it("writes a fixed address in the kernel's order, with an IPv4 mask", () => {
    const address = { address: "10.1.2.3", prefix: 20, gateway: "10.1.0.1" };
    expect(words(rootBootargs({ name: "a", address }))).toContain("ip=10.1.2.3::10.1.0.1:255.255.240.0:::off");
    const whole = { ...address, device: "eth0", dns: "10.1.0.2" };
    const line = rootBootargs({ name: "a", address: whole });
    expect(line).toContain(" ip=10.1.2.3::10.1.0.1:255.255.240.0::eth0:off:10.1.0.2");
    expect(rootBootargs({ name: "a", address: { address: "10.0.0.1", prefix: 32 } })).toContain(":255.255.255.255:");
  });

  it("carries secrets with blanks and quotes as one word", () => {
    const password = `a "b' $c`;
    const word = words(rootBootargs({ name: "a", password })).find((one) => one.includes("plaintext-password"));
    expect(Buffer.from(word?.split(":")[1] ?? "", "base64").toString()).toBe(password);
  });

  it.each([{ name: "two words" }, { name: "" }, { name: "-a" }, { name: "x".repeat(64) }])(
    "refuses the name $name",
    (bad) => {
      expect(() => rootBootargs(bad)).toThrow("no host name");
    },
  );

  it("refuses what the kernel would cut off", () => {
    expect(() => rootBootargs({ name: "a", authorizedKey: "k".repeat(800) })).toThrow("the kernel takes 1023");
  });

  it("refuses a prefix that is none", () => {
    expect(() => rootBootargs({ name: "a", address: { address: "10.0.0.1", prefix: 0 } })).toThrow("prefix");
  });
});

describe("machineIdOf", () => {
  it("is stable, of 32 digits, and differs between names", () => {
    expect(machineIdOf("alpha")).toMatch(/^[0-9a-f]{32}$/);
    expect(machineIdOf("alpha")).toBe(machineIdOf("alpha"));
    expect(machineIdOf("alpha")).not.toBe(machineIdOf("beta"));
  });
});
