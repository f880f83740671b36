// SPDX-License-Identifier: Apache-2.0
// VirtIO network devices, and the few fields of Ethernet, IP, TCP and UDP that a switch with offloads looks at. Read by the
// generator (core/dev/virtio/net-spec.ts). Data only. Fields of frames are big endian; numbers of 16 bits that are compared
// with them stand here as a little-endian processor loads them (_LE).
import { count, group, u32 } from "../row.ts";

export const virtioNet = group("VirtIO network: features by number (virtio 1.2 §5.1.3)", {
  VIRTIO_NET_F_CSUM: count(0, "Takes frames whose checksum is to be completed"),
  VIRTIO_NET_F_GUEST_CSUM: count(1, "The driver takes such frames"),
  VIRTIO_NET_F_MTU: count(3, "The configuration has the MTU"),
  VIRTIO_NET_F_MAC: count(5, "The configuration has the address"),
  VIRTIO_NET_F_GUEST_TSO4: count(7, "The driver takes large TCP frames over IPv4"),
  VIRTIO_NET_F_GUEST_TSO6: count(8, "The driver takes large TCP frames over IPv6"),
  VIRTIO_NET_F_HOST_TSO4: count(11, "Takes large TCP frames over IPv4"),
  VIRTIO_NET_F_HOST_TSO6: count(12, "Takes large TCP frames over IPv6"),
  VIRTIO_NET_F_MRG_RXBUF: count(15, "A frame may come in several buffers"),
  VIRTIO_NET_F_STATUS: count(16, "The configuration has the link's state"),
  VIRTIO_NET_F_CTRL_VQ: count(17, "There is a control queue"),
  VIRTIO_NET_F_CTRL_RX: count(18, "What is received can be restricted"),
  VIRTIO_NET_F_MQ: count(22, "Several pairs of queues"),
});

export const virtioNetConfig = group("VirtIO network: configuration (virtio 1.2 §5.1.4)", {
  VIRTIO_NET_CONFIG_MAC: u32(0x0, "6 bytes: the address"),
  VIRTIO_NET_CONFIG_STATUS: u32(0x6, "u16: VIRTIO_NET_S_*"),
  VIRTIO_NET_CONFIG_PAIRS: u32(0x8, "u16: most pairs of queues"),
  VIRTIO_NET_CONFIG_MTU: u32(0xa, "u16: the MTU"),
  VIRTIO_NET_CONFIG_BYTES: count(12, "Bytes of the configuration that we have"),
  VIRTIO_NET_S_LINK_UP: u32(1, "The link is up"),
});

export const virtioNetHeader = group("VirtIO network: header of a frame (virtio 1.2 §5.1.6)", {
  VIRTIO_NET_HDR_BYTES: count(12, "Its bytes"),
  VIRTIO_NET_HDR_FLAGS: u32(0, "u8: VIRTIO_NET_HDR_F_*"),
  VIRTIO_NET_HDR_GSO_TYPE: u32(1, "u8: VIRTIO_NET_HDR_GSO_*"),
  VIRTIO_NET_HDR_HDR_LEN: u32(2, "u16: bytes of all headers of a large frame"),
  VIRTIO_NET_HDR_GSO_SIZE: u32(4, "u16: most payload of each frame that it is to become"),
  VIRTIO_NET_HDR_CSUM_START: u32(6, "u16: where the checksum begins"),
  VIRTIO_NET_HDR_CSUM_OFFSET: u32(8, "u16: where behind that it goes"),
  VIRTIO_NET_HDR_NUM_BUFFERS: u32(10, "u16: buffers that hold the frame"),
  VIRTIO_NET_HDR_F_NEEDS_CSUM: u32(1, "The checksum is to be completed"),
  VIRTIO_NET_HDR_F_DATA_VALID: u32(2, "The checksum was checked"),
  VIRTIO_NET_HDR_GSO_TCPV4: u32(1, "Large TCP frame over IPv4"),
  VIRTIO_NET_HDR_GSO_TCPV6: u32(4, "Large TCP frame over IPv6"),
});

export const virtioNetControl = group("VirtIO network: control queue (virtio 1.2 §5.1.6.5)", {
  VIRTIO_NET_CTRL_RX: u32(0, "Class: what is received"),
  VIRTIO_NET_CTRL_RX_PROMISC: u32(0, "u8: everything"),
  VIRTIO_NET_CTRL_RX_ALLMULTI: u32(1, "u8: all multicast"),
  VIRTIO_NET_CTRL_MAC: u32(1, "Class: addresses"),
  VIRTIO_NET_CTRL_MAC_TABLE_SET: u32(0, "Two tables: u32 count, then 6 bytes each; unicast, multicast"),
  VIRTIO_NET_CTRL_MQ: u32(4, "Class: pairs of queues"),
  VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET: u32(0, "u16: pairs that are used"),
  VIRTIO_NET_OK: u32(0, "It is done"),
  VIRTIO_NET_ERR: u32(1, "It is not"),
});

export const frames = group("Ethernet (IEEE 802.3, 802.1Q), IPv4 (RFC 791), IPv6 (RFC 8200), TCP (RFC 9293)", {
  ETHER_HEADER: count(14, "Bytes of addresses and type"),
  ETHER_TYPE: u32(12, "Where the type is"),
  ETHER_TAG: count(4, "Bytes of an 802.1Q tag"),
  ETHER_IPV4_LE: u32(0x0008, "0x0800"),
  ETHER_IPV6_LE: u32(0xdd86, "0x86dd"),
  ETHER_VLAN_LE: u32(0x0081, "0x8100: 802.1Q"),
  ETHER_QINQ_LE: u32(0xa888, "0x88a8: 802.1ad"),
  IP_PROTOCOL_TCP: u32(6, "TCP"),
  IP_PROTOCOL_UDP: u32(17, "UDP"),
  IPV4_MIN: count(20, "Bytes of a header without options"),
  IPV4_LENGTH: u32(2, "u16: total length"),
  IPV4_IDENTIFICATION: u32(4, "u16"),
  IPV4_FRAGMENT: u32(6, "u16: flags and offset"),
  IPV4_FRAGMENT_LE: u32(0xff3f, "More fragments, or an offset: 0x3fff"),
  IPV4_PROTOCOL: u32(9, "u8"),
  IPV4_CHECKSUM: u32(10, "u16"),
  IPV4_SOURCE: u32(12, "u32, then u32 destination"),
  IPV6_HEADER: count(40, "Bytes of the header"),
  IPV6_LENGTH: u32(4, "u16: bytes behind the header"),
  IPV6_NEXT: u32(6, "u8: what follows"),
  IPV6_SOURCE: u32(8, "16 bytes, then 16 of the destination"),
  TCP_MIN: count(20, "Bytes of a header without options"),
  TCP_SEQUENCE: u32(4, "u32"),
  TCP_OFFSET: u32(12, "u8: words of the header in its upper half"),
  TCP_FLAGS: u32(13, "u8"),
  TCP_FIN_PSH: u32(0x09, "Flags that only the last part of a large frame has"),
  TCP_CWR: u32(0x80, "Flag that only the first has"),
  TCP_CHECKSUM: u32(16, "u16"),
  UDP_HEADER: count(8, "Bytes of the header"),
  UDP_CHECKSUM: u32(6, "u16"),
});

export const netGroups = [virtioNet, virtioNetConfig, virtioNetHeader, virtioNetControl, frames] as const;
