/* The run of a vCPU on the host: time and the preemption timer come from here, and no instruction of VMX is executed. */
#define vmread vmread_of_the_processor
#define vmwrite vmwrite_of_the_processor
#define host_rdtsc rdtsc_of_the_processor
#include "core/host.h"
#include "vmx/vmx.h"
#undef vmread
#undef vmwrite
#undef host_rdtsc

u64 host_now, host_timer;

static inline u64 vmread(u64 field)
{
    (void)field;
    return 0;
}

static inline void vmwrite(u64 field, u64 value)
{
    if (field == VMCS_PREEMPTION_TIMER_VALUE)
        host_timer = value;
}

static inline u64 host_rdtsc(void)
{
    return host_now;
}

#include "domu/run.c"

u32 vcpu_timer = RUN_CYCLES;
u32 vcpu_timer_shift;

void cancel_injection(struct luv_run *run)
{
    run->event = 0;
}

/* Exits that are handled in the hypervisor, each after `between` cycles, until the run ends; returns how long it lasted. */
__attribute__((visibility("default"))) u64 host_run(u64 between, u32 exits)
{
    static volatile u8 immediate_exit;
    static struct luv_run page;
    static struct vcpu vcpu;
    static struct cpu cpu;
    vcpu = (struct vcpu){.run = &page, .immediate_exit = &immediate_exit};
    cpu.vcpu = &vcpu;
    u64 start = host_now;
    host_timer = vcpu_timer;
    for (u32 i = 0; i < exits; i++) {
        host_now += min(between, host_timer);
        if (host_timer <= between || !domu_may_resume(&cpu))
            break;
    }
    return host_now - start;
}
