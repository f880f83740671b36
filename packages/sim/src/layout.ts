// SPDX-License-Identifier: Apache-2.0
// Where the metal's address space begins: what the simulated machine must agree on with the image's linker script.

/** Linear address of the first static byte; everything below is unmapped. */
export const LINEAR_START = 65536;
