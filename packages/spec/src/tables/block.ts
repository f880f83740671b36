// SPDX-License-Identifier: Apache-2.0
// VirtIO block devices as a guest's device sees them. Read by the generator (core/dev/virtio/block-spec.ts). Data only.
import { count, group, u32 } from "../row.ts";

export const virtioBlock = group("VirtIO block: features by number (virtio 1.2 §5.2.3)", {
  VIRTIO_BLK_F_SEG_MAX: count(2, "The configuration has the most segments of a request"),
  VIRTIO_BLK_F_RO: count(5, "The disk is read-only"),
  VIRTIO_BLK_F_BLK_SIZE: count(6, "The configuration has the size of a block"),
  VIRTIO_BLK_F_FLUSH: count(9, "Takes flushes"),
  VIRTIO_BLK_F_TOPOLOGY: count(10, "The configuration has sizes that do well"),
  VIRTIO_BLK_F_MQ: count(12, "Several queues"),
  VIRTIO_BLK_F_DISCARD: count(13, "Takes discards"),
  VIRTIO_BLK_F_WRITE_ZEROES: count(14, "Takes writes of zeros"),
});

export const virtioBlockConfig = group("VirtIO block: configuration (virtio 1.2 §5.2.4)", {
  VIRTIO_BLK_CONFIG_CAPACITY: u32(0x00, "u64: sectors of 512 bytes"),
  VIRTIO_BLK_CONFIG_SEG_MAX: u32(0x0c, "u32: most segments of a request's data"),
  VIRTIO_BLK_CONFIG_BLK_SIZE: u32(0x14, "u32: bytes of a block"),
  VIRTIO_BLK_CONFIG_PHYSICAL_EXP: u32(0x18, "u8: power of two of blocks in what is best written at once"),
  VIRTIO_BLK_CONFIG_MIN_IO: u32(0x1a, "u16: blocks that a request should have"),
  VIRTIO_BLK_CONFIG_NUM_QUEUES: u32(0x22, "u16: queues"),
  VIRTIO_BLK_CONFIG_DISCARD_SECTORS: u32(0x24, "u32: most sectors of a discarded range"),
  VIRTIO_BLK_CONFIG_DISCARD_SEG: u32(0x28, "u32: most ranges of a discard"),
  VIRTIO_BLK_CONFIG_DISCARD_ALIGN: u32(0x2c, "u32: sectors that a range should begin and end with"),
  VIRTIO_BLK_CONFIG_ZEROES_SECTORS: u32(0x30, "u32: most sectors of a range of zeros"),
  VIRTIO_BLK_CONFIG_ZEROES_SEG: u32(0x34, "u32: most ranges of a write of zeros"),
  VIRTIO_BLK_CONFIG_BYTES: count(0x3c, "Bytes of the configuration that we have"),
});

export const virtioBlockRequests = group("VirtIO block: requests (virtio 1.2 §5.2.6)", {
  VIRTIO_BLK_HEADER_BYTES: count(16, "Of the header: u32 type, u32, u64 sector"),
  VIRTIO_BLK_T_IN: u32(0, "Read"),
  VIRTIO_BLK_T_OUT: u32(1, "Write"),
  VIRTIO_BLK_T_FLUSH: u32(4, "Flush"),
  VIRTIO_BLK_T_GET_ID: u32(8, "Serial"),
  VIRTIO_BLK_T_DISCARD: u32(11, "Discard"),
  VIRTIO_BLK_T_WRITE_ZEROES: u32(13, "Write zeros"),
  VIRTIO_BLK_RANGE_BYTES: count(16, "Of a range: u64 sector, u32 sectors, u32 flags"),
  VIRTIO_BLK_RANGE_UNMAP: u32(1, "Flag of a range of zeros: what it takes up may be given back"),
  VIRTIO_BLK_ID_BYTES: count(20, "Of a serial"),
  VIRTIO_BLK_S_OK: u32(0, "Status: done"),
  VIRTIO_BLK_S_IOERR: u32(1, "Status: failed"),
  VIRTIO_BLK_S_UNSUPP: u32(2, "Status: not a request that the device has"),
});

export const blockGroups = [virtioBlock, virtioBlockConfig, virtioBlockRequests] as const;
