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

#include "api/log.h"
#include "kvm/kvm.h"

#define DEVICE "/dev/kvm"
#define READ_AND_WRITE (KVM_MSR_FILTER_READ | KVM_MSR_FILTER_WRITE)

static int device = -1;
static size_t run_size;

/* The library's own hook of ioctl must not see these. */
long kvm_ioctl(int fd, unsigned long request, const void *argument)
{
    long result = syscall(SYS_ioctl, fd, request, argument);

    return result < 0 ? -errno : result;
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
    size = kvm_ioctl(device, KVM_GET_VCPU_MMAP_SIZE, NULL);
    run_size = (size_t)size;
    return size < 0 ? (int)size : 0;
}

static int kvm_get_cpuid(struct kvm_cpuid_entry2 *entries, int max)
{
    struct kvm_cpuid2 *table = calloc(1, sizeof *table + (size_t)max * sizeof *entries);
    long result;

    if (!table)
        return 0;
    table->nent = (uint32_t)max;
    result = kvm_ioctl(device, KVM_GET_SUPPORTED_CPUID, table);
    if (!result)
        memcpy(entries, table->entries, table->nent * sizeof *entries);
    result = result ? 0 : table->nent;
    free(table);
    return (int)result;
}

static int kvm_get_tsc_khz(struct vcpu *vcpu)
{
    return (int)kvm_ioctl(own(vcpu)->fd, KVM_GET_TSC_KHZ, NULL);
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
    long error = kvm_ioctl(fd, KVM_ENABLE_CAP, &capability);

    for (unsigned i = 0; i < sizeof passed / sizeof *passed; i++)
        filter.ranges[i] = (struct kvm_msr_filter_range){READ_AND_WRITE, passed[i].count, passed[i].first, &all};
    return (int)(error ? error : kvm_ioctl(fd, KVM_X86_SET_MSR_FILTER, &filter));
}

static int kvm_create_vm(struct vm *vm)
{
    long fd = kvm_ioctl(device, KVM_CREATE_VM, NULL);

    if (fd < 0)
        return (int)fd;
    vm->own = (void *)fd;
    kvm_ioctl((int)fd, KVM_SET_TSS_ADDR, (void *)0xFFFBD000ul);
    return filter_msrs((int)fd);
}

static void kvm_destroy_vm(struct vm *vm)
{
    syscall(SYS_close, own_vm(vm));
}

static int kvm_set_slot(struct vm *vm, const struct kvm_userspace_memory_region *region)
{
    return (int)kvm_ioctl(own_vm(vm), KVM_SET_USER_MEMORY_REGION, region);
}

static int kvm_get_dirty(struct vm *vm, struct kvm_dirty_log *log)
{
    return (int)kvm_ioctl(own_vm(vm), KVM_GET_DIRTY_LOG, log);
}

/* --- Processors --- */

static int kvm_create_vcpu(struct vcpu *vcpu)
{
    struct own_vcpu *new = calloc(1, sizeof *new);
    long fd = kvm_ioctl(own_vm(vcpu->vm), KVM_CREATE_VCPU, (void *)(unsigned long)vcpu->id);

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
    return (int)kvm_ioctl(own(vcpu)->fd, KVM_SET_CPUID2, table);
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
    return (int)kvm_ioctl(own(vcpu)->fd, states[what].get, data);
}

/* IF and shadows may have changed: the next exit says again if an interrupt can be injected. */
static int kvm_set_state(struct vcpu *vcpu, enum state what, void *data)
{
    own(vcpu)->ready = false;
    return (int)kvm_ioctl(own(vcpu)->fd, states[what].set, data);
}

struct one_msr {
    struct kvm_msrs header;
    struct kvm_msr_entry entry;
};

static int kvm_get_msr(struct vcpu *vcpu, uint32_t index, uint64_t *value)
{
    struct one_msr msr = {{.nmsrs = 1}, {.index = index}};
    long done = kvm_ioctl(own(vcpu)->fd, KVM_GET_MSRS, &msr);

    *value = msr.entry.data;
    return done == 1 ? 0 : -EINVAL;
}

int kvm_set_msr(struct vcpu *vcpu, uint32_t index, uint64_t value)
{
    struct one_msr msr = {{.nmsrs = 1}, {.index = index, .data = value}};

    return kvm_ioctl(own(vcpu)->fd, KVM_SET_MSRS, &msr) == 1 ? 0 : -EINVAL;
}

static int kvm_set_debug(struct vcpu *vcpu, struct kvm_guest_debug *debug)
{
    return (int)kvm_ioctl(own(vcpu)->fd, KVM_SET_GUEST_DEBUG, debug);
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
