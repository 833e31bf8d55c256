/*
 * The backend for development: a real /dev/kvm without any interrupt controller. KVM decodes accesses to devices itself and has
 * CPUID, so EXIT_CPUID never comes; all MSRs but the machine's are filtered, so that they come here as they will from hypercalls.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "api/kick.h"
#include "api/log.h"
#include "api/vcpu.h"
#include "kvm/verify.h"

#define DEVICE "/dev/kvm"
#define READ_AND_WRITE (KVM_MSR_FILTER_READ | KVM_MSR_FILTER_WRITE)
#define SIGNALS 8 /* bytes of the kernel's own signal set */

static int device = -1;
static size_t run_size;

struct own_vcpu {
    int fd;
    struct kvm_run *run;
    bool ready; /* an interrupt can be given */
    bool completion_pending;  /* KVM has yet to finish what was answered */
    bool deferred; /* finishing it was an exit again: the next run's */
    bool masked;
    uint64_t base; /* of the APIC, as KVM's CPUID has it */
    sigset_t mask;
};

/* The library's own hook of ioctl must not see these. */
static long call(int fd, unsigned long request, const void *argument)
{
    long result = syscall(SYS_ioctl, fd, request, argument);

    return result < 0 ? -errno : result;
}

static struct own_vcpu *own(struct vcpu *vcpu)
{
    return vcpu->own;
}

static int own_vm(struct vm *vm)
{
    return (int)(long)vm->own;
}

/* --- The machine --- */

static int kvm_open(void)
{
    const char *path = getenv("LUVKVM_DEVICE");
    long size;

    device = (int)syscall(SYS_openat, AT_FDCWD, path ? path : DEVICE, O_RDWR | O_CLOEXEC);
    if (device < 0) {
        int error = errno;

        log_line("%s cannot be opened: %s", path ? path : DEVICE, strerror(error));
        return -error;
    }
    size = call(device, KVM_GET_VCPU_MMAP_SIZE, NULL);
    run_size = (size_t)size;
    return size < 0 ? (int)size : 0;
}

static int kvm_get_cpuid(struct kvm_cpuid_entry2 *entries, int most)
{
    struct kvm_cpuid2 *table = calloc(1, sizeof *table + (size_t)most * sizeof *entries);
    long result;

    if (!table)
        return 0;
    table->nent = (uint32_t)most;
    result = call(device, KVM_GET_SUPPORTED_CPUID, table);
    if (!result)
        memcpy(entries, table->entries, table->nent * sizeof *entries);
    result = result ? 0 : table->nent;
    free(table);
    return (int)result;
}

static int kvm_get_tsc_khz(struct vcpu *vcpu)
{
    return (int)call(own(vcpu)->fd, KVM_GET_TSC_KHZ, NULL);
}

/* --- Domains --- */

static int filter_msrs(int fd)
{
    static const struct {
        uint32_t first, count;
    } passed[] = {
        {0x10, 1}, {0x3B, 1}, {0x48, 1}, {0x174, 3}, {0x277, 1}, {0xDA0, 1}, {0xC0000080, 5}, {0xC0000100, 4},
    };
    struct kvm_enable_cap capability = {
        .cap = KVM_CAP_X86_USER_SPACE_MSR,
        .args[0] = KVM_MSR_EXIT_REASON_FILTER | KVM_MSR_EXIT_REASON_INVAL | KVM_MSR_EXIT_REASON_UNKNOWN,
    };
    struct kvm_msr_filter filter = {.flags = KVM_MSR_FILTER_DEFAULT_DENY};
    static uint8_t all = 0xFF;
    long error = call(fd, KVM_ENABLE_CAP, &capability);

    for (unsigned i = 0; i < sizeof passed / sizeof *passed; i++)
        filter.ranges[i] = (struct kvm_msr_filter_range){READ_AND_WRITE, passed[i].count, passed[i].first, &all};
    return (int)(error ? error : call(fd, KVM_X86_SET_MSR_FILTER, &filter));
}

static int kvm_create_vm(struct vm *vm)
{
    long fd = call(device, KVM_CREATE_VM, NULL);

    if (fd < 0)
        return (int)fd;
    vm->own = (void *)fd;
    call((int)fd, KVM_SET_TSS_ADDR, (void *)0xFFFBD000ul);
    return filter_msrs((int)fd);
}

static void kvm_destroy_vm(struct vm *vm)
{
    syscall(SYS_close, own_vm(vm));
}

static int kvm_set_slot(struct vm *vm, const struct kvm_userspace_memory_region *region)
{
    return (int)call(own_vm(vm), KVM_SET_USER_MEMORY_REGION, region);
}

static int kvm_get_dirty(struct vm *vm, struct kvm_dirty_log *log)
{
    return (int)call(own_vm(vm), KVM_GET_DIRTY_LOG, log);
}

/* --- Processors --- */

static int kvm_create_vcpu(struct vcpu *vcpu)
{
    struct own_vcpu *new = calloc(1, sizeof *new);
    long fd = call(own_vm(vcpu->vm), KVM_CREATE_VCPU, (void *)(unsigned long)vcpu->id);

    if (fd < 0 || !new)
        return fd < 0 ? (int)fd : -ENOMEM;
    new->fd = (int)fd;
    new->run = mmap(NULL, run_size, PROT_READ | PROT_WRITE, MAP_SHARED, new->fd, 0);
    vcpu->own = new;
    return new->run == MAP_FAILED ? -errno : 0;
}

static void kvm_destroy_vcpu(struct vcpu *vcpu)
{
    munmap(own(vcpu)->run, run_size);
    syscall(SYS_close, own(vcpu)->fd);
}

static int kvm_set_cpuid(struct vcpu *vcpu, const struct kvm_cpuid2 *table)
{
    return (int)call(own(vcpu)->fd, KVM_SET_CPUID2, table);
}

static const struct {
    unsigned long get, set;
} states[STATES] = {
    [STATE_REGS] = {KVM_GET_REGS, KVM_SET_REGS},
    [STATE_SREGS] = {KVM_GET_SREGS, KVM_SET_SREGS},
    [STATE_DEBUGREGS] = {KVM_GET_DEBUGREGS, KVM_SET_DEBUGREGS},
    [STATE_XSAVE] = {KVM_GET_XSAVE, KVM_SET_XSAVE},
    [STATE_FPU] = {KVM_GET_FPU, KVM_SET_FPU},
    [STATE_XCRS] = {KVM_GET_XCRS, KVM_SET_XCRS},
    [STATE_EVENTS] = {KVM_GET_VCPU_EVENTS, KVM_SET_VCPU_EVENTS},
};

static int kvm_get_state(struct vcpu *vcpu, enum state what, void *data)
{
    return (int)call(own(vcpu)->fd, states[what].get, data);
}

/* IF and shadows may have changed: whether an interrupt can be given is known again after the next exit. */
static int kvm_set_state(struct vcpu *vcpu, enum state what, void *data)
{
    own(vcpu)->ready = false;
    return (int)call(own(vcpu)->fd, states[what].set, data);
}

struct one_msr {
    struct kvm_msrs header;
    struct kvm_msr_entry entry;
};

static int kvm_get_msr(struct vcpu *vcpu, uint32_t index, uint64_t *value)
{
    struct one_msr msr = {{.nmsrs = 1}, {.index = index}};
    long done = call(own(vcpu)->fd, KVM_GET_MSRS, &msr);

    *value = msr.entry.data;
    return done == 1 ? 0 : -EINVAL;
}

static int kvm_set_msr(struct vcpu *vcpu, uint32_t index, uint64_t value)
{
    struct one_msr msr = {{.nmsrs = 1}, {.index = index, .data = value}};

    return call(own(vcpu)->fd, KVM_SET_MSRS, &msr) == 1 ? 0 : -EINVAL;
}

static int kvm_set_debug(struct vcpu *vcpu, struct kvm_guest_debug *debug)
{
    return (int)call(own(vcpu)->fd, KVM_SET_GUEST_DEBUG, debug);
}

/* --- Running --- */

/* Signals are held, and let through by KVM only while the guest runs: one that comes earlier ends the run at once. */
static void set_mask(struct vcpu *vcpu, const sigset_t *open)
{
    struct {
        struct kvm_signal_mask header;
        uint8_t set[SIGNALS];
    } mask = {{.len = SIGNALS}, {0}};

    if (own(vcpu)->masked && !memcmp(&own(vcpu)->mask, open, SIGNALS))
        return;
    memcpy(mask.set, open, SIGNALS);
    call(own(vcpu)->fd, KVM_SET_SIGNAL_MASK, &mask);
    own(vcpu)->mask = *open;
    own(vcpu)->masked = true;
}

/* KVM has no APIC, but its CPUID says whether there is one. */
static void set_base(struct vcpu *vcpu)
{
    uint64_t base = vcpu->apic.base & ~(uint64_t)APIC_BASE_X2;

    if (base != own(vcpu)->base)
        kvm_set_msr(vcpu, MSR_APIC_BASE, base);
    own(vcpu)->base = base;
}

static long enter(struct vcpu *vcpu)
{
    sigset_t open;
    long result;

    set_base(vcpu);
    hold_signals(&open);
    set_mask(vcpu, &open);
    atomic_store(&vcpu->reachable, true);
    own(vcpu)->run->immediate_exit = atomic_load(&vcpu->work) || is_exit_requested(vcpu);
    result = call(own(vcpu)->fd, KVM_RUN, NULL);
    atomic_store(&vcpu->reachable, false);
    release_signals(&open);
    return result;
}

/* What every exit says besides its reason. */
static void load_exit_flags(struct vcpu *vcpu)
{
    struct kvm_run *run = own(vcpu)->run;

    own(vcpu)->ready = run->ready_for_interrupt_injection;
    vcpu->run->if_flag = run->if_flag;
    apic_set_cr8(vcpu, (uint8_t)run->cr8);
}

static enum exit_kind handle_io(struct vcpu *vcpu)
{
    struct kvm_run *run = own(vcpu)->run;
    bool write = run->io.direction == KVM_EXIT_IO_OUT;

    vcpu->access = (struct access){
        .write = write,
        .address = run->io.port,
        .size = run->io.size,
        .count = run->io.count,
        .data = vcpu->port_data,
    };
    if (write)
        memcpy(vcpu->port_data, (uint8_t *)run + run->io.data_offset, run->io.size * run->io.count);
    return EXIT_ACCESS;
}

static enum exit_kind handle_mmio(struct vcpu *vcpu)
{
    struct kvm_run *run = own(vcpu)->run;

    vcpu->access = (struct access){
        .memory = true,
        .write = run->mmio.is_write,
        .address = run->mmio.phys_addr,
        .size = run->mmio.len,
        .count = 1,
        .data = vcpu->run->mmio.data,
    };
    memcpy(vcpu->run->mmio.data, run->mmio.data, sizeof run->mmio.data);
    if (!run->mmio.is_write)
        verify_read(vcpu, run->mmio.phys_addr, run->mmio.len);
    return EXIT_ACCESS;
}

static enum exit_kind handle_msr(struct vcpu *vcpu, enum exit_kind kind)
{
    vcpu->msr.index = own(vcpu)->run->msr.index;
    vcpu->msr.data = own(vcpu)->run->msr.data;
    return kind;
}

/* Behind the flags kvm_run's union is what the VMM would have seen from KVM itself. */
static enum exit_kind pass_on(struct vcpu *vcpu)
{
    vcpu->run->exit_reason = own(vcpu)->run->exit_reason;
    memcpy(vcpu->run->padding, own(vcpu)->run->padding, sizeof vcpu->run->padding);
    return EXIT_TO_USER;
}

static enum exit_kind handle_exit(struct vcpu *vcpu)
{
    switch (own(vcpu)->run->exit_reason) {
    case KVM_EXIT_IO: return handle_io(vcpu);
    case KVM_EXIT_MMIO: return handle_mmio(vcpu);
    case KVM_EXIT_X86_RDMSR: return handle_msr(vcpu, EXIT_MSR_READ);
    case KVM_EXIT_X86_WRMSR: return handle_msr(vcpu, EXIT_MSR_WRITE);
    case KVM_EXIT_HLT: return EXIT_HALT;
    case KVM_EXIT_IRQ_WINDOW_OPEN:
    case KVM_EXIT_SET_TPR: return EXIT_WINDOW;
    case KVM_EXIT_SHUTDOWN: return EXIT_SHUTDOWN;
    case KVM_EXIT_INTR: return EXIT_INTERRUPTED;
    default: return pass_on(vcpu);
    }
}

static enum exit_kind handle_result(struct vcpu *vcpu, long result)
{
    if (result == -EINTR || result == -EAGAIN)
        return EXIT_INTERRUPTED;
    if (result < 0) {
        vcpu->error = result;
        return EXIT_ERROR;
    }
    return handle_exit(vcpu);
}

static enum exit_kind kvm_run(struct vcpu *vcpu)
{
    long result = 0;

    if (!own(vcpu)->deferred) {
        own(vcpu)->run->cr8 = apic_get_cr8(vcpu);
        result = enter(vcpu);
        load_exit_flags(vcpu);
    }
    own(vcpu)->completion_pending = own(vcpu)->deferred = false;
    return handle_result(vcpu, result);
}

/* KVM finishes an access at the next entry: make one that ends before the guest runs. */
static void kvm_settle(struct vcpu *vcpu)
{
    if (!own(vcpu)->completion_pending)
        return;
    own(vcpu)->completion_pending = false;
    own(vcpu)->run->cr8 = apic_get_cr8(vcpu);
    own(vcpu)->run->immediate_exit = 1;
    own(vcpu)->deferred = call(own(vcpu)->fd, KVM_RUN, NULL) != -EINTR;
    load_exit_flags(vcpu);
}

static void kvm_answer_access(struct vcpu *vcpu)
{
    const struct access *access = &vcpu->access;
    struct kvm_run *run = own(vcpu)->run;

    own(vcpu)->completion_pending = true;
    if (access->write)
        return;
    if (access->memory)
        memcpy(run->mmio.data, access->data, access->size);
    else
        memcpy((uint8_t *)run + run->io.data_offset, access->data, access->size * access->count);
}

static void kvm_answer_msr(struct vcpu *vcpu, uint64_t value, bool fault)
{
    own(vcpu)->completion_pending = true;
    own(vcpu)->run->msr.data = value;
    own(vcpu)->run->msr.error = fault;
}

static void kvm_answer_cpuid(struct vcpu *vcpu, const uint32_t registers[4])
{
    (void)vcpu;
    (void)registers;
}

/* What is owed may yet end in a fault, and KVM loses an interrupt that is queued beside one. */
static bool kvm_can_interrupt(struct vcpu *vcpu)
{
    kvm_settle(vcpu);
    return own(vcpu)->ready && !own(vcpu)->deferred;
}

static void kvm_interrupt(struct vcpu *vcpu, uint8_t vector)
{
    struct kvm_interrupt interrupt = {.irq = vector};

    call(own(vcpu)->fd, KVM_INTERRUPT, &interrupt);
    own(vcpu)->ready = false;
}

static void kvm_request_window(struct vcpu *vcpu, bool wanted)
{
    own(vcpu)->run->request_interrupt_window = wanted;
}

static void kvm_nmi(struct vcpu *vcpu)
{
    call(own(vcpu)->fd, KVM_NMI, NULL);
}

const struct backend backend_kvm = {
    .name = "kvm",
    .open = kvm_open,
    .get_cpuid = kvm_get_cpuid,
    .get_tsc_khz = kvm_get_tsc_khz,
    .create_vm = kvm_create_vm,
    .destroy_vm = kvm_destroy_vm,
    .set_slot = kvm_set_slot,
    .get_dirty = kvm_get_dirty,
    .create_vcpu = kvm_create_vcpu,
    .destroy_vcpu = kvm_destroy_vcpu,
    .set_cpuid = kvm_set_cpuid,
    .get_state = kvm_get_state,
    .set_state = kvm_set_state,
    .get_msr = kvm_get_msr,
    .set_msr = kvm_set_msr,
    .set_debug = kvm_set_debug,
    .run = kvm_run,
    .settle = kvm_settle,
    .answer_access = kvm_answer_access,
    .answer_msr = kvm_answer_msr,
    .answer_cpuid = kvm_answer_cpuid,
    .can_interrupt = kvm_can_interrupt,
    .interrupt = kvm_interrupt,
    .request_window = kvm_request_window,
    .nmi = kvm_nmi,
};
