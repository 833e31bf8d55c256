#include "cpu/clock.h"

#include <time.h>

#include "memory/slots.h"
#include "api/vcpu.h"

#define NANOSECONDS 1000000000ull
#define WALL_CLOCK 0x4B564D00u
#define SYSTEM_TIME 0x4B564D01u
#define LAST_MSR 0x4B564D07u
#define OLD_WALL_CLOCK 0x11u
#define OLD_SYSTEM_TIME 0x12u
#define ENABLED 1u
#define STABLE 1 /* one clock for all processors */

/* What the guest reads: Linux, Documentation/virt/kvm/x86/msr.rst. */
struct system_time {
    uint32_t version, pad;
    uint64_t tsc, nanoseconds;
    uint32_t factor;
    int8_t shift;
    uint8_t flags, pad2[2];
};

struct wall_clock {
    uint32_t version, seconds, nanoseconds;
};

static uint64_t read_clock(clockid_t which)
{
    struct timespec now;

    clock_gettime(which, &now);
    return (uint64_t)now.tv_sec * NANOSECONDS + (uint64_t)now.tv_nsec;
}

static uint64_t read_vm_clock(struct vm *vm)
{
    return read_clock(CLOCK_MONOTONIC) + (uint64_t)vm->clock_offset;
}

long get_clock(struct vm *vm, struct kvm_clock_data *clock)
{
    *clock = (struct kvm_clock_data){.clock = read_vm_clock(vm)};
    return 0;
}

long set_clock(struct vm *vm, const struct kvm_clock_data *clock)
{
    vm->clock_offset = (int64_t)(clock->clock - read_clock(CLOCK_MONOTONIC));
    return 0;
}

bool is_paravirtual_msr(uint32_t index)
{
    return (index >= WALL_CLOCK && index <= LAST_MSR) || index == OLD_WALL_CLOCK || index == OLD_SYSTEM_TIME;
}

/* nanoseconds = (ticks << shift) * factor >> 32, with as many bits in the factor as it has. */
static void set_factor(struct system_time *page, uint64_t hertz)
{
    int shift = 0;

    while ((NANOSECONDS >> shift) >= hertz)
        shift++;
    while (shift > -31 && (unsigned __int128)NANOSECONDS << (32 - shift) < (unsigned __int128)hertz << 31)
        shift--;
    page->shift = (int8_t)shift;
    page->factor = (uint32_t)(((unsigned __int128)NANOSECONDS << (32 - shift)) / hertz);
}

static void write_system_time(struct vcpu *vcpu, uint64_t address)
{
    int khz = backend(vcpu)->get_tsc_khz(vcpu);
    struct system_time page = {.version = 2, .flags = STABLE};

    if (khz <= 0)
        return;
    set_factor(&page, (uint64_t)khz * 1000);
    backend(vcpu)->get_msr(vcpu, IA32_TIME_STAMP_COUNTER, &page.tsc);
    page.nanoseconds = read_vm_clock(vcpu->vm);
    write_memory(vcpu->vm, address, &page, sizeof page);
}

/* The wall clock's time at the moment when the VM's clock was zero. */
static void write_wall_clock(struct vcpu *vcpu, uint64_t address)
{
    uint64_t start = read_clock(CLOCK_REALTIME) - read_vm_clock(vcpu->vm);
    struct wall_clock page = {
        .version = 2, .seconds = (uint32_t)(start / NANOSECONDS), .nanoseconds = (uint32_t)(start % NANOSECONDS)};

    write_memory(vcpu->vm, address, &page, sizeof page);
}

void write_paravirtual_msr(struct vcpu *vcpu, uint32_t index, uint64_t value)
{
    if (index == WALL_CLOCK || index == OLD_WALL_CLOCK)
        write_wall_clock(vcpu, value);
    else if ((index == SYSTEM_TIME || index == OLD_SYSTEM_TIME) && value & ENABLED)
        write_system_time(vcpu, value & ~(uint64_t)ENABLED);
}
