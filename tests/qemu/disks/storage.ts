// SPDX-License-Identifier: Apache-2.0
// What a Debian guest does with its disks: a file system on a disk of the host, a read-only disk, a reset between, and a
// disk that comes and goes while it runs.
import { expect } from "../channel/host.ts";
import { find, type Systems } from "./systems.ts";

const MIB = 1024;
const WRITTEN_MIB = 8;

/** A file system with files on the writable disk; their sums stay in the copy-on-write root. */
export async function fills(systems: Systems): Promise<void> {
  const before = find(await systems.list("disk list"), { guest: "alpha", serial: "scratch" });
  expect(before.mode === "rw" && before.errors === 0, "the scratch disk can be written", before);
  await systems.run("alpha", "mkfs.ext4 -q /dev/vdb && mount /dev/vdb /mnt && cp -r /etc /mnt/etc");
  await systems.run("alpha", `dd if=/dev/urandom of=/mnt/random bs=64K count=${WRITTEN_MIB * 16} status=none`);
  await systems.run("alpha", "cd /mnt && find . -type f -print0 | xargs -0 sha256sum > /var/tmp/sums && cd && sync");
  const after = find(await systems.list("disk list"), { guest: "alpha", serial: "scratch" });
  const host = find(await systems.list("host disk"), { serial: "scratch" });
  for (const disk of [after, host]) {
    const moved = Number(disk.writtenKiB) - (disk === after ? Number(before.writtenKiB) : 0);
    expect(moved >= WRITTEN_MIB * MIB, "what is written is counted", disk);
    expect(disk.errors === 0 && disk.state === "ok", "without errors", disk);
  }
}

/**
 * A guest's kernel learns that a disk is read-only and lets nothing be written, whatever root says. That the device refuses
 * too what another kernel might send is tested with rings of our own (core/dev/virtio/block.test.ts).
 */
export async function keepsOut(systems: Systems): Promise<void> {
  expect((await systems.run("alpha", "blockdev --getro /dev/vdc")) === "1", "the kernel knows that it is read-only");
  const sum = "dd if=/dev/vdc bs=1M count=1 iflag=direct status=none | sha256sum";
  const before = await systems.run("alpha", sum);
  for (const first of ["true", "blockdev --setrw /dev/vdc"]) {
    const write = `${first}; LC_ALL=C dd if=/dev/zero of=/dev/vdc bs=4096 count=1 oflag=direct`;
    const { status, output } = await systems.tried("alpha", write);
    const refused = status !== 0 && /Operation not permitted|Input\/output error|Read-only file system/.test(output);
    expect(refused, "it cannot be written", output);
  }
  expect((await systems.run("alpha", sum)) === before, "nothing of it changed");
}

/** A reset of the guest is no reset of its disks. */
export async function survives(systems: Systems): Promise<void> {
  await systems.reset("alpha");
  await systems.run("alpha", "mount /dev/vdb /mnt && cd /mnt && sha256sum --check --quiet /var/tmp/sums && cd");
  expect(Number(await systems.run("alpha", "wc -l < /var/tmp/sums")) > 50, "the list of sums is whole");
}

const REMOVE = 'echo 1 > "$(readlink -f /sys/block/$1/device/..)/remove"';

/** A disk of the host goes from one guest to the other while both run. */
export async function wanders(systems: Systems): Promise<void> {
  await systems.host("disk attach beta scratch", /in use|has it|another|only one/);
  await systems.host("disk attach beta spare", /attached;/);
  const rescan = "echo 1 > /sys/bus/pci/rescan && udevadm settle";
  await systems.run("beta", `${rescan} && test "$(cat /sys/block/vdb/serial)" = spare`);
  await systems.run("beta", "mkfs.ext4 -q /dev/vdb && mount /dev/vdb /mnt && cp /bin/bash /mnt && umount /mnt");
  const sum = await systems.run("beta", "sha256sum < /bin/bash");
  const { disk } = find(await systems.list("disk list"), { guest: "beta", serial: "spare" });
  await systems.run("beta", `set vdb; ${REMOVE}; test ! -e /sys/block/vdb`);
  await systems.host(`disk detach beta ${disk}`, /it goes/);
  await systems.until("the disk is detached", async () => {
    const disks = await systems.list("disk list");
    return !disks.some((row) => row.guest === "beta" && row.serial === "spare");
  });
  await systems.host("disk attach alpha spare", /attached;/);
  await systems.run("alpha", `${rescan} && test "$(cat /sys/block/vdd/serial)" = spare && mkdir -p /srv/spare`);
  expect(
    (await systems.run("alpha", "mount /dev/vdd /srv/spare && sha256sum < /srv/spare/bash")) === sum,
    "same bytes",
  );
  const host = find(await systems.list("host disk"), { serial: "spare" });
  expect(host.errors === 0 && host.state === "ok", "the host's disk had no errors", host);
}
