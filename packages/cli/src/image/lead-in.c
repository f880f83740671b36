// SPDX-License-Identifier: Apache-2.0
// What a boot image does before the hypervisor starts: moves the guests' files to their places, and adds the guests to
// the device tree that firmware gave. The hypervisor then finds what it finds when a loader had done both. Firmware's own
// changes to its tree (reserved memory, harts) are kept, which is why the image does not bring a whole tree along.
// A tree that cannot be read is handed on as it is: the hypervisor says what is wrong with it.
typedef unsigned char u8;
typedef unsigned int u32;
typedef unsigned long u64;

struct copy {
  u64 to, from, bytes;
};

// Written by image.ts.
struct table {
  u64 stack, next, tree, tree_space, fragment, copy_count;
  struct copy copies[];
};

enum { MAGIC = 0xd00dfeed, BEGIN_NODE = 1, END_NODE = 2, PROP = 3, NOP = 4, END = 9, HEADER = 40 };
enum { TOTAL = 4, STRUCT = 8, STRINGS = 12, RESERVED = 16, VERSION = 20, COMPATIBLE = 24, BOOT_HART = 28 };
enum { STRINGS_SIZE = 32, STRUCT_SIZE = 36 };

static u32 get(const u8 *at) { return (u32)at[0] << 24 | at[1] << 16 | at[2] << 8 | at[3]; }
static void put(u8 *at, u32 value) {
  for (int i = 0; i < 4; i++) at[i] = value >> (24 - 8 * i);
}
static u64 align4(u64 value) { return (value + 3) & ~3ul; }

// Both ways, so that ranges may overlap.
static void move(u8 *to, const u8 *from, u64 bytes) {
  if (to == from) return;
  int words = ((u64)to | (u64)from | bytes) % 8 == 0;
  u64 unit = words ? 8 : 1;
  for (u64 done = 0; done < bytes; done += unit) {
    u64 at = to < from ? done : bytes - unit - done;
    if (words) *(volatile u64 *)(to + at) = *(const u64 *)(from + at);
    else ((volatile u8 *)to)[at] = from[at];
  }
}

static int same(const u8 *a, const u8 *b) {
  while (*a && *a == *b) a++, b++;
  return *a == *b;
}

static u64 length(const u8 *text) {
  u64 n = 0;
  while (text[n]) n++;
  return n;
}

// The token behind the one at `at`.
static const u8 *after(const u8 *at) {
  u32 token = get(at);
  if (token == BEGIN_NODE) return at + 4 + align4(length(at + 4) + 1);
  if (token == PROP) return at + 12 + align4(get(at + 4));
  return at + 4;
}

struct merge {
  const u8 *strings;           // of the tree that is copied from
  const u8 *fragment, *names;  // first token in the fragment's root, and its strings
  u8 *out;
};

static void emit(struct merge *m, const u8 *from, const u8 *to) {
  move(m->out, from, to - from);
  m->out += to - from;
}

// The fragment's properties or its nodes, with the names of properties behind ours.
static void add(struct merge *m, int nodes, u32 names_at) {
  const u8 *at = m->fragment;
  int depth = 0;
  for (;;) {
    u32 token = get(at);
    if (token == END || (token == END_NODE && depth == 0)) return;
    const u8 *next = after(at);
    if (token == BEGIN_NODE) depth++;
    if (token != NOP && (depth > 0) == nodes) {
      u8 *begun = m->out;
      emit(m, at, next);
      if (token == PROP) put(begun + 8, get(begun + 8) + names_at);
    }
    if (token == END_NODE) depth--;
    at = next;
  }
}

// Whether the fragment brings a property of this name for /chosen.
static int brings(const struct merge *m, const u8 *name) {
  for (const u8 *at = m->fragment; get(at) == PROP || get(at) == NOP; at = after(at))
    if (get(at) == PROP && same(m->names + get(at + 8), name)) return 1;
  return 0;
}

static void chosen(struct merge *m, u32 names_at) {
  static const u8 token[12] = {0, 0, 0, BEGIN_NODE, 'c', 'h', 'o', 's', 'e', 'n', 0, 0};
  emit(m, token, token + 12);
  add(m, 0, names_at);
}

// The structure block with the fragment in /chosen.
static void merge(struct merge *m, const u8 *at, u32 names_at) {
  int depth = 0, inside = 0, seen = 0;
  for (;;) {
    u32 token = get(at);
    const u8 *next = after(at);
    if (token == BEGIN_NODE) depth++;
    if (token == BEGIN_NODE && depth == 2 && same(at + 4, (const u8 *)"chosen")) {
      inside = seen = 1;
      chosen(m, names_at);
    } else if (token == END_NODE && depth == 2 && inside) {
      add(m, 1, names_at);
      emit(m, at, next);
      inside = 0;
    } else if (token == END_NODE && depth == 1 && !seen) {
      chosen(m, names_at);
      add(m, 1, names_at);
      emit(m, at, next);
      emit(m, at, next);
    } else if (!(token == PROP && depth == 2 && inside && brings(m, m->strings + get(at + 8)))) {
      emit(m, at, next);
    }
    if (token == END_NODE) depth--;
    if (token == END) return;
    at = next;
  }
}

// The tree with the guests, or firmware's own if one of the two cannot be read.
static u64 tree_of(const struct table *table, const u8 *host) {
  const u8 *fragment = (const u8 *)table->fragment;
  u8 *tree = (u8 *)table->tree;
  if (get(host) != MAGIC || get(fragment) != MAGIC) return (u64)host;
  if (get(host + TOTAL) + get(fragment + TOTAL) + 64ul > table->tree_space) return (u64)host;

  u8 *out = tree + HEADER;
  const u8 *reserved = host + get(host + RESERVED);
  for (int empty = 0; !empty; reserved += 16, out += 16) {
    empty = 1;
    for (int i = 0; i < 16; i++)
      if ((out[i] = reserved[i]) && i >= 8) empty = 0;
  }
  const u8 *strings = host + get(host + STRINGS);
  u32 old_names = get(host + STRINGS_SIZE), new_names = get(fragment + STRINGS_SIZE);
  const u8 *root = fragment + get(fragment + STRUCT);
  struct merge m = {strings, after(root), fragment + get(fragment + STRINGS), out};
  merge(&m, host + get(host + STRUCT), old_names);

  put(tree, MAGIC);
  put(tree + STRUCT, out - tree);
  put(tree + STRUCT_SIZE, m.out - out);
  put(tree + STRINGS, m.out - tree);
  put(tree + STRINGS_SIZE, old_names + new_names);
  put(tree + RESERVED, HEADER);
  put(tree + VERSION, get(host + VERSION));
  put(tree + COMPATIBLE, get(host + COMPATIBLE));
  put(tree + BOOT_HART, get(host + BOOT_HART));
  emit(&m, strings, strings + old_names);
  emit(&m, m.names, m.names + new_names);
  put(tree + TOTAL, m.out - tree);
  return (u64)tree;
}

// The tree first: firmware's may lie where a file goes.
u64 lead_in(const struct table *table, const u8 *host) {
  u64 tree = tree_of(table, host);
  for (u64 i = 0; i < table->copy_count; i++) {
    const struct copy *copy = &table->copies[i];
    move((u8 *)copy->to, (const u8 *)copy->from, copy->bytes);
  }
  return tree;
}
