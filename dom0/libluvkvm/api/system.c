#include "api/system.h"

#include <errno.h>
#include <linux/kvm.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "backend.h"
#include "cpu/cpuid.h"
#include "api/descriptors.h"
#include "api/log.h"
#include "cpu/msrs.h"
#include "api/vcpu.h"
#include "api/vm.h"

#define MCE_OFFERED 0x1000100ull /* MCG_CTL_P, MCG_SER_P: a control register, recovery; no CMCI, no LMCE */

static const struct backend *chosen;

/* LUVKVM_BACKEND=kvm names the one for development. */
static const struct backend *choose_backend(void)
{
    const char *name = getenv("LUVKVM_BACKEND");

    return name && !strcmp(name, backend_kvm.name) ? &backend_kvm : &backend_vmcall;
}

long open_system(void)
{
    int error;

    if (!chosen) {
        const struct backend *backend = choose_backend();

        error = backend->open();
        if (error)
            return error;
        chosen = backend;
    }
    return open_object(OBJECT_SYSTEM, NULL, "luvkvm", 0);
}

struct capability {
    uint16_t number;
    int32_t value;
};

/* What is offered; all else is 0. */
static const struct capability capabilities[] = {
    {KVM_CAP_IRQCHIP, 1},
    {KVM_CAP_HLT, 1},
    {KVM_CAP_USER_MEMORY, 1},
    {KVM_CAP_SET_TSS_ADDR, 1},
    {KVM_CAP_EXT_CPUID, 1},
    {KVM_CAP_NR_VCPUS, MAX_VCPUS},
    {KVM_CAP_NR_MEMSLOTS, MAX_SLOTS},
    {KVM_CAP_NOP_IO_DELAY, 1},
    {KVM_CAP_MP_STATE, 1},
    {KVM_CAP_COALESCED_MMIO, 2},
    {KVM_CAP_SYNC_MMU, 1},
    {KVM_CAP_DESTROY_MEMORY_REGION_WORKS, 1},
    {KVM_CAP_USER_NMI, 1},
    {KVM_CAP_SET_GUEST_DEBUG, 1},
    {KVM_CAP_IRQ_ROUTING, MAX_ROUTES},
    {KVM_CAP_IRQ_INJECT_STATUS, 1},
    {KVM_CAP_MCE, 32},
    {KVM_CAP_IRQFD, 1},
    {KVM_CAP_IOEVENTFD, 1},
    {KVM_CAP_SET_IDENTITY_MAP_ADDR, 1},
    {KVM_CAP_ADJUST_CLOCK, 1},
    {KVM_CAP_INTERNAL_ERROR_DATA, 1},
    {KVM_CAP_VCPU_EVENTS, 1},
    {KVM_CAP_DEBUGREGS, 1},
    {KVM_CAP_X86_ROBUST_SINGLESTEP, 1},
    {KVM_CAP_ENABLE_CAP, 1},
    {KVM_CAP_ENABLE_CAP_VM, 1},
    {KVM_CAP_XSAVE, 1},
    {KVM_CAP_XCRS, 1},
    {KVM_CAP_GET_TSC_KHZ, 1},
    {KVM_CAP_MAX_VCPUS, MAX_VCPUS},
    {KVM_CAP_TSC_DEADLINE_TIMER, 1},
    {KVM_CAP_SIGNAL_MSI, 1},
    {KVM_CAP_READONLY_MEM, 1},
    {KVM_CAP_IOEVENTFD_NO_LENGTH, 1},
    {KVM_CAP_IOEVENTFD_ANY_LENGTH, 1},
    {KVM_CAP_CHECK_EXTENSION_VM, 1},
    {KVM_CAP_SPLIT_IRQCHIP, 1},
    {KVM_CAP_MAX_VCPU_ID, MAX_VCPUS},
    {KVM_CAP_IMMEDIATE_EXIT, 1},
    {KVM_CAP_JOIN_MEMORY_REGIONS_WORKS, 1},
};

long check_extension(unsigned long number)
{
    for (unsigned i = 0; i < sizeof capabilities / sizeof *capabilities; i++)
        if (capabilities[i].number == number)
            return capabilities[i].value;
    return 0;
}

long answer_system(unsigned long request, void *argument)
{
    switch (request) {
    case KVM_GET_API_VERSION: return KVM_API_VERSION;
    case KVM_CHECK_EXTENSION: return check_extension((unsigned long)argument);
    case KVM_CREATE_VM: return argument ? -EINVAL : create_vm(chosen);
    case KVM_GET_VCPU_MMAP_SIZE: return RUN_PAGES * PAGE;
    case KVM_GET_MSR_INDEX_LIST: return list_msrs(argument);
    case KVM_GET_MSR_FEATURE_INDEX_LIST: ((struct kvm_msr_list *)argument)->nmsrs = 0; return 0;
    case KVM_GET_SUPPORTED_CPUID: return get_supported_cpuid(chosen, argument);
    case KVM_GET_EMULATED_CPUID: ((struct kvm_cpuid2 *)argument)->nent = 0; return 0;
    case KVM_X86_GET_MCE_CAP_SUPPORTED: *(uint64_t *)argument = MCE_OFFERED | 32; return 0;
    default: log_once(request, "the VMM's call 0x%lx of /dev/kvm is not offered: EINVAL", request); return -EINVAL;
    }
}
