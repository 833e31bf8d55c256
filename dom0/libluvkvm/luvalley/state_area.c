#include "luvalley/state_area.h"

#include <string.h>

#include "luvalley_abi.h"

int transfer_state(struct vcpu *vcpu, bool set, uint32_t what, uint32_t size)
{
    struct vmcall_vcpu *own = get_own(vcpu);
    struct hypercall call = make_hypercall(set ? LUV_HYPERCALL_vcpu_set : LUV_HYPERCALL_vcpu_get, own->enter.secret);
    uint64_t value;

    call.rdi = own->handle;
    call.rsi = what;
    call.rdx = size;
    return (int)luv_hypercall(&call, &value);
}

int get_area(struct vcpu *vcpu, uint32_t what, void *data, uint32_t size)
{
    int error = transfer_state(vcpu, false, what, size);

    if (!error)
        memcpy(data, get_own(vcpu)->area, size);
    return error;
}

int set_area(struct vcpu *vcpu, uint32_t what, const void *data, uint32_t size)
{
    memcpy(get_own(vcpu)->area, data, size);
    return transfer_state(vcpu, true, what, size);
}

uint32_t get_xsave_size(void)
{
    static uint32_t size;

    if (!size)
        size = (uint32_t)get_info(LUV_INFO_XSAVE_SIZE);
    return size > sizeof(struct kvm_xsave) ? sizeof(struct kvm_xsave) : size;
}
