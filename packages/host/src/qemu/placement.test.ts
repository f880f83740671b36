// SPDX-License-Identifier: Apache-2.0
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { StepError } from "../errors.ts";
import { kernelShape } from "./linux-image.ts";
import {
  type GuestRequest,
  HOST_RAM_BASE,
  HYPERVISOR_BASE,
  HYPERVISOR_SPAN,
  MIB,
  type Placement,
  type PlacementRequest,
  guestLayout,
  placeGuests,
} from "./placement.ts";

const KERNEL_BYTES = 31_165_952;
const IMAGE_BYTES = 0x1e6_b000;

function guest(name: string, change: Partial<GuestRequest> = {}): GuestRequest {
  const shape = {
    format: "linux-image",
    textOffset: 2 * MIB,
    memoryBytes: IMAGE_BYTES,
    fileBytes: KERNEL_BYTES,
  } as const;
  return {
    name,
    memoryBytes: 256 * MIB,
    kernel: { id: "kernel", bytes: KERNEL_BYTES, shape },
    ramdisk: { id: "ramdisk", bytes: 1_633_792 },
    memory: "static",
    ...change,
  };
}

/** Host ranges that must not touch each other: modules and static memories. */
function ranges(placement: Placement): [number, number][] {
  const modules = placement.modules.map((module): [number, number] => [module.hpa, module.hpa + module.bytes]);
  const memories = placement.guests.flatMap(({ staticMemory }): [number, number][] =>
    staticMemory ? [[staticMemory.hpa, staticMemory.hpa + staticMemory.bytes]] : [],
  );
  return [...modules, ...memories].sort((a, b) => a[0] - b[0]);
}

function checkInvariants(placement: Placement, request: PlacementRequest): void {
  const hostEnd = HOST_RAM_BASE + request.hostBytes;
  const treeEnd = Math.min(hostEnd, 0xc000_0000);
  let before = HYPERVISOR_BASE + HYPERVISOR_SPAN;
  for (const [start, end] of ranges(placement)) {
    expect(start).toBeGreaterThanOrEqual(before);
    expect(start % (2 * MIB)).toBe(0);
    expect(end).toBeLessThanOrEqual(hostEnd);
    expect(end <= treeEnd - 2 * MIB || start >= treeEnd).toBe(true);
    before = end;
  }
  for (const { staticMemory, preloaded } of placement.guests) {
    for (const copy of preloaded) {
      expect(copy.hpa).toBeGreaterThanOrEqual(staticMemory?.hpa ?? Infinity);
      expect(copy.hpa + copy.bytes).toBeLessThanOrEqual((staticMemory?.hpa ?? 0) + (staticMemory?.bytes ?? 0) - 65536);
    }
  }
}

describe("placeGuests", () => {
  it("keeps a static memory that is given, and lays everything else around it", () => {
    const fixed = guest("alpha", { staticHpa: 0x9000_0000 });
    const request = {
      hostBytes: 2048 * MIB,
      guests: [fixed, guest("beta", { deviceTree: { id: "tree", bytes: 4096 } })],
    };
    const placement = placeGuests(request);
    expect(placement.guests[0]?.staticMemory?.hpa).toBe(0x9000_0000);
    expect(placement.modules[0]?.hpa).toBe(0x9000_0000 + 256 * MIB);
    expect(placement.guests[1]?.deviceTree).toEqual(placement.modules.find((module) => module.id === "tree"));
    checkInvariants(placement, request);
  });

  it.each([
    ["on the hypervisor", 0x8020_0000],
    ["off its boundary", 0x9000_1000],
    ["beyond the end", 0xc000_0000],
    ["on the device tree", 0xb000_0000],
  ])("refuses a static memory %s", (_, staticHpa) => {
    expect(() => placeGuests({ hostBytes: 1024 * MIB, guests: [guest("alpha", { staticHpa })] })).toThrow(
      /is not free host memory/,
    );
  });

  it("refuses two static memories in one place", () => {
    const at = { staticHpa: 0x9000_0000 };
    const guests = [guest("alpha", at), guest("beta", { staticHpa: 0x9800_0000 })];
    expect(() => placeGuests({ hostBytes: 2048 * MIB, guests })).toThrow(/beta.*is not free host memory/);
  });

  it("places the demo as documented", () => {
    const request = { hostBytes: 1024 * MIB, guests: [guest("alpha"), guest("beta")] };
    const placement = placeGuests(request);
    expect(placement.modules.map((module) => module.hpa)).toEqual([0x9000_0000, 0x91e0_0000]);
    const [alpha, beta] = placement.guests;
    expect(alpha?.staticMemory?.hpa).toBe(0x9200_0000);
    expect(beta?.staticMemory?.hpa).toBe(0xa200_0000);
    expect(alpha?.preloaded.map((copy) => copy.hpa)).toEqual([0x9220_0000, 0xa1e6_1000]);
    checkInvariants(placement, request);
  });

  it("keeps every range apart, aligned, inside the host and off the device tree, or says what does not fit", () => {
    const sizes = fc.record({
      memoryMiB: fc.integer({ min: 1, max: 3000 }),
      ramdisk: fc.integer({ min: 1, max: 40 * MIB }),
      memory: fc.constantFrom("static" as const, "dynamic" as const),
      share: fc.boolean(),
    });
    const input = fc.record({
      hostMiB: fc.integer({ min: 256, max: 8192 }),
      guests: fc.array(sizes, { maxLength: 6 }),
    });
    let placed = 0;
    fc.assert(
      fc.property(input, ({ hostMiB, guests }) => {
        const requests = guests.map((size, i) =>
          guest(`g${i}`, {
            memoryBytes: size.memoryMiB * MIB,
            ramdisk: { id: size.share ? "ramdisk" : `ramdisk${i}`, bytes: size.share ? 5 * MIB : size.ramdisk },
            memory: size.memory,
          }),
        );
        const request = { hostBytes: hostMiB * MIB, guests: requests };
        try {
          checkInvariants(placeGuests(request), request);
          placed++;
        } catch (error) {
          if (!(error instanceof StepError)) throw error;
          expect(error.fix).toBeTruthy();
        }
      }),
      { numRuns: 500 },
    );
    expect(placed).toBeGreaterThan(20);
  });

  it("goes around the device tree on a host of more than 1 GiB", () => {
    const request = {
      hostBytes: 3072 * MIB,
      guests: [guest("a", { memoryBytes: 512 * MIB }), guest("b", { memoryBytes: 512 * MIB })],
    };
    const placement = placeGuests(request);
    checkInvariants(placement, request);
    expect(placement.guests[1]?.staticMemory?.hpa).toBe(0xc000_0000);
  });

  it("names the guest that does not fit and how much memory would do", () => {
    const request = { hostBytes: 512 * MIB, guests: [guest("alpha"), guest("beta")] };
    const attempt = () => placeGuests(request);
    expect(attempt).toThrow(StepError);
    try {
      attempt();
    } catch (error) {
      const { why, fix } = error as StepError;
      expect(why).toContain("alpha");
      const least = Number(/at least (\d+) MiB/.exec(fix ?? "")?.[1]);
      expect(() => placeGuests({ ...request, hostBytes: least * MIB, guests: [guest("alpha")] })).not.toThrow();
      expect(() => placeGuests({ ...request, hostBytes: (least - 2) * MIB, guests: [guest("alpha")] })).toThrow();
    }
  });

  it("refuses two guests of one name", () => {
    expect(() => placeGuests({ hostBytes: 2048 * MIB, guests: [guest("a"), guest("a")] })).toThrow(/two guests/);
  });
});

describe("guestLayout", () => {
  it("puts the tree 64 KiB below the end and the ramdisk page-aligned below it", () => {
    const layout = guestLayout(guest("a", { ramdisk: { id: "r", bytes: 5000 } }));
    expect(layout).toEqual({ kernel: 2 * MIB, dtb: 256 * MIB - 65536, ramdisk: 256 * MIB - 65536 - 8192 });
  });

  it("counts the kernel's BSS", () => {
    const shape = { format: "linux-image", textOffset: 2 * MIB, memoryBytes: 200 * MIB, fileBytes: 4096 } as const;
    const request = guest("a", { kernel: { id: "k", bytes: 4096, shape }, memoryBytes: 202 * MIB });
    expect(() => guestLayout(request)).toThrow(/do not fit/);
    expect(() => guestLayout({ ...request, memoryBytes: 204 * MIB })).not.toThrow();
  });
});

describe("kernelShape", () => {
  it("reads a Linux Image's header and takes the larger of file and image size", () => {
    const header = Buffer.alloc(64);
    header.writeBigUInt64LE(0x20_0000n, 8);
    header.writeBigUInt64LE(0x1e6_b000n, 16);
    header.write("RSC\x05", 0x38, "latin1");
    expect(kernelShape(header, 1000)).toMatchObject({
      format: "linux-image",
      textOffset: 2 * MIB,
      memoryBytes: 0x1e6_b000,
    });
    expect(kernelShape(header, 0x200_0000).memoryBytes).toBe(0x200_0000);
    expect(kernelShape(header.subarray(0, 63), 63).format).toBe("flat");
    expect(kernelShape(Buffer.alloc(64), 64)).toMatchObject({ format: "flat", textOffset: 2 * MIB });
  });
});
