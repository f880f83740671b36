// SPDX-License-Identifier: Apache-2.0
// Every scenario that goes over the management channel.
import { endScenarios } from "./ends.ts";
import { policyScenarios } from "./policies.ts";
import type { ChannelScenario } from "./scenario.ts";
import { uartScenarios } from "./uart.ts";
import { vcpuScenarios } from "./vcpus.ts";

export const channelScenarios: readonly ChannelScenario[] = [
  ...uartScenarios,
  ...endScenarios,
  ...vcpuScenarios,
  ...policyScenarios,
];
