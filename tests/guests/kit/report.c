/* Lines on COM1. */
#include <stdarg.h>

#include "kit.h"

#define LINE_READY 0x20

static void put(char character)
{
    while (!(in8(PORT_COM1 + 5) & LINE_READY))
        pause();
    out8(PORT_COM1, (u8)character);
}

static void put_text(const char *text)
{
    while (*text)
        put(*text++);
}

static void put_number(u64 value, u32 base)
{
    char digits[24];
    u32 count = 0;

    do
        digits[count++] = "0123456789abcdef"[value % base];
    while (value /= base);
    while (count)
        put(digits[--count]);
}

/* %s, %u (u64), %x (u64). */
void print(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    for (; *format; format++) {
        if (*format != '%')
            put(*format);
        else if (*++format == 's')
            put_text(va_arg(arguments, const char *));
        else
            put_number(va_arg(arguments, u64), *format == 'x' ? 16 : 10);
    }
    va_end(arguments);
}

void check(const char *name, u64 got, u64 wanted)
{
    if (got == wanted)
        print("ok %s\n", name);
    else
        print("not ok %s: got 0x%x, wanted 0x%x\n", name, got, wanted);
}

void check_true(const char *name, bool right)
{
    check(name, right, true);
}

void record(const char *name, u32 count, const u64 *values)
{
    print("record %s:", name);
    while (count--)
        print(" %x", *values++);
    print("\n");
}

void subset(const char *name, u64 value)
{
    print("subset %s: %x\n", name, value);
}

void figure(const char *name, u64 value)
{
    print("figure %s %u\n", name, value);
}

/* End Bochs after the serial port has sent everything. */
void finish(void)
{
    const char *farewell = "Shutdown";

    while ((in8(PORT_COM1 + 5) & 0x60) != 0x60)
        pause();
    delay(2000000);
    while (*farewell)
        out8(0x8900, (u8)*farewell++);
    for (;;)
        __asm__ volatile("cli; hlt");
}

static void serial_init(void)
{
    out8(PORT_COM1 + 1, 0);
    out8(PORT_COM1 + 3, 0x83);
    out8(PORT_COM1, 1);                  /* 115200 baud */
    out8(PORT_COM1 + 1, 0);
    out8(PORT_COM1 + 3, 3);
    out8(PORT_COM1 + 2, 7);
}

extern const struct guest_case cases_start[], cases_end[];

static void run_case(void *argument)
{
    ((const struct guest_case *)argument)->run();
}

int main(void)
{
    serial_init();
    traps_init();
    print("guest: %s\n", is_hypervised() ? "hypervised" : "bare");
    for (const struct guest_case *c = cases_start; c < cases_end; c++) {
        print("case %s\n", c->name);
        int vector = attempt(run_case, (void *)c);
        if (vector >= 0)
            print("not ok %s: got exception %u error 0x%x rip 0x%x cr2 0x%x, wanted none\n", c->name, (u64)vector, last.error,
                  last.rip, last_cr2);
        trap_hook = 0;
        apic_rest();
        traps_load();
    }
    print_counts();
    print("guest: end\n");
    finish();
}
