/* INIT and start-up IPIs: CPUs start, stop, and start again, whatever they do when INIT arrives. */
#include "smp.h"

#include "generated/vmx/fields.h"
#include "luvalley_abi.h"

u32 ids[CPUS], others;

struct arrival {
    u32 eax, ebx, edx, cr0, cr4;
    u16 sp, ds, ss, flags;
};
extern struct arrival ap_arrival;

void begin(void)
{
    apic_init();
    trap_hook = notice;
}

CASE(start_all)
{
    begin();
    init_cpu(0, ICR_OTHERS);
    start_cpu(0, ICR_OTHERS);
    delay(3000000);
    others = list_others(ids);
    figure("processors", others + 1);
    check("arrivals", ap_count, others);
    for (u32 i = 0; i < others; i++)
        check("starts of each CPU", processors[ids[i]].arrivals, 1);
        /* INIT preserves CR0.CD and NW; Bochs does not set EDX to the signature. SDM: 10.1.1 */
    RECORD("registers at the start", ap_arrival.eax, ap_arrival.ebx, ap_arrival.cr0 & ~0x60000000u, ap_arrival.cr4,
           ap_arrival.sp, ap_arrival.ds, ap_arrival.ss, ap_arrival.flags);
    if (is_hypervised())
        check("EDX at the start", ap_arrival.edx, cpuid(1, 0).eax);
    for (u32 i = 0; i < others; i++) {
        u32 before = processors[ids[i]].counter;
        check_true("it counts after its start", wait_for(&processors[ids[i]].counter, before + 1000, WAIT));
    }
    if (is_hypervised())
        check("info: CPUs", hypervisor_info(1), others + 1);
}

/* INIT stops the CPU, whatever it does; a start-up IPI starts it again. */
void restart(const char *what, u32 id, enum duty duty)
{
    struct processor *p = &processors[id];
    u32 arrivals = p->arrivals, before;

    before = p->counter;
    set_duty(id, duty);
    if (duty == HALT_DEAF || duty == HALT_OPEN)
        delay(SETTLE);
    else
        check_true(what, wait_for(&p->counter, before + 100, WAIT));
    init_cpu(id, 0);
    u32 counter = p->counter;
    delay(SETTLE);
    check("after INIT it has stopped", p->counter, counter);
    check("after INIT it has not started", p->arrivals, arrivals);
    start_cpu(id, 0);
    check_true("it starts again", wait_for(&p->arrivals, arrivals + 1, WAIT));
    delay(SETTLE);
    check("it starts once for two start-up IPIs", p->arrivals, arrivals + 1);
    check_true("it counts again", wait_for(&p->counter, 1000, WAIT));
}

CASE(restart_each)
{
    begin();
    for (u32 round = 0; round < 3; round++)
        for (u32 i = 0; i < others; i++) {
            restart("it counts before INIT", ids[i], COUNT);
            restart("it runs CPUID before INIT", ids[i], SPIN_CPUID);
            restart("it halts with interrupts off before INIT", ids[i], HALT_DEAF);
            restart("it halts with interrupts on before INIT", ids[i], HALT_OPEN);
        }
}

CASE(restart_all)
{
    begin();
    u32 arrivals = ap_count;
    for (u32 round = 1; round <= 3; round++) {
        init_cpu(0, ICR_OTHERS);
        start_cpu(0, ICR_OTHERS);
        wait_for(&ap_count, arrivals + round * others, WAIT);
        delay(SETTLE);
        check("all start again", ap_count, arrivals + round * others);
    }
}

/* A start-up IPI to a CPU that runs is ignored. */
CASE(start_running)
{
    begin();
    u32 arrivals = ap_count;
    for (u32 i = 0; i < others; i++)
        start_cpu(ids[i], 0);
    delay(SETTLE);
    check("a start-up IPI to a running processor", ap_count, arrivals);
}

CASE(cpuid_everywhere)
{
    begin();
    for (u32 i = 0; i < others; i++) {
        processors[ids[i]].wrong = processors[ids[i]].counter = 0;
        set_duty(ids[i], SPIN_CPUID);
    }
    for (u32 i = 0; i < others; i++) {
        check_true("CPUID runs", wait_for(&processors[ids[i]].counter, 2000, WAIT));
        check("CPUID results that were wrong", processors[ids[i]].wrong, 0);
        if (is_hypervised())
            check_true("CPUID exits are counted", hypercall(LUV_HYPERCALL_exit_count, i + 1, EXIT_REASON_CPUID).value > 1000);
    }
}
