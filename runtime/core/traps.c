#include "core/traps.h"

#include "core/cpu.h"
#include "generated/x86/x86.h"
#include "core/host.h"
#include "core/log.h"
#include "vmx/nmi.h"
#include "core/panic.h"

#define STUB_SIZE 16
#define VECTORS 32

/* As trap_common pushes it. SDM: 6.14.2 */
struct trap_frame {
    u64 rax, rcx, rdx, rsi, rdi, r8, r9, r10, r11;
    u64 vector, error_code, rip, cs, rflags, rsp, ss;
};

/* SDM: 6.14.1 */
struct gate {
    u16 low, selector;
    u8 ist, type;
    u16 middle;
    u32 high, reserved;
};

#define GATE_INTERRUPT 0x8E             /* present, DPL 0, interrupt gate */

struct fixup {
    u64 at, to;
};

extern char trap_stubs[];
extern const struct fixup fixups_start[], fixups_end[];
void trap_handle(struct trap_frame *frame);

static struct gate idt[VECTORS];

static void gate_set(u32 vector, u8 ist)
{
    u64 to = (u64)trap_stubs + vector * STUB_SIZE;
    idt[vector] = (struct gate){(u16)to, HOST_CODE, ist, GATE_INTERRUPT, (u16)(to >> 16), (u32)(to >> 32), 0};
}

void traps_init(void)
{
    for (u32 vector = 0; vector < VECTORS; vector++)
        gate_set(vector, 0);
    gate_set(VECTOR_NMI, IST_NMI);
    gate_set(VECTOR_MC, IST_MACHINE_CHECK);
    gate_set(VECTOR_DF, IST_DOUBLE_FAULT);
}

void traps_load(void)
{
    struct {
        u16 limit;
        u64 base;
    } __attribute__((packed)) pointer = {sizeof(idt) - 1, traps_base()};
    asm volatile("lidt %0" : : "m"(pointer));
}

u64 traps_base(void)
{
    return (u64)idt;
}

static const struct fixup *fixup_find(u64 rip)
{
    for (const struct fixup *f = fixups_start; f < fixups_end; f++)
        if (f->at == rip)
            return f;
    return 0;
}

void trap_handle(struct trap_frame *frame)
{
    const struct fixup *fixup = fixup_find(frame->rip);
    if (frame->vector == VECTOR_NMI) {
        nmi_in_root(cpu_current());
    } else if (frame->vector == VECTOR_MC) {
        machine_check_in_root(cpu_current());
    } else if (fixup) {
        frame->rip = fixup->to;
    } else {
        panic_print("error code %, CR2 %\n", frame->error_code, host_read_cr2());
        panic_at(cpu_current(), "exception % in the hypervisor at %", frame->vector, frame->rip);
    }
}
