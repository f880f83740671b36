// SPDX-License-Identifier: Apache-2.0
// The load of `bench virtio`, run as a guest's last program: waits for a line on the console, does so many operations, and
// says DONE. It needs no C library, so that the same static file runs under every stack. Block requests go past the page
// cache; depth 32 is one io_submit of 32 requests and one wait for all of them, as fio does with batches of 32.
//
//   R 1 COUNT, R 32 COUNT, W 1 COUNT, W 32 COUNT   random blocks of 4 KiB read or written
//   P BYTES COUNT                                  ICMP echoes to the peer, IP packets of BYTES, one under way
//   T 0 COUNT                                      COUNT MiB over TCP to the peer
//   `load serve`                                   the peer's end of T
typedef unsigned long u64;
typedef unsigned int u32;
typedef unsigned short u16;
typedef unsigned char u8;

enum { IO_SETUP = 0, IO_SUBMIT = 2, IO_GETEVENTS = 4, OPENAT = 56, READ = 63, WRITE = 64, PREAD = 67, PWRITE = 68 };
enum { EXIT = 93, SOCKET = 198, BIND = 200, LISTEN = 201, ACCEPT = 202, CONNECT = 203, SENDTO = 206, RECVFROM = 207, IOCTL = 29 };
enum { BLOCK = 4096, BLOCKS = 8192, DEPTH = 32, MIB = 1 << 20, CHUNK = 1 << 16, PORT = 5201 };
enum { AT_FDCWD = -100, O_RDWR = 2, O_DIRECT = 0x4000, INET = 2, STREAM = 1, RAW = 3, ICMP = 1 };

struct Iocb {
  u64 data;
  u32 key, rw;
  u16 opcode, priority;
  u32 file;
  u64 buffer, bytes, offset, reserved;
  u32 flags, event;
};
struct Event {
  u64 data, object;
  long result, result2;
};
struct Address {
  u16 family, port;
  u32 address;
  u64 zero;
};

static u8 buffers[DEPTH * BLOCK] __attribute__((aligned(4096)));
static u8 chunk[CHUNK];
static struct Iocb requests[DEPTH];
static struct Iocb *pointers[DEPTH];
static struct Event events[DEPTH];
static u64 seed = 0x9e3779b97f4a7c15;
static const struct Address PEER = {INET, (u16)(PORT << 8 | PORT >> 8), 0x0200090a, 0};
static const struct Address HERE = {INET, (u16)(PORT << 8 | PORT >> 8), 0, 0};

static long call(long number, long a, long b, long c, long d, long e, long f) {
  register long a0 __asm__("a0") = a, a1 __asm__("a1") = b, a2 __asm__("a2") = c, a3 __asm__("a3") = d;
  register long a4 __asm__("a4") = e, a5 __asm__("a5") = f, a7 __asm__("a7") = number;
  __asm__ volatile("ecall" : "+r"(a0) : "r"(a1), "r"(a2), "r"(a3), "r"(a4), "r"(a5), "r"(a7) : "memory");
  return a0;
}
#define CALL3(n, a, b, c) call(n, (long)(a), (long)(b), (long)(c), 0, 0, 0)

static u64 length(const char *text) {
  u64 n = 0;
  while (text[n]) n++;
  return n;
}
static void say(const char *text) { CALL3(WRITE, 1, text, length(text)); }
static void need(int good, const char *what) {
  if (good) return;
  say("FAILED ");
  say(what);
  say("\n");
  for (;;) call(EXIT, 1, 0, 0, 0, 0, 0);
}

static u64 place(void) {
  seed ^= seed << 13;
  seed ^= seed >> 7;
  seed ^= seed << 17;
  return (seed >> 20) % BLOCKS * BLOCK;
}

static int disk(void) {
  static int file = -1;
  if (file < 0) file = (int)call(OPENAT, AT_FDCWD, (long)"/dev/vda", O_RDWR | O_DIRECT, 0, 0, 0);
  need(file >= 0, "open /dev/vda");
  return file;
}

static void one(int write, u64 count) {
  for (int file = disk(); count > 0; count--)
    need(call(write ? PWRITE : PREAD, file, (long)buffers, BLOCK, (long)place(), 0, 0) == BLOCK, "one block");
}

static void many(int write, u64 count) {
  static u64 context;
  int file = disk();
  if (!context) need(CALL3(IO_SETUP, DEPTH, &context, 0) == 0, "io_setup");
  for (; count > 0; count -= DEPTH) {
    for (int i = 0; i < DEPTH; i++) {
      struct Iocb *one = &requests[i];
      *one = (struct Iocb){.opcode = (u16)write, .file = (u32)file, .bytes = BLOCK, .offset = place()};
      one->buffer = (u64)buffers + (u64)i * BLOCK;
      pointers[i] = one;
    }
    need(CALL3(IO_SUBMIT, context, DEPTH, pointers) == DEPTH, "io_submit");
    need(call(IO_GETEVENTS, (long)context, DEPTH, DEPTH, (long)events, 0, 0) == DEPTH, "io_getevents");
    for (int i = 0; i < DEPTH; i++) need(events[i].result == BLOCK, "a block");
  }
}

static u16 checksum(const u8 *data, u64 bytes) {
  u32 sum = 0;
  for (u64 i = 0; i < bytes; i += 2) sum += (u32)(data[i] | data[i + 1] << 8);
  while (sum >> 16) sum = (sum & 0xffff) + (sum >> 16);
  return (u16)~sum;
}

static void echo(u64 bytes, u64 count) {
  static int raw = -1;
  if (raw < 0) raw = (int)CALL3(SOCKET, INET, RAW, ICMP);
  need(raw >= 0, "raw socket");
  u64 size = bytes - 20;
  for (u64 i = 0; i < size; i++) chunk[i] = (u8)i;
  chunk[0] = 8;
  chunk[1] = chunk[2] = chunk[3] = 0;
  u16 sum = checksum(chunk, size);
  chunk[2] = (u8)sum;
  chunk[3] = (u8)(sum >> 8);
  for (; count > 0; count--) {
    need(call(SENDTO, raw, (long)chunk, (long)size, 0, (long)&PEER, sizeof(PEER)) == (long)size, "send");
    do need(call(RECVFROM, raw, (long)buffers, sizeof(buffers), 0, 0, 0) > 20, "receive");
    while (buffers[20] != 0);
  }
}

static void bulk(u64 mib) {
  static int stream = -1;
  if (stream < 0) {
    stream = (int)CALL3(SOCKET, INET, STREAM, 0);
    need(stream >= 0 && CALL3(CONNECT, stream, &PEER, sizeof(PEER)) == 0, "connect");
  }
  CALL3(WRITE, stream, &mib, sizeof(mib));
  for (u64 left = mib * MIB; left > 0;) {
    long sent = CALL3(WRITE, stream, chunk, CHUNK);
    need(sent > 0, "send");
    left -= (u64)sent < left ? (u64)sent : left;
  }
  need(CALL3(READ, stream, buffers, 1) == 1, "answer");
}

static void serve(void) {
  int listener = (int)CALL3(SOCKET, INET, STREAM, 0);
  need(CALL3(BIND, listener, &HERE, sizeof(HERE)) == 0 && CALL3(LISTEN, listener, 1, 0) == 0, "listen");
  say("READY peer\n");
  for (int stream; (stream = (int)CALL3(ACCEPT, listener, 0, 0)) >= 0;)
    for (u64 mib; CALL3(READ, stream, &mib, sizeof(mib)) == sizeof(mib); CALL3(WRITE, stream, "k", 1))
      for (u64 left = mib * MIB; left > 0;) {
        long got = CALL3(READ, stream, chunk, left < CHUNK ? left : CHUNK);
        need(got > 0, "receive");
        left -= (u64)got;
      }
}

static u64 number(const char **text) {
  u64 value = 0;
  while (**text == ' ') ++*text;
  for (; **text >= '0' && **text <= '9'; ++*text) value = value * 10 + (u64)(**text - '0');
  return value;
}

/** What is typed is not written back: its interrupts would be counted. */
static void echoOff(void) {
  enum { TCGETS = 0x5401, TCSETS = 0x5402, ECHO = 8 };
  u32 terminal[16];
  if (CALL3(IOCTL, 0, TCGETS, terminal) != 0) return;
  terminal[3] &= ~(u32)ECHO;
  CALL3(IOCTL, 0, TCSETS, terminal);
}

void run(long *stack) {
  if (stack[0] > 1) serve();
  echoOff();
  say("READY load\n");
  for (;;) {
    char line[64];
    long bytes = CALL3(READ, 0, line, sizeof(line) - 1);
    need(bytes > 0, "read the console");
    line[bytes] = 0;
    const char *rest = line + 1;
    u64 how = number(&rest), count = number(&rest);
    if (line[0] == 'R' || line[0] == 'W') (how == 1 ? one : many)(line[0] == 'W', count);
    else if (line[0] == 'P') echo(how, count);
    else if (line[0] == 'T') bulk(count);
    else continue;
    say("DONE\n");
  }
}

__asm__(".globl _start\n_start:\n.option push\n.option norelax\nla gp, __global_pointer$\n.option pop\n"
        "mv a0, sp\nandi sp, sp, -16\ntail run\n");
