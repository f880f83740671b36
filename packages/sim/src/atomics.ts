// SPDX-License-Identifier: Apache-2.0
// The atomic imports of core/hw.ts for a unit that one hart runs: plain words of its linear memory.
import type { UnitModule } from "./unit.ts";

/** `unit` answers the module, which exists by the first call; `look` is told of each access before it is made. */
export function atomics(unit: () => UnitModule, look: (at: number) => void = () => {}) {
  const word = (at: number, change: (before: number) => number): number => {
    look(at);
    const view = unit().view();
    const before = view.getUint32(at, true);
    view.setUint32(at, change(before) >>> 0, true);
    return before;
  };
  return {
    atomicLoad: (at: number) => word(at, (before) => before),
    atomicSwap: (at: number, value: number) => word(at, () => value),
    atomicOr: (at: number, bits: number) => word(at, (before) => before | bits),
    atomicAnd: (at: number, bits: number) => word(at, (before) => before & bits),
    atomicAdd: (at: number, by: number) => word(at, (before) => before + by),
    atomicCompareSwap: (at: number, from: number, to: number) => word(at, (before) => (before === from ? to : before)),
  };
}
