// SPDX-License-Identifier: Apache-2.0
// The control queue of a guest's network device: what it wants to receive, and how many pairs of queues it uses. Commands
// are small and few; each is copied once and answered with a byte. What is not offered is refused. Trap context, no lock held.
// @spec virtio 1.2 §5.1.6.5
import { acquire, release } from "../../lib/lock";
import { Chain, chainRead, chainWrite, hartChain } from "./chain";
import { BUDGET_CHAINS, deferQueue } from "./deferred";
import { Virtqueue } from "./device";
import { Net } from "./net-model";
import { filterBit } from "./net-receive";
import {
  VIRTIO_NET_CTRL_MAC,
  VIRTIO_NET_CTRL_MAC_TABLE_SET,
  VIRTIO_NET_CTRL_MQ,
  VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET,
  VIRTIO_NET_CTRL_RX,
  VIRTIO_NET_CTRL_RX_ALLMULTI,
  VIRTIO_NET_CTRL_RX_PROMISC,
  VIRTIO_NET_ERR,
  VIRTIO_NET_F_MQ,
  VIRTIO_NET_OK,
} from "./net-spec";
import { queueAnnounce, queuePop, queuePush } from "./queue";
import { forwarding } from "../../backend/net/frame";

const COMMAND_BYTES: u32 = 2;
const ADDRESS_BYTES: u32 = 6;
/** Addresses that are looked at in each table; with more, everything of the kind comes through. */
const ADDRESSES: u32 = 64;
/** Where readTable leaves its answers. */
const NEXT: usize = 0;
const FILTER: usize = 8;

export function netControl(net: Net, queue: Virtqueue): void {
  acquire(queue.lock);
  const chain = hartChain(0);
  let left = BUDGET_CHAINS;
  for (; left != 0 && queuePop(queue, chain) > 0; left--) {
    const ptr = forwarding().flat.head & ~7;
    store<u8>(ptr, command(net, chain, ptr) ? <u8>VIRTIO_NET_OK : <u8>VIRTIO_NET_ERR);
    queuePush(queue, chain.head, chainWrite(chain, 0, ptr, 1));
  }
  queueAnnounce(queue);
  release(queue.lock);
  if (left == 0) deferQueue(queue);
}

/** Does what a command says; `ptr` is room for what is read of it. False: refused. */
function command(net: Net, chain: Chain, ptr: usize): bool {
  if (chainRead(chain, 0, ptr, COMMAND_BYTES) < COMMAND_BYTES) return false;
  const what: u32 = load<u8>(ptr, 1);
  switch (<u32>load<u8>(ptr)) {
    case VIRTIO_NET_CTRL_RX:
      return setMode(net, chain, ptr, what);
    case VIRTIO_NET_CTRL_MAC:
      return what == VIRTIO_NET_CTRL_MAC_TABLE_SET && setTables(net, chain, ptr);
    case VIRTIO_NET_CTRL_MQ:
      return what == VIRTIO_NET_CTRL_MQ_VQ_PAIRS_SET && setPairs(net, chain, ptr);
    default:
      return false;
  }
}

function setMode(net: Net, chain: Chain, ptr: usize, what: u32): bool {
  if (chainRead(chain, COMMAND_BYTES, ptr, 1) < 1) return false;
  const on = u32(load<u8>(ptr) != 0);
  if (what == VIRTIO_NET_CTRL_RX_PROMISC) net.promiscuous = on;
  else if (what == VIRTIO_NET_CTRL_RX_ALLMULTI) net.allMulticast = on;
  else return false;
  return true;
}

/** Two tables, unicast and multicast; both are read before either is used. */
function setTables(net: Net, chain: Chain, ptr: usize): bool {
  if (!readTable(chain, COMMAND_BYTES, ptr)) return false;
  const unicast = load<u64>(ptr, FILTER);
  if (!readTable(chain, load<u32>(ptr, NEXT), ptr)) return false;
  net.unicast = unicast;
  net.multicast = load<u64>(ptr, FILTER);
  return true;
}

/** Reads a table at byte `offset`: leaves its filter and where it ends at `ptr`. False: it is cut short. */
function readTable(chain: Chain, offset: u32, ptr: usize): bool {
  if (chainRead(chain, offset, ptr, 4) < 4) return false;
  const count = load<u32>(ptr);
  const end = <u64>offset + 4 + <u64>count * ADDRESS_BYTES;
  if (end > chain.readBytes || end > u32.MAX_VALUE) return false;
  let filter: u64 = 0;
  if (count > ADDRESSES) filter = ~filter;
  else {
    const bytes = count * ADDRESS_BYTES;
    chainRead(chain, offset + 4, ptr, bytes);
    // Entries have 6 bytes: halves are aligned, more is not.
    for (let at = ptr; at < ptr + bytes; at += ADDRESS_BYTES) {
      const low = (<u64>load<u16>(at)) | ((<u64>load<u16>(at, 2)) << 16);
      filter |= (<u64>1) << filterBit(low | ((<u64>load<u16>(at, 4)) << 32));
    }
  }
  store<u32>(ptr, <u32>end, NEXT);
  store<u64>(ptr, filter, FILTER);
  return true;
}

function setPairs(net: Net, chain: Chain, ptr: usize): bool {
  if (((net.device.accepted >> VIRTIO_NET_F_MQ) & 1) == 0 || chainRead(chain, COMMAND_BYTES, ptr, 2) < 2) return false;
  const pairs: u32 = load<u16>(ptr);
  if (pairs == 0 || pairs > net.pairs) return false;
  net.active = pairs;
  return true;
}
