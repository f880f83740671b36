// SPDX-License-Identifier: Apache-2.0
// How a text becomes a value of a QEMU option. Pure.

/** Escapes a value inside a comma-separated QEMU option. */
export function qemuValue(value: string): string {
  return value.replaceAll(",", ",,");
}
