// SPDX-License-Identifier: Apache-2.0
// Entropy of a guest, on VirtIO: to be written. For now it has no queue that does anything.
// Called by types.ts in trap context.
import { VirtioDevice, Virtqueue } from "./device";

export function rngNotify(device: VirtioDevice, queue: Virtqueue): void {}
