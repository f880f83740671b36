// SPDX-License-Identifier: Apache-2.0
// What TypeOne must reach and what its peers cost: instructions per operation as the guest sees it, loop and everything
// below included, measured with the same kind of payload on QEMU 10.0.2 under -icount. Data only.

export interface OperationTarget {
  /** The payload's name for it. */
  readonly id: string;
  readonly title: string;
  readonly bao: number | undefined;
  readonly xvisor: number | undefined;
  readonly kvm: number | undefined;
  readonly target: number | undefined;
  /** Whether the figure on the bare machine means the same operation (a bare device access does not exit). */
  readonly bare: "same" | "other";
}

const row = (
  id: string,
  title: string,
  peers: readonly [number | undefined, number | undefined, number | undefined],
  target: number | undefined,
  bare: "same" | "other" = "same",
): OperationTarget => ({ id, title, bao: peers[0], xvisor: peers[1], kvm: peers[2], target, bare });

const NO_PEER = [undefined, undefined, undefined] as const;

export const OPERATIONS: readonly OperationTarget[] = [
  row("null-call", "null SBI call (base, spec version)", [243, 740, 939], 140),
  row("set-timer", "SBI set_timer", [242, 760, 996], 150),
  row("ipi-self", "SBI IPI to self, poll and clear", [3925, 2452, 1503], 220),
  row("remote-fence", "SBI remote sfence.vma, self", [3821, 4590, 2372], 200),
  row("hart-status", "hart status", [248, 838, 1140], 160),
  row("uart-load", "emulated MMIO load (UART status)", [285, 1101, 3609], 170, "other"),
  row("plic-load", "emulated PLIC register", [285, 1085, 3579], 190, "other"),
  row("first-touch", "first touch of a RAM page", [4, 17, 4489], 17),
  row("timer-interrupt", "timer interrupt (SBI: set now, take it)", [266, 784, 1022], 180),
  row("timer-interrupt-sstc", "timer interrupt (stimecmp: no exit)", NO_PEER, undefined),
  row("loop", "the loop alone (one CSR read)", NO_PEER, undefined),
];

export const BOOT = {
  hypervisorInstructions: { target: 400_000, xvisor: 850_000, kvm: 95_600_000 },
  exits: { target: 400, xvisor: 464, kvm: 21_840 },
  /** Within this factor of the best peer, which needed 1,020 M where the bare machine needed 1,035 M. */
  guestInstructions: { target: 1.005, bestPeer: 1_020_000_000, bareThen: 1_035_000_000 },
  imageBytes: { target: 128 << 10, bao: 56 << 10, xvisor: 785 << 10 },
  memoryBytes: { target: 2 << 20, targetFour: 4 << 20, xvisor: 17.4 * (1 << 20) },
  firstInstruction: { target: 2_000_000, xvisor: 16_800_000 },
} as const;
