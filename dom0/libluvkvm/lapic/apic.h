/* The local APIC: registers as the manual lays them out in its page. SDM: 11.4 */
#pragma once
#include <linux/kvm.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "generated/x86/regions.h"
#include "generated/x86/x86.h"

struct vcpu;

#define APIC_REGISTERS 0x400u /* bytes */
#define APIC_BASE_ADDRESS 0xFFFFFF000ull

struct apic {
    pthread_mutex_t lock; /* of the registers, against other processors and devices */
    uint32_t registers[APIC_REGISTERS / 4];
    uint64_t base;
    uint32_t id; /* all 32 bits of x2APIC */

        /* The timer, by CLOCK_MONOTONIC; 0 where it does not run. */
    int64_t started, period, due;
    uint64_t tsc_due;
    bool armed_late; /* set from another thread: the processor's own arms it */

        /* From other processors, looked at by the run loop. */
    atomic_bool init;
    atomic_int sipi; /* vector, or -1 */
};

static inline uint32_t *apic_register(struct apic *apic, uint32_t offset)
{
    return &apic->registers[offset / 4];
}

static inline bool apic_is_on(const struct apic *apic)
{
    return apic->base & APIC_BASE_ENABLE;
}

static inline bool apic_is_x2(const struct apic *apic)
{
    return (apic->base & (APIC_BASE_ENABLE | APIC_BASE_X2APIC)) == (APIC_BASE_ENABLE | APIC_BASE_X2APIC);
}

/* apic.c: state and priorities. Those that take a vcpu take the lock themselves. */
void apic_create(struct vcpu *vcpu);
void apic_reset(struct vcpu *vcpu);
bool apic_set_base(struct vcpu *vcpu, uint64_t base); /* false: #GP */
void apic_accept(struct vcpu *vcpu, uint8_t vector, bool level);
int apic_find(struct vcpu *vcpu);                     /* highest vector that may be delivered now, or -1 */
uint8_t apic_find_class(struct vcpu *vcpu);           /* of the highest that waits, deliverable or not; 0: none */
void apic_acknowledge(struct vcpu *vcpu, uint8_t vector);    /* it is being delivered */
void apic_end(struct vcpu *vcpu);                     /* EOI */
uint8_t apic_get_cr8(struct vcpu *vcpu);
void apic_set_cr8(struct vcpu *vcpu, uint8_t value);
bool apic_accepts_pic(struct vcpu *vcpu);
void apic_get(struct vcpu *vcpu, struct kvm_lapic_state *state);
void apic_set(struct vcpu *vcpu, const struct kvm_lapic_state *state);

/* apic_access.c: its page and its MSRs. */
bool apic_has_page(struct vcpu *vcpu, uint64_t address);
void apic_access_page(struct vcpu *vcpu, uint64_t address, uint32_t size, bool write, uint8_t *data);
bool apic_read_msr(struct vcpu *vcpu, uint32_t index, uint64_t *value);
bool apic_write_msr(struct vcpu *vcpu, uint32_t index, uint64_t value);

/* apic_timer.c */
void apic_timer_start(struct vcpu *vcpu);   /* the initial count was written */
void apic_timer_deadline(struct vcpu *vcpu, uint64_t tsc);
void apic_timer_mode(struct vcpu *vcpu, uint32_t old);
uint32_t apic_timer_now(struct vcpu *vcpu);
void apic_timer_check(struct vcpu *vcpu);   /* has it come? */
void apic_timer_restore(struct vcpu *vcpu); /* after KVM_SET_LAPIC */
