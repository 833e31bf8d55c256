/* REP INS and REP OUTS upwards, within one page of memory: many rounds in one exit to the VMM. All else is emulated, one iteration at a time. */
#include <string.h>

#include "memory/slots.h"
#include "luvalley/batch.h"
#include "memory/walk.h"
#include "memory/written.h"
#include "generated/x86/x86.h"

#define LOWER_HALF 0xFFFFFFFFull

static uint64_t get_base(const struct luv_run *run, unsigned segment)
{
    const uint64_t *bases = &run->mode.es_base;
    bool flat = run->mode.efer & EFER_LMA && run->mode.cs_rights & ACCESS_RIGHTS_L;

    return flat && segment < 4 ? 0 : bases[segment < 6 ? segment : 3];
}

static uint64_t get_mask(const struct luv_run *run)
{
    return run->io.address_size == 8 ? ~0ull : (1ull << run->io.address_size * 8) - 1;
}

static uint64_t find_linear(const struct luv_run *run)
{
    bool in = run->io.access & LUV_IO_IN;
    uint64_t linear = get_base(run, in ? 0 : run->io.segment) + ((in ? run->rdi : run->rsi) & get_mask(run));

    return run->io.address_size == 8 || run->mode.efer & EFER_LMA ? linear : linear & LOWER_HALF;
}

static uint64_t min(uint64_t one, uint64_t other)
{
    return one < other ? one : other;
}

/* Whole rounds to the end of the page, of the address's width, and of the buffer. */
static uint64_t count_rounds(const struct luv_run *run, uint64_t linear)
{
    uint64_t offset = (run->io.access & LUV_IO_IN ? run->rdi : run->rsi) & get_mask(run), room = PAGE - (linear & (PAGE - 1));

    if (get_mask(run) - offset < room)
        room = get_mask(run) - offset;
    return min(run->rcx & get_mask(run), room / get_io_size(run));
}

static void *find_place(struct vcpu *vcpu, uint64_t linear, bool write, uint64_t *guest)
{
    uint32_t error;
    size_t left;

    if (!walk(vcpu->vm, &get_own(vcpu)->run->mode, linear, write, guest, &error))
        return NULL;
    return find_memory(vcpu->vm, *guest, write, &left);
}

bool begin_batch(struct vcpu *vcpu)
{
    struct vmcall_vcpu *own = get_own(vcpu);
    const struct luv_run *run = own->run;
    bool in = run->io.access & LUV_IO_IN;
    uint64_t linear = find_linear(run), count = count_rounds(run, linear), guest;
    void *place = run->io.access & LUV_IO_REP && !(run->rflags & RFLAGS_DF) && count > 1 ? find_place(vcpu, linear, in, &guest)
                                                                                         : NULL;

    if (!place)
        return false;
    own->batch = (uint32_t)count;
    vcpu->access = (struct access){
        .write = !in,
        .address = run->io.port,
        .size = get_io_size(run),
        .count = own->batch,
        .data = vcpu->port_data,
    };
    if (!in)
        memcpy(vcpu->port_data, place, count * get_io_size(run));
    return true;
}

/* An address register moves within its width; 32 bits clear the rest. */
static void move(uint64_t *place, uint64_t by, uint64_t mask)
{
    uint64_t moved = (*place + by) & mask;

    *place = mask == 0xFFFF ? (*place & ~mask) | moved : moved;
}

/* The place is looked for again: the guest's other processors may have changed tables, and the VMM slots. */
noinline void end_batch(struct vcpu *vcpu)
{
    struct vmcall_vcpu *own = get_own(vcpu);
    struct luv_run *run = own->run;
    uint64_t bytes = (uint64_t)own->batch * get_io_size(run), mask = get_mask(run), guest;
    void *place = vcpu->access.write ? NULL : find_place(vcpu, find_linear(run), true, &guest);

    if (place) {
        memcpy(place, vcpu->port_data, bytes);
        note_written(vcpu->vm, guest, bytes);
    }
    move(vcpu->access.write ? &run->rsi : &run->rdi, bytes, mask);
    move(&run->rcx, -(uint64_t)own->batch, mask);
    run->finish = run->rcx & mask ? LUV_FINISH_RESUME : LUV_FINISH_ADVANCE;
    own->batch = 0;
}
