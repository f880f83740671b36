// SPDX-License-Identifier: Apache-2.0
// One guest's console through the management channel, as the Console that GuestShell and the tests know: what the guest
// prints is followed, what is typed goes as fast as the guest takes it. Called by io-host.ts; ends with its signal.
import { Console } from "@typeone/host";
import { type ChannelClient, follow, type GuestInfo, WireStream } from "@typeone/protocol";
import { ConsoleInput } from "../../../packages/daemon/src/console-input.ts";

export function openConsole(client: ChannelClient, guest: GuestInfo, signal: AbortSignal): Console {
  const { id, generation } = guest;
  const input = new ConsoleInput(() => Promise.resolve(client), { id, generation });
  const console = new Console((bytes) => void input.type(bytes));
  const read = async (): Promise<void> => {
    const options = { index: id, generation, signal };
    for await (const { bytes } of follow(client, WireStream.Console, options)) console.feed(Buffer.from(bytes));
  };
  void read().then(
    () => console.close(`the console of ${guest.name} ended`),
    (error: unknown) => console.close(`the console of ${guest.name} ended: ${String(error)}`),
  );
  return console;
}
