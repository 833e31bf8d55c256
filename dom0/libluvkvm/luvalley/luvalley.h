/* The backend by hypercalls: what its modules share. */
#pragma once
#include <pthread.h>

#include "emulator/emulate.h"
#include "luvalley/hypercall.h"
#include "luv_run.h"
#include "luvalley/pool.h"
#include "api/vcpu.h"
#include "luvalley/windows.h"

#define SHARED_AREAS_PER_SUPERPAGE (SUPERPAGE_BYTES / LUV_BLOCK_SIZE)

struct vmcall_vm {
    struct vmcall_vm *next; /* of all in this process */
    struct pool pool;
    uint64_t handle, secret[2];
    pthread_mutex_t lock; /* of all below: the VMM may unmap memory from any thread */
    struct windows windows;
    uint64_t last_superpage;  /* the next one is wanted behind it */
    bool has_empty;       /* windows whose memory the VMM has given up */

        /* The vCPUs' blocks. */
    uint64_t shared_superpage;
    uint8_t *shared_areas;
    uint32_t shared_count;
};

/* An access that an exit asks for, from its exit to the end of its instruction. */
enum access_state {
    ACCESS_NONE,
    ACCESS_ASKED,    /* vcpu.access waits for its answer */
    ACCESS_ANSWERED, /* the instruction is to be played on */
    ACCESS_REPEATED  /* a round of it is done: the next may be played, or an interrupt come first */
};

struct vmcall_vcpu {
    uint64_t handle;
    struct hypercall enter; /* vcpu_run, ready to go */
    struct luv_run *run;    /* in the block, as is the state's area */
    uint8_t *area;
    uint64_t shared_offset;  /* in the pool's device */

    enum access_state access_state;
    bool instruction; /* the access is the emulator's; else a port's */
    uint64_t rip;     /* where it was asked for: who sets another RIP gives it up */
    uint32_t batch;   /* rounds of a repeated port access that are asked at once, 0: none */
    struct emulation emulation;

    bool has_deferred;       /* an exit that came while something else was done: the next run's */
    enum exit_kind deferred;
    uint32_t nmis;        /* to be given: two at most, one while another is in service */
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

#define EVENT_VALID 0x80000000u
#define EVENT_CODE 0x800u
#define EVENT_TYPE(event) ((event) >> 8 & 7)
enum {
    TYPE_EXTERNAL = 0,
    TYPE_NMI = 2,
    TYPE_HARDWARE = 3,
    TYPE_SOFT_INTERRUPT = 4,
    TYPE_PRIVILEGED = 5,
    TYPE_SOFT_EXCEPTION = 6
};
enum { VECTOR_DB = 1, VECTOR_NMI = 2, VECTOR_BP = 3, VECTOR_GP = 13, VECTOR_PF = 14 };
#define BLOCKING_STI 1u
#define BLOCKING_MOV_SS 2u
#define BLOCKING_NMI 8u
#define RFLAGS_TF 0x100u
#define RFLAGS_IF 0x200u
#define CR4_UNKNOWN ~0ull /* in mode.cr4 before an entry: has this exit told it? */

/* vmcall_frames.c: superpages of the pool. */
int claim_superpage(struct vmcall_vm *vm, uint64_t *superpage);
bool release_superpage(struct vmcall_vm *vm, uint64_t superpage);
int make_shared_area(struct vmcall_vm *vm, uint8_t **block, uint64_t *offset);
void destroy_domain(struct vmcall_vm *vm);
void kick_all(void); /* every CPU that runs this process leaves its guest */

/* vmcall_move.c: the VMM's memory into superpages, and back. With the lock held. */
int move_range(struct vmcall_vm *vm, uint64_t address, uint64_t size);
void move_back(struct vmcall_vm *vm);
void release_empty(struct vmcall_vm *vm);

/* vmcall_memory.c */
int vmcall_set_slot(struct vm *vm, const struct kvm_userspace_memory_region *region);
int vmcall_get_dirty(struct vm *vm, struct kvm_dirty_log *log);
void add_vm(struct vmcall_vm *vm);
void remove_vm(struct vmcall_vm *vm);

/* vmcall_cpuid.c */
int vmcall_get_cpuid(struct kvm_cpuid_entry2 *entries, int most);
int vmcall_set_cpuid(struct vcpu *vcpu, const struct kvm_cpuid2 *table);
void vmcall_answer_cpuid(struct vcpu *vcpu, const uint32_t registers[4]);
int set_controls(struct vcpu *vcpu);
bool set_xcr0(struct vcpu *vcpu, uint32_t which, uint64_t value);

/* vmcall_state.c */
enum { WHAT_SREGS, WHAT_DEBUGREGS, WHAT_MSRS, WHAT_XSAVE, WHAT_XCR0, WHAT_CONTROLS };
int carry_state(struct vcpu *vcpu, bool set, uint32_t what, uint32_t size); /* vcpu_get or vcpu_set, by the area */
int get_area(struct vcpu *vcpu, uint32_t what, void *data, uint32_t size);
int set_area(struct vcpu *vcpu, uint32_t what, const void *data, uint32_t size);
uint32_t get_xsave_size(void);
int vmcall_get_state(struct vcpu *vcpu, enum state what, void *data);
int vmcall_set_state(struct vcpu *vcpu, enum state what, void *data);
int vmcall_get_msr(struct vcpu *vcpu, uint32_t index, uint64_t *value);
int vmcall_set_msr(struct vcpu *vcpu, uint32_t index, uint64_t value);
int vmcall_set_debug(struct vcpu *vcpu, struct kvm_guest_debug *debug);

/* vmcall_events.c: what is given to the guest. */
void get_events_of(struct vcpu *vcpu, struct kvm_vcpu_events *events);
void set_events_of(struct vcpu *vcpu, const struct kvm_vcpu_events *events);
void inject_exception(struct vcpu *vcpu, uint8_t vector, bool has_code, uint32_t code);
void inject_page_fault(struct vcpu *vcpu, uint64_t linear, uint32_t code);
void inject_nmi(struct vcpu *vcpu); /* if one waits and may be given */
bool vmcall_can_interrupt(struct vcpu *vcpu);
void vmcall_interrupt(struct vcpu *vcpu, uint8_t vector);
void vmcall_request_window(struct vcpu *vcpu, bool wanted);
void vmcall_nmi(struct vcpu *vcpu);

/* vmcall_access.c: ports and memory of devices. */
enum exit_kind handle_io(struct vcpu *vcpu);
enum exit_kind handle_mmio(struct vcpu *vcpu);
void begin_instruction(struct vcpu *vcpu);
void inject_emulated_fault(struct vcpu *vcpu); /* the emulation's */
bool continue_emulation(struct vcpu *vcpu, enum exit_kind *kind); /* what was answered; false: the guest can go on */
void vmcall_answer_access(struct vcpu *vcpu);
enum exit_kind report_internal(struct vcpu *vcpu, uint32_t error);

/* vmcall_task.c */
enum exit_kind handle_task_switch(struct vcpu *vcpu);

/* vmcall_batch.c: repeated accesses of a port. */
bool begin_batch(struct vcpu *vcpu);
void end_batch(struct vcpu *vcpu);

/* vmcall_run.c */
enum exit_kind vmcall_run(struct vcpu *vcpu);
void vmcall_settle(struct vcpu *vcpu);
void vmcall_answer_msr(struct vcpu *vcpu, uint64_t value, bool fault);
