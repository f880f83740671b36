// SPDX-License-Identifier: Apache-2.0
// For receivers that did not agree to complete checksums or to take large TCP frames, and for uplinks that cannot: the
// frame becomes one or more ordinary ones, put together in linear memory with their checksums. The work is bounded by the
// frame's bytes and MAX_PARTS. Only frames that check.ts accepted come here. Trap context.
// @spec RFC 9293, RFC 791, RFC 8200 §8.1; what each part's header says: as segmentation in hardware does it
import {
  ETHER_HEADER,
  IP_PROTOCOL_TCP,
  IPV4_CHECKSUM,
  IPV4_IDENTIFICATION,
  IPV4_LENGTH,
  IPV4_SOURCE,
  IPV6_HEADER,
  IPV6_LENGTH,
  IPV6_SOURCE,
  TCP_CHECKSUM,
  TCP_CWR,
  TCP_FIN_PSH,
  TCP_FLAGS,
  TCP_SEQUENCE,
} from "../../dev/virtio/net-spec";
import { readSegments } from "../../dev/virtio/chain";
import { isIpv4, NEEDS_TSO4, NEEDS_TSO6 } from "./check";
import { checksumOf, sumBytes } from "./checksum";
import { Frame, frameCursor, frameRead, headerGsoSize, headerHeaders, headerOffset } from "./frame";

/** Most frames that one becomes: 64 KiB for the least MSS of IPv4, twice. */
export const MAX_PARTS: u32 = 256;

/** How many ordinary frames it becomes. */
export function partsOf(frame: Frame): u32 {
  if ((frame.needs & (NEEDS_TSO4 | NEEDS_TSO6)) == 0) return 1;
  const size = headerGsoSize(frame);
  return (frame.length - headerHeaders(frame) + size - 1) / size;
}

/** Writes ordinary frame `index` of those to `ptr`, 2 behind a multiple of 8, with room for FLAT_BYTES. Answers its length. */
export function makePart(frame: Frame, index: u32, ptr: usize): u32 {
  if ((frame.needs & (NEEDS_TSO4 | NEEDS_TSO6)) == 0) return makeWhole(frame, ptr);
  const headers = headerHeaders(frame);
  const size = headerGsoSize(frame);
  const begin = index * size;
  const payload = frame.length - headers;
  const length = min(size, payload - begin);
  memory.copy(ptr, frame.head, headers);
  readSegments(ptr + headers, frameCursor(frame, headers + begin), length);
  const pseudo = isIpv4(frame) ? fixIpv4(frame, ptr, headers + length, index) : fixIpv6(frame, ptr, headers + length);
  const tcp = ptr + frame.transport;
  store<u32>(tcp, bswap<u32>(bswap<u32>(load<u32>(tcp, TCP_SEQUENCE)) + begin), TCP_SEQUENCE);
  let flags: u32 = load<u8>(tcp, TCP_FLAGS);
  if (index) flags &= ~TCP_CWR;
  if (begin + length != payload) flags &= ~TCP_FIN_PSH;
  store<u8>(tcp, <u8>flags, TCP_FLAGS);
  store<u16>(tcp, 0, TCP_CHECKSUM);
  const bytes = headers + length - frame.transport;
  const sum = pseudo + bswap<u16>(<u16>bytes) + bswap<u16>(<u16>IP_PROTOCOL_TCP);
  store<u16>(tcp, checksumOf(sumBytes(sum, tcp, bytes)), TCP_CHECKSUM);
  return headers + length;
}

/** The frame as it is, its checksum completed. */
function makeWhole(frame: Frame, ptr: usize): u32 {
  frameRead(frame, 0, ptr, frame.length);
  const transport = ptr + frame.transport;
  const sum = sumBytes(0, transport, frame.length - frame.transport);
  store<u16>(transport + headerOffset(frame), checksumOf(sum));
  return frame.length;
}

/** Lengths, number and checksum of the IP header; answers the sum of the addresses. */
function fixIpv4(frame: Frame, ptr: usize, length: u32, index: u32): u64 {
  const ip = ptr + ETHER_HEADER;
  store<u16>(ip, bswap<u16>(<u16>(length - ETHER_HEADER)), IPV4_LENGTH);
  store<u16>(ip, bswap<u16>(bswap<u16>(load<u16>(ip, IPV4_IDENTIFICATION)) + <u16>index), IPV4_IDENTIFICATION);
  store<u16>(ip, 0, IPV4_CHECKSUM);
  store<u16>(ip, checksumOf(sumBytes(0, ip, frame.transport - ETHER_HEADER)), IPV4_CHECKSUM);
  return sumBytes(0, ip + IPV4_SOURCE, 8);
}

function fixIpv6(frame: Frame, ptr: usize, length: u32): u64 {
  const ip = ptr + ETHER_HEADER;
  store<u16>(ip, bswap<u16>(<u16>(length - ETHER_HEADER - IPV6_HEADER)), IPV6_LENGTH);
  return sumBytes(0, ip + IPV6_SOURCE, 32);
}
