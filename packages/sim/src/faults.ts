// SPDX-License-Identifier: Apache-2.0
// The ways in which a simulated run can go wrong, each its own class so that a test can tell them apart.

/** The core did what would fault on the metal (absent CSR, unmapped hpa); the machine contains it as assembly does. */
export class CoreFault extends Error {
  override readonly cause: bigint;
  readonly value: bigint;
  constructor(message: string, cause: bigint, value = 0n) {
    super(message);
    this.name = "CoreFault";
    this.cause = cause;
    this.value = value;
  }
}

/** The core called hw.panic, or faulted again while it contained a fault: the machine has stopped. */
export class MachinePanic extends Error {
  constructor(message: string) {
    super(message);
    this.name = "MachinePanic";
  }
}

/** The core broke a rule that the simulated machine watches (a stale translation used, a lock kept, a register lost). */
export class Violation extends Error {
  constructor(message: string) {
    super(message);
    this.name = "Violation";
  }
}

/** @spec priv §20: exception codes that the simulation raises for the hypervisor itself. */
export const FAULT_ILLEGAL = 2n;
export const FAULT_BREAKPOINT = 3n;
export const FAULT_LOAD_ACCESS = 5n;
export const FAULT_STORE_ACCESS = 7n;
