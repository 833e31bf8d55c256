#include "kvm/verify.h"

#include <stdlib.h>

#include "emulator/emulate.h"
#include "api/log.h"
#include "api/vcpu.h"

#define REPORT 10000u

/* KVM's form of a segment's rights into the processor's. SDM: 25.4.1 */
static uint32_t get_rights(const struct kvm_segment *segment)
{
    return (uint32_t)(segment->type | segment->s << 4 | segment->dpl << 5 | segment->present << 7 | segment->avl << 12 |
                      segment->l << 13 | segment->db << 14 | segment->g << 15 | segment->unusable << 16);
}

static struct luv_mode get_mode(const struct kvm_sregs *sregs)
{
    return (struct luv_mode){
        .cr0 = sregs->cr0,
        .cr3 = sregs->cr3,
        .cr4 = sregs->cr4,
        .efer = sregs->efer,
        .es_base = sregs->es.base,
        .cs_base = sregs->cs.base,
        .ss_base = sregs->ss.base,
        .ds_base = sregs->ds.base,
        .fs_base = sregs->fs.base,
        .gs_base = sregs->gs.base,
        .cs_rights = get_rights(&sregs->cs),
        .ss_rights = get_rights(&sregs->ss),
    };
}

static void report(struct emulation *emulation, enum emulated outcome, uint64_t address, uint32_t size)
{
    const uint8_t *bytes = emulation->bytes;

    log_line(
        "verify: KVM reads %u bytes at 0x%lx, the emulator %s %u at 0x%lx; RIP 0x%llx: %02x %02x %02x %02x %02x %02x %02x %02x",
        size, address, outcome == EMULATED_ACCESS ? "an access of" : "none;", emulation->access.size, emulation->access.address,
        emulation->registers->rip, bytes[0], bytes[1], bytes[2], bytes[3], bytes[4], bytes[5], bytes[6], bytes[7]);
}

void verify_read(struct vcpu *vcpu, uint64_t address, uint32_t size)
{
    static _Atomic uint32_t compared;
    struct emulation emulation = {0};
    struct kvm_sregs sregs;
    struct kvm_regs regs;
    struct luv_mode mode;
    enum emulated outcome;

    if (!getenv("LUVKVM_VERIFY"))
        return;
    backend(vcpu)->get_state(vcpu, STATE_REGS, &regs);
    backend(vcpu)->get_state(vcpu, STATE_SREGS, &sregs);
    mode = get_mode(&sregs);
    begin_emulation(&emulation, vcpu->vm, &regs, &mode);
    outcome = emulate(&emulation);
    if (outcome != EMULATED_ACCESS || emulation.access.write || emulation.access.address != address ||
        emulation.access.size != size)
        report(&emulation, outcome, address, size);
    if (++compared == 1 || compared % REPORT == 0)
        log_line("verify: %u reads compared", compared);
}
