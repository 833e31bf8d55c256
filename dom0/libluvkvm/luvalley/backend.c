/* The backend by hypercalls: Luvalley runs dom0 and the guest. */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/membarrier.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "api/log.h"
#include "luvalley/access.h"
#include "luvalley/cpuid.h"
#include "luvalley/interrupts.h"
#include "luvalley/memory.h"
#include "luvalley/move.h"
#include "luvalley/run.h"
#include "luvalley/shared_areas.h"
#include "luvalley/state.h"
#include "luvalley/superpages.h"
#include "luvalley_abi.h"
#include "memory/pages.h"

#define RUN_BYTES (RUN_PAGES * PAGE)
#define PATIENCE 5 /* seconds for what only needs another call */
#define NANOSECONDS 1000000000ll
#define SHORTEST (NANOSECONDS / 100) /* to measure the TSC against the clock */

/* --- The machine --- */

static struct {
    int64_t clock;
    uint64_t tsc;
} start;

static int64_t read_clock(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * NANOSECONDS + now.tv_nsec;
}

static int vmcall_open(void)
{
    int error;

    if (!is_luvalley_present()) {
        log_line("Luvalley does not run this machine, which is bare or another hypervisor's: nothing here can run a guest.");
        return -ENODEV;
    }
    error = load_token();
    if (error)
        return error;
    syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0);
    start.tsc = __builtin_ia32_rdtsc();
    start.clock = read_clock();
    return 0;
}

/* What the processor does not say is measured, from the opening on: the clock is made from the TSC. */
static int measure_tsc(void)
{
    int64_t passed = read_clock() - start.clock;

    if (passed < SHORTEST)
        nanosleep(&(struct timespec){.tv_nsec = SHORTEST - passed}, NULL);
    passed = read_clock() - start.clock;
    return (int)((__builtin_ia32_rdtsc() - start.tsc) * (NANOSECONDS / 1000) / (uint64_t)passed);
}

static int vmcall_get_tsc_khz(struct vcpu *vcpu)
{
    static int khz;

    (void)vcpu;
    if (!khz)
        khz = (int)get_info(LUV_INFO_TSC_KHZ);
    if (!khz)
        khz = measure_tsc();
    return khz;
}

/* --- Domains --- */

static void choose_secret(uint64_t secret[2], bool named)
{
    const char *text = getenv("LUVKVM_SECRET");
    uint8_t bytes[16];

    for (unsigned i = 0; named && text && i < sizeof bytes; i++)
        if (sscanf(text + 2 * i, "%2hhx", &bytes[i]) != 1)
            text = NULL;
    if (!named || !text)
        while (getrandom(bytes, sizeof bytes, 0) != sizeof bytes)
            ;
    memcpy(secret, bytes, sizeof bytes);
}

static int64_t ask_domain(struct vmcall_vm *vm, bool named)
{
    struct hypercall call;

    choose_secret(vm->secret, named);
    call = make_hypercall(LUV_HYPERCALL_domain_create, luv_token);
    call.rsi = (uint64_t)vm->pool.proof;
    call.rdx = vm->secret[0];
    call.r10 = vm->secret[1];
    return hypercall_until_done(&call, &vm->handle);
}

/* `luv run` names a secret; a second domain beside it needs its own. */
static int create_domain(struct vmcall_vm *vm)
{
    int64_t status = ask_domain(vm, true);

    if (status == -EEXIST)
        status = ask_domain(vm, false);
    if (status == -ENOMEM)
        log_line("Luvalley has no room for another domain: `luv list` shows those that are there.");
    else if (status && status != -EPERM)
        log_line("Luvalley makes no domain with %s: error %lld.", vm->pool.path, (long long)-status);
    return (int)status;
}

/* The first device that is a pool's and that this process may use. */
static int find_pool(struct vmcall_vm *vm)
{
    unsigned place = 0;
    int error;

    while (!(error = open_pool(&vm->pool, &place))) {
        error = create_domain(vm);
        if (!error)
            return 0;
        close_pool(&vm->pool);
        if (error != -EPERM)
            return error;
        log_line("%s is not of Luvalley's pool.", vm->pool.path);
    }
    return error;
}

static void destroy_domain(struct vmcall_vm *vm)
{
    struct hypercall call = make_domain_call(vm, LUV_HYPERCALL_domain_destroy, 0, 0);
    time_t start = time(NULL);
    uint64_t value;
    int64_t status;

    while ((status = luv_hypercall(&call, &value)) == -EAGAIN && time(NULL) - start < PATIENCE)
        kick_all();
    if (status)
        log_line("Luvalley does not destroy the domain 0x%llx: error %lld.", (unsigned long long)vm->handle,
                 (long long)-status);
}

static int vmcall_create_vm(struct vm *vm)
{
    struct vmcall_vm *own = calloc(1, sizeof *own);
    int error = own ? find_pool(own) : -ENOMEM;

    if (error) {
        free(own);
        return error;
    }
    pthread_mutex_init(&own->lock, NULL);
    own->last_superpage = ~1ull;
    vm->own = own;
    add_vm(own);
    return 0;
}

/* The process may continue: its memory is moved back before others get the superpages. */
static void vmcall_destroy_vm(struct vm *vm)
{
    struct vmcall_vm *own = get_own_vm(vm);

    remove_vm(own);
    pthread_mutex_lock(&own->lock);
    move_back(own);
    pthread_mutex_unlock(&own->lock);
    destroy_domain(own);
    close_pool(&own->pool);
}

/* --- Processors --- */

static int64_t ask_vcpu(struct vcpu *vcpu, const uint8_t *block)
{
    struct vmcall_vm *vm = get_own_vm(vcpu->vm);
    struct hypercall call = make_domain_call(vm, LUV_HYPERCALL_vcpu_create, vcpu->id, (uint64_t)block);

    return luv_hypercall(&call, &get_own(vcpu)->handle);
}

/* What the VMM reads of the vCPU is in the shared area from now on. */
static void use_shared_area(struct vcpu *vcpu, uint8_t *block)
{
    struct vmcall_vcpu *own = get_own(vcpu);

    unmap_pages(vcpu->run, RUN_BYTES);
    vcpu->run = (struct kvm_run *)block;
    vcpu->port_data = block + PAGE;
    vcpu->ring = (struct kvm_coalesced_mmio_ring *)(block + 2 * PAGE);
    own->run = (struct luv_run *)(block + offsetof(struct luv_shared_area, run));
    own->area = block + offsetof(struct luv_shared_area, state);
    own->run->rip = 0xFFF0;
    own->run->rflags = 2;
    own->xcr0 = 1;
    own->enter = make_hypercall(LUV_HYPERCALL_vcpu_run, get_own_vm(vcpu->vm)->secret);
    own->enter.rdi = own->handle;
}

static int vmcall_create_vcpu(struct vcpu *vcpu)
{
    struct vmcall_vm *vm = get_own_vm(vcpu->vm);
    uint8_t *block = NULL;
    int error;

    vcpu->own = calloc(1, sizeof(struct vmcall_vcpu));
    if (!vcpu->own)
        return -ENOMEM;
    pthread_mutex_lock(&vm->lock);
    error = make_shared_area(vm, &block, &get_own(vcpu)->shared_offset);
    pthread_mutex_unlock(&vm->lock);
    if (!error)
        error = (int)ask_vcpu(vcpu, block);
    if (error)
        log_line("processor %u cannot be made: error %d", vcpu->id, -error);
    else
        use_shared_area(vcpu, block);
    return error;
}

/* It ends with its domain. */
static void vmcall_destroy_vcpu(struct vcpu *vcpu)
{
    (void)vcpu;
}

static void *vmcall_map_vcpu(struct vcpu *vcpu, void *address, size_t size, int protection, int flags)
{
    if (size > RUN_BYTES)
        return NULL;
    return map_pages(address, size, protection, flags, get_own_vm(vcpu->vm)->pool.fd, get_own(vcpu)->shared_offset);
}

const struct backend backend_vmcall = {
    .name = "vmcall",
    .open = vmcall_open,
    .get_cpuid = vmcall_get_cpuid,
    .get_tsc_khz = vmcall_get_tsc_khz,
    .create_vm = vmcall_create_vm,
    .destroy_vm = vmcall_destroy_vm,
    .set_slot = vmcall_set_slot,
    .get_dirty = vmcall_get_dirty,
    .create_vcpu = vmcall_create_vcpu,
    .destroy_vcpu = vmcall_destroy_vcpu,
    .map_vcpu = vmcall_map_vcpu,
    .set_cpuid = vmcall_set_cpuid,
    .get_state = vmcall_get_state,
    .set_state = vmcall_set_state,
    .get_msr = vmcall_get_msr,
    .set_msr = vmcall_set_msr,
    .set_debug = vmcall_set_debug,
    .run = vmcall_run,
    .settle = vmcall_settle,
    .answer_access = vmcall_answer_access,
    .answer_msr = vmcall_answer_msr,
    .answer_cpuid = vmcall_answer_cpuid,
    .can_interrupt = vmcall_can_interrupt,
    .interrupt = vmcall_interrupt,
    .request_window = vmcall_request_window,
    .nmi = vmcall_nmi,
};
