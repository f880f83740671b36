// SPDX-License-Identifier: Apache-2.0
// The real hosts of this user. Loaded only when a verb wants one: the parts behind it are large.
import type { HostClient, HostStarter } from "./host-client.ts";

export const realHosts: HostStarter = {
  async connect(name): Promise<HostClient> {
    const { connectHost } = await import("@typeone/daemon");
    return connectHost(name);
  },
  async start(options): Promise<HostClient> {
    const { startHost } = await import("@typeone/daemon");
    return startHost(options);
  },
  async list() {
    const { listHosts } = await import("@typeone/daemon");
    return listHosts();
  },
};
