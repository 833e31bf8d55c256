/* A20 masking by port 92h, the keyboard controller and the BIOS. With A20 masked, addresses of the second MiB alias the first. */
#include "kit.h"

#define PLACE 0x6500u
#define MEGABYTE 0x100000u

static bool is_open(void)
{
    volatile u64 *low = (volatile u64 *)(u64)PLACE, *high = (volatile u64 *)(u64)(PLACE + MEGABYTE);

    *low = 0x1111;
    *high = 0x2222;
    return *low == 0x1111 && *high == 0x2222;
}

/* A20 must not affect the hypervisor's own addresses in odd MiB: CPUID and MSR exits still work. */
static void check_alive(const char *name)
{
    struct regs4 r = cpuid(0, 0);

    check(name, r.ebx ^ r.edx ^ r.ecx, 0x756E6547 ^ 0x49656E69 ^ 0x6C65746E);
    rdmsr(IA32_APIC_BASE);
    wrmsr(IA32_APIC_BASE, rdmsr(IA32_APIC_BASE));
}

static void wait_keyboard(void)
{
    while (in8(PORT_KEYBOARD_COMMAND) & 2)
        pause();
}

static void write_output_port(u8 value)
{
    wait_keyboard();
    out8(PORT_KEYBOARD_COMMAND, 0xD1);
    wait_keyboard();
    out8(PORT_KEYBOARD_DATA, value);
    wait_keyboard();
}

static u8 read_output_port(void)
{
    wait_keyboard();
    out8(PORT_KEYBOARD_COMMAND, 0xD0);
    for (u32 i = 0; i < 100000 && !(in8(PORT_KEYBOARD_COMMAND) & 1); i++)
        pause();
    return in8(PORT_KEYBOARD_DATA);
}

CASE(a20_fast)
{
    check_true("A20 is on at first", is_open());
    for (u32 i = 0; i < 3; i++) {
        u8 value = in8(0x92) & ~1;
        out8(0x92, value & ~2);
        check_alive("alive with A20 off by port 92h");
        check("A20 off by port 92h", is_open(), false);
        check("port 92h reads back A20 off", in8(0x92) & 2, 0);
        out8(0x92, value | 2);
        check("A20 on by port 92h", is_open(), true);
        check("port 92h reads back A20 on", in8(0x92) & 2, 2);
        check_alive("alive with A20 on again");
    }
}

CASE(a20_keyboard)
{
    for (u32 i = 0; i < 3; i++) {
        write_output_port(0xDD);
        check_alive("alive with A20 off by the keyboard controller");
        check("A20 off by the keyboard controller", is_open(), false);
        check("the output port reads back A20 off", read_output_port() & 2, 0);
        write_output_port(0xDF);
        check("A20 on by the keyboard controller", is_open(), true);
        check("the output port reads back A20 on", read_output_port() & 2, 2);
        check_alive("alive with A20 on by the keyboard controller");
    }
}

/* Port 92h and the keyboard controller control the same A20 line: switched off by one, on by the other. */
CASE(a20_both)
{
    out8(0x92, in8(0x92) & ~3);
    check("off by port 92h", is_open(), false);
    write_output_port(0xDF);
    RECORD("off by port 92h, on by the keyboard controller", is_open());
    out8(0x92, (in8(0x92) & ~1) | 2);
    check("on by port 92h", is_open(), true);
}

static u64 ask_bios(u32 eax)
{
    *PROBE = (struct probe){.eax = eax};
    bios(0x15);
    return (u64)(PROBE->flags & 1) << 32 | (PROBE->eax & 0xFFFF);
}

CASE(a20_bios)
{
    RECORD("INT 15h 2402 with A20 on", ask_bios(0x2402));
    RECORD("INT 15h 2400", ask_bios(0x2400));
    check("off by the BIOS", is_open(), false);
    check_alive("alive with A20 off by the BIOS");
    RECORD("INT 15h 2402 with A20 off", ask_bios(0x2402));
    RECORD("INT 15h 2401", ask_bios(0x2401));
    check("on by the BIOS", is_open(), true);
    RECORD("INT 15h 2403", ask_bios(0x2403), PROBE->ebx & 0xFFFF);
}

/* The address wrap of real mode: with A20 masked FFFF:6510 is 0:6500, otherwise 106500h. */
extern u8 real_alias[];
CASE(a20_real)
{
    *PROBE = (struct probe){0};
    probe_real(real_alias);
    RECORD("FFFF:6510 and 0:6500 with A20 on", PROBE->ebx, PROBE->ecx);
    out8(0x92, in8(0x92) & ~3);
    probe_real(real_alias);
    RECORD("FFFF:6510 and 0:6500 with A20 off", PROBE->ebx, PROBE->ecx);
    cpuid(0, 0);
    out8(0x92, (in8(0x92) & ~1) | 2);
    check("A20 on at the end", is_open(), true);
}
