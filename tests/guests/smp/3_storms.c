/* Many NMIs in short intervals, writes to hidden memory by all CPUs at once, and IPIs in x2APIC mode. */
#include "smp.h"

/* NMIs sent one by one must all arrive. Of NMIs sent back to back some may merge, but the last one must not be lost. */
static void storm(const char *what, u32 id, enum duty duty)
{
    struct processor *p = &processors[id];

    print("storm: %s\n", what);
    set_duty(id, duty);
    delay(SETTLE);
    p->nmis = p->wrong = p->nmi_deepest = 0;
    for (u32 n = 1; n <= 50; n++) {
        apic_send(id, ICR_NMI);
        wait_for(&p->nmis, n, SETTLE * 4);
    }
    check("NMIs sent one by one", p->nmis, 50);
    p->nmis = 0;
    for (u32 n = 0; n < 200; n++)
        apic_send(id, ICR_NMI);
    delay(SETTLE);
    check_true("NMIs back to back: some arrive", p->nmis >= 2);
    check_true("NMIs back to back: no more than were sent", p->nmis <= 200);
    print("of 200 back to back: %u\n", (u64)p->nmis);
    p->nmis = 0;
    for (u32 n = 0; n < 200; n++) {
        apic_send(id, ICR_NMI);
        delay(37 * (n % 50));
    }
    delay(SETTLE);
    p->nmis = 0;
    apic_send(id, ICR_NMI);
    check_true("an NMI after the storm", wait_for(&p->nmis, 1, WAIT));
    delay(SETTLE);
    check("exactly one NMI after the storm", p->nmis, 1);
    check("nesting depth of NMIs", p->nmi_deepest, 1);
    check("CPUID results that were wrong in the storm", p->wrong, 0);
    u32 counter = p->counter;
    check_true("it continues after the storm", duty == HALT_DEAF || wait_for(&p->counter, counter + 100, WAIT));
}

CASE(nmi_storm)
{
    begin();
    for (u32 i = 0; i < others; i++) {
        storm("CPUID, interrupts off", ids[i], SPIN_CPUID);
        storm("CPUID, interrupts on", ids[i], OPEN_CPUID);
        storm("counting", ids[i], COUNT);
        storm("halted, interrupts off", ids[i], HALT_DEAF);
    }
}

CASE(nmi_storm_here)
{
    begin();
    if (!others)
        return;
    processors[0].nmis = processors[0].wrong = processors[0].nmi_deepest = 0;
    processors[0].signature = cpuid(1, 0).eax;
    processors[ids[0]].counter = 0;
    set_duty(ids[0], STORM);
    u64 end = rdtsc() + WAIT;
    while (processors[ids[0]].counter < 100 && rdtsc() < end)
        cpuid(0, 0);
    delay(SETTLE);
    set_duty(ids[0], IDLE);
    check("NMIs sent here", processors[ids[0]].counter, 100);
    check("NMIs received here", processors[0].nmis, 100);
    check("nesting depth of NMIs here", processors[0].nmi_deepest, 1);
}

/* INIT and start-up IPIs while NMIs arrive. */
CASE(restart_in_storm)
{
    begin();
    for (u32 i = 0; i < others; i++) {
        set_duty(ids[i], SPIN_CPUID);
        for (u32 n = 0; n < 20; n++)
            apic_send(ids[i], ICR_NMI);
        restart("it runs in the storm", ids[i], SPIN_CPUID);
        processors[ids[i]].nmis = 0;
        apic_send(ids[i], ICR_NMI);
        check_true("an NMI after the restart", wait_for(&processors[ids[i]].nmis, 1, WAIT));
    }
}

/* All CPUs write to hidden memory at once, while NMIs arrive: no CPU may see the scratch page of another. */
CASE(hidden_from_all)
{
    begin();
    if (!is_hypervised())
        return;
    u64 base = hidden_base(), differing = 0;
    extern u64 hidden_target;
    hidden_target = base;
    for (u32 i = 0; i < others; i++) {
        processors[ids[i]].counter = processors[ids[i]].nmis = 0;
        set_duty(ids[i], WRITE_HIDDEN);
    }
    for (u32 n = 0; n < 300; n++) {
        for (u64 at = 0; at < 8; at++)
            differing += *(volatile u64 *)(base + at * 0x1000) != ~0ull;
        *(volatile u64 *)base = n;
        if (n % 10 == 0 && others)
            apic_send(ids[0], ICR_NMI);
    }
    check("hidden quadwords that did not read as ones", differing, 0);
    for (u32 i = 0; i < others; i++) {
        check_true("writes from another processor continue", wait_for(&processors[ids[i]].counter, 100, WAIT));
        restart("it writes before INIT", ids[i], WRITE_HIDDEN);
    }
    check_true("an NMI arrived during the writes", !others || processors[ids[0]].nmis);
    differing = 0;
    for (u64 at = 0; at < hidden_size(); at += 8)
        differing += *(volatile u64 *)(base + at) != ~0ull;
    check("hidden quadwords that do not read as ones at the end", differing, 0);
}

/* The same IPIs by the x2APIC's ICR, if the CPU has one. The last case, since only a reset leaves x2APIC mode for xAPIC mode. */

static void send_x2(u32 id, u32 command)
{
    wrmsr(IA32_X2APIC_ICR, (u64)id << 32 | command);
}

static void send_nowhere(void *argument)
{
    (void)argument;
    send_x2(0, ICR_FIXED | VECTOR_IPI);
}

CASE(x2apic)
{
    begin();
    if (!(cpuid(1, 0).ecx & CPUID_X2APIC))
        return;
    check("x2APIC's ICR in xAPIC mode", outcome(attempt(send_nowhere, 0)), (u64)VECTOR_GP << 32);
    wrmsr(IA32_APIC_BASE, rdmsr(IA32_APIC_BASE) | 0x400);
    check("x2APIC's ID", rdmsr(0x802), 0);
    for (u32 i = 0; i < others; i++) {
        struct processor *p = &processors[ids[i]];
        p->duty = SPIN_CPUID;
        u32 arrivals = p->arrivals;
        send_x2(ids[i], ICR_INIT);
        delay(SETTLE);
        u32 counter = p->counter;
        delay(SETTLE);
        check("after x2APIC's INIT it has stopped", p->counter, counter);
        send_x2(ids[i], ICR_STARTUP | 6);
        delay(20000);
        send_x2(ids[i], ICR_STARTUP | 6);
        check_true("x2APIC: it starts again", wait_for(&p->arrivals, arrivals + 1, WAIT));
        p->nmis = 0;
        send_x2(ids[i], ICR_NMI);
        check_true("x2APIC: NMI", wait_for(&p->nmis, 1, WAIT));
    }
    processors[0].nmis = 0;
    send_x2(0, ICR_NMI);
    delay(1000);
    check("x2APIC: NMI to itself", processors[0].nmis, 1);
}
