// SPDX-License-Identifier: Apache-2.0
// Which VirtIO devices the host has: over MMIO in the order of its tree, then over PCI in the order of functions. The boot
// hart looks once; drivers then take the devices of their type, in this order ("disk0" is the first disk of it).
// @lock per boot
import {
  VIRTIO_DEVICE_ID,
  VIRTIO_MAGIC,
  VIRTIO_MAGIC_VALUE,
  VIRTIO_VERSION,
  VIRTIO_VERSION_MODERN,
} from "../../dev/spec";
import {
  fdtAddress,
  fdtAvailable,
  fdtBusIsFlat,
  fdtFindCompatible,
  FdtInterrupt,
  fdtInterrupt,
  fdtInterruptCell,
  fdtParent,
  FdtRange,
  fdtRegOn,
  fdtSibling,
} from "../../fdt/read";
import * as hw from "../../hw";
import { print, printHex } from "../../lib/print";
import { Status } from "../../lib/status";
import { barsInit } from "../pci/bars";
import { PCI_END, pciFind, pciNext } from "../pci/host";
import { virtioFunction } from "./function";
import { VIRTIO_CONFIG } from "./spec";
import { HostVirtio, VIA_MMIO } from "./transport";

/** Devices that are taken; more are left alone. */
const MOST: u32 = 16;
/** Bytes of registers in front of the configuration, and of the configuration that we use. */
const REGISTERS: u64 = 0x100;
const CONFIG: u64 = 0x100;

const found: usize = memory.data(<i32>(MOST * offsetof<HostVirtio>()), 8);
let count: u32 = 0;
const range: usize = memory.data(16, 8);
const interrupt: usize = memory.data(16, 8);

/** Device `index`, which is below MOST. */
function device(index: u32): HostVirtio {
  return changetype<HostVirtio>(found + <usize>index * offsetof<HostVirtio>());
}

/** The next device of that type behind `after` (null: the first); null behind the last. */
export function virtioNext(type: u32, after: HostVirtio): HostVirtio {
  const before = changetype<usize>(after);
  let index: u32 = before ? <u32>((before - found) / offsetof<HostVirtio>()) + 1 : 0;
  while (index < count && device(index).type != type) index += 1;
  return index < count ? device(index) : changetype<HostVirtio>(0);
}

/** Boot: looks for devices in the host's tree and on its PCI. */
export function virtioFind(tree: usize): void {
  findMmio(tree);
  if (!pciFind(tree)) return;
  barsInit();
  for (let number = pciNext(PCI_END); number != PCI_END && count < MOST; number = pciNext(number)) {
    const next = device(count);
    if (virtioFunction(number, next)) count += 1;
    else memory.fill(changetype<usize>(next), 0, offsetof<HostVirtio>());
  }
}

function findMmio(tree: usize): void {
  const where = changetype<FdtRange>(range);
  let bus: usize = 0;
  let flat: bool = 0;
  let before: usize = 0;
  let place: u32 = 0;
  for (
    let node = fdtFindCompatible(tree, 0, "virtio,mmio");
    node && count < MOST;
    node = fdtFindCompatible(tree, node, "virtio,mmio"), place++
  ) {
    // They stand next to each other, mostly empty: what is above them is looked for once.
    if (before == 0 || fdtSibling(before) != node) {
      bus = fdtParent(tree, node);
      flat = fdtBusIsFlat(tree, bus);
    }
    before = node;
    const status = flat ? fdtRegOn(tree, bus, node, where) : fdtAddress(tree, node, 0, where);
    if (status != Status.Ok || !fdtAvailable(tree, node)) continue;
    if (where.size < REGISTERS || where.base & 3 || !fill(device(count), where)) continue;
    const what = changetype<FdtInterrupt>(interrupt);
    if (fdtInterrupt(tree, node, 0, what) != Status.Ok) continue;
    device(count).irq = fdtInterruptCell(what, 0);
    device(count).trigger = fdtInterruptCell(what, 1);
    device(count).place = place;
    count += 1;
  }
}

/** Is there a modern device at `where`? @spec virtio §4.2.2 */
function fill(at: HostVirtio, where: FdtRange): bool {
  const bytes = min(where.size, REGISTERS + CONFIG);
  const hva = hw.mapDevice(where.base, bytes);
  if (hva == 0 || hw.mmioRead32(hva + VIRTIO_MAGIC) != VIRTIO_MAGIC_VALUE) return false;
  const type = hw.mmioRead32(hva + VIRTIO_DEVICE_ID);
  if (type == 0) return false;
  if (hw.mmioRead32(hva + VIRTIO_VERSION) != VIRTIO_VERSION_MODERN) {
    print("the virtio device at ");
    printHex(where.base);
    print(" is a legacy one and is not used (QEMU: -global virtio-mmio.force-legacy=false)\n");
    return false;
  }
  at.kind = VIA_MMIO;
  at.registers = hva;
  at.config = hva + VIRTIO_CONFIG;
  at.configBytes = <u32>(bytes - REGISTERS);
  at.type = type;
  return true;
}
