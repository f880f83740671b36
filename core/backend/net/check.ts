// SPDX-License-Identifier: Apache-2.0
// Is what a frame's VirtIO header says true of the frame? A receiver believes that header: it writes a checksum where the
// header says, and cuts the frame as the header says. So the headers of the frame itself are parsed here, from the copy,
// and the header that receivers get is written anew from what was found. What does not agree is dropped; a checksum in a
// protocol that is not parsed here is completed by the switch. Trap context.
// @spec virtio 1.2 §5.1.6.2
import {
  ETHER_HEADER,
  ETHER_IPV4_LE,
  ETHER_IPV6_LE,
  ETHER_TYPE,
  IP_PROTOCOL_TCP,
  IP_PROTOCOL_UDP,
  IPV4_FRAGMENT,
  IPV4_FRAGMENT_LE,
  IPV4_LENGTH,
  IPV4_MIN,
  IPV4_PROTOCOL,
  IPV6_HEADER,
  IPV6_LENGTH,
  IPV6_NEXT,
  TCP_CHECKSUM,
  TCP_MIN,
  TCP_OFFSET,
  UDP_CHECKSUM,
  UDP_HEADER,
  VIRTIO_NET_F_GUEST_CSUM,
  VIRTIO_NET_F_GUEST_TSO4,
  VIRTIO_NET_F_GUEST_TSO6,
  VIRTIO_NET_HDR_F_NEEDS_CSUM,
  VIRTIO_NET_HDR_FLAGS,
  VIRTIO_NET_HDR_GSO_SIZE,
  VIRTIO_NET_HDR_GSO_TCPV4,
  VIRTIO_NET_HDR_GSO_TCPV6,
  VIRTIO_NET_HDR_GSO_TYPE,
  VIRTIO_NET_HDR_HDR_LEN,
} from "../../dev/virtio/net-spec";
import {
  clearHeader,
  Frame,
  headerFlags,
  headerGso,
  headerGsoSize,
  headerOf,
  headerOffset,
  headerStart,
} from "./frame";
import { completeChecksum } from "./checksum";
import { DROP_HEADER, DROP_LONG, DROP_SHORT } from "./port";

/** Of checkFrame: it may go on. */
export const FRAME_OK: u32 = u32.MAX_VALUE;
/** Least payload of each part of a large TCP frame: Linux goes no lower. */
const MSS_MIN: u32 = 8;
/** Longest large frame: what an IP header can say, with Ethernet's. */
const LARGE_MAX: u32 = 65535 + ETHER_HEADER;

export const NEEDS_CHECKSUM: u32 = 1 << VIRTIO_NET_F_GUEST_CSUM;
export const NEEDS_TSO4: u32 = 1 << VIRTIO_NET_F_GUEST_TSO4;
export const NEEDS_TSO6: u32 = 1 << VIRTIO_NET_F_GUEST_TSO6;

/**
 * Checks a frame of `frame.length` bytes whose beginning, behind its VirtIO header, is in the head. `may`: what the sender
 * agreed on, as NEEDS_* bits; `mtu` the sender's. Sets frame.needs, and writes the header that receivers get. FRAME_OK, or DROP_*.
 */
export function checkFrame(frame: Frame, may: u32, mtu: u32): u32 {
  if (frame.length < ETHER_HEADER) return DROP_SHORT;
  const flags = headerFlags(frame) & VIRTIO_NET_HDR_F_NEEDS_CSUM;
  const gso = headerGso(frame);
  frame.needs = 0;
  frame.transport = 0;
  if (gso == 0) {
    if (frame.length > mtu + ETHER_HEADER) return DROP_LONG;
    if (flags) return checkChecksum(frame, may);
    clearHeader(frame);
    return FRAME_OK;
  }
  return flags && may & NEEDS_CHECKSUM ? checkLarge(frame, gso, may, mtu) : DROP_HEADER;
}

function half(frame: Frame, at: u32): u32 {
  return load<u16>(frame.head + at);
}

function bigHalf(frame: Frame, at: u32): u32 {
  return bswap<u16>(load<u16>(frame.head + at));
}

/** Where the transport header of an unfragmented IP packet begins, 0 if the frame is none or is cut short. */
export function transportOf(frame: Frame): u32 {
  const type = half(frame, ETHER_TYPE);
  if (frame.headLength < ETHER_HEADER + IPV4_MIN) return 0;
  const version = load<u8>(frame.head + ETHER_HEADER);
  if (type == ETHER_IPV4_LE) {
    const bytes = ((<u32>version) & 15) << 2;
    if (version >> 4 != 4 || bytes < IPV4_MIN) return 0;
    return half(frame, ETHER_HEADER + IPV4_FRAGMENT) & IPV4_FRAGMENT_LE ? 0 : ETHER_HEADER + bytes;
  }
  if (type != ETHER_IPV6_LE || version >> 4 != 6) return 0;
  return frame.headLength < ETHER_HEADER + IPV6_HEADER ? 0 : ETHER_HEADER + IPV6_HEADER;
}

export function isIpv4(frame: Frame): bool {
  return half(frame, ETHER_TYPE) == ETHER_IPV4_LE;
}

/** The protocol behind the IP header. */
export function protocolOf(frame: Frame): u32 {
  return load<u8>(frame.head + ETHER_HEADER + (isIpv4(frame) ? IPV4_PROTOCOL : IPV6_NEXT));
}

/** A frame that wants a checksum. */
function checkChecksum(frame: Frame, may: u32): u32 {
  if ((may & NEEDS_CHECKSUM) == 0) return DROP_HEADER;
  const start = headerStart(frame);
  const offset = headerOffset(frame);
  const transport = transportOf(frame);
  const protocol = transport ? protocolOf(frame) : 0;
  const tcp = protocol == IP_PROTOCOL_TCP;
  if (!tcp && protocol != IP_PROTOCOL_UDP) return completeHere(frame, start, offset);
  const room = transport + (tcp ? TCP_MIN : UDP_HEADER);
  if (start != transport || offset != (tcp ? TCP_CHECKSUM : UDP_CHECKSUM) || frame.headLength < room)
    return DROP_HEADER;
  frame.needs = NEEDS_CHECKSUM;
  frame.transport = transport;
  writeHeader(frame, 0, 0, 0);
  return FRAME_OK;
}

/** Not TCP or UDP as we know it: the frame becomes one that wants nothing, if that can be done in the copy. */
function completeHere(frame: Frame, start: u32, offset: u32): u32 {
  if (start < ETHER_HEADER || start + offset + 2 > frame.headLength) return DROP_HEADER;
  completeChecksum(frame, start, start + offset);
  clearHeader(frame);
  return FRAME_OK;
}

/** A large frame: TCP in IP of the kind that it says, lengths that agree, and a payload to cut. */
function checkLarge(frame: Frame, gso: u32, may: u32, mtu: u32): u32 {
  const v4 = gso == VIRTIO_NET_HDR_GSO_TCPV4;
  if (!v4 && gso != VIRTIO_NET_HDR_GSO_TCPV6) return DROP_HEADER;
  const need = v4 ? NEEDS_TSO4 : NEEDS_TSO6;
  const transport = transportOf(frame);
  if ((may & need) == 0 || transport == 0 || v4 != isIpv4(frame) || protocolOf(frame) != IP_PROTOCOL_TCP) {
    return DROP_HEADER;
  }
  if (frame.length > LARGE_MAX || frame.headLength < transport + TCP_MIN) return DROP_HEADER;
  const words = (<u32>load<u8>(frame.head + transport + TCP_OFFSET)) >> 4;
  const headers = transport + (words << 2);
  if (words << 2 < TCP_MIN || frame.headLength < headers || frame.length <= headers) return DROP_HEADER;
  if (headerStart(frame) != transport || headerOffset(frame) != TCP_CHECKSUM) return DROP_HEADER;
  const said = v4
    ? ETHER_HEADER + bigHalf(frame, ETHER_HEADER + IPV4_LENGTH)
    : ETHER_HEADER + IPV6_HEADER + bigHalf(frame, ETHER_HEADER + IPV6_LENGTH);
  const size = headerGsoSize(frame);
  if (said != frame.length || size < MSS_MIN || headers - ETHER_HEADER + size > mtu) return DROP_HEADER;
  frame.transport = transport;
  // What fits into one is no large frame.
  const large = frame.length - headers > size;
  frame.needs = large ? NEEDS_CHECKSUM | need : NEEDS_CHECKSUM;
  if (large) writeHeader(frame, gso, headers, size);
  else writeHeader(frame, 0, 0, 0);
  return FRAME_OK;
}

/** The header for receivers of a frame that wants a checksum; where that goes was checked. */
function writeHeader(frame: Frame, gso: u32, headers: u32, size: u32): void {
  const at = headerOf(frame);
  store<u8>(at + VIRTIO_NET_HDR_FLAGS, <u8>VIRTIO_NET_HDR_F_NEEDS_CSUM);
  store<u8>(at + VIRTIO_NET_HDR_GSO_TYPE, <u8>gso);
  store<u16>(at + VIRTIO_NET_HDR_HDR_LEN, <u16>headers);
  store<u16>(at + VIRTIO_NET_HDR_GSO_SIZE, <u16>size);
}
