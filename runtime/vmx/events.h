/* How a handler ends, and the guest's state. Inline what every exit pays for; the rare rest is in guest.c. */
#pragma once

#include "core/cpu.h"
#include "vmx/state.h"

/* 32-bit code whose next instruction lies behind 4 GiB goes on at 0. */
void guest_wrap(void);
/* RFLAGS.TF: the trap that the skipped instruction owes. SDM: 26.7.3, 18.3.1.4 */
void guest_pend_single_step(void);
/* Puts an event into the next VM entry, or what becomes of it together with the one in delivery. SDM: 6.15 */
void guest_inject(struct cpu *cpu, u32 vector);
void guest_inject_error(struct cpu *cpu, u32 vector, u32 error_code);
/* Delivers again what the exit interrupted. SDM: 28.2.4, 27.8.3 */
void guest_redeliver(void);
/* An instruction that runs again owes no single-step trap yet, though emulators say so. */
void guest_cancel_single_step(void);
/* An IRET that faulted has unblocked NMIs too early. SDM: 28.2.3 */
void guest_restore_nmi_blocking(void);

/* RDMSR, WRMSR, IN and OUT as the processor would have them; each ends the exit. */
void guest_msr_answer(struct cpu *cpu, u64 value);
void guest_msr_read_try(struct cpu *cpu, u32 msr);
void guest_msr_write_try(struct cpu *cpu, u32 msr, u64 value);
void guest_io_native(struct cpu *cpu, u16 port, u8 size, bool input);
/* A string instruction, which nobody means for a trapped port: ring 3 may not, and for a kernel the machine says why it stops. */
void guest_io_string(struct cpu *cpu, const char *why);
void guest_io_split(struct cpu *cpu, u16 port, u8 size, bool input, void (*byte)(struct cpu *, u16, bool));

static inline void guest_advance_by(struct cpu *cpu, u64 length)
{
    (void)cpu;
    u64 old = guest_rip(), new = old + length;
    set_guest_rip(new);
    if (unlikely((old ^ new) >> 32))
        guest_wrap();
    u64 blocking = guest_interruptibility();
    if (unlikely(blocking & (INTERRUPTIBILITY_STI | INTERRUPTIBILITY_MOV_SS)))
        set_guest_interruptibility(blocking & ~(u64)(INTERRUPTIBILITY_STI | INTERRUPTIBILITY_MOV_SS));
    if (unlikely(guest_rflags() & RFLAGS_TF))
        guest_pend_single_step();
}

static inline void guest_advance(struct cpu *cpu)
{
    guest_advance_by(cpu, exit_instruction_length());
}

/* The instruction runs again. What a handler has put into the entry stays. */
static inline void guest_resume(struct cpu *cpu)
{
    (void)cpu;
    if (unlikely(exit_in_delivery()))
        guest_redeliver();
    else
        guest_restore_nmi_blocking();
    if (unlikely(guest_rflags() & RFLAGS_TF))
        guest_cancel_single_step();
}

static inline bool guest_is_64bit(void)
{
    return guest_cs_access() & ACCESS_RIGHTS_L && guest_efer() & EFER_LMA;
}

/* 64-bit code in ring 3. Nobody runs code whose DPL is 3 in another ring; conforming code of a lower DPL is not meant. */
static inline bool guest_in_user_64(void)
{
    u64 user = ACCESS_RIGHTS_L | ACCESS_RIGHTS_DPL_MASK;
    return (guest_cs_access() & user) == user && guest_efer() & EFER_LMA;
}
