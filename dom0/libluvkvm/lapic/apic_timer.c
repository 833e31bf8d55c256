/* The APIC's timer: one shot, periodic, by TSC. SDM: 11.5.4 */
#include <signal.h>
#include <time.h>

#include "lapic/apic.h"
#include "cpu/cpuid.h"
#include "api/kick.h"
#include "api/vcpu.h"

#define NANOSECONDS 1000000000ll
#define SHORTEST 100000ll /* of a period: a guest may not drown its thread in signals */

static int64_t get_time(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * NANOSECONDS + now.tv_nsec;
}

static uint32_t get_mode(struct apic *apic)
{
    return (*apic_register(apic, APIC_LVT_TIMER) & APIC_LVT_MODE_MASK) >> APIC_LVT_MODE_SHIFT;
}

/* The bus clock is 1 GHz: a nanosecond a tick, divided by 1 to 128. SDM: figure 11-10 */
static uint32_t get_divisor(struct apic *apic)
{
    uint32_t value = *apic_register(apic, APIC_TIMER_DIVIDE);

    return 1u << ((((value & 3) | (value >> 1 & 4)) + 1) & 7);
}

/* Ask for a signal to the processor's thread when the timer is due. */
static void arm(struct vcpu *vcpu)
{
    struct itimerspec when = {.it_value = {vcpu->apic.due / NANOSECONDS, vcpu->apic.due % NANOSECONDS}};

    vcpu->apic.armed_late = !vcpu->adopted;
    if (vcpu->adopted)
        timer_settime(vcpu->timer, TIMER_ABSTIME, &when, NULL);
}

static void start(struct vcpu *vcpu, uint64_t count)
{
    struct apic *apic = &vcpu->apic;
    int64_t length = (int64_t)(count * get_divisor(apic));

    apic->started = get_time();
    apic->period = 0;
    if (get_mode(apic) == APIC_LVT_MODE_PERIODIC)
        apic->period = length < SHORTEST ? SHORTEST : length;
    apic->due = count ? apic->started + length : 0;
    arm(vcpu);
}

void apic_timer_start(struct vcpu *vcpu)
{
    if (get_mode(&vcpu->apic) != APIC_LVT_MODE_TSC_DEADLINE)
        start(vcpu, *apic_register(&vcpu->apic, APIC_TIMER_COUNT));
}

/* How long until the guest's TSC has that value. */
static int64_t count_nanoseconds(struct vcpu *vcpu, uint64_t tsc)
{
    uint64_t now = 0;
    int khz = backend(vcpu)->get_tsc_khz(vcpu);

    backend(vcpu)->get_msr(vcpu, IA32_TIME_STAMP_COUNTER, &now);
    if (tsc <= now || khz <= 0)
        return 0;
    return (int64_t)((unsigned __int128)(tsc - now) * 1000000 / (unsigned)khz);
}

void apic_timer_deadline(struct vcpu *vcpu, uint64_t tsc)
{
    struct apic *apic = &vcpu->apic;

    if (get_mode(apic) != APIC_LVT_MODE_TSC_DEADLINE)
        return;
    apic->tsc_due = tsc;
    apic->period = 0;
    apic->due = tsc ? get_time() + count_nanoseconds(vcpu, tsc) : 0;
    arm(vcpu);
    atomic_store(&vcpu->work, true);
}

/* A change between counting and deadline stops the timer; one shot and periodic go over into each other. */
void apic_timer_mode(struct vcpu *vcpu, uint32_t old)
{
    struct apic *apic = &vcpu->apic;
    uint32_t now = get_mode(apic), before = (old & APIC_LVT_MODE_MASK) >> APIC_LVT_MODE_SHIFT;

    if (now == before)
        return;
    if (now == APIC_LVT_MODE_TSC_DEADLINE || before == APIC_LVT_MODE_TSC_DEADLINE) {
        apic->due = apic->period = 0;
        apic->tsc_due = 0;
        *apic_register(apic, APIC_TIMER_COUNT) = 0;
        arm(vcpu);
    } else if (now == APIC_LVT_MODE_ONE_SHOT) {
        apic->period = 0;
    } else {
        apic->period = (int64_t)*apic_register(apic, APIC_TIMER_COUNT) * get_divisor(apic);
        apic->period = apic->period < SHORTEST ? SHORTEST : apic->period;
    }
}

uint32_t apic_timer_now(struct vcpu *vcpu)
{
    struct apic *apic = &vcpu->apic;
    int64_t left;

    if (!apic->due || get_mode(apic) == APIC_LVT_MODE_TSC_DEADLINE)
        return 0;
    left = apic->due - get_time();
    if (left <= 0 && apic->period)
        left += (1 - left / apic->period) * apic->period;
    return left <= 0 ? 0 : (uint32_t)((uint64_t)left / get_divisor(apic));
}

/* A late period is caught up in one: what was missed is lost, as a masked interrupt's would be. */
static void advance_due(struct apic *apic, int64_t now)
{
    if (apic->period)
        apic->due += ((now - apic->due) / apic->period + 1) * apic->period;
    else
        apic->due = 0;
    apic->tsc_due = 0;
}

void apic_timer_check(struct vcpu *vcpu)
{
    struct apic *apic = &vcpu->apic;
    uint32_t entry = *apic_register(apic, APIC_LVT_TIMER);
    int64_t now;

    if (!apic->due)
        return;
    now = get_time();
    if (now < apic->due) {
        if (apic->armed_late)
            arm(vcpu);
        return;
    }
    advance_due(apic, now);
    if (apic->due)
        arm(vcpu);
    if (!(entry & APIC_LVT_MASKED))
        apic_accept(vcpu, (uint8_t)entry, false);
}

/* A saved count continues from there; a deadline is restored by its MSR. */
void apic_timer_restore(struct vcpu *vcpu)
{
    struct apic *apic = &vcpu->apic;
    uint32_t left = *apic_register(apic, APIC_TIMER_NOW);

    if (get_mode(apic) == APIC_LVT_MODE_TSC_DEADLINE)
        return;
    start(vcpu, *apic_register(apic, APIC_TIMER_COUNT));
    if (left && apic->due) {
        apic->due = apic->started + (int64_t)left * get_divisor(apic);
        arm(vcpu);
    }
}
