// SPDX-License-Identifier: Apache-2.0
// QEMU's arguments for disks and NICs, the files behind disks, and ports that others have.
import { createSocket } from "node:dgram";
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import net, { type AddressInfo } from "node:net";
import os from "node:os";
import path from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { checkForwards, deviceArgs, type DiskOptions, type ForwardOptions, nicMac, prepareDisks } from "./devices.ts";
import { DEFAULT_MACHINE, machineArgs } from "./machine.ts";

const folder = mkdtempSync(path.join(os.tmpdir(), "typeone-devices-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const disk = (more: Partial<DiskOptions> = {}): DiskOptions => ({
  ...{ name: "data", file: "/x/data.img", format: "raw", readOnly: false },
  ...more,
});
const forward = (more: Partial<ForwardOptions> = {}): ForwardOptions => ({
  ...{ protocol: "tcp", hostAddress: "127.0.0.1", hostPort: 2222, guestAddress: "10.0.2.15", guestPort: 22 },
  ...more,
});

describe("arguments", () => {
  it("of disks: serial, format, a slot that follows from the order", () => {
    const args = deviceArgs({ disks: [disk(), disk({ name: "b", file: "/a,b", format: "qcow2", readOnly: true })] });
    expect(args).toEqual([
      "-drive",
      "if=none,id=disk0,file=/x/data.img,format=raw,readonly=off,discard=unmap,detect-zeroes=off",
      "-device",
      "virtio-blk-pci,drive=disk0,serial=data,disable-legacy=on,bus=pcie.0,addr=0x8",
      "-drive",
      "if=none,id=disk1,file=/a,,b,format=qcow2,readonly=on",
      "-device",
      "virtio-blk-pci,drive=disk1,serial=b,disable-legacy=on,bus=pcie.0,addr=0x9",
    ]);
  });

  it("of NICs: no ROM, forwarded ports, addresses that no guest gets", () => {
    const nics = [{ name: "lan", forwards: [forward(), forward({ protocol: "udp", hostPort: 53, guestPort: 53 })] }];
    expect(deviceArgs({ nics: [...nics, { name: "wan", forwards: [] }] })).toEqual([
      "-netdev",
      "user,id=nic0,hostfwd=tcp:127.0.0.1:2222-10.0.2.15:22,hostfwd=udp:127.0.0.1:53-10.0.2.15:53",
      "-device",
      "virtio-net-pci,netdev=nic0,mac=02:54:31:00:00:01,romfile=,disable-legacy=on,bus=pcie.0,addr=0x10",
      "-netdev",
      "user,id=nic1",
      "-device",
      "virtio-net-pci,netdev=nic1,mac=02:54:31:00:00:02,romfile=,disable-legacy=on,bus=pcie.0,addr=0x11",
    ]);
    expect(nicMac(0)).not.toMatch(/^52:54:00/);
  });

  it("are part of the machine, and bounded", () => {
    expect(machineArgs({ ...DEFAULT_MACHINE, disks: [disk()] }).join(" ")).toContain("serial=data");
    expect(() => deviceArgs({ disks: Array.from({ length: 9 }, () => disk()) })).toThrow(/at most 8 disks/);
    expect(() => deviceArgs({ nics: Array.from({ length: 5 }, () => ({ name: "n", forwards: [] })) })).toThrow(
      /at most 4/,
    );
  });
});

describe("files of disks", () => {
  const why = (disks: readonly DiskOptions[]) =>
    prepareDisks(disks).then(
      () => "fine",
      (error: Error) => error.message,
    );

  it("are made where they have a size, and left as they are where they are there", async () => {
    const file = path.join(folder, "deep/er/data.img");
    await prepareDisks([disk({ file, sizeBytes: 1 << 20 })]);
    expect(statSync(file)).toMatchObject({ size: 1 << 20, blocks: 0 });
    writeFileSync(file, "kept");
    await prepareDisks([disk({ file, sizeBytes: 1 << 20 })]);
    expect(statSync(file).size).toBe(4);
  });

  it("are missed by name", async () => {
    expect(await why([disk({ file: path.join(folder, "gone") })])).toMatch(/open disk data: there is no file .*gone/);
    expect(await why([disk({ file: path.join(folder, "q.qcow2"), format: "qcow2", sizeBytes: 4096 })])).toMatch(
      /there is no/,
    );
    expect(await why([disk({ file: folder })])).toMatch(/is no file/);
    const plain = path.join(folder, "plain");
    writeFileSync(plain, "");
    expect(
      await why([
        disk({ file: path.join(folder, "x"), sizeBytes: 4096, name: "b" }),
        disk({ file: path.join(plain, "x/y"), sizeBytes: 4096 }),
      ]),
    ).toMatch(/open disk data: .* cannot be made/);
  });
});

describe("forwarded ports", () => {
  const why = (...forwards: ForwardOptions[]) =>
    checkForwards([{ name: "lan", forwards }]).then(
      () => "fine",
      (error: Error & { fix?: string }) => `${error.message}; ${error.fix ?? ""}`,
    );

  it("are fine when they are free, and free again afterwards", async () => {
    const server = net.createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
    const { port } = server.address() as AddressInfo;
    expect(await why(forward({ hostPort: port }))).toMatch(
      new RegExp(`forward a port into network lan: port 127.0.0.1:${port} is in use; write another port .*ss -ltnup`),
    );
    expect(await why(forward({ hostPort: port, protocol: "udp" }))).toBe("fine");
    await new Promise((resolve) => server.close(resolve));
    expect(await why(forward({ hostPort: port }))).toBe("fine");
    expect(await why(forward({ hostPort: port }))).toBe("fine");
    expect(await why(forward({ hostPort: port }), forward({ hostPort: port }))).toMatch(/into network lan too/);
  });

  it("of udp and of other machines are told too", async () => {
    const socket = createSocket("udp4").bind(0, "127.0.0.1");
    await new Promise((resolve) => socket.once("listening", resolve));
    expect(await why(forward({ protocol: "udp", hostPort: socket.address().port }))).toMatch(/\(udp\) is in use/);
    socket.close();
    expect(await why(forward({ hostAddress: "192.0.2.1" }))).toMatch(/does not have the address of 192.0.2.1:2222/);
  });
});
