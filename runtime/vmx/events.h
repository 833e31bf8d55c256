/* How a handler ends: the instruction is skipped, runs again, or an event is injected. Inline what every exit pays for. */
#pragma once

#include "core/cpu.h"
#include "vmx/state.h"

/* Outside 64-bit mode RIP wraps at 4 GiB. */
void guest_wrap(void);
/* With RFLAGS.TF: the single-step trap after the emulated instruction becomes pending. SDM: 26.7.3, 18.3.1.4 */
void guest_pend_single_step(void);
/* Injects an exception with the next VM entry, or the double fault that it makes with the one in delivery. SDM: 6.15 */
void guest_inject(struct cpu *cpu, u32 vector);
void guest_inject_error(struct cpu *cpu, u32 vector, u32 error_code);
/* Injects again the event whose delivery the exit interrupted. SDM: 28.2.4, 27.8.3 */
void guest_redeliver(void);
/* An instruction that runs again has no single-step trap pending, though some emulators report one. */
void guest_cancel_single_step(void);
/* An IRET that faulted has unblocked NMIs: they are blocked again. SDM: 28.2.3 */
void guest_restore_nmi_blocking(void);

/* Emulated RDMSR, WRMSR, IN and OUT; each ends the exit. */
void guest_msr_answer(struct cpu *cpu, u64 value);
void guest_msr_read_try(struct cpu *cpu, u32 msr);
void guest_msr_write_try(struct cpu *cpu, u32 msr, u64 value);
void guest_io_native(struct cpu *cpu, u16 port, u8 size, bool input);
/* String instructions on trapped ports are not emulated: #GP for ring 3, a panic for a kernel. */
void guest_io_string(struct cpu *cpu, const char *why);

/* The rules of trapped ports: the number of a port's rule, 0 for none; what carries a rule out; from which number they inject. */
struct io_rules {
    u8 (*find)(u16 port, bool input);
    void (*run)(struct cpu *cpu, u16 at, u16 port, u8 size, bool input);
    u8 refused;
};
void guest_io(struct cpu *cpu, const struct io_rules *rules, u16 port, u8 size, bool input);
/* What an OUT writes. */
u32 guest_io_value(const struct cpu *cpu, u8 size);

static inline void guest_advance_by(struct cpu *cpu, u64 length)
{
    (void)cpu;
    u64 old = guest_rip(), next = old + length;
    set_guest_rip(next);
    if (unlikely((u32)next < (u32)old))
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

/* The instruction runs again. An event that the handler has injected stays. */
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

/* 64-bit code in ring 3. Only ring 3 runs code whose DPL is 3; conforming code with a lower DPL is left out. */
static inline bool guest_in_user_64(void)
{
    u64 user = ACCESS_RIGHTS_L | ACCESS_RIGHTS_DPL_MASK;
    return (guest_cs_access() & user) == user && guest_efer() & EFER_LMA;
}
