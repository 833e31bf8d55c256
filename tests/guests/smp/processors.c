/* The duties of the application processors, and the interrupt handlers of all CPUs. */
#include "smp.h"

struct processor processors[CPUS];
static volatile u32 eoi_form;

extern u8 ap_stacks[];

u32 my_index(void)
{
    u64 at;

    __asm__ volatile("mov %%rsp, %0" : "=r"(at));
    at -= (u64)ap_stacks;
    return at < CPUS * 8192 ? (u32)(at / 8192) : 0;
}

struct processor *me(void)
{
    return &processors[my_index()];
}

u32 list_others(u32 *ids)
{
    u32 count = 0;

    for (u32 id = 1; id < CPUS; id++)
        if (processors[id].arrivals)
            ids[count++] = id;
    return count;
}

u32 count_others(void)
{
    u32 ids[CPUS];

    return list_others(ids);
}

bool wait_for(volatile u32 *value, u32 wanted, u64 ticks)
{
    u64 end = rdtsc() + ticks;

    while (*value < wanted && rdtsc() < end)
        pause();
    return *value >= wanted;
}

void set_duty(u32 id, enum duty duty)
{
    processors[id].duty = duty;
    apic_send(id, ICR_NMI);         /* it may be halted */
    delay(5000);
}

static void try_cpuid(struct processor *p)
{
    struct regs4 r = cpuid(0, 0), s = cpuid(1, 0);

    p->wrong += r.ebx != 0x756E6547 || r.edx != 0x49656E69 || r.ecx != 0x6C65746E || s.eax != p->signature;
    p->counter = p->counter + 1;
}

/* EOI by each kind of instruction that programs use for it. */
static void end_interrupt(void)
{
    volatile u32 *eoi = (volatile u32 *)(APIC + APIC_EOI);

    switch (eoi_form++ % 4) {
    case 0: *eoi = 0; break;
    case 1: __asm__ volatile("andl $0, (%0)" : : "r"(eoi) : "memory", "cc"); break;
    case 2: __asm__ volatile("mov %%eax, 0xFEE000B0" : : "a"(0) : "memory"); break;
    default: {
        u32 zero = 0;
        __asm__ volatile("xchg %0, (%1)" : "+r"(zero) : "r"(eoi) : "memory");
    }
    }
}

static void take_nmi(struct processor *p)
{
    if (++p->nmi_depth > p->nmi_deepest)
        p->nmi_deepest = p->nmi_depth;
    for (u32 i = 0; i < 3; i++)
        cpuid(0, 0);
    p->nmis = p->nmis + 1;
    p->nmi_depth = p->nmi_depth - 1;
}

bool notice(struct frame *frame)
{
    struct processor *p = me();

    if (frame->vector == VECTOR_NMI) {
        take_nmi(p);
        return true;
    }
    if (frame->vector != VECTOR_IPI && frame->vector != VECTOR_TIMER)
        return false;
    if (frame->vector == VECTOR_IPI)
        p->ipis = p->ipis + 1;
    else
        p->timers = p->timers + 1;
    end_interrupt();
    return true;
}

u64 hidden_target;

static void write_hidden(struct processor *p)
{
    *(volatile u32 *)(hidden_target + 0x1000 * my_index()) = p->counter;
    p->counter = p->counter + 1;
}

static void send_storm(struct processor *p)
{
    apic_send(0, ICR_NMI);
    p->counter = p->counter + 1;
    delay(3000);
}

static void do_duty(struct processor *p)
{
    switch (p->duty) {
    case COUNT: p->counter = p->counter + 1; break;
    case SPIN_CPUID: try_cpuid(p); break;
    case HALT_DEAF:
        __asm__ volatile("cli");
        p->counter = p->counter + 1;
        __asm__ volatile("hlt");
        break;
    case HALT_OPEN:
        p->counter = p->counter + 1;
        __asm__ volatile("sti; hlt; cli");
        break;
    case OPEN_CPUID:
        __asm__ volatile("sti");
        try_cpuid(p);
        __asm__ volatile("cli");
        break;
    case WRITE_HIDDEN: write_hidden(p); break;
    case STORM:
        if (p->counter < 100)
            send_storm(p);
        break;
    case RUN_TIMER:
        apic_write(APIC_TIMER_DIVIDE, 0xB);
        apic_write(APIC_LVT_TIMER, VECTOR_TIMER);
        apic_write(APIC_TIMER_COUNT, 20000);
        p->counter = p->counter + 1;
        __asm__ volatile("sti; hlt; cli");
        break;
    default: pause();
    }
}

void ap_main(u32 apic_id)
{
    struct processor *p = &processors[apic_id];

    apic_write(APIC_SVR, 0x1FF);
    apic_write(APIC_TPR, 0);
    p->signature = cpuid(1, 0).eax;
    p->duty = COUNT;
    p->counter = p->nmi_depth = 0;
    p->arrivals = p->arrivals + 1;
    for (;;)
        do_duty(p);
}
