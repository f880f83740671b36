// SPDX-License-Identifier: Apache-2.0
// Every scenario that goes over the management channel.
import type { ChannelScenario } from "./scenario.ts";
import { uartScenarios } from "./uart.ts";

export const channelScenarios: readonly ChannelScenario[] = [...uartScenarios];
