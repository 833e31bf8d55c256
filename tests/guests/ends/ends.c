/* Every way to reset or to power off the machine, one per boot; a counter in CMOS memory survives the resets. */
#include "kit.h"

#define CMOS_COUNTER 0x61
#define CMOS_MARK 0x62
#define MARK 0x5C
#define SLEEP 0x2000

static u8 read_cmos(u8 index)
{
    out8(0x70, index);
    return in8(0x71);
}

static void write_cmos(u8 index, u8 value)
{
    out8(0x70, index);
    out8(0x71, value);
}

static void reset_by_keyboard(void)
{
    out8(0x64, 0xFE);
}
static void reset_by_port_92(void)
{
    out8(0x92, in8(0x92) | 1);
}

static void reset_by_cf9(void)
{
    out8(0xCF9, 0x02);
    out8(0xCF9, 0x06);
}

static void lose_idt(u64 base)
{
    struct {
        u16 limit;
        u64 base;
    } __attribute__((packed)) pointer = {base ? 0xFFF : 0, base};

    __asm__ volatile("lidt %0; ud2" : : "m"(pointer));
}

static void triple_fault(void)
{
    lose_idt(0);
}

static void triple_fault_in_real_mode(void)
{
    extern u8 real_triple_fault[];

    real_run((u32)(u64)real_triple_fault);
}

static u64 ones_or_hidden(void)
{
    static u8 page[4096] __attribute__((aligned(4096)));

    for (u32 i = 0; i < sizeof page; i++)
        page[i] = 0xFF;
    return is_hypervised() ? hidden_base() : (u64)page;
}

static void idt_in_hidden_memory(void)
{
    lose_idt(ones_or_hidden());
}
static void cr3_in_hidden_memory(void)
{
    write_cr3(ones_or_hidden());
}

static void power_off(void)
{
    __asm__ volatile("outw %w0, %w1" : : "a"(SLEEP), "d"(PORT_ACPI_BOCHS_PM_CONTROL));
}

static const struct {
    const char *name;
    void (*end)(void);
} ends[] = {
    {"keyboard controller", reset_by_keyboard},
    {"port CF9h", reset_by_cf9},
    {"port 92h", reset_by_port_92},
    {"triple fault", triple_fault},
    {"triple fault in real mode", triple_fault_in_real_mode},
    {"IDT in hidden memory", idt_in_hidden_memory},
    {"CR3 in hidden memory", cr3_in_hidden_memory},
    {"power off", power_off},
};

CASE(end)
{
    u8 number = read_cmos(CMOS_MARK) == MARK ? read_cmos(CMOS_COUNTER) : 0;

    print("end %u: %s\n", (u64)number, ends[number].name);
    write_cmos(CMOS_MARK, MARK);
    write_cmos(CMOS_COUNTER, number + 1);
    delay(2000000);
    extern u64 recover;
    recover = 0;
    ends[number].end();
    delay(20000000);
    print("not ok end: %s did not end the machine\n", ends[number].name);
}
