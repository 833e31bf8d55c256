/* The backend by hypercalls: what its modules share. */
#pragma once
#include <pthread.h>

#include "emulator/emulate.h"
#include "luvalley/hypercall.h"
#include "luvalley_abi.h"
#include "luvalley/pool.h"
#include "api/vcpu.h"
#include "luvalley/windows.h"
#include "generated/x86/x86.h"

#define SHARED_AREAS_PER_SUPERPAGE (SUPERPAGE_BYTES / sizeof(struct luv_shared_area))

struct vmcall_vm {
    struct vmcall_vm *next; /* of all in this process */
    struct pool pool;
    uint64_t handle, secret[2];
    pthread_mutex_t lock; /* of all below: the VMM may unmap memory from any thread */
    struct windows windows;
    uint64_t last_superpage;  /* the hint for the next one is the number after it */
    bool has_empty;       /* windows whose memory the VMM has unmapped */

        /* The shared vCPU areas. */
    uint64_t shared_superpage;
    uint8_t *shared_areas;
    uint32_t shared_count;
};

/* An access that an exit asks for, from its exit to the end of its instruction. */
enum access_state {
    ACCESS_NONE,
    ACCESS_ASKED,    /* vcpu.access waits for its answer */
    ACCESS_ANSWERED, /* the emulation is to be continued */
    ACCESS_REPEATED  /* one iteration is done: the next may be emulated, or an interrupt come first */
};

struct vmcall_vcpu {
    uint64_t handle;
    struct hypercall enter; /* vcpu_run, ready to go */
    struct luv_run *run;    /* in the shared vCPU area, as is the state area */
    uint8_t *area;
    uint64_t shared_offset;  /* in the pool's device */

    enum access_state access_state;
    bool instruction; /* the access is the emulator's; else a port's */
    uint64_t rip;     /* of the access: if RIP is set meanwhile, the access is abandoned */
    uint32_t batch;   /* rounds of a repeated port access that are asked at once, 0: none */
    struct emulation emulation;

    bool has_deferred;       /* an exit that occurred outside a run, which the next run returns */
    enum exit_kind deferred;
    uint32_t nmis;        /* pending: two at most, one while another is in service */
    uint64_t xcr0;
    struct kvm_guest_debug debug;
    uint64_t cr4_permitted;
    uint32_t hidden; /* enum luv_hide */
};

static inline struct vmcall_vcpu *get_own(struct vcpu *vcpu)
{
    return vcpu->own;
}

static inline struct vmcall_vm *get_own_vm(struct vm *vm)
{
    return vm->own;
}

/* A call on the VM's domain; the arguments behind its handle. */
static inline struct hypercall make_domain_call(const struct vmcall_vm *vm, uint32_t number, uint64_t second, uint64_t third)
{
    struct hypercall call = make_hypercall(number, vm->secret);

    call.rdi = vm->handle;
    call.rsi = second;
    call.rdx = third;
    return call;
}

/* Bytes of a port access. */
static inline uint32_t get_io_size(const struct luv_run *run)
{
    return (run->io.access & LUV_IO_SIZE_MINUS_ONE) + 1u;
}

/* A number of enum luv_event_type, in its place in an event and out of it. */
#define EVENT_TYPE_UNIT (LUV_EVENT_TYPE & -LUV_EVENT_TYPE)

static inline uint32_t get_event_type(uint32_t event)
{
    return (event & LUV_EVENT_TYPE) / EVENT_TYPE_UNIT;
}

static inline uint32_t make_event(enum luv_event_type type, uint32_t vector)
{
    return LUV_EVENT_VALID | (uint32_t)type * EVENT_TYPE_UNIT | vector;
}

#define CR4_UNKNOWN ~0ull /* in mode.cr4 before an entry: has this exit reported it? */
