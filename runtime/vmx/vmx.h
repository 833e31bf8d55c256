/* VMX instructions, and a domain's choice of control words. */
#pragma once

#include "core/types.h"
#include "generated/vmx/fields.h"

struct cpu;

/* A domain's choice of one control word; generated. */
struct control_choice {
    u16 field;              /* the VMCS field it goes to */
    u8 allowed1_only;       /* 64-bit capability MSR that has only allowed 1-settings */
    u32 msr, true_msr;      /* capability MSRs; true_msr is 0 where there is none. SDM: A.2 to A.5 */
    u64 on, prefer;         /* must be 1; 1 where the processor allows it */
    u64 switched;           /* starts as 0, must be allowed to be 1 */
    u64 default1;           /* reserved bits that the processor may require to be 1 */
    const char *name;
};

static inline u64 vmread(u64 field)
{
    u64 value;
    asm volatile("vmread %1, %0" : "=rm"(value) : "r"(field) : "cc");
    return value;
}

/* False for a field that this processor does not have. */
static inline bool vmread_try(u64 field, u64 *value)
{
    bool ok;
    asm volatile("vmread %2, %1" : "=@cca"(ok), "=r"(*value) : "r"(field));
    return ok;
}

static inline void vmwrite(u64 field, u64 value)
{
    asm volatile("vmwrite %1, %0" : : "r"(field), "rm"(value) : "cc", "memory");
}

/* Each returns false for VMfail. SDM: 31.2 */
static inline bool vmxon(u64 address)
{
    bool ok;
    asm volatile("vmxon %1" : "=@cca"(ok) : "m"(address) : "memory");
    return ok;
}

static inline bool vmclear(u64 address)
{
    bool ok;
    asm volatile("vmclear %1" : "=@cca"(ok) : "m"(address) : "memory");
    return ok;
}

static inline bool vmptrld(u64 address)
{
    bool ok;
    asm volatile("vmptrld %1" : "=@cca"(ok) : "m"(address) : "memory");
    return ok;
}

/* INVEPT, INVVPID type 1: single context. SDM: 31.3 */
#define INVALIDATE_SINGLE 1ull

/* Flushes what this CPU has cached of these tables. */
static inline void nested_flush(u64 nested_pointer)
{
    struct {
        u64 pointer, zero;
    } descriptor = {nested_pointer, 0};
    asm volatile("invept %1, %0" : : "r"(INVALIDATE_SINGLE), "m"(descriptor) : "cc", "memory");
}

static inline void invvpid_single(u16 vpid)
{
    struct {
        u64 vpid, zero;
    } descriptor = {vpid, 0};
    asm volatile("invvpid %1, %0" : : "r"(INVALIDATE_SINGLE), "m"(descriptor) : "cc", "memory");
}

/* CR4 bits that this processor has. SDM: A.8 */
u64 host_cr4_possible(void);
/* What its EPT offers: 1 GiB pages; accessed and dirty bits. SDM: A.10 */
bool nested_has_1g(void);
bool nested_has_dirty(void);

/* Once, at boot: this processor has the controls that dom0 needs. False: the log says which it lacks. */
bool guest_mode_init(void);
/* Computes a domain's control words, once. False: the processor lacks a control, and the log says which. */
bool controls_grant(const struct control_choice *choices, u64 *words, u32 count);
/* dom0's word for a VMCS field. */
u64 controls_word(u16 field);

/* Into the current VMCS. A field that exists only with a control that the processor lacks is not written. */
void controls_write(const struct control_choice *choices, const u64 *words, u32 count);
/* Where exits arrive, and the host's registers; the second alone writes what differs from CPU to CPU. */
void host_state_write(struct cpu *cpu, void (*arrive)(void));
void host_place_write(struct cpu *cpu);

/* An MSR with a VMCS field for the guest's value; generated, and the last of a table has no MSR. */
struct switched_field {
    u32 msr;
    u16 field;
};

/* Fills the CPU's MSR areas for dom0; the current VMCS uses them. */
void msr_areas_write(struct cpu *cpu);
/* dom0's value there; 0: they do not hold this MSR. */
u64 *msr_area_value(struct cpu *cpu, u32 msr);

/* A page becomes a cleared VMCS, none of whose fields has a value that anything may rely on. SDM: 25.2, 25.11.3 */
bool vmcs_create(u64 address);

/* VMX operation on this CPU, with dom0's VMCS current, but for the guest's state. SDM: 32.6 */
void guest_mode_start(struct cpu *cpu);

/* dom0's registers after INIT, in the current VMCS. */
void guest_state_reset(struct cpu *cpu);
/* The VMCS is cleared and loaded again, so that it is launched, and nothing that was cached of it is used. */
void guest_state_reload(struct cpu *cpu);
/* VM entry with a cleared VMCS; the registers of struct cpu become the guest's. */
__attribute__((noreturn)) void guest_launch(struct cpu *cpu);

/* The processor refused a VMRESUME or VMLAUNCH. */
__attribute__((noreturn)) void vmresume_failed(struct cpu *cpu);
