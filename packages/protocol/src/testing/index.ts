// SPDX-License-Identifier: Apache-2.0
// For tests of what stands on the channel: a hypervisor's end without a hypervisor, and links that misbehave.
export { type FakeGuest, FakeGuests } from "./guests.ts";
export { FakeHypervisor, type FakeOptions } from "./hypervisor.ts";
export { fakeLink, type LinkEnd, type LinkOptions, type Mischief, mischiefOf } from "./link.ts";
export { FakeStream } from "./stream.ts";
