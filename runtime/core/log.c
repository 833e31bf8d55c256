#include "core/log.h"

#include "generated/x86/externs.h"
#include "generated/x86/x86.h"
#include "core/host.h"
#include "core/layout.h"

#define SCREEN 0xB8000
#define COLUMNS 80
#define ROWS 25
#define BLANK 0x0720
#define COM1_EMPTY 0x20
#define COM1_WAIT 100000

bool log_serial;

static char ring[LOG_SIZE];
static u64 ring_end;
static bool on_screen;
static u32 cursor = (ROWS - 1) * COLUMNS;
static volatile u8 lock;

/* 115200 baud, 8 bits, no parity: nobody may have set it before us, or a guest to something else. */
static void serial_setup(void)
{
    host_out8(PORT_COM1 + 3, 0x83);          /* the divisor's registers */
    host_out8(PORT_COM1, 1);
    host_out8(PORT_COM1 + 1, 0);
    host_out8(PORT_COM1 + 3, 3);
}

static void serial_put(char c)
{
    for (u32 tries = COM1_WAIT; tries && !(host_in8(PORT_COM1 + 5) & COM1_EMPTY); tries--)
        ;
    host_out8(PORT_COM1, c);
}

static void screen_scroll(volatile u16 *screen)
{
    for (u32 i = 0; i < (ROWS - 1) * COLUMNS; i++)
        screen[i] = screen[i + COLUMNS];
    for (u32 i = (ROWS - 1) * COLUMNS; i < ROWS * COLUMNS; i++)
        screen[i] = BLANK;
    cursor = (ROWS - 1) * COLUMNS;
}

static void screen_put(char c)
{
    volatile u16 *screen = phys(SCREEN);
    if (c == '\n' || cursor == ROWS * COLUMNS)
        screen_scroll(screen);
    if (c != '\n')
        screen[cursor++] = (u16)(0x0700 | (u8)c);
}

static void put(char c)
{
    static bool serial_ready;
    ring[ring_end++ % LOG_SIZE] = c;
    if (on_screen)
        screen_put(c);
    if (!on_screen && !log_serial)
        return;
    if (!serial_ready)
        serial_setup();
    serial_ready = true;
    if (c == '\n')
        serial_put('\r');
    serial_put(c);
}

static void put_hex(u64 value)
{
    u32 shift = 60;
    while (shift && !(value >> shift))
        shift -= 4;
    for (;; shift -= 4) {
        put("0123456789abcdef"[value >> shift & 15]);
        if (!shift)
            return;
    }
}

/* Bounded, so that a CPU that panics in the middle of a line does not silence the others. */
static void lock_acquire(void)
{
    for (u32 tries = 1000000; tries && __atomic_test_and_set(&lock, __ATOMIC_ACQUIRE); tries--)
        host_pause();
}

static void lock_release(void)
{
    __atomic_clear(&lock, __ATOMIC_RELEASE);
}

static void put_text(const char *text, u64 a, u64 b)
{
    for (; *text; text++) {
        if (*text == '%') {
            put_hex(a);
            a = b;
        } else {
            put(*text);
        }
    }
}

static void put_line(const char *text, u64 a, u64 b)
{
    put_text(text, a, b);
    put('\n');
}

void log_line(const char *text, u64 a, u64 b)
{
    lock_acquire();
    put_line(text, a, b);
    lock_release();
}

/* One more line for each LOG_PERIOD that has passed, up to LOG_BURST. The TSCs of two CPUs may differ a little. */
static bool may_log(void)
{
    static u32 lines = LOG_BURST;
    static u64 last;
    u64 now = host_rdtsc();
    u64 earned = now > last ? (now - last) / LOG_PERIOD : 0;
    if (earned) {
        lines = (u32)min(LOG_BURST, lines + earned);
        last = now;
    }
    return lines && lines--;
}

void log_limited(const char *text, u64 a, u64 b)
{
    static u64 dropped;
    lock_acquire();
    if (!may_log()) {
        dropped++;
    } else {
        if (dropped)
            put_line("luvalley: lines that were too many for the log and are not in it: %", dropped, 0);
        dropped = 0;
        put_line(text, a, b);
    }
    lock_release();
}

void panic_print(const char *text, u64 a, u64 b)
{
    if (!on_screen)
        serial_setup();
    on_screen = true;
    put_text(text, a, b);
}

u64 log_begin(void)
{
    return ring_end > LOG_SIZE ? ring_end - LOG_SIZE : 0;
}

struct answer log_read(struct cpu *cpu, u64 offset)
{
    (void)cpu;
    u64 bytes = 0;
    if (offset < log_begin())
        return (struct answer){.value = 0};
    for (u32 i = 0; i < 8 && offset < ring_end - i; i++)
        bytes |= (u64)(u8)ring[(offset + i) % LOG_SIZE] << 8 * i;
    return (struct answer){.value = bytes};
}
