// SPDX-License-Identifier: Apache-2.0
// The translation caches of one hart. They never forget by themselves, so a fence that the core leaves out is seen:
// a stage-2 entry that no longer agrees with the tables is reported when a guest uses it, and a guest-virtual entry
// answers with what the guest's page table said when it was filled.

export interface Stage2Entry {
  /** Host-physical page. */
  readonly hpa: number;
  readonly pte: bigint;
}

export type FenceKind = "stage2" | "stage2All" | "guest" | "guestPage" | "instructions";

export interface FenceRecord {
  readonly kind: FenceKind;
  readonly time: bigint;
  readonly vmid: number;
  readonly gva: bigint;
  readonly asid: bigint;
}

interface GuestEntry {
  readonly vmid: number;
  readonly asid: bigint;
  readonly page: bigint;
  readonly value: bigint;
}

const KEEP_FENCES = 4096;

export class Tlb {
  readonly #stage2 = new Map<number, Map<number, Stage2Entry>>();
  #guest: GuestEntry[] = [];
  #instructionsStale = false;
  /** The most recent fences, oldest first. */
  readonly fences: FenceRecord[] = [];
  fenceCount = 0;

  lookup(vmid: number, page: number): Stage2Entry | undefined {
    return this.#stage2.get(vmid)?.get(page);
  }

  fill(vmid: number, page: number, entry: Stage2Entry): void {
    let entries = this.#stage2.get(vmid);
    if (!entries) {
      entries = new Map();
      this.#stage2.set(vmid, entries);
    }
    entries.set(page, entry);
  }

  lookupGuest(vmid: number, asid: bigint, page: bigint): bigint | undefined {
    return this.#guest.find((entry) => entry.vmid === vmid && entry.asid === asid && entry.page === page)?.value;
  }

  fillGuest(entry: GuestEntry): void {
    this.#guest.push(entry);
  }

  /** The guest's instruction memory changed: fetches may be stale until a fence.i. */
  dirtyInstructions(): void {
    this.#instructionsStale = true;
  }

  get instructionsStale(): boolean {
    return this.#instructionsStale;
  }

  /** Executes a fence; `asid` below 0 means every address space. */
  fence(record: FenceRecord): void {
    this.fences.push(record);
    this.fenceCount++;
    if (this.fences.length > KEEP_FENCES) this.fences.splice(0, KEEP_FENCES / 2);
    const { kind, vmid, asid, gva } = record;
    if (kind === "instructions") this.#instructionsStale = false;
    if (kind === "stage2") {
      this.#stage2.delete(vmid);
      this.#guest = this.#guest.filter((entry) => entry.vmid !== vmid);
    } else if (kind === "stage2All") {
      this.#stage2.clear();
      this.#guest = [];
    } else if (kind === "guest" || kind === "guestPage") {
      const page = gva >> 12n;
      this.#guest = this.#guest.filter(
        (entry) =>
          entry.vmid !== vmid || (asid >= 0n && entry.asid !== asid) || (kind === "guestPage" && entry.page !== page),
      );
    }
  }
}
