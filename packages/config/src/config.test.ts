// SPDX-License-Identifier: Apache-2.0
// Sound configurations: every format gives the same system, what is compiled is read back, the examples hold, and the
// limits are those of the core.
import { readFileSync } from "node:fs";
import path from "node:path";
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { FdtTree, parse, parseDts } from "@typeone/fdt";
import { addGuests } from "../../host/src/qemu/dom0less.ts";
import * as placement from "../../host/src/qemu/placement.ts";
import { anyDisk, anyNet } from "../test/devices.ts";
import { Folder } from "../test/files.ts";
import * as memory from "./check/memory.ts";
import * as devices from "./devices/schema.ts";
import * as schema from "./schema.ts";
import { SCHEMA_FOLDER, schemaFiles } from "./write-schema.ts";
import {
  compileGuest,
  compileGuestDts,
  compileSystem,
  compileSystemDts,
  formatProblems,
  type Guest,
  type GuestInput,
  guestSpec,
  hasErrors,
  jsonSchema,
  loadGuest,
  loadSystem,
  machineOptions,
  type System,
  type SystemInput,
} from "./index.ts";

const ROOT = path.resolve(import.meta.dirname, "../../..");
const EXAMPLES = path.join(ROOT, "examples");
const folder = new Folder();
afterAll(() => folder.remove());

async function load(file: string): Promise<System> {
  const { system, problems } = await loadSystem(file);
  expect(hasErrors(problems), formatProblems(problems, { color: "never" })).toBe(false);
  return system as System;
}

const withoutFile = ({ host, disks, networks, guests }: System) => ({ host, disks, networks, guests });

describe("examples", () => {
  it("two-linux is the same system in TypeScript, YAML and TOML", async () => {
    const [ts, yaml, toml] = await Promise.all(
      ["ts", "yaml", "toml"].map((end) => load(path.join(EXAMPLES, "two-linux", `typeone.config.${end}`))),
    );
    expect(ts?.guests.map((guest) => guest.name)).toEqual(["alpha", "beta"]);
    expect(ts?.guests[1]).toMatchObject({ kernel: "debian", affinity: [1], weight: 512, memoryBytes: 256 << 20 });
    expect(withoutFile(yaml as System)).toEqual(withoutFile(ts as System));
    expect(withoutFile(toml as System)).toEqual(withoutFile(ts as System));
  });

  it("disks-and-networks", async () => {
    const { disks, networks, guests } = await load(path.join(EXAMPLES, "disks-and-networks/typeone.config.yaml"));
    expect(disks?.map(({ name, sizeBytes }) => [name, sizeBytes])).toEqual([["data", 1 << 30]]);
    expect(networks?.map(({ name, uplink }) => [name, uplink])).toEqual([
      ["lan", "user"],
      ["private", "none"],
    ]);
    expect(guests.map((guest) => [guest.disks?.length, guest.networks?.length])).toEqual([
      [2, 2],
      [1, 1],
    ]);
  });

  it("xl/debian.cfg", async () => {
    const { guest, problems } = await loadGuest(path.join(EXAMPLES, "xl/debian.cfg"));
    expect(problems.map(({ severity, path: of }) => [severity, of])).toEqual([["note", "type"]]);
    expect(guest).toMatchObject({
      name: "debian",
      memoryBytes: 256 << 20,
      bootargs: "console=ttyS0 quiet typeone.name=debian",
      affinity: [0, 1],
      onCrash: "restart",
      onPoweroff: "destroy",
    });
  });

  it("dom0less/two-guests.dts", async () => {
    const { guests } = await load(path.join(EXAMPLES, "dom0less/two-guests.dts"));
    expect(guests.map(({ name, memoryBytes, vcpus }) => [name, memoryBytes >> 20, vcpus])).toEqual([
      ["alpha", 256, 2],
      ["beta", 128, 1],
    ]);
    expect(guests[1]).toMatchObject({ affinity: [1], onCrash: "restart", kernel: "debian" });
  });
});

describe("formats", () => {
  const input = {
    host: { harts: 4, memory: "2GiB", aia: "aplic-imsic", cpu: "max", sstc: false, sliceUs: 5000 },
    guests: [{ name: "a", kernel: "Image", ramdisk: "initrd", memory: 128, vcpus: 2, affinity: [0, "2-3"] }],
  } satisfies SystemInput;

  it("JSON, with tabs, and a TypeScript function", async () => {
    const json = await load(folder.write("f.json", JSON.stringify({ $schema: "./x.json", ...input }, null, "\t")));
    const text = `export default async () => (${JSON.stringify(input)});`;
    const ts = await load(folder.write("f.mts", text));
    expect(withoutFile(json)).toEqual(withoutFile(ts));
    expect(json.host).toEqual({
      machine: "qemu-virt",
      harts: 4,
      memoryBytes: 2 ** 31,
      aia: "aplic-imsic",
      cpu: "max",
      sstc: false,
      sliceUs: 5000,
    });
    expect(json.guests[0]).toEqual({
      name: "a",
      kernel: folder.file("Image"),
      ramdisk: folder.file("initrd"),
      memoryBytes: 128 << 20,
      vcpus: 2,
      maxVcpus: 2,
      affinity: [0, 2, 3],
      staticMemory: false,
      onCrash: "preserve",
      onReboot: "restart",
      onPoweroff: "preserve",
      restartLimit: 10,
      autostart: true,
    });
    expect(machineOptions(json.host)).toEqual({
      harts: 4,
      memoryMiB: 2048,
      aia: "aplic-imsic",
      cpu: "max",
      sstc: "off",
    });
  });

  it("a TypeScript config in a folder of CommonJS finds @typeone/config and its own modules", async () => {
    folder.write("cjs/package.json", '{ "type": "commonjs" }');
    folder.write("cjs/shared.ts", "export const memory: string = '64MiB';");
    const text = `import { defineSystem, defineGuest } from "@typeone/config";
import { memory } from "./shared.ts";
import { basename } from "node:path";
const guest = defineGuest({ name: basename(import.meta.dirname), kernel: "../Image", memory });
export default defineSystem({ guests: [guest] });`;
    const { guests } = await load(folder.write("cjs/typeone.config.ts", text));
    expect(guests[0]).toMatchObject({ name: "cjs", memoryBytes: 64 << 20, kernel: folder.file("Image") });
  });

  it("a file with one guest is a system of that guest", async () => {
    const json = folder.write("one.json", '{ "$schema": "x", "name": "solo", "kernel": "Image", "memory": 64 }');
    expect(Object.keys((await loadGuest(json)).guest ?? {})).not.toContain("$schema");
    const file = folder.write("one.yaml", "name: solo\nkernel: Image\nmemory: 64\n");
    expect((await load(file)).guests.map((guest) => guest.name)).toEqual(["solo"]);
    expect((await loadGuest(file)).guest?.name).toBe("solo");
    const problems = await folder.problems("one.yaml", "name: solo\nkernel: Image\nmemory: 64\nvcpus: 9\n");
    expect(problems[0]).toMatch(/^one.yaml:4:1: error: vcpus: 9 is out of range/);
  });

  it("a guest of a system is taken by name", async () => {
    const file = path.join(EXAMPLES, "two-linux/typeone.config.yaml");
    expect((await loadGuest(file, "beta")).guest?.name).toBe("beta");
    const messages = async (name?: string) => (await loadGuest(file, name)).problems.map(({ message }) => message);
    expect(await messages("gamma")).toEqual(["has no guest gamma, only alpha, beta"]);
    expect(await messages()).toEqual(["describes 2 guests: alpha, beta"]);
  });
});

/** Systems without faults, as their file would say. */
const anySystem: fc.Arbitrary<SystemInput> = fc
  .record({
    host: fc.record(
      {
        harts: fc.constantFrom(4, 16),
        aia: fc.constantFrom(...schema.AIA),
        cpu: fc.constantFrom(...schema.CPUS),
        sstc: fc.boolean(),
        sliceUs: fc.integer({ min: 1, max: 1e7 }),
      },
      { requiredKeys: ["harts"] },
    ),
    guests: fc.uniqueArray(
      fc.record<GuestInput, "name" | "memory" | "kernel">(
        {
          name: fc.stringMatching(/^[A-Za-z0-9._-]{1,31}$/),
          kernel: fc.constantFrom("debian", "./Image", "/boot/a b"),
          ramdisk: fc.constantFrom("debian", "./initrd"),
          deviceTree: fc.constant("./guest.dtb"),
          bootargs: fc.constantFrom("console=ttyS0", "", 'quoted "text" \\ and more'),
          memory: fc.constantFrom(2, "64MiB", "5M", "4100KiB"),
          vcpus: fc.integer({ min: 1, max: 2 }),
          maxVcpus: fc.integer({ min: 2, max: 8 }),
          affinity: fc.constantFrom("0-3,^1", "all", [0, 2, "3"], "all,^1"),
          policy: fc.constantFrom("priority" as const),
          priority: fc.nat(7),
          weight: fc.integer({ min: 1, max: 10_000 }),
          sliceUs: fc.integer({ min: 1, max: 1e7 }),
          periodUs: fc.integer({ min: 1, max: 1e12 }),
          budgetUs: fc.integer({ min: 1, max: 1e12 }),
          staticMemory: fc.boolean(),
          onCrash: fc.constantFrom(...schema.ACTIONS),
          onReboot: fc.constantFrom(...schema.ACTIONS),
          onPoweroff: fc.constantFrom(...schema.ACTIONS),
          restartLimit: fc.nat(100),
          autostart: fc.boolean(),
          disks: fc.uniqueArray(anyDisk, { maxLength: 3, selector: ({ serial }) => serial }),
          networks: fc.array(anyNet, { maxLength: 2 }),
          consoles: fc.constantFrom(0, 2, { ports: 1, bus: "mmio" as const }),
          rng: fc.constantFrom(true, false, { bus: "pci" as const }),
          balloon: fc.boolean(),
          interrupts: fc.constantFrom(...schema.INTERRUPTS),
          hotplug: fc.nat(4),
        },
        { requiredKeys: ["name", "memory", "kernel"] },
      ),
      { maxLength: 4, minLength: 1, selector: ({ name }) => name },
    ),
    disks: fc.constant({ data: "./data.img", "1.qcow2": { file: "a.qcow2" }, made: { size: "64GiB", readOnly: true } }),
    networks: fc.constantFrom(
      { lan: "user", wan: {} },
      { wan: "none", lan: { uplink: "user", forwards: ["2222 -> 22", "udp 0.0.0.0:53 -> 10.0.2.16:53"] } },
    ),
  })
  .map((system) => system as SystemInput)
  // What guests do to each other is not what this is about.
  .filter(({ guests = [] }) => {
    const used = guests.flatMap(({ disks = [] }) => (disks as { from: unknown }[]).map(({ from }) => from));
    const macs = guests.flatMap(({ networks = [] }) => (networks as { mac?: string }[]).map(({ mac }) => mac ?? ""));
    return ["data", "disk1"].every((name) => used.filter((from) => from === name).length < 2) && unique(macs);
  });

function unique(macs: readonly string[]): boolean {
  const given = macs.filter((mac) => mac !== "");
  return new Set(given).size === given.length;
}

describe("compile", () => {
  it("a system as .dts, in any order of settings, is read back as the same system", async () => {
    await fc.assert(
      fc.asyncProperty(anySystem, async (input) => {
        const first = await folder.load("r.json", JSON.stringify(input), { look: "none" });
        expect(first.system, formatProblems(first.problems)).toBeDefined();
        const system = first.system as System;
        const again = await folder.load("r.dts", compileSystemDts(system), { look: "none" });
        expect(again.system && withoutFile(again.system), formatProblems(again.problems)).toEqual(withoutFile(system));
        const names = again.problems.filter(({ message }) => message.includes("is ignored"));
        expect(names).toEqual([]);
      }),
      { numRuns: 100 },
    );
  });

  it("a guest is a tree whose root is its node, as Xen names things, without addresses", async () => {
    const text = `guests:
  - {name: a, kernel: Image, ramdisk: initrd, bootargs: console=ttyS0, memory: 128, vcpus: 2, maxVcpus: 4, affinity: "0-1",
     policy: rate-monotonic, periodUs: 10000, budgetUs: 2000, priority: 5, weight: 100, onCrash: restart, restartLimit: 3}`;
    const guest = (await load(folder.write("g.yaml", text))).guests[0] as Guest;
    const { root } = parse(compileGuest(guest));
    expect(root.isCompatible("xen,domain")).toBe(true);
    expect([root.u64("memory"), root.u32("cpus"), root.u32("typeone,max-cpus")]).toEqual([131072n, 2, 4]);
    expect([root.string("typeone,name"), root.string("typeone,policy")]).toEqual(["a", "rate-monotonic"]);
    expect(root.get("typeone,affinity")).toEqual(Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 3));
    expect([root.u64("typeone,period-us"), root.u64("typeone,budget-us")]).toEqual([10000n, 2000n]);
    expect([root.get("typeone,period-us")?.length, root.u32("typeone,priority"), root.u32("typeone,weight")]).toEqual([
      8, 5, 100,
    ]);
    expect(["crash", "reboot", "poweroff"].map((what) => root.string(`typeone,on-${what}`))).toEqual([
      "restart",
      "restart",
      "preserve",
    ]);
    expect(root.u32("typeone,restart-limit")).toBe(3);
    expect(root.children.map((child) => [child.strings("compatible")?.[0], child.has("reg")])).toEqual([
      ["multiboot,kernel", false],
      ["multiboot,ramdisk", false],
    ]);
    expect(root.child("module-kernel")?.string("bootargs")).toBe("console=ttyS0");
    expect(parseDts(compileGuestDts(guest)).root.u32("cpus")).toBe(2);
  });

  it("the boot image's node says the same as the one that is sent at run time", async () => {
    const text =
      "guests:\n  - {name: a, kernel: Image, memory: 64, weight: 7, onCrash: destroy, affinity: 1, staticMemory: '0xa0000000'}";
    const guest = (await load(folder.write("g.yaml", text))).guests[0] as Guest;
    const spec = guestSpec(guest);
    expect(spec).toMatchObject({ name: "a", memoryMiB: 64, kernel: folder.file("Image"), memory: "static" });
    const placed = placement.placeGuests({
      hostBytes: 1 << 30,
      guests: [
        {
          name: "a",
          memoryBytes: guest.memoryBytes,
          kernel: {
            id: "k",
            bytes: 64,
            shape: { format: "flat", textOffset: 0x20_0000, memoryBytes: 64, fileBytes: 64 },
          },
          memory: "static",
          staticHpa: 0xa000_0000,
        },
      ],
    });
    const node = addGuests(new FdtTree(), [spec], placed).get("/chosen/guest-a");
    const { root } = parse(compileGuest(guest));
    expect(Object.fromEntries(node.properties)).toEqual(Object.fromEntries(root.properties));
    expect(node.cells("xen,static-mem")).toEqual([0, 0xa000_0000, 0, 64 << 20]);
  });

  it("names files relative to the configuration, and puts the host's settings in /chosen", async () => {
    const text =
      "host: {policy: priority, sliceUs: 2000}\nguests:\n  - {name: a, kernel: Image, memory: 64, autostart: false}";
    const system = await load(folder.write("g.yaml", text));
    const tree = compileSystem(system);
    expect(parse(compileGuest(system.guests[0] as Guest)).root.string("typeone,policy")).toBe("priority");
    expect(tree.get("/chosen").string("typeone,policy")).toBe("priority");
    expect(tree.get("/chosen").u64("typeone,slice-us")).toBe(2000n);
    expect(tree.get("/chosen/guest-a/module-kernel").string("typeone,file")).toBe("./Image");
    expect(tree.get("/chosen/guest-a").string("status")).toBe("disabled");
  });
});

describe("a dom0less tree from elsewhere", () => {
  const TREE = `/dts-v1/;
/ {
	#address-cells = <2>;
	#size-cells = <2>;
	memory@80000000 { device_type = "memory"; reg = <0x0 0x80000000 0x0 0x60000000>; };
	cpus { #address-cells = <1>; #size-cells = <0>; cpu@0 { reg = <0>; }; cpu@1 { reg = <1>; }; cpu@2 { reg = <2>; }; };
	chosen {
		#address-cells = <1>;
		#size-cells = <1>;
		xen,xen-bootargs = "console=dtuart";
		domU@0 {
			compatible = "xen,domain";
			memory = <0 0x10000>;
			cpus = <1>;
			vpl011;
			module@90000000 { compatible = "multiboot,kernel", "multiboot,module"; reg = <0x90000000 0x1000>; bootargs = "quiet"; };
			module@91000000 { compatible = "xen,linux-initrd", "multiboot,module"; reg = <0x91000000 0x1000>; };
		};
		domU@1 {
			compatible = "xen,domain";
			memory = <0 0x10000>;
			xen,static-mem = <0x0 0xa0000000 0x0 0x4000000>;
			module@90000000 { compatible = "multiboot,kernel", "multiboot,module"; reg = <0x90000000 0x1000>; };
		};
	};
};
`;
  const modules = { "0x90000000": "Image", "0x91000000": "initrd" };

  it("is a system when its files are named; what is Xen's alone is reported", async () => {
    const { system, problems } = await folder.load("x.dts", TREE, { modules });
    expect(system?.host).toMatchObject({ harts: 3, memoryBytes: 0x6000_0000 });
    expect(system?.guests).toMatchObject([
      {
        name: "domU-0",
        bootargs: "quiet",
        kernel: folder.file("Image"),
        ramdisk: folder.file("initrd"),
        memoryBytes: 64 << 20,
      },
      { name: "domU-1", staticMemory: 0xa000_0000, vcpus: 1 },
    ]);
    expect(problems.map(({ severity, line, path: of }) => [severity, line, of])).toEqual([
      ["warning", 10, "/chosen: xen,xen-bootargs"],
      ["warning", 15, "/chosen/domU@0: vpl011"],
    ]);
  });

  it("is the same as a blob", async () => {
    const { serialize } = await import("@typeone/fdt");
    const blob = folder.write("x.dtb", serialize(parseDts(TREE)));
    const { system } = await loadSystem(blob, { modules });
    const source = await folder.load("x.dts", TREE, { modules });
    expect(system && withoutFile(system)).toEqual(source.system && withoutFile(source.system));
  });
});

describe("one schema", () => {
  it("gives JSON Schema for editors, with words for every setting", () => {
    const { $defs } = jsonSchema() as {
      $defs: Record<string, { properties: Record<string, { description?: string }> }>;
    };
    const guest = $defs["Guest"] as { properties: object; required?: string[]; additionalProperties?: boolean };
    expect(guest.required).toEqual(["name", "kernel", "memory"]);
    expect(guest.additionalProperties).toBe(false);
    expect(Object.keys(guest.properties)).toEqual(Object.keys(schema.guestSchema.shape));
    for (const part of ["Guest", "Host"]) {
      for (const [name, property] of Object.entries($defs[part]?.properties ?? {})) {
        expect([name, property.description]).toEqual([name, expect.stringMatching(/^\S.{9,}\.$/)]);
      }
    }
    expect($defs["Guest"]?.properties["memory"]).toMatchObject({ examples: ["256MiB", "1GiB", 256] });
    expect(JSON.stringify(jsonSchema("guest"))).toContain("Linux Image");
  });

  it("is written out for editors", () => {
    for (const [name, text] of schemaFiles()) {
      const written = JSON.parse(readFileSync(path.join(SCHEMA_FOLDER, name), "utf8")) as unknown;
      expect(written, "stale: npm run schema -w packages/config").toEqual(JSON.parse(text));
    }
  });

  it("has the limits of the core", () => {
    const core = (file: string, name: string): number => {
      const text = readFileSync(path.join(ROOT, "core", file), "utf8");
      return Number(new RegExp(`export const ${name}: u\\d+ = ([0-9xa-fA-F_]+)`).exec(text)?.[1]?.replaceAll("_", ""));
    };
    expect(schema.MAX_GUESTS).toBe(core("limits.ts", "MAX_GUESTS"));
    expect(schema.MAX_VCPUS).toBe(core("limits.ts", "MAX_VCPUS"));
    expect(schema.MAX_HARTS).toBe(core("limits.ts", "MAX_HARTS"));
    expect(schema.NAME_LENGTH).toBe(core("limits.ts", "NAME_LENGTH") - 1);
    expect(schema.LEAST_MEMORY).toBe(core("guest/describe.ts", "LEAST_MEMORY"));
    expect(schema.MOST_MEMORY).toBe(core("guest/describe.ts", "MOST_MEMORY"));
    expect(schema.MAX_HOTPLUG).toBe(core("guest/devices/node.ts", "MAX_HOTPLUG"));
    expect(devices.MAX_SWITCHES).toBe(core("backend/net/switch.ts", "MAX_SWITCHES"));
    expect(devices.MAX_HOST_DISKS).toBe(core("host/virtio/block.ts", "MAX_HOST_DISKS"));
    expect(devices.MAX_NICS).toBe(core("host/virtio/net.ts", "MAX_HOST_NICS"));
    // All kinds of devices at once, and a console, an entropy source and a balloon.
    expect(devices.MAX_DISKS + devices.MAX_NETS + 3).toBeLessThanOrEqual(core("guest/devices/node.ts", "MAX_DEVICES"));
  });

  it("has the host's map of placement.ts", () => {
    expect(memory.HOST_RAM_BASE).toBe(placement.HOST_RAM_BASE);
    expect(memory.HYPERVISOR_END).toBe(placement.HYPERVISOR_BASE + placement.HYPERVISOR_SPAN);
    expect(memory.MODULES_BASE).toBe(placement.MODULES_BASE);
  });
});
