/* Ports and memory of devices: the emulator decodes the instruction where the exit information is not enough. */
#include <stdio.h>
#include <string.h>

#include "api/log.h"
#include "luvalley_abi.h"
#include "memory/slots.h"
#include "luvalley/access.h"
#include "luvalley/batch.h"
#include "luvalley/events.h"
#include "luvalley/state_area.h"

/* --- Plain IN and OUT: the exit says everything --- */

static enum exit_kind ask(struct vmcall_vcpu *own, bool instruction)
{
    own->access_state = ACCESS_ASKED;
    own->instruction = instruction;
    own->rip = own->run->rip;
    return EXIT_ACCESS;
}

static enum exit_kind run_emulator(struct vcpu *vcpu);

/* The processor has walked the guest's tables for this access: the emulator need not. Who may write may read. */
static void use_known_translation(struct emulation *emulation, const struct luv_run *run)
{
    uint32_t flags = run->memory.flags;

    if (!(flags & LUV_MEMORY_LINEAR) || flags & LUV_MEMORY_MAPPED)
        return;
    emulation->known.page = run->memory.linear & ~(uint64_t)(PAGE - 1);
    emulation->known.guest = run->memory.physical & ~(uint64_t)(PAGE - 1);
    emulation->known.write = flags & LUV_MEMORY_WRITE;
    emulation->known.read = true;
}

/* Read only for the few instructions that need it. */
static uint8_t *get_xsave(void *owner)
{
    return transfer_state(owner, false, LUV_STATE_XSAVE, get_xsave_size()) ? NULL : get_own(owner)->area;
}

static void set_xsave(void *owner)
{
    transfer_state(owner, true, LUV_STATE_XSAVE, get_xsave_size());
}

static bool get_sregs(void *owner, struct kvm_sregs *sregs)
{
    return !get_area(owner, LUV_STATE_SREGS, sregs, sizeof *sregs);
}

static bool set_sregs(void *owner, struct kvm_sregs *sregs)
{
    return !set_area(owner, LUV_STATE_SREGS, sregs, sizeof *sregs);
}

static const struct owner_state owner_state = {get_xsave, set_xsave, get_sregs, set_sregs};

void begin_instruction(struct vcpu *vcpu)
{
    struct vmcall_vcpu *own = get_own(vcpu);

    begin_emulation(&own->emulation, vcpu->vm, (struct kvm_regs *)own->run, &own->run->mode);
    own->emulation.owner_state = &owner_state;
    own->emulation.owner = vcpu;
}

static enum exit_kind begin(struct vcpu *vcpu)
{
    struct vmcall_vcpu *own = get_own(vcpu);

    begin_instruction(vcpu);
    if (own->run->exit == LUV_EXIT_NESTED_PAGE_FAULT)
        use_known_translation(&own->emulation, own->run);
    return run_emulator(vcpu);
}

static noinline enum exit_kind handle_string_io(struct vcpu *vcpu)
{
    return begin_batch(vcpu) ? ask(get_own(vcpu), false) : begin(vcpu);
}

enum exit_kind handle_io(struct vcpu *vcpu)
{
    struct vmcall_vcpu *own = get_own(vcpu);
    const struct luv_run *run = own->run;
    struct access *access = &vcpu->access;

    own->batch = 0;
    if (run->io.access & LUV_IO_STRING)
        return handle_string_io(vcpu);
    access->memory = false;
    access->write = !(run->io.access & LUV_IO_IN);
    access->address = run->io.port;
    access->size = get_io_size(run);
    access->count = 1;
    access->data = vcpu->port_data;
    memcpy(vcpu->port_data, &run->rax, 4);
    return ask(own, false);
}

/* AL and AX leave the rest of RAX, EAX clears its upper half. */
static noinline void store_input(struct luv_run *run, const struct access *access)
{
    uint32_t value;

    if (access->size == 4) {
        memcpy(&value, access->data, sizeof value);
        run->rax = value;
    } else {
        memcpy(&run->rax, access->data, access->size);
    }
}

static void answer_port(struct vcpu *vcpu)
{
    struct vmcall_vcpu *own = get_own(vcpu);

    own->access_state = ACCESS_NONE;
    if (own->batch) {
        end_batch(vcpu);
        return;
    }
    own->run->finish = LUV_FINISH_ADVANCE;
    if (!vcpu->access.write)
        store_input(own->run, &vcpu->access);
}

/* --- By the emulator --- */

static enum exit_kind ask_for(struct vcpu *vcpu)
{
    const struct device_access *wanted = &get_own(vcpu)->emulation.access;

    vcpu->access = (struct access){
        .memory = wanted->memory,
        .write = wanted->write,
        .address = wanted->address,
        .size = wanted->size,
        .count = 1,
        .data = wanted->memory ? vcpu->run->mmio.data : vcpu->port_data,
    };
    memcpy(vcpu->access.data, &wanted->value, sizeof wanted->value);
    return ask(get_own(vcpu), true);
}

/* KVM says the same where its emulator does not know an instruction. */
static enum exit_kind report_unknown(struct vcpu *vcpu)
{
    const struct emulation *emulation = &get_own(vcpu)->emulation;
    struct kvm_run *run = vcpu->run;
    char bytes[3 * sizeof emulation->bytes + 1] = "";

    for (uint32_t i = 0; i < emulation->length; i++)
        snprintf(bytes + 3 * i, 4, " %02x", emulation->bytes[i]);
    log_line("an access to a device by an instruction that is not emulated, at RIP 0x%llx:%s", emulation->registers->rip,
             bytes);
    run->exit_reason = KVM_EXIT_INTERNAL_ERROR;
    run->emulation_failure.suberror = KVM_INTERNAL_ERROR_EMULATION;
    run->emulation_failure.ndata = 3;
    run->emulation_failure.flags = KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES;
    run->emulation_failure.insn_size = (uint8_t)emulation->length;
    memcpy(run->emulation_failure.insn_bytes, emulation->bytes, sizeof emulation->bytes);
    return EXIT_TO_USER;
}

enum exit_kind report_internal(struct vcpu *vcpu, uint32_t error)
{
    vcpu->run->exit_reason = KVM_EXIT_INTERNAL_ERROR;
    vcpu->run->internal.suberror = error;
    vcpu->run->internal.ndata = 0;
    return EXIT_TO_USER;
}

void inject_emulated_fault(struct vcpu *vcpu)
{
    const struct emulation *emulation = &get_own(vcpu)->emulation;

    if (emulation->fault.vector == VECTOR_PF)
        inject_page_fault(vcpu, emulation->fault.linear, emulation->fault.code);
    else
        inject_exception(vcpu, emulation->fault.vector, emulation->fault.has_code, emulation->fault.code);
}

/* Emulate until an access or the end; EXIT_INTERRUPTED means that the guest can run. */
static enum exit_kind run_emulator(struct vcpu *vcpu)
{
    struct vmcall_vcpu *own = get_own(vcpu);

    own->access_state = ACCESS_NONE;
    switch (emulate(&own->emulation)) {
    case EMULATED_DONE: own->run->finish = LUV_FINISH_MOVED; return EXIT_INTERRUPTED;
    case EMULATED_AGAIN:
        own->access_state = ACCESS_REPEATED;
        own->rip = own->run->rip;
        return EXIT_INTERRUPTED;
    case EMULATED_ACCESS: return ask_for(vcpu);
    case EMULATED_FAULT: inject_emulated_fault(vcpu); return EXIT_INTERRUPTED;
    default: return report_unknown(vcpu);
    }
}

bool continue_emulation(struct vcpu *vcpu, enum exit_kind *kind)
{
    *kind = run_emulator(vcpu);
    return *kind != EXIT_INTERRUPTED;
}

/* A slot may have come back since the exit: then the guest tries again. */
static bool is_memory_now(struct vcpu *vcpu)
{
    const struct luv_run *run = get_own(vcpu)->run;
    size_t left;

    return find_memory(vcpu->vm, run->memory.physical, run->memory.flags & LUV_MEMORY_WRITE, &left);
}

/* What cannot be emulated: code in a device, and event delivery through one. */
enum exit_kind handle_nested_page_fault(struct vcpu *vcpu)
{
    const struct luv_run *run = get_own(vcpu)->run;
    bool delivery = run->event & LUV_EVENT_VALID;

    if (!delivery && !(run->memory.flags & LUV_MEMORY_FETCH))
        return begin(vcpu);
    if (is_memory_now(vcpu))
        return EXIT_INTERRUPTED;
    log_line("%s at guest address 0x%llx, where no memory is; RIP 0x%llx",
             delivery ? "an event is delivered" : "code is fetched", (unsigned long long)run->memory.physical,
             (unsigned long long)run->rip);
    return report_internal(vcpu, delivery ? KVM_INTERNAL_ERROR_DELIVERY_EV : KVM_INTERNAL_ERROR_EMULATION);
}

static noinline void answer_instruction(struct vcpu *vcpu)
{
    struct vmcall_vcpu *own = get_own(vcpu);
    struct device_access *wanted = &own->emulation.access;

    own->access_state = ACCESS_ANSWERED;
    if (!wanted->write) {
        wanted->value = 0;
        memcpy(&wanted->value, vcpu->access.data, wanted->size);
    }
    answer_emulation(&own->emulation);
}

/* If RIP was set since (a reset does), the instruction is abandoned. */
void vmcall_answer_access(struct vcpu *vcpu)
{
    struct vmcall_vcpu *own = get_own(vcpu);

    if (own->access_state != ACCESS_ASKED)
        return;
    if (own->rip != own->run->rip)
        own->access_state = ACCESS_NONE;
    else if (own->instruction)
        answer_instruction(vcpu);
    else
        answer_port(vcpu);
}
