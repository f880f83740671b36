// SPDX-License-Identifier: Apache-2.0
// Doubly linked lists of entities through their `next` and `previous` fields. A list is the address of a pointer to
// its first entity. The caller holds the lock of the queue that owns the list. Never allocates.
import { Entity } from "./entity";

/** The entity at `at`; 0 stands for none. */
export function entityAt(at: usize): Entity {
  return changetype<Entity>(at);
}

/** Links `entity` behind `after`, or first when `after` is 0. */
export function linkAfter(list: usize, after: usize, entity: Entity): void {
  const at = changetype<usize>(entity);
  const next = after == 0 ? load<usize>(list) : entityAt(after).next;
  entity.previous = after;
  entity.next = next;
  if (after == 0) store<usize>(list, at);
  else entityAt(after).next = at;
  if (next != 0) entityAt(next).previous = at;
}

/** Takes `entity` out of its list. */
export function unlink(list: usize, entity: Entity): void {
  if (entity.previous == 0) store<usize>(list, entity.next);
  else entityAt(entity.previous).next = entity.next;
  if (entity.next != 0) entityAt(entity.next).previous = entity.previous;
  entity.next = 0;
  entity.previous = 0;
}
