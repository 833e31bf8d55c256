/* VMX instructions, and what the spec chooses of the control words. */
#pragma once

#include "core/types.h"

struct cpu;

/* One control word, as the spec has it; made by the compiler. */
struct control_choice {
    u16 field;              /* the VMCS field it goes to */
    u8 allowed1_only;       /* 64-bit capability MSR that tells allowed 1-settings only */
    u32 msr, true_msr;      /* capability MSRs; true_msr is 0 where there is none. SDM: A.2 to A.5 */
    u64 on, prefer;         /* must be granted; granted if the processor can */
    u64 switched;           /* starts off, must be allowed */
    u64 default1;           /* reserved bits that may be forced to 1, without a meaning */
    const char *name;
};

/* Parts of the MSR bitmap. SDM: 25.6.9 */
#define BITMAP_WRITES_LOW 2048
#define BITMAP_WRITES_HIGH 3072

/* What is done about a basic exit reason of a domain that has a VMM; made by the compiler. */
struct exit_choice {
    void (*handle)(struct cpu *cpu);    /* with the guest's registers in struct cpu */
    bool reflected;                     /* the VMM is told, as `reason`, and nothing else happens */
    u8 reason;
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

static inline void invept_single(u64 eptp)
{
    struct {
        u64 eptp, zero;
    } descriptor = {eptp, 0};
    asm volatile("invept %1, %0" : : "r"(INVALIDATE_SINGLE), "m"(descriptor) : "cc", "memory");
}

static inline void invvpid_single(u16 vpid)
{
    struct {
        u64 vpid, zero;
    } descriptor = {vpid, 0};
    asm volatile("invvpid %1, %0" : : "r"(INVALIDATE_SINGLE), "m"(descriptor) : "cc", "memory");
}

/* Asks the processor for what the spec wants, once for each domain; `words` is the answer. False: it says what is missing. */
bool controls_grant(const struct control_choice *choices, u64 *words, u32 count);
/* dom0's word for a VMCS field. */
u64 controls_word(u16 field);

/* Into the current VMCS. A field that hangs on a control the processor lacks is left alone. */
void controls_write(const struct control_choice *choices, const u64 *words, u32 count);
/* Where exits arrive, and in which world; the second part, which differs from CPU to CPU, alone. */
void host_state_write(struct cpu *cpu, void (*arrive)(void));
void host_place_write(struct cpu *cpu);
/* A region of zeros need not read as zeros: what the processor looks at is written. SDM: 25.11.3 */
void zeros_write(u64 secondary);

/* VMX operation on this CPU with a VMCS of its own, ready for a guest state. SDM: 32.6 */
void vmx_start(struct cpu *cpu);

/* A VMRESUME or VMLAUNCH that the processor refused. */
__attribute__((noreturn)) void vmresume_failed(struct cpu *cpu);
