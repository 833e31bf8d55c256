/* Instructions that an OS uses and a hypervisor may intercept: each has the same outcome as on the bare machine. */
#include "kit.h"

struct xcr {
    u32 index;
    u64 value;
};

static void do_xsetbv(void *argument)
{
    struct xcr *x = argument;

    __asm__ volatile("xsetbv" : : "c"(x->index), "a"((u32)x->value), "d"((u32)(x->value >> 32)));
}

static u64 xgetbv(void)
{
    u32 low, high;

    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (u64)high << 32 | low;
}

static u64 try_xsetbv(u32 index, u64 value)
{
    return outcome(attempt(do_xsetbv, &(struct xcr){index, value}));
}

CASE(xsetbv)
{
    u64 cr4 = read_cr4();

    if (!(cpuid(1, 0).ecx & CPUID_XSAVE))
        return;
    write_cr4(cr4 & ~CR4_OSXSAVE);
    RECORD("XSETBV without OSXSAVE", try_xsetbv(0, 1), last.rip != 0);
    RECORD("XSETBV without OSXSAVE in ring 3", outcome(attempt_user(do_xsetbv, &(struct xcr){0, 1})));
    write_cr4(cr4 | CR4_OSXSAVE);
    u64 before = xgetbv(), all = (u64)cpuid(0xD, 0).edx << 32 | cpuid(0xD, 0).eax;
    RECORD("XCR0 and what CPUID offers", before, all);
    check("XSETBV of all that CPUID offers", try_xsetbv(0, all), outcome(-1));
    check("XGETBV reads it back", xgetbv(), all);
    check("CPUID(0xD) size for XCR0", cpuid(0xD, 0).ebx, cpuid(0xD, 0).ecx);
    check("XSETBV of x87 alone", try_xsetbv(0, 1), outcome(-1));
    RECORD("CPUID(0xD) size with x87 alone", cpuid(0xD, 0).ebx);
    check("XSETBV of x87, SSE and AVX", try_xsetbv(0, 7 & all), outcome(-1));
    RECORD("XSETBV of bad values", try_xsetbv(0, 0), try_xsetbv(0, 2), try_xsetbv(0, 5), try_xsetbv(0, 1ull << 63 | 1),
           try_xsetbv(1, 1), try_xsetbv(~0u, 1), try_xsetbv(0, 1ull << 40 | 3), xgetbv());
    RECORD("XSETBV in ring 3", outcome(attempt_user(do_xsetbv, &(struct xcr){0, 1})));
    try_xsetbv(0, before);
    write_cr4(cr4);
}

extern u8 real_xsetbv[], real_invd[], real_wbinvd[], flat32_invd[];

CASE(xsetbv_real)
{
    *PROBE = (struct probe){.eax = 2};
    probe_real(real_xsetbv);
    RECORD("XSETBV in real mode", PROBE->vector, PROBE->pushed, PROBE->ip);
}

#define TRY(name, code)                                                                           \
    static void try_##name(void *argument)                                                        \
    {                                                                                             \
        __asm__ volatile(code : : "D"(argument), "a"(0), "c"(0), "d"(0) : "memory", "cc", "ebx"); \
    }
TRY(wbinvd, "wbinvd")
TRY(pause, "pause")
TRY(rdpmc, "rdpmc")
TRY(rdtscp, "rdtscp")
TRY(invpcid, "mov $2, %%eax; invpcid (%%rdi), %%rax")
TRY(invpcid_bad, "mov $7, %%eax; invpcid (%%rdi), %%rax")
TRY(xsaves, "mov $3, %%eax; xsaves (%%rdi)")
TRY(xrstors, "mov $3, %%eax; xrstors (%%rdi)")
TRY(xsavec, "mov $3, %%eax; xsavec (%%rdi)")
TRY(rdrand, "rdrand %%eax")
TRY(rdseed, "rdseed %%eax")
TRY(monitor, "mov %%rdi, %%rax; monitor")
TRY(mwait, "mwait")
TRY(tpause, ".byte 0x66, 0x0F, 0xAE, 0xF1")
TRY(umonitor, ".byte 0xF3, 0x0F, 0xAE, 0xF7")
TRY(rdpid, ".byte 0xF3, 0x0F, 0xC7, 0xF8")
TRY(hlt, "hlt")
TRY(invlpg, "invlpg (%%rdi)")
TRY(sgdt, "sgdt (%%rdi)")
TRY(str, "str (%%rdi)")
TRY(rsm, "rsm")
TRY(enqcmd, ".byte 0xF2, 0x0F, 0x38, 0xF8, 0x07")
TRY(pconfig, ".byte 0x0F, 0x01, 0xC5")
TRY(encls, ".byte 0x0F, 0x01, 0xCF")

static u8 area[4096] __attribute__((aligned(64)));

static const struct {
    const char *name;
    void (*code)(void *);
    bool in_ring0;
} instructions[] = {
    {"WBINVD", try_wbinvd, true}, {"PAUSE", try_pause, true},     {"RDPMC", try_rdpmc, true},
    {"RDTSCP", try_rdtscp, true}, {"INVPCID", try_invpcid, true}, {"INVPCID of a bad type", try_invpcid_bad, true},
    {"XSAVES", try_xsaves, true}, {"XRSTORS", try_xrstors, true}, {"XSAVEC", try_xsavec, true},
    {"RDRAND", try_rdrand, true}, {"RDSEED", try_rdseed, true},   {"MONITOR", try_monitor, true},
    {"MWAIT", try_mwait, false},  {"TPAUSE", try_tpause, true},   {"UMONITOR", try_umonitor, true},
    {"RDPID", try_rdpid, true},   {"HLT", try_hlt, false},        {"INVLPG", try_invlpg, true},
    {"SGDT", try_sgdt, true},     {"STR", try_str, true},         {"RSM", try_rsm, true},
    {"ENQCMD", try_enqcmd, true}, {"PCONFIG", try_pconfig, true}, {"ENCLS", try_encls, true},
};

CASE(instructions)
{
    u64 cr4 = read_cr4();

    if (cpuid(1, 0).ecx & CPUID_XSAVE) {
        write_cr4(cr4 | CR4_OSXSAVE);
        try_xsetbv(0, 3);
    }
    for (u32 i = 0; i < sizeof instructions / sizeof *instructions; i++) {
        u64 kernel = instructions[i].in_ring0 ? outcome(attempt(instructions[i].code, area)) : 0;
        RECORD(instructions[i].name, kernel, outcome(attempt_user(instructions[i].code, area)));
        area[520] = area[521] = 0;
        for (u32 j = 512; j < 576; j++)
            area[j] = j == 527 ? 0x80 : 0;      /* XRSTORS requires the compacted form */
    }
    write_cr4(cr4);
}

static void do_invd(void *argument)
{
    (void)argument;
    __asm__ volatile("invd" : : : "memory");
}

CASE(invd)
{
    static volatile u64 kept;

    kept = 0x1234;
    if (is_hypervised())
        do_invd(0);
    else
        __asm__ volatile("wbinvd");
    check("memory keeps its content after INVD", kept, 0x1234);
    RECORD("INVD in ring 3", outcome(attempt_user(do_invd, 0)));
    *PROBE = (struct probe){0};
    probe_real(real_invd);
    check("INVD in real mode", PROBE->vector, NO_TRAP);
    probe_real(real_wbinvd);
    check("WBINVD in real mode", PROBE->vector, NO_TRAP);
    probe_flat32(flat32_invd);
    check("INVD in protected mode", PROBE->vector, NO_TRAP);
}

static volatile u32 timer_count;

static bool count_timer(struct frame *frame)
{
    if (frame->vector != VECTOR_TIMER)
        return false;
    timer_count = timer_count + 1;
    apic_write(APIC_EOI, 0);
    return true;
}

CASE(hlt_with_interrupt)
{
    apic_init();
    trap_hook = count_timer;
    timer_count = 0;
    apic_write(APIC_TIMER_DIVIDE, 0xB);
    apic_write(APIC_LVT_TIMER, VECTOR_TIMER);
    for (u32 i = 1; i <= 3; i++) {
        apic_write(APIC_TIMER_COUNT, 20000);
        __asm__ volatile("sti; hlt; cli");
        check("the timer's interrupt ends HLT", timer_count, i);
    }
    apic_write(APIC_TIMER_COUNT, 20000);
    __asm__ volatile("sti");
    u64 end = rdtsc() + 3000000;
    while (timer_count < 4 && rdtsc() < end)
        cpuid(0, 0);
    __asm__ volatile("cli");
    check("the timer's interrupt arrives among CPUIDs", timer_count, 4);
}
