/*
 * What runs the guest: Luvalley by hypercalls, or a real KVM without any interrupt controller.
 *
 * A backend has the processor's state and the guest's memory map. CPUID tables, the MSRs that no processor needs, the local
 * APIC, devices' addresses and every KVM ioctl are above it. All functions return 0 (or more) or -errno; the calls on a vCPU come from
 * the thread that runs it, or while it does not run.
 */
#pragma once
#include <linux/kvm.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct vm;
struct vcpu;

/* Why the guest exited. */
enum exit_kind {
    EXIT_INTERRUPTED,  /* a signal, or work for the library; nothing happened in the guest */
    EXIT_ACCESS,       /* vcpu.access is filled: port or memory of a device; answer_access completes it */
    EXIT_CPUID,        /* vcpu.leaf, vcpu.subleaf; answer_cpuid */
    EXIT_MSR_READ,     /* vcpu.msr.index; answer_msr */
    EXIT_MSR_WRITE,    /* vcpu.msr.index and .data; answer_msr */
    EXIT_HALT,         /* RIP is after the HLT */
    EXIT_WINDOW,       /* can_interrupt has become true, or the guest's TPR fell */
    EXIT_SHUTDOWN,
    EXIT_TO_USER,      /* kvm_run is filled as it stands: fail entry, debug, internal error */
    EXIT_ERROR         /* vcpu.error: what KVM_RUN returns */
};

/* What can be read and written as a whole, in the form of linux/kvm.h. */
enum state { STATE_REGS, STATE_SREGS, STATE_DEBUGREGS, STATE_XSAVE, STATE_FPU, STATE_XCRS, STATE_EVENTS, STATES };

struct backend {
    const char *name;

        /* The machine. */
    int (*open)(void);
    int (*get_cpuid)(struct kvm_cpuid_entry2 *entries, int max); /* what a guest may see; returns how many */
    int (*get_tsc_khz)(struct vcpu *vcpu);

        /* Domains and their memory; a size of 0 unmaps. */
    int (*create_vm)(struct vm *vm);
    void (*destroy_vm)(struct vm *vm);
    int (*set_slot)(struct vm *vm, const struct kvm_userspace_memory_region *region);
    int (*get_dirty)(struct vm *vm, struct kvm_dirty_log *log); /* -ENOSYS: every page counts as dirty */

        /* Processors. */
    int (*create_vcpu)(struct vcpu *vcpu);
    void (*destroy_vcpu)(struct vcpu *vcpu);
        /* Where the VMM maps the processor's pages: as mmap. No function, or NULL: what its descriptor has. */
    void *(*map_vcpu)(struct vcpu *vcpu, void *address, size_t size, int protection, int flags);
    int (*set_cpuid)(struct vcpu *vcpu, const struct kvm_cpuid2 *table);
    int (*get_state)(struct vcpu *vcpu, enum state what, void *data);
    int (*set_state)(struct vcpu *vcpu, enum state what, void *data);
    int (*get_msr)(struct vcpu *vcpu, uint32_t index, uint64_t *value); /* only those that is_machine_msr names */
    int (*set_msr)(struct vcpu *vcpu, uint32_t index, uint64_t value);
    int (*set_debug)(struct vcpu *vcpu, struct kvm_guest_debug *debug);

        /* Running: whatever is pending for the guest is done before its next instruction. */
    enum exit_kind (*run)(struct vcpu *vcpu);
    void (*settle)(
        struct vcpu
            *vcpu); /* complete an answered access, so that the registers are those after it, without running the guest */
    void (*answer_access)(struct vcpu *vcpu);
    void (*answer_msr)(struct vcpu *vcpu, uint64_t value, bool fault);
    void (*answer_cpuid)(struct vcpu *vcpu, const uint32_t registers[4]);
    bool (*can_interrupt)(struct vcpu *vcpu);  /* IF, shadows and events in flight permit one now */
    void (*interrupt)(struct vcpu *vcpu, uint8_t vector);
    void (*request_window)(struct vcpu *vcpu, bool wanted);
    void (*nmi)(struct vcpu *vcpu);
};

extern const struct backend backend_kvm, backend_vmcall;

/* The VMM has unmapped these addresses, or mapped something else there. */
void forget_memory(const void *address, size_t size);
