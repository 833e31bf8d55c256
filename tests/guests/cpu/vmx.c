/* VMX and SMX instructions give #UD; hypercalls of ring 3 and their errors. */
#include "kit.h"

#include "generated/vmx/fields.h"
#include "luvalley_abi.h"

#define UD ((u64)VECTOR_UD << 32)
#define LAST_INFO LUV_INFO_HIDDEN_WRITES

static u64 memory[2] = {0x1000, 0};

#define TRY(name, code)                                                                           \
    static void try_##name(void *argument)                                                        \
    {                                                                                             \
        (void)argument;                                                                           \
        __asm__ volatile(code : : "a"(0ull), "c"(0ull), "d"(0ull), "D"(memory) : "memory", "cc"); \
    }
TRY(vmcall, "vmcall")
TRY(vmlaunch, "vmlaunch")
TRY(vmresume, "vmresume")
TRY(vmxoff, "vmxoff")
TRY(vmfunc, ".byte 0x0F, 0x01, 0xD4")
TRY(vmxon, "vmxon (%%rdi)")
TRY(vmclear, "vmclear (%%rdi)")
TRY(vmptrld, "vmptrld (%%rdi)")
TRY(vmptrst, "vmptrst (%%rdi)")
TRY(vmread, "vmread %%rax, %%rcx")
TRY(vmwrite, "vmwrite %%rcx, %%rax")
TRY(invept, "invept (%%rdi), %%rax")
TRY(invvpid, "invvpid (%%rdi), %%rax")
TRY(getsec, ".byte 0x0F, 0x37")

static const struct {
    const char *name;
    void (*code)(void *);
} instructions[] = {
    {"VMCALL", try_vmcall},   {"VMLAUNCH", try_vmlaunch}, {"VMRESUME", try_vmresume}, {"VMXOFF", try_vmxoff},
    {"VMFUNC", try_vmfunc},   {"VMXON", try_vmxon},       {"VMCLEAR", try_vmclear},   {"VMPTRLD", try_vmptrld},
    {"VMPTRST", try_vmptrst}, {"VMREAD", try_vmread},     {"VMWRITE", try_vmwrite},   {"INVEPT", try_invept},
    {"INVVPID", try_invvpid}, {"GETSEC", try_getsec},
};

CASE(vmx_instructions)
{
    for (u32 i = 0; i < sizeof instructions / sizeof *instructions; i++) {
        check(instructions[i].name, outcome(attempt(instructions[i].code, 0)), UD);
        RECORD("VMX instruction's flags in the trap frame", last.rflags & 0x10FD5, last.cs, last.ss);
        check("a VMX instruction in ring 3", outcome(attempt_user(instructions[i].code, 0)), UD);
    }
}

extern u8 real_vmcall[], real_vmxoff[], real_vmxon[], real_vmptrld[], real_vmread[], real_getsec[], real_ud2[];
extern u8 flat32_vmcall[], flat32_vmxoff[], flat32_getsec[], flat32_ud2[];

static void probe_ud(const char *name, const u8 *code, void (*probe)(const void *))
{
    *PROBE = (struct probe){.eax = 0x1234};
    probe(code);
    RECORD(name, PROBE->vector, PROBE->pushed, PROBE->ip, PROBE->flags, PROBE->eax);
    check(name, PROBE->vector, VECTOR_UD);
}

CASE(vmx_instructions_other_modes)
{
    probe_ud("UD2 in real mode", real_ud2, probe_real);
    probe_ud("VMCALL in real mode", real_vmcall, probe_real);
    probe_ud("VMXOFF in real mode", real_vmxoff, probe_real);
    probe_ud("VMXON in real mode", real_vmxon, probe_real);
    probe_ud("VMPTRLD in real mode", real_vmptrld, probe_real);
    probe_ud("VMREAD in real mode", real_vmread, probe_real);
    probe_ud("GETSEC in real mode", real_getsec, probe_real);
    probe_ud("UD2 in protected mode", flat32_ud2, probe_flat32);
    probe_ud("VMCALL in protected mode", flat32_vmcall, probe_flat32);
    probe_ud("VMXOFF in protected mode", flat32_vmxoff, probe_flat32);
    probe_ud("GETSEC in protected mode", flat32_getsec, probe_flat32);
}

CASE(hypercall_info)
{
    if (!is_hypervised())
        return;
    for (u32 which = 0; which <= LAST_INFO; which++) {
        struct hypercall_result r = hypercall(LUV_HYPERCALL_info, which, 0);
        print("info %u %x\n", (u64)which, r.value);
        check("info succeeds", (u64)r.status, 0);
    }
    check("info: version", hypervisor_info(0), 1);
    check("info: CPUs", hypervisor_info(1), 1);
    check("info of an unknown number", (u64)hypercall(LUV_HYPERCALL_info, LAST_INFO + 1, 0).status, (u64)-EINVAL);
    check("info of a huge number", (u64)hypercall(LUV_HYPERCALL_info, 1ull << 32, 0).status, (u64)-EINVAL);
    check("info of the largest number", (u64)hypercall(LUV_HYPERCALL_info, ~0ull, 0).status, (u64)-EINVAL);
}

CASE(hypercall_exit_count)
{
    if (!is_hypervised())
        return;
    u64 before = hypercall(LUV_HYPERCALL_exit_count, 0, EXIT_REASON_CPUID).value;
    for (u32 i = 0; i < 7; i++)
        cpuid(0, 0);
    check("exit_count counts CPUID", hypercall(LUV_HYPERCALL_exit_count, 0, EXIT_REASON_CPUID).value - before, 7);
    check("exit_count of an unknown CPU", (u64)hypercall(LUV_HYPERCALL_exit_count, 1, EXIT_REASON_CPUID).status, (u64)-EINVAL);
    check("exit_count of the largest CPU number", (u64)hypercall(LUV_HYPERCALL_exit_count, ~0ull, EXIT_REASON_CPUID).status,
          (u64)-EINVAL);
    check("exit_count of an unknown reason", (u64)hypercall(LUV_HYPERCALL_exit_count, 0, hypervisor_info(4)).status,
          (u64)-EINVAL);
    check("exit_count of a huge reason", (u64)hypercall(LUV_HYPERCALL_exit_count, 0, 1ull << 32 | EXIT_REASON_CPUID).status,
          (u64)-EINVAL);
    check("exit_count of the last reason", (u64)hypercall(LUV_HYPERCALL_exit_count, 0, hypervisor_info(4) - 1).status, 0);
}

CASE(hypercall_log)
{
    if (!is_hypervised())
        return;
    char text[257] = "";
    for (u32 i = 0; i < 32; i++) {
        struct hypercall_result r = hypercall(LUV_HYPERCALL_log_read, i * 8, 0);
        check("log_read succeeds", (u64)r.status, 0);
        *(u64 *)(text + i * 8) = r.value;
    }
    for (char *c = text; *c; c++)
        *c = *c == '\n' ? '|' : *c;
    print("log: %s\n", text);
    check_true("the log has text", text[0] >= ' ' && text[0] < 127);
    check("log_read far beyond the end", hypercall(LUV_HYPERCALL_log_read, 1ull << 40, 0).value, 0);
    check("log_read at the end of the log", hypercall(LUV_HYPERCALL_log_read, ~0ull, 0).value, 0);
}

CASE(hypercall_unknown)
{
    if (!is_hypervised())
        return;
    check("unknown hypercall 4", (u64)hypercall(4, 0, 0).status, (u64)-ENOSYS);
    check("unknown hypercall 7fffffff", (u64)hypercall(0x7FFFFFFF, 0, 0).status, (u64)-ENOSYS);
    check("unknown hypercall ffffffff", (u64)hypercall(0xFFFFFFFF, 0, 0).status, (u64)-ENOSYS);
}

static void call_with_magic(void *argument)
{
    u64 rax = (u64)argument;

    __asm__ volatile("vmcall" : "+a"(rax) : "D"(0ull) : "rdx", "memory");
}

CASE(hypercall_from_elsewhere)
{
    u64 good = (u64)LUV_HYPERCALL_MAGIC << 32;
    extern u8 user32_vmcall[];

    check("hypercall from ring 0", outcome(attempt(call_with_magic, (void *)good)), UD);
    check("hypercall with a wrong magic", outcome(attempt_user(call_with_magic, (void *)(good ^ 1ull << 63))), UD);
    check("hypercall without a magic", outcome(attempt_user(call_with_magic, (void *)0)), UD);
    check("hypercall from 32-bit ring 3", outcome(attempt_user32(user32_vmcall)), UD);
    if (is_hypervised())
        check("hypercall from ring 3", outcome(attempt_user(call_with_magic, (void *)good)), outcome(-1));
}

/* The only registers that a hypercall changes are RAX and RDX. */
CASE(hypercall_keeps_registers)
{
    static u64 kept;

    if (!is_hypervised())
        return;
    extern void user_call_kept(u64 *);
    check("hypercall in ring 3", outcome(attempt_user(user_call_kept, &kept)), outcome(-1));
    check("hypercall: other registers changed", kept, 0);
}
