/* Selectors from and to a device, and what only names one. SDM: MOV, PUSH, POP, LSS, JMP; 3.4.5, 3.5, 6.15 */
#include <string.h>

#include "emulator/segments.h"
#include "generated/x86/x86.h"

/* --- Descriptors --- */

bool is_wide(struct attempt *attempt)
{
    return attempt->emulation->mode->efer & EFER_LMA;
}

static bool is_real(struct attempt *attempt)
{
    return !(attempt->emulation->mode->cr0 & CR0_PE) || attempt->registers.rflags & RFLAGS_VM;
}

static unsigned get_level(struct attempt *attempt)
{
    return attempt->emulation->mode->ss_rights >> 5 & SELECTOR_RPL_MASK;
}

void refuse_selector(struct attempt *attempt, uint8_t vector, uint16_t selector)
{
    stop_exception(attempt, vector, true, selector & ~SELECTOR_RPL_MASK);
}

static struct kvm_segment make_segment(uint64_t low, uint16_t selector)
{
    uint32_t limit = (uint32_t)((low & 0xFFFF) | (low >> 32 & 0xF0000));
    struct kvm_segment segment = {
        .base = (low >> 16 & 0xFFFFFF) | (low >> 32 & 0xFF000000),
        .selector = selector,
        .type = low >> 40 & 15,
        .s = low >> 44 & 1,
        .dpl = low >> 45 & 3,
        .present = low >> 47 & 1,
        .avl = low >> 52 & 1,
        .l = low >> 53 & 1,
        .db = low >> 54 & 1,
        .g = low >> 55 & 1,
    };

    segment.limit = segment.g ? limit << 12 | 0xFFF : limit;
    return segment;
}

void find_named(struct attempt *attempt, struct named *named, uint16_t selector, bool system)
{
    uint64_t base = selector & SELECTOR_TI ? named->sregs.ldt.base : named->sregs.gdt.base, upper = 0;
    uint32_t limit = selector & SELECTOR_TI ? named->sregs.ldt.limit : named->sregs.gdt.limit;
    uint32_t offset = selector & 0xFFF8u, last = offset + (system && is_wide(attempt) ? 15 : 7);

    if (last > limit || (selector & SELECTOR_TI && named->sregs.ldt.unusable)) {
        refuse_selector(attempt, named->refusal, selector);
        return;
    }
    named->place = base + offset;
    named->segment = make_segment(read_linear(attempt, named->place, 8), selector);
    if (system && is_wide(attempt))
        upper = read_linear(attempt, named->place + 8, 4);
    named->segment.base |= upper << 32;
}

void mark_named(struct attempt *attempt, struct named *named, uint8_t bit)
{
    uint64_t place = named->place + TYPE_PLACE;
    uint64_t byte = read_linear(attempt, place, 1);

    if (!(byte & bit))
        write_linear(attempt, place, 1, byte | bit);
    named->segment.type |= bit;
}

/* --- Data segments --- */

static struct kvm_segment *find_segment(struct kvm_sregs *sregs, ZydisRegister which)
{
    switch (which) {
    case ZYDIS_REGISTER_CS: return &sregs->cs;
    case ZYDIS_REGISTER_SS: return &sregs->ss;
    case ZYDIS_REGISTER_DS: return &sregs->ds;
    case ZYDIS_REGISTER_ES: return &sregs->es;
    case ZYDIS_REGISTER_FS: return &sregs->fs;
    default: return &sregs->gs;
    }
}

bool is_stack_right(const struct kvm_segment *segment, unsigned level)
{
    bool writable = segment->s && !(segment->type & TYPE_CODE) && segment->type & TYPE_WRITABLE;

    return writable && segment->dpl == level && (segment->selector & SELECTOR_RPL_MASK) == level;
}

bool is_data_right(const struct kvm_segment *segment, unsigned level)
{
    bool code = segment->type & TYPE_CODE, conforming = code && segment->type & TYPE_CONFORMING;
    bool reached = segment->dpl >= level && segment->dpl >= (segment->selector & SELECTOR_RPL_MASK);

    return segment->s && (!code || segment->type & TYPE_WRITABLE) && (conforming || reached);
}

static void check_stack(struct attempt *attempt, const struct kvm_segment *segment)
{
    if (!is_stack_right(segment, get_level(attempt)))
        refuse_selector(attempt, VECTOR_GP, segment->selector);
    else if (!segment->present)
        refuse_selector(attempt, VECTOR_SS, segment->selector);
}

static void check_data(struct attempt *attempt, const struct kvm_segment *segment)
{
    if (!is_data_right(segment, get_level(attempt)))
        refuse_selector(attempt, VECTOR_GP, segment->selector);
    else if (!segment->present)
        refuse_selector(attempt, VECTOR_NP, segment->selector);
}

/* No segment: as a stack only the kernel of a 64-bit system may have it. */
static void load_null(struct attempt *attempt, struct kvm_segment *segment, bool stack, uint16_t selector)
{
    bool wide = attempt->instruction->machine_mode == ZYDIS_MACHINE_MODE_LONG_64;

    if (stack && (!wide || get_level(attempt) == SELECTOR_RPL_MASK || (selector & SELECTOR_RPL_MASK) != get_level(attempt)))
        refuse_selector(attempt, VECTOR_GP, 0);
    *segment = (struct kvm_segment){
        .base = segment->base, .selector = selector, .unusable = 1, .dpl = (uint8_t)get_level(attempt)};
}

static void load_real(struct kvm_segment *segment, uint16_t selector)
{
    segment->selector = selector;
    segment->base = (uint64_t)selector << 4;
}

static void load_segment(struct attempt *attempt, struct named *named, ZydisRegister which, uint16_t selector)
{
    struct kvm_segment *segment = find_segment(&named->sregs, which);
    bool stack = which == ZYDIS_REGISTER_SS;

    if (is_real(attempt)) {
        load_real(segment, selector);
    } else if (!(selector & ~SELECTOR_RPL_MASK)) {
        load_null(attempt, segment, stack, selector);
    } else {
        find_named(attempt, named, selector, false);
        (stack ? check_stack : check_data)(attempt, &named->segment);
        mark_named(attempt, named, TYPE_ACCESSED);
        *segment = named->segment;
    }
}

/* An offset, and the selector after it. */
static void load_pointer(struct attempt *attempt, struct named *named, ZydisRegister which)
{
    unsigned size = get_size(attempt, 0);
    uint64_t linear = find_linear(attempt, &attempt->operands[1]), offset = read_linear(attempt, linear, size);

    load_segment(attempt, named, which, (uint16_t)read_linear(attempt, linear + size, 2));
    write_operand(attempt, 0, offset);
}

/* --- Far jumps: into code; gates and tasks are not done here --- */

static void check_code(struct attempt *attempt, const struct kvm_segment *segment)
{
    bool conforming = segment->type & TYPE_CONFORMING;
    bool reached = conforming
        ? segment->dpl <= get_level(attempt)
        : segment->dpl == get_level(attempt) && (segment->selector & SELECTOR_RPL_MASK) <= get_level(attempt);

    if (!segment->s)
        stop_attempt(attempt, EMULATED_UNKNOWN);
    else if (!(segment->type & TYPE_CODE) || !reached || (is_wide(attempt) && segment->l && segment->db))
        refuse_selector(attempt, VECTOR_GP, segment->selector);
    else if (!segment->present)
        refuse_selector(attempt, VECTOR_NP, segment->selector);
}

static void jump_far(struct attempt *attempt, struct named *named)
{
    unsigned size = attempt->instruction->operand_width / 8;
    uint64_t linear = find_linear(attempt, &attempt->operands[0]), target = read_linear(attempt, linear, size);
    uint16_t selector = (uint16_t)read_linear(attempt, linear + size, 2);

    if (is_real(attempt)) {
        load_real(&named->sregs.cs, selector);
    } else if (!(selector & ~SELECTOR_RPL_MASK)) {
        refuse_selector(attempt, VECTOR_GP, 0);
    } else {
        find_named(attempt, named, selector, false);
        check_code(attempt, &named->segment);
        mark_named(attempt, named, TYPE_ACCESSED);
        named->segment.selector = (uint16_t)((selector & ~SELECTOR_RPL_MASK) | get_level(attempt));
        named->sregs.cs = named->segment;
    }
    jump_to(attempt, target, named->sregs.cs.l && is_wide(attempt), named->sregs.cs.limit);
}

/* --- Which --- */

static bool is_segment(const ZydisDecodedOperand *operand)
{
    return operand->type == ZYDIS_OPERAND_TYPE_REGISTER && ZydisRegisterGetClass(operand->reg.value) == ZYDIS_REGCLASS_SEGMENT;
}

static bool is_far_jump(struct attempt *attempt)
{
    return attempt->mnemonic == ZYDIS_MNEMONIC_JMP && attempt->instruction->meta.branch_type == ZYDIS_BRANCH_TYPE_FAR &&
        attempt->operands[0].type == ZYDIS_OPERAND_TYPE_MEMORY;
}

/* The register of LDS and its like. */
static ZydisRegister find_pointed(ZydisMnemonic mnemonic)
{
    switch (mnemonic) {
    case ZYDIS_MNEMONIC_LDS: return ZYDIS_REGISTER_DS;
    case ZYDIS_MNEMONIC_LES: return ZYDIS_REGISTER_ES;
    case ZYDIS_MNEMONIC_LFS: return ZYDIS_REGISTER_FS;
    case ZYDIS_MNEMONIC_LGS: return ZYDIS_REGISTER_GS;
    case ZYDIS_MNEMONIC_LSS: return ZYDIS_REGISTER_SS;
    default: return ZYDIS_REGISTER_NONE;
    }
}

static bool names_segment(struct attempt *attempt, ZydisMnemonic mnemonic, unsigned index)
{
    return attempt->mnemonic == mnemonic && is_segment(&attempt->operands[index]);
}

static bool loads(struct attempt *attempt)
{
    return names_segment(attempt, ZYDIS_MNEMONIC_MOV, 0) || names_segment(attempt, ZYDIS_MNEMONIC_POP, 0) ||
        find_pointed(attempt->mnemonic) || is_far_jump(attempt);
}

static void load(struct attempt *attempt, struct named *named)
{
    ZydisRegister which = attempt->operands[0].reg.value, pointed = find_pointed(attempt->mnemonic);

    if (is_far_jump(attempt))
        jump_far(attempt, named);
    else if (pointed)
        load_pointer(attempt, named, pointed);
    else if (attempt->mnemonic == ZYDIS_MNEMONIC_POP)
        load_segment(attempt, named, which, (uint16_t)pop(attempt, attempt->instruction->operand_width / 8));
    else
        load_segment(attempt, named, which, (uint16_t)read_operand(attempt, 1));
    keep_sregs(attempt, &named->sregs);
}

void keep_sregs(struct attempt *attempt, struct kvm_sregs *sregs)
{
    if (!attempt->stopped && !attempt->emulation->owner_state->set_sregs(attempt->emulation->owner, sregs))
        stop_attempt(attempt, EMULATED_UNKNOWN);
}

bool take_sregs(struct attempt *attempt, struct kvm_sregs *sregs)
{
    const struct owner_state *owner_state = attempt->emulation->owner_state;

    return owner_state && owner_state->get_sregs(attempt->emulation->owner, sregs);
}

/* A push of 32 bits writes the selector's 16. SDM: PUSH */
static void store(struct attempt *attempt, struct named *named)
{
    bool pushes = attempt->mnemonic == ZYDIS_MNEMONIC_PUSH;
    uint16_t selector = find_segment(&named->sregs, attempt->operands[pushes ? 0 : 1].reg.value)->selector;
    unsigned size = attempt->instruction->operand_width / 8;

    if (pushes)
        push(attempt, selector, size, size == 4 ? 2 : size);
    else
        write_operand(attempt, 0, selector);
}

bool do_segment(struct attempt *attempt)
{
    bool stores = names_segment(attempt, ZYDIS_MNEMONIC_MOV, 1) || names_segment(attempt, ZYDIS_MNEMONIC_PUSH, 0);

    if (!stores && !loads(attempt))
        return false;
    struct named named = {.refusal = VECTOR_GP};
    if (!take_sregs(attempt, &named.sregs))
        return false;
    (stores ? store : load)(attempt, &named);
    return true;
}
