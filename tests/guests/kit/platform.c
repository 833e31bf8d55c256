/* BIOS calls, page tables, the local APIC, hypercalls. */
#include "kit.h"

#include "luvalley_abi.h"

#define TABLES ((u64 *)0x60000)
#define DIRECTORIES ((u64 *)0x62000)
#define LARGE_SIZE 0x200000ull

extern u8 bios_call[], bios_number[];

void bios(u8 interrupt)
{
    *bios_number = interrupt;
    real_run((u32)(u64)bios_call);
}

u64 *page_directory(void)
{
    return DIRECTORIES;
}

/* Splits the 2 MiB page that contains the address, the first time. */
static u64 *find_table(u64 linear)
{
    static u64 tables[24][512] __attribute__((aligned(4096)));
    static u32 used;
    u64 *entry = &DIRECTORIES[linear / LARGE_SIZE];

    if (*entry & PAGE_ENTRY_PAGE_SIZE) {
        u64 *table = tables[used++], base = *entry & PAGE_ENTRY_FRAME_MASK;
        for (u32 i = 0; i < 512; i++)
            table[i] = (base + i * PAGE) | PTE_DEFAULT;
        *entry = (u64)table | PTE_DEFAULT;
    }
    return (u64 *)(*entry & PAGE_ENTRY_FRAME_MASK);
}

void map_page(u64 linear, u64 physical, u64 flags)
{
    find_table(linear)[linear / PAGE % 512] = (physical & PAGE_ENTRY_FRAME_MASK) | flags;
    __asm__ volatile("invlpg (%0)" : : "r"(linear) : "memory");
}

/* --- Memory sizes --- */

#define SMAP 0x534D4150u
#define E820_BUFFER 0x5F00u

static bool read_range(u32 *next, struct range *range)
{
    volatile struct range *buffer = (volatile struct range *)(u64)E820_BUFFER;

    *PROBE = (struct probe){.eax = 0xE820, .edx = SMAP, .ecx = 20, .ebx = *next, .edi = E820_BUFFER};
    bios(0x15);
    if (PROBE->flags & RFLAGS_CF || PROBE->eax != SMAP)
        return false;
    range->base = buffer->base;
    range->length = buffer->length;
    range->type = buffer->type;
    *next = PROBE->ebx;
    return true;
}

const struct memory_map *read_e820(void)
{
    static struct memory_map map;
    u32 next = 0;

    if (map.count)
        return &map;
    while (map.count < 64 && read_range(&next, &map.range[map.count])) {
        map.count++;
        if (!next)
            break;
    }
    return &map;
}

/* --- The hypervisor --- */

bool is_hypervised(void)
{
    struct regs4 r = cpuid(0x40000000, 0);

    return cpuid(1, 0).ecx >> 31 && r.ebx == 0x6176754C && r.ecx == 0x79656C6C && r.edx == 0x306D6F44;
}

struct call {
    u64 number, a, b;
    struct hypercall_result result;
};

/* As root, by the port: ring 3 of this guest has I/O privilege. */
static void call_from_user(void *argument)
{
    struct call *call = argument;

    __asm__ volatile("outl %%eax, %%dx"
                     : "=a"(call->result.status), "=d"(call->result.value)
                     : "0"((u64)LUV_HYPERCALL_MAGIC << 32 | call->number), "D"(call->a), "S"(call->b), "1"((u64)LUV_ROOT_PORT)
                     : "memory");
}

struct hypercall_result hypercall(u32 number, u64 a, u64 b)
{
    struct call call = {number, a, b, {-1000, 0}};
    int vector = attempt_user(call_from_user, &call);

    if (vector >= 0)
        check("hypercall from ring 3", outcome(vector), outcome(-1));
    return call.result;
}

u64 hypervisor_info(u32 which)
{
    struct hypercall_result result = hypercall(LUV_HYPERCALL_info, which, 0);

    return result.status ? ~0ull : result.value;
}

u64 hidden_base(void)
{
    return hypervisor_info(2);
}
u64 hidden_size(void)
{
    return hypervisor_info(3);
}

/* --- APIC and CPUs --- */

void delay(u64 ticks)
{
    u64 end = rdtsc() + ticks;

    while (rdtsc() < end)
        pause();
}

static bool apic_used;
static u8 kept_masks[2];
static u32 kept_lvt0;

void apic_rest(void)
{
    if (!apic_used)
        return;
    apic_used = false;
    apic_write(APIC_LVT_LINT0, kept_lvt0);
    out8(0x21, kept_masks[0]);
    out8(0xA1, kept_masks[1]);
}

void apic_init(void)
{
    if (!apic_used) {
        apic_used = true;
        kept_lvt0 = apic_read(APIC_LVT_LINT0);
        kept_masks[0] = in8(0x21);
        kept_masks[1] = in8(0xA1);
    }
    out8(0x21, 0xFF);
    out8(0xA1, 0xFF);
    apic_write(APIC_SVR, 0x1FF);
    apic_write(APIC_TPR, 0);
    apic_write(APIC_LVT_LINT0, 0x10000);
}

void apic_send(u32 apic_id, u32 command)
{
    apic_write(APIC_ICR_HIGH, apic_id << 24);
    apic_write(APIC_ICR_LOW, command);
    while (apic_read(APIC_ICR_LOW) & 0x1000)
        pause();
}

volatile u32 ap_count;
extern u8 ap_entry[];

/* The page at 0x6000 jumps to ap_entry. */
static void write_trampoline(void)
{
    volatile u8 *page = (volatile u8 *)0x6000;

    page[0] = 0xEA;
    *(volatile u16 *)(page + 1) = (u16)(u64)ap_entry;
    *(volatile u16 *)(page + 3) = 0;
}

void init_cpu(u32 apic_id, u32 shorthand)
{
    apic_send(apic_id, shorthand | ICR_INIT | 0x8000);
    delay(20000);
    apic_send(apic_id, shorthand | (ICR_INIT & ~0x4000u) | 0x8000);      /* level, deasserted: to be ignored */
    delay(200000);
}

void start_cpu(u32 apic_id, u32 shorthand)
{
    write_trampoline();
    apic_send(apic_id, shorthand | ICR_STARTUP | 6);
    delay(20000);
    apic_send(apic_id, shorthand | ICR_STARTUP | 6);
}

__attribute__((weak)) void ap_main(u32 index)
{
    (void)index;
}
