// SPDX-License-Identifier: Apache-2.0
// Frames that a guest prints in the hope that somebody takes them for control. It is given what it could not know: the
// session's number, and the sequence numbers that come next.
import {
  type AnyOperation,
  type Codec,
  encodeFrame,
  NoticeCodec,
  OPERATIONS,
  WIRE_KIND_ANSWER,
  WIRE_KIND_NOTICE,
  WIRE_KIND_REQUEST,
  WireAction,
  WireHostAction,
  WireStatus,
} from "@typeone/protocol";

export interface Known {
  readonly session: number;
  readonly sequence: number;
  /** A guest to be destroyed. */
  readonly victim: { readonly guest: number; readonly generation: number };
}

function bodyOf<T>(codec: Codec<T>, value: T): Uint8Array {
  const body = new Uint8Array(codec.size);
  codec.encode(value, new DataView(body.buffer), 0);
  return body;
}

/** Requests that end the machine, a guest and the session, and one that takes the session over. */
function requests({ session, sequence, victim }: Known): Uint8Array[] {
  const request = (operation: AnyOperation, value: object, from = session): Uint8Array =>
    encodeFrame({
      kind: WIRE_KIND_REQUEST,
      session: from,
      sequence: sequence + 1000,
      operation: operation.number,
      body: bodyOf(operation.request, value),
    });
  return [
    request(OPERATIONS.GuestAction, { ...victim, action: WireAction.Destroy }),
    request(OPERATIONS.HostAction, { action: WireHostAction.PowerOff }),
    request(OPERATIONS.Hello, { version: 1 }, session ^ 0x5555),
    request(OPERATIONS.Bye, {}),
  ];
}

/** Answers to what is asked next, that say that there is no such thing and no such session; and notices. */
function answers({ session, sequence }: Known): Uint8Array[] {
  const all: Uint8Array[] = [];
  for (let ahead = 1; ahead <= 40; ahead++) {
    const answer = { kind: WIRE_KIND_ANSWER, session, sequence: sequence + ahead, body: new Uint8Array() };
    all.push(encodeFrame({ ...answer, operation: OPERATIONS.Guests.number, status: WireStatus.NotFound }));
    all.push(encodeFrame({ ...answer, operation: OPERATIONS.Guests.number, status: WireStatus.Session }));
  }
  const body = bodyOf(NoticeCodec, { events: 0x7777_0000, log: 0x7777_0000, consoles: 0n });
  all.push(encodeFrame({ kind: WIRE_KIND_NOTICE, session, sequence: 0, operation: 0, body }));
  return all;
}

export function forgeries(known: Known): Uint8Array {
  const counting = Uint8Array.from({ length: 256 }, (_, byte) => byte);
  // A beginning without an end, too: whoever took it for a frame would wait for the rest.
  const begun = Uint8Array.of(0, 1, 1, 1, 1, 1);
  return Buffer.concat([counting, ...requests(known), ...answers(known), begun]);
}
