/* A virtual processor: what its descriptor stands for. */
#pragma once
#include <linux/kvm.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "lapic/apic.h"
#include "cpu/cpuid.h"
#include "cpu/msrs.h"
#include "api/vm.h"

#define PAGE 4096u
#define RUN_PAGES 3 /* kvm_run, data of port accesses, ring of coalesced writes */
/* Out of line, so that a plain port access, the shortest path, saves no registers and uses no stack for it. */
#define noinline __attribute__((__noinline__))

/* One access to a device, by port or by address; data lies where kvm_run has it. */
struct access {
    bool memory, write;
    bool asked; /* the VMM has it: its answer is there at the next KVM_RUN */
    uint64_t address;
    uint32_t size, count;
    uint8_t *data;
};

struct vcpu {
    struct vm *vm;
    void *own; /* the backend's */
    int fd;
    uint32_t id; /* of its APIC */

    struct kvm_run *run;
    uint8_t *port_data;
    struct kvm_coalesced_mmio_ring *ring;

        /* Its thread, and how others reach it: kick.h. */
    bool adopted;
    pthread_t thread;
    timer_t timer;
    atomic_bool reachable; /* in the guest, or waiting */
    atomic_bool work;      /* something has changed that the run loop must look at */

        /* What the last exit asks. */
    struct access access;
    struct {
        uint32_t index;
        uint64_t data;
    } msr;
    uint32_t leaf, subleaf;
    long error;

        /* What the processor waits for, and what waits for it. */
    uint32_t state;       /* KVM_MP_STATE_* */
    bool window;          /* the VMM requested one at the last KVM_RUN */
    int external;         /* vector of the VMM's PIC, or -1 */
    _Atomic uint32_t nmis;
    int eoi;              /* vector whose end the VMM's IOAPIC must hear, or -1 */
    struct apic apic;

    struct cpuid_table cpuid;
    struct msr_store msrs;
    uint64_t mcg_cap;
};

long create_vcpu(struct vm *vm, uint32_t id);
long answer_vcpu(struct vcpu *vcpu, unsigned long request, void *argument);
void destroy_vcpu(struct vcpu *vcpu);

/* run.c */
long run_vcpu(struct vcpu *vcpu);

/* The backend's functions, without the chain of arrows. */
static inline const struct backend *backend(const struct vcpu *vcpu)
{
    return vcpu->vm->backend;
}
